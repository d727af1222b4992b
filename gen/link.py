"""The host link, described once: how bytes on a serial line become commands to a stand-alone image.

RTL, host library, tests and `docs/link.md` are made from this. Pure data: imports nothing of weft.

The line is 8N1. A frame stands between two FLAG bytes of its own. A FLAG or ESCAPE inside a frame is sent as ESCAPE and the byte XOR
FLIP, so that a FLAG on the line is never data: after any damage the receiver is in step again at the next FLAG. The last bytes of a frame
are its CRC, least significant first.

The host sends a request and waits for its answer before it sends the next. The device buffers a request and performs it only when
all of it has arrived and is right. It drops what is damaged (framing error, wrong CRC, wrong length, bytes between frames) without an
answer; the host then repeats the request with the same sequence number. A request whose number is that of the last one is a repetition:
it is answered, but a register is not written again. A host that makes contact begins with IDENTIFY, which repetition cannot harm.
"""

import dataclasses
import enum

VERSION = 1  # of this protocol

# -- line and framing ----------------------------------------------------------------------------------------------
FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
CRC_POLYNOMIAL = 0xEDB8_8320  # CRC-32 as in Ethernet and zlib: bits reversed, all ones at the start, inverted at the end
CRC_RESIDUE = 0xDEBB_20E3  # of the register, not inverted, after a frame with its CRC
CRC_BYTES = 4
DATA_LIMIT = 256  # data bytes of one frame
DIVISOR_BITS = 10  # clock cycles of a bit on the line
DIVISOR_MINIMUM = 4


@dataclasses.dataclass(frozen=True)
class Field:
    """Little-endian unsigned number in a frame."""

    name: str
    bytes: int
    doc: str


class Command(enum.IntEnum):
    """What a request asks for. Odd ones carry data, even ones are answered with data: `count` + 1 bytes."""

    IDENTIFY = 0  # gives the identity; `count` is 15
    SET_DIVISOR = 1  # two bytes: clock cycles of a bit, from the end of this answer on; `count` is 1
    READ_MEMORY = 2  # gives main memory from byte `address`
    WRITE_MEMORY = 3  # writes main memory from byte `address`
    READ_REGISTER = 4  # gives the 32-bit register at byte `address`; `count` is 3
    WRITE_REGISTER = 5  # writes the 32-bit register at byte `address`; `count` is 3
    WAIT = 6  # gives 1 as soon as the interrupt is high, or 0 after the time of a wait; `count` is 0


class Status(enum.IntEnum):
    """How a request went: the last byte of an answer before its CRC."""

    DONE = 0  # performed
    UNKNOWN = 1  # no such command; nothing was done, and no data follow the sequence number
    OUTSIDE = 2  # some bytes lie outside the memory: they were not written, or mean nothing; or the divisor is not a legal one: not set
    BUS_ERROR = 3  # the register refused the access


REQUEST = (
    Field("sequence", 1, "number of the request; the next request has another one"),
    Field("command", 1, "see Commands"),
    Field("count", 1, "data bytes - 1, of the request or of its answer"),
    Field("address", 4, "byte address of a memory or register access, else ignored"),
)
HEADER_BYTES = sum(field.bytes for field in REQUEST)

IDENTITY = (
    Field("version", 2, "version of this protocol"),
    Field("data_limit", 2, "most data bytes of a frame"),
    Field("memory_bytes", 4, "size of main memory, which begins at bus address 0"),
    Field("clock_hz", 4, "frequency of the clock"),
    Field("divisor", 2, "clock cycles of a bit after power-up, reset or fall-back"),
    Field("divisor_minimum", 2, "smallest divisor that SET_DIVISOR takes"),
)
IDENTITY_BYTES = sum(field.bytes for field in IDENTITY)


# -- time ----------------------------------------------------------------------------------------------------------
def fallback_bits(clock_hz: int) -> int:
    """n: after 2^n clock cycles, one to two seconds, without a good request the divisor is that of the identity again."""
    return max(1, clock_hz - 1).bit_length()


def wait_bits(clock_hz: int) -> int:
    """n: WAIT answers after at most 2^n clock cycles, 1/16 to 1/8 of a second."""
    return max(1, fallback_bits(clock_hz) - 4)

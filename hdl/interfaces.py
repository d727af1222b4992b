"""Signatures and layouts that units share. See docs/internals.md for the protocols."""

from amaranth import unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, Signature
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config

# One instruction on its way to a unit: the word and its index in the program.
INSTRUCTION = data.StructLayout({"word": isa.WORD_BITS, "pc": isa.PC_BITS})


def instruction_stream() -> stream.Signature:
    """Stream of `INSTRUCTION`."""
    return stream.Signature(INSTRUCTION)


class RetireSignature(Signature):
    """One-cycle pulse per instruction, in program order, when all its effects are visible."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "signal": Out(4), "pc": Out(isa.PC_BITS)})


class ErrorSignature(Signature):
    """One-cycle pulse; `cause` is isa.Cause, `address` the offending address."""

    def __init__(self) -> None:
        super().__init__({"valid": Out(1), "cause": Out(8), "pc": Out(isa.PC_BITS), "address": Out(32)})


class StatusSignature(Signature):
    """What the unit does this cycle (isa.State, IDLE when it holds no instruction) and for which instruction."""

    def __init__(self) -> None:
        super().__init__({"state": Out(4), "pc": Out(isa.PC_BITS)})


def touch_layout(config: Config) -> data.StructLayout:
    """What an access of up to a line touches: `memories`, one bit each, the even ones of all banks below the odd ones, and the number
    of its even line among all even lines. `hdl.mem.lines.touched` makes it from an address."""
    return data.StructLayout({"memories": 2 * config.scratchpad.banks, "even": exact_log2(config.scratchpad_lines) - 1})


class ScratchpadRead(Signature):
    """Read port of the scratchpad, seen from the client.

    A request is taken in a cycle with valid and ready. `touches` belongs to `address` and comes with it, so that a client whose address
    is at hand a cycle earlier can keep the decoder away from arbitration. `data` holds the line_bytes bytes from byte `address`
    upwards exactly `LATENCY` cycles later and only then, a few levels of logic behind a register; no back-pressure.
    Clients check the range.
    """

    LATENCY = 3

    def __init__(self, config: Config) -> None:
        super().__init__({
            "valid": Out(1), "ready": In(1), "address": Out(isa.ADDRESS_BITS), "touches": Out(touch_layout(config)),
            "data": In(8 * config.line_bytes)})


class ScratchpadWrite(Signature):
    """Write port, seen from the client: `count` (1 .. line_bytes) bytes of `data` from its lowest byte go to byte
    `address` upwards; `touches` as in `ScratchpadRead`. Taken in a cycle with valid and ready; visible to reads taken in any later
    cycle."""

    def __init__(self, config: Config) -> None:
        super().__init__({
            "valid": Out(1), "ready": In(1), "address": Out(isa.ADDRESS_BITS), "touches": Out(touch_layout(config)),
            "data": Out(8 * config.line_bytes), "count": Out(range(config.line_bytes + 1))})


class AccumulatorRead(Signature):
    """Read port of the accumulators for the vector unit: `data` (C x 32 bits) one LATENCY after valid and ready."""

    LATENCY = 4  # that of the scratchpad, and a cycle for the register in which the vector unit takes a line

    def __init__(self, config: Config) -> None:
        super().__init__({
            "valid": Out(1), "ready": In(1), "address": Out(range(config.accumulator_lines)),
            "data": In(32 * config.array.columns)})


class AccumulatorWrite(Signature):
    """Write port of the accumulators for the vector unit. Visible to reads taken in any later cycle."""

    def __init__(self, config: Config) -> None:
        super().__init__({
            "valid": Out(1), "ready": In(1), "address": Out(range(config.accumulator_lines)),
            "data": Out(32 * config.array.columns)})


class AccumulateStream(Signature):
    """Matrix results: never stalls. In a cycle with `valid`, line `address` becomes `data`, or, with `add`, its old
    value plus `data` (lane-wise, data sign-extended from partial_sum_bits, wrapping)."""

    def __init__(self, config: Config) -> None:
        super().__init__({
            "valid": Out(1), "add": Out(1), "address": Out(range(config.accumulator_lines)),
            "data": Out(config.partial_sum_bits * config.array.columns)})


class WindowSignature(Signature):
    """One DRAM window as the host programmed it, seen from the units that use it."""

    def __init__(self, config: Config) -> None:
        super().__init__({
            "base": In(config.axi.address_bits), "size": In(32), "read": In(1), "write": In(1)})


# -- AXI4 inside the design: five streams. Flat, standard names appear only at the top. ---------------------------

BURST_INCR = 0b01
OKAY, EXOKAY, SLVERR, DECERR = range(4)
ID_LOAD, ID_FETCH = 0, 1  # AXI read identifiers; writes use 0


def address_layout(config: Config) -> data.StructLayout:
    """AR and AW: beat address, beats - 1, identifier."""
    return data.StructLayout({"address": config.axi.address_bits, "length": 8, "id": 1})


def read_layout(config: Config) -> data.StructLayout:
    return data.StructLayout({"data": config.axi.data_bits, "response": 2, "last": 1, "id": 1})


def write_layout(config: Config) -> data.StructLayout:
    """W: full beats only, so strobes are all ones."""
    return data.StructLayout({"data": config.axi.data_bits, "last": 1})


def response_layout() -> data.StructLayout:
    return data.StructLayout({"response": 2})


class AxiRead(Signature):
    """Read half of an AXI4 manager."""

    def __init__(self, config: Config) -> None:
        super().__init__({"ar": Out(stream.Signature(address_layout(config))),
                          "r": In(stream.Signature(read_layout(config)))})


class AxiWrite(Signature):
    """Write half of an AXI4 manager."""

    def __init__(self, config: Config) -> None:
        super().__init__({"aw": Out(stream.Signature(address_layout(config))),
                          "w": Out(stream.Signature(write_layout(config))),
                          "b": In(stream.Signature(response_layout()))})


def unit_members(config: Config) -> dict[str, object]:
    """Members that every unit has: instructions in, retire, error and status out, and `halt`, which forbids to
    start another instruction or bus burst."""
    del config
    return {"instructions": In(instruction_stream()), "retire": Out(RetireSignature()), "error": Out(ErrorSignature()),
            "status": Out(StatusSignature()), "halt": In(unsigned(1))}

"""Requests to a stand-alone image, repeated until they are answered."""

import random
import struct
import time
from collections.abc import Iterable
from typing import Protocol

from weft.fpga.link.errors import LinkError, NoAnswer
from weft.fpga.link.framing import Decoder, encode
from weft.gen import link
from weft.gen.link import Command, Status

ATTEMPTS = 5  # times that a request is sent
PATIENCE = 0.2  # seconds beyond the time on the line: what a USB adapter and an operating system may take


class Serial(Protocol):
    """What is used of pyserial's `Serial`."""

    baudrate: int
    timeout: float | None

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int = 1) -> bytes: ...
    def write(self, data: bytes) -> int | None: ...
    def reset_input_buffer(self) -> None: ...
    def close(self) -> None: ...


class Identity:
    """What an image says of itself: the fields of `link.IDENTITY`."""

    def __init__(self, data: bytes) -> None:
        values, offset = {}, 0
        for field in link.IDENTITY:
            values[field.name] = int.from_bytes(data[offset:offset + field.bytes], "little")
            offset += field.bytes
        self.version, self.data_limit, self.memory_bytes = values["version"], values["data_limit"], values["memory_bytes"]
        self.clock_hz, self.divisor, self.divisor_minimum = values["clock_hz"], values["divisor"], values["divisor_minimum"]

    @property
    def fallback_seconds(self) -> float:
        """After so long without a request the divisor is the first one again."""
        return float((1 << link.fallback_bits(self.clock_hz)) / self.clock_hz)

    @property
    def wait_seconds(self) -> float:
        """Longest time of one WAIT."""
        return float((1 << link.wait_bits(self.clock_hz)) / self.clock_hz)


class Link:
    """One image on a serial line. Construction makes contact.

    Parameters
    ----------
    serial: open, at the rate that the image has after power-up. The link changes its rate and its time-out.
    patience: seconds that an answer may be late beyond its time on the line.
    contact: seconds that the image may take to answer at all: it may still have the rate of an earlier session.

    Raises `NoAnswer`, and `LinkError` for a protocol that this is not.
    """

    def __init__(self, serial: Serial, *, patience: float = PATIENCE, contact: float = 3.0) -> None:
        self._serial, self._patience, self._decoder = serial, patience, Decoder()
        self._sequence = random.randrange(256)
        self._safe_rate, self._contact_seconds = serial.baudrate, contact
        self._fast = False  # the rate is another one than the safe one
        self.repeated = 0  # requests that had to be sent again
        self.identity = self._contact(contact)

    @property
    def rate(self) -> int:
        """Bits a second on the line now."""
        return self._serial.baudrate

    def close(self) -> None:
        """Close the line."""
        self._serial.close()

    # -- commands ----------------------------------------------------------------------------------------------------
    def read_memory(self, address: int, count: int) -> bytes:
        """`count` bytes of main memory."""
        limit = self.identity.data_limit
        parts = [(address + at, min(limit, count - at)) for at in range(0, count, limit)]
        return b"".join(self._request(Command.READ_MEMORY, size, start) for start, size in parts)

    def write_memory(self, address: int, data: bytes) -> None:
        """Write main memory."""
        limit = self.identity.data_limit
        for at in range(0, len(data), limit):
            part = data[at:at + limit]
            self._request(Command.WRITE_MEMORY, len(part), address + at, part)

    def read_register(self, offset: int) -> int:
        """A register of the accelerator."""
        return int.from_bytes(self._request(Command.READ_REGISTER, 4, offset), "little")

    def write_register(self, offset: int, value: int) -> None:
        """Write a register of the accelerator, once."""
        self._request(Command.WRITE_REGISTER, 4, offset, value.to_bytes(4, "little"))

    def wait(self) -> bool:
        """Whether the interrupt is high, after at most `Identity.wait_seconds`."""
        return self._request(Command.WAIT, 1, extra=self.identity.wait_seconds) == b"\1"

    def speed_up(self, rates: Iterable[int]) -> int:
        """Change to the first of `rates` (bits a second) that works both ways; gives the rate in force."""
        for rate in rates:
            divisor = round(self.identity.clock_hz / rate)
            error = abs(self.identity.clock_hz / divisor / rate - 1) if divisor else 1.0
            if rate > self._serial.baudrate and divisor >= self.identity.divisor_minimum and error <= 0.02 and self._try(rate, divisor):
                break
        return self._serial.baudrate

    def _try(self, rate: int, divisor: int) -> bool:
        """One rate; back at the safe one if the image does not answer at it."""
        try:
            self._request(Command.SET_DIVISOR, 2, 0, divisor.to_bytes(2, "little"))
            self._pause(20 / self._serial.baudrate)  # the image changes when its answer has left
            self._serial.baudrate = rate
            self._identify()
            self._fast = True
            return True
        except (NoAnswer, OSError, ValueError):  # the answer got lost; or pyserial says that the adapter does not have this rate
            self._serial.baudrate = self._safe_rate
            self._contact(2 * self.identity.fallback_seconds)
            return False

    # -- contact and requests ------------------------------------------------------------------------------------------
    def _identify(self) -> Identity:
        data = self._request(Command.IDENTIFY, link.IDENTITY_BYTES)
        identity = Identity(data)
        if identity.version != link.VERSION:
            raise LinkError(f"the image speaks version {identity.version} of the link protocol", where="board",
                            why=f"this is weft with version {link.VERSION}", fix="build the bitstream with this weft")
        return identity

    def _contact(self, seconds: float) -> Identity:
        end = time.monotonic() + seconds
        while True:
            try:
                return self._identify()
            except NoAnswer:
                if time.monotonic() >= end:
                    raise

    def _request(self, command: Command, size: int, address: int = 0, data: bytes = b"", *, extra: float = 0.0) -> bytes:
        """Send one request, again if need be, and give the data of its answer."""
        self._sequence = (self._sequence + 1) % 256
        frame = encode(struct.pack("<BBBI", self._sequence, command, size - 1, address) + data)
        expected = size if command % 2 == 0 else 0
        characters = len(frame) + 2 * (expected + 8)
        answer = self._attempts(frame, characters, extra)
        if answer is None and self._fast:
            answer = self._fall_back(frame, characters, extra)
        if answer is None:
            raise NoAnswer(f"no answer to {command.name}", where="serial line",
                           why=f"{ATTEMPTS} requests, each {self._longest(characters, extra):.2f} s",
                           fix="is the image loaded, the port the right one, the rate that of the image?")
        return self._check(command, address, answer[1:-1], answer[-1], expected)

    def _attempts(self, frame: bytes, characters: int, extra: float) -> bytes | None:
        """The answer to one of `ATTEMPTS` requests at the present rate, or None."""
        for attempt in range(ATTEMPTS):
            self.repeated += attempt > 0
            try:
                self._serial.reset_input_buffer()
                self._serial.write(frame)
                answer = self._answer(self._longest(characters, extra))
            except OSError as error:  # pyserial's own error is one
                raise LinkError("the serial line broke off", where="serial line", why=str(error),
                                fix="is the board still connected?") from None
            if answer is not None:
                return answer
        return None

    def _longest(self, characters: int, extra: float) -> float:
        """Seconds within which so many characters have come."""
        return extra + self._patience + 10 * characters / self._serial.baudrate

    def _fall_back(self, frame: bytes, characters: int, extra: float) -> bytes | None:
        """An image that heard nothing for a while is at its first rate again: there the same request, by its number a repetition
        if it was performed already, and then back to the rate that was."""
        fast, self._fast, self._serial.baudrate = self._serial.baudrate, False, self._safe_rate
        end = time.monotonic() + self._contact_seconds
        while (answer := self._attempts(frame, characters, extra)) is None:
            if time.monotonic() >= end:
                return None
        self.speed_up([fast])
        return answer

    def _answer(self, seconds: float) -> bytes | None:
        """The next frame with the present sequence number, None if there is none in time."""
        self._serial.timeout = seconds
        while data := self._serial.read(max(1, self._serial.in_waiting)):
            for content in self._decoder.feed(data):
                if len(content) >= 2 and content[0] == self._sequence:
                    return content
        return None

    def _pause(self, seconds: float) -> None:
        """Wait in the time of the line, which may be a simulated one."""
        self._serial.timeout = seconds
        self._serial.read(1)

    def _check(self, command: Command, address: int, data: bytes, status: int, expected: int) -> bytes:
        if status == Status.DONE and len(data) == expected:
            return data
        reasons: dict[int, str] = {
            Status.UNKNOWN: "the image does not know this command", Status.OUTSIDE: "the address or value lies outside",
            Status.BUS_ERROR: "the register does not exist, or refuses the access now"}
        why = reasons.get(status, f"status {status}, {len(data)} bytes")
        raise LinkError(f"{command.name} at {address:#x} failed", where="board", why=why,
                        fix="is the bitstream the one for this configuration?")

"""What an image does with the characters that it receives, written from `docs/link.md`: what the host and the RTL are tested with."""

import struct
import zlib

from weft.gen import link
from weft.gen.link import Command, Status


class ImageModel:
    """Receiver, memory and registers. `registers`: offset -> value; others answer with a bus error. `accepted` counts good requests."""

    def __init__(self, memory_bytes, registers, clock_hz=25_000_000, divisor=217, version=link.VERSION):
        self.memory, self.registers, self.divisor, self.irq = bytearray(memory_bytes), dict(registers), divisor, False
        self.identity = struct.pack("<HHIIHH", version, link.DATA_LIMIT, memory_bytes, clock_hz, divisor, link.DIVISOR_MINIMUM)
        self.accepted, self.writes = 0, []
        self._body, self._previous, self._status = None, None, Status.DONE  # no body: waits for a FLAG

    def feed(self, byte, damaged=False):
        """One character; the content of an answer, or None."""
        if damaged:
            self._body = None
        elif byte == link.FLAG:
            body, self._body = self._body, b""
            if body is not None and (content := self._content(body)) is not None:
                self._body = None
                return self._perform(content)
        elif self._body is not None:
            self._body += bytes([byte])
        return None

    def _content(self, body):
        """Without escapes and CRC; None for what is no request."""
        parts = body.split(bytes([link.ESCAPE]))
        if not all(parts[1:]):
            return None
        plain = parts[0] + b"".join(bytes([part[0] ^ link.FLIP]) + part[1:] for part in parts[1:])
        content, crc = plain[:-link.CRC_BYTES], plain[-link.CRC_BYTES:]
        if len(content) < link.HEADER_BYTES or zlib.crc32(content).to_bytes(4, "little") != crc:
            return None
        command, count = content[1], content[2] + 1
        return content if len(content) == link.HEADER_BYTES + (count if command % 2 else 0) else None

    def _perform(self, content):
        sequence, command, count, address = struct.unpack("<BBBI", content[:link.HEADER_BYTES])
        data, count, answer, status = content[link.HEADER_BYTES:], count + 1, b"", Status.DONE
        self.accepted += 1
        if command == Command.IDENTIFY:
            answer = self.identity
        elif command == Command.SET_DIVISOR:
            value = int.from_bytes(data, "little")
            if link.DIVISOR_MINIMUM <= value < 1 << link.DIVISOR_BITS:
                self.divisor = value
            else:
                status = Status.OUTSIDE
        elif command in (Command.READ_MEMORY, Command.WRITE_MEMORY):
            inside = max(0, min(count, len(self.memory) - address))
            status = Status.DONE if inside == count else Status.OUTSIDE
            if command == Command.WRITE_MEMORY:
                self.memory[address:address + inside] = data[:inside]
            else:
                answer = bytes(self.memory[address:address + inside]).ljust(count, b"\0")
        elif command == Command.READ_REGISTER:
            status = Status.DONE if address in self.registers else Status.BUS_ERROR
            answer = self.registers.get(address, 0).to_bytes(4, "little")
        elif command == Command.WRITE_REGISTER:
            status = self._status
            if sequence != self._previous:
                status = self._status = Status.DONE if address in self.registers else Status.BUS_ERROR
                self.writes.append((address, int.from_bytes(data, "little")))
                if address in self.registers:
                    self.registers[address] = int.from_bytes(data, "little")
        elif command == Command.WAIT:
            answer = bytes([self.irq])
        else:
            status = Status.UNKNOWN
        self._previous = sequence
        return bytes([sequence]) + answer + bytes([status])

"""Frames of the host link as bytes on the line, and back."""

import zlib

from weft.gen.link import CRC_BYTES, DATA_LIMIT, ESCAPE, FLAG, FLIP, HEADER_BYTES

LIMIT = HEADER_BYTES + DATA_LIMIT + CRC_BYTES  # bytes of a frame that are kept before it is given up


def encode(content: bytes) -> bytes:
    """FLAG, `content` and its CRC with escapes, FLAG."""
    body = content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")
    escaped = body.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPE ^ FLIP])).replace(bytes([FLAG]), bytes([ESCAPE, FLAG ^ FLIP]))
    return bytes([FLAG]) + escaped + bytes([FLAG])


class Decoder:
    """Takes bytes as they come and gives the contents of undamaged frames; `dropped` counts what was none."""

    def __init__(self) -> None:
        self.dropped = 0
        self._body = bytearray()
        self._hunting, self._escaped = True, False

    def feed(self, data: bytes) -> list[bytes]:
        """Contents of the frames that end in `data`, without their CRC."""
        return [content for byte in data if (content := self._byte(byte)) is not None]

    def _byte(self, byte: int) -> bytes | None:
        if byte == FLAG:
            return self._end()
        if self._hunting:
            return None
        if byte == ESCAPE and not self._escaped:
            self._escaped = True
            return None
        if byte == ESCAPE or len(self._body) == LIMIT:
            self._hunting = True
            self.dropped += 1
            return None
        self._body.append(byte ^ FLIP if self._escaped else byte)
        self._escaped = False
        return None

    def _end(self) -> bytes | None:
        """A FLAG ends a frame and may begin the next one."""
        body, whole = bytes(self._body), not self._hunting and not self._escaped
        self._body.clear()
        self._hunting = self._escaped = False
        content, crc = body[:-CRC_BYTES], body[-CRC_BYTES:]
        if whole and content and zlib.crc32(content) == int.from_bytes(crc, "little"):
            return content
        self.dropped += bool(body)
        return None

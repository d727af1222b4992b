"""How the host link reaches main memory."""

from amaranth.lib.wiring import In, Out, Signature
from amaranth.utils import ceil_log2


class BytePort(Signature):
    """One byte at a time, seen from the client. Taken in a cycle with valid and ready; what was read stands in `read_data` in the
    cycle with `read_valid`, a fixed time later, and only then. The client checks the range."""

    def __init__(self, memory_bytes: int) -> None:
        super().__init__({
            "valid": Out(1), "ready": In(1), "write": Out(1), "address": Out(ceil_log2(memory_bytes)), "write_data": Out(8),
            "read_valid": In(1), "read_data": In(8)})

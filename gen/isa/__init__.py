"""The instruction set, described once.

Decoder, golden model, assembler, C header, `docs/isa.md` and the random-program generator are all made from
`INSTRUCTIONS`. Pure data: imports nothing else of weft.

An instruction is one 128-bit little-endian word. Bits 0..15 are the header (opcode, wait mask, signal mask);
the fields of the opcode follow from bit 16 upwards without gaps; what is left is reserved and must be zero.

Set-up instructions hold until the next of their kind in the same queue. A program sets up everything that it uses: at its
start these fields, and all memories on chip, hold whatever was there before. Every access is checked before it is
made, a DMA row as a whole; what an instruction did before its first bad access stays. A program must not need more
instructions in a queue than the queue is deep, nor change itself.
"""

from weft.gen.isa.coding import Decoded, EncodingError, decode, encode
from weft.gen.isa.instructions import BY_NAME, BY_OPCODE, INSTRUCTIONS, LONGEST_LINE, NUMBER_BITS
from weft.gen.isa.kinds import CONTROL, REDUCTIONS, Alu, Cause, Destination, Rounding, Select, Source, State, Unit, comments
from weft.gen.isa.layout import ADDRESS_BITS, HEADER_BITS, PC_BITS, SEMAPHORE_BITS, WINDOWS, WORD_BITS, WORD_BYTES, Field, Instruction

__all__ = [
    "ADDRESS_BITS", "BY_NAME", "BY_OPCODE", "CONTROL", "HEADER_BITS", "INSTRUCTIONS", "LONGEST_LINE", "NUMBER_BITS", "PC_BITS",
    "REDUCTIONS", "SEMAPHORE_BITS", "WINDOWS", "WORD_BITS", "WORD_BYTES", "Alu", "Cause", "Decoded", "Destination", "EncodingError",
    "Field", "Instruction", "Rounding", "Select", "Source", "State", "Unit", "comments", "decode", "encode"
]

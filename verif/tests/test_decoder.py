"""The generated decoder against `isa.decode`, which is written another way."""

import random

import pytest
from amaranth.sim import Simulator

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import INSTRUCTIONS, WORD_BITS, Cause
from weft.gen.sections import Array
from weft.hdl.control.decode import Decoder

FORMATS = {"GEMM_SHAPE", "GEMM", "ROUND_SHAPE", "ROUND"}
LAYERS = {"MATRIX_SHAPE", "MATMUL", "DEPTHWISE", "MATMUL_OS", "VECTOR_LOOP", "VECTOR_STRIDE", "VECTOR_SCALE", "VECTOR_POST", "VECTOR"}


def _expected(word: int, missing: set[str]) -> tuple[int, int]:
    """Cause and unit; the unit counts only where it is looked at."""
    if word & 0xFF in {isa.BY_NAME[name].opcode for name in missing}:
        return Cause.ILLEGAL_OPCODE, isa.CONTROL
    try:
        return Cause.NONE, isa.decode(word).instruction.unit
    except isa.EncodingError as error:
        return error.cause, isa.CONTROL


def _words(chance: random.Random) -> list[int]:
    """Every opcode; every field of every instruction just inside and just outside its range; every reserved bit; random words."""
    words = [opcode | chance.getrandbits(WORD_BITS - 8) << 8 for opcode in range(256)]
    for instruction in INSTRUCTIONS:
        legal = {field.name: chance.randint(field.minimum, field.maximum) for field in instruction.fields}
        base = isa.encode(instruction.name, wait=chance.getrandbits(4), signal=chance.getrandbits(4), **legal)
        words += [base, *(base | 1 << bit for bit in range(instruction.bits, WORD_BITS))]
        for field in instruction.fields:
            low, mask = instruction.offsets()[field.name], (1 << field.bits) - 1
            for value in (field.minimum - 1, field.minimum, field.maximum, field.maximum + 1, 0, -1, mask >> 1, mask // 2 + 1):
                words.append(base & ~(mask << low) | (value & mask) << low)
        words += [instruction.opcode | chance.getrandbits(instruction.bits - 8) << 8 for _ in range(100)]
    return words


@pytest.mark.parametrize(("array", "missing"), [
    (Array(), {"DEPTHWISE", "MATMUL_OS"} | FORMATS), (Array(depthwise=True), {"MATMUL_OS"} | FORMATS),
    (Array(depthwise=True, dataflow="both"), FORMATS), (Array(dataflow="output_stationary"), {"DEPTHWISE", "MATMUL"} | FORMATS),
    (Array(operand="mxfp4"), LAYERS)], ids=["plain", "depthwise", "both", "output", "formats"])
def test_every_rule_of_every_field(array, missing):
    dut, seen = Decoder(Config(array=array)), set()

    async def testbench(ctx):
        for word in _words(random.Random(1)):
            cause, unit = _expected(word, missing)
            seen.add(cause)
            ctx.set(dut.word, word)
            await ctx.delay(1e-9)
            assert ctx.get(dut.cause) == cause, hex(word)
            if cause == Cause.NONE:
                assert ctx.get(dut.unit) == unit, hex(word)

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
    assert seen == {Cause.NONE, Cause.ILLEGAL_OPCODE, Cause.ILLEGAL_OPERAND}


def test_the_low_bits_of_an_opcode_tell_a_units_instructions_apart():
    numbers = [(entry.unit, entry.opcode % (1 << isa.NUMBER_BITS)) for entry in INSTRUCTIONS]
    assert len(set(numbers)) == len(numbers)

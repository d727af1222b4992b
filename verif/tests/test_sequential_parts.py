"""Parts of the sequential machine by themselves: every operation of the datapath, the assembler, the rules of the configuration."""

import dataclasses
import random

import pytest
from amaranth.sim import Simulator

from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.sections import Axi, Counters, Machine, Vector
from weft.hdl.sequential.assembler import Assembler
from weft.hdl.sequential.datapath import Datapath
from weft.hdl.sequential.microprogram import microprogram
from weft.hdl.sequential.operations import ADDRESS_BITS, BRANCH, OPERAND, WORD, WORD_BITS, Condition, Op
from weft.hdl.sequential.registers import LocalMap
from weft.verif.bench.runner import CONFIGS

MINI = Config.load(CONFIGS / "mini4.toml")
MASK = (1 << 32) - 1
CORNERS = (0, 1, 2, 3, 1 << 30, (1 << 31) - 1, 1 << 31, MASK - 1, MASK)


def signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def results(cases: list[tuple[Op, int, int, int, int]]) -> list[tuple[int, int, int, int, int]]:
    """(A, Q, CARRY, LESS, cycles) after each (operation, A, Q, X, argument) on one datapath."""
    dut, found = Datapath(), []

    async def bench(ctx):
        async def perform(op: Op, x: int = 0, argument: int = 0) -> int:
            ctx.set(dut.op, op)
            ctx.set(dut.x, x)
            ctx.set(dut.operand, {"register": 0, "indexed": 0, "argument": argument})
            ctx.set(dut.execute, 1)
            for cycles in range(1, 100):
                done = ctx.get(dut.last)
                await ctx.tick()
                if done:
                    ctx.set(dut.execute, 0)
                    return cycles
            raise AssertionError(f"{op.name} does not end")

        for op, a, q, x, argument in cases:
            await perform(Op.LOAD, q)
            await perform(Op.STORE_Q)
            await perform(Op.LOAD, a)
            cycles = await perform(op, x, argument)
            flags = ctx.get(dut.a), ctx.get(dut.carry), ctx.get(dut.less)
            await perform(Op.LOAD_Q)
            found.append((flags[0], ctx.get(dut.a), flags[1], flags[2], cycles))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def operands(count: int) -> list[tuple[int, int, int]]:
    """A, Q and X: corners, then random words."""
    chance = random.Random(1)
    pairs = [(a, chance.choice(CORNERS), x) for a in CORNERS for x in CORNERS]
    return [*pairs, *((chance.getrandbits(32), chance.getrandbits(32), chance.getrandbits(32)) for _ in range(count))]


def check(op: Op, expected, *, argument: int = 0) -> None:
    """`expected(a, q, x)` gives A, and Q if it changes."""
    cases = [(op, a, q, x, argument) for a, q, x in operands(60)]
    for (_, a, q, x, _), (got_a, got_q, *_) in zip(cases, results(cases), strict=True):
        want_a, want_q = expected(a, q, x)
        assert (got_a, got_q) == (want_a & MASK, want_q & MASK), (op.name, hex(a), hex(q), hex(x))


@pytest.mark.parametrize(("op", "value"), [
    (Op.LOAD, lambda a, x: x), (Op.ADD, lambda a, x: a + x), (Op.SUBTRACT, lambda a, x: a - x), (Op.AND, lambda a, x: a & x),
    (Op.OR, lambda a, x: a | x), (Op.XOR, lambda a, x: a ^ x)], ids=lambda value: getattr(value, "name", ""))
def test_one_word(op, value):
    check(op, lambda a, q, x: (value(a, x), q))


def test_flags_of_addition_and_subtraction():
    words = operands(60)
    for (a, _, x), (_, _, carry, _, _) in zip(words, results([(Op.ADD, *word, 0) for word in words]), strict=True):
        assert carry == (a + x) >> 32
    for (a, _, x), (_, _, carry, less, _) in zip(words, results([(Op.SUBTRACT, *word, 0) for word in words]), strict=True):
        assert (carry, less) == (a >= x, signed(a) < signed(x))


def test_product():
    def product(a: int, q: int, x: int) -> tuple[int, int]:
        value = signed(q) * signed(x)
        return value >> 32, value

    check(Op.MULTIPLY, product)


def test_shifts():
    def shifted(a: int, q: int, distance: int, *, left: bool) -> tuple[int, int]:
        value = signed(a << 32 | q, 64)
        value = value << distance if left else value >> distance
        return value >> 32, value

    check(Op.LEFT, lambda a, q, x: shifted(a, q, x % 64, left=True))
    check(Op.RIGHT, lambda a, q, x: shifted(a, q, x % 64, left=False))


def test_the_last_bit_that_leaves_to_the_right_is_the_carry():
    cases = [(Op.RIGHT, a, q, distance, 0) for a, q in ((0x8000_0001, 0x5555_5555), (0x1234_5678, 0x9ABC_DEF0)) for distance in range(64)]
    for (_, a, q, distance, _), (_, _, carry, _, cycles) in zip(cases, results(cases), strict=True):
        value = signed(a << 32 | q, 64)
        assert carry == (value >> (distance - 1) & 1 if distance else 0)
        assert cycles == 1 + distance


def test_normalise():
    def normal(a: int, q: int, x: int) -> tuple[int, int]:
        value = signed(a << 32 | q, 64)
        for _ in range(63):
            if -(1 << 62) <= value < 1 << 62:
                value <<= 1
        return value >> 32, value

    check(Op.NORMALISE, normal)


@pytest.mark.parametrize("bits", [1, 5, 24, 31, 32])
@pytest.mark.parametrize("extends", [False, True])
def test_field_from_one_word(bits, extends):
    def field(a: int, q: int, x: int) -> tuple[int, int]:
        value = q & ((1 << bits) - 1)
        return signed(value, bits) if extends else value, q >> bits if bits < 32 else x

    check(Op.FIELD, field, argument=32 - bits | extends << 5)


def test_assembler_places_words_registers_and_constants():
    p = Assembler()
    p.array("pair", 2)
    p.label("begin")
    p.load("pair+1|")
    p.jump_unless(Condition.ZERO, "end")
    p.add(70_000)
    p.add(70_000)
    p.label("end")
    p.jump("begin")
    words = p.words()
    assert words[0] & 63 == Op.LOAD and words[1] & 63 == Op.JUMP and words[2] == words[3]
    assert words[0] >> 6 == 33 | 1 << 9, "register 33, indexed"
    assert words[1] >> 6 == 4 | (Condition.ZERO | 16) << ADDRESS_BITS
    assert words[4] >> 6 == 0


def test_assembler_refuses_what_would_be_something_else():
    p = Assembler()
    p.label("twice")
    with pytest.raises(ValueError, match="twice"):
        p.label("twice")
    with pytest.raises(ValueError, match="immediate"):
        p.immediate(1 << 17)
    p.jump("nowhere")
    with pytest.raises(KeyError):
        p.words()


def test_microprogram_fits_and_is_the_same_each_time():
    words = microprogram(MINI)
    assert words == microprogram(MINI)
    assert len(words) < 1 << ADDRESS_BITS and max(words) < 1 << WORD_BITS
    assert OPERAND.size == BRANCH.size == WORD_BITS - 6 and WORD.size == WORD_BITS


def test_parts_of_the_local_memory_do_not_overlap():
    local, line = LocalMap(MINI), 16 * MINI.vector.parameter_sets
    assert [local.pre, local.multiplier - local.pre, local.shift - local.multiplier, local.table - local.shift] == [
        MINI.scratchpad_bytes, line, line, line]
    assert 4 * local.words == local.table + 1024 <= local.accumulators


@pytest.mark.parametrize(("change", "field"), [
    ({"axi": Axi(data_bits=128, address_bits=64), "counters": Counters(enabled=False)}, "array.rows"),
    ({"array": MINI.array, "axi": Axi(data_bits=32, address_bits=64)}, "axi.address_bits"),
    ({"array": MINI.array, "axi": MINI.axi, "vector": Vector(columns_per_lane=2)}, "vector.columns_per_lane"),
    ({"array": dataclasses.replace(MINI.array, dataflow="both"), "axi": MINI.axi, "counters": Counters(enabled=False)}, "array.dataflow"),
    ({"array": MINI.array, "axi": MINI.axi, "counters": Counters(enabled=True)}, "counters.enabled")], ids=lambda value: str(value)[:16])
def test_rules_of_the_sequential_organisation(change, field):
    with pytest.raises(WeftError, match=field):
        Config(name="wrong", machine=Machine(organisation="sequential"), **change)

"""ColumnEnd in amaranth.sim against exact integers: sums times block scales, in windows that they leave on either side."""

import random
from collections import Counter

import numpy as np
import pytest
from amaranth.sim import Simulator

from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.window import Window
from weft.hdl.formats.array import Arrangement
from weft.hdl.formats.column import POSITION_BITS, ColumnEnd
from weft.verif.bench.codes import fixed, floats

CYCLES = 1500
# Both scales, powers of two and others; one, of either side; none, but sums wider than a term; sums that pass unchanged.
MOVED = [("mxfp8_e5m2", "mxfp8_e5m2", Window()), ("mxfp4", "mxfp4", Window(30, terms=16)), ("nvfp4", "nvfp4", Window()),
         ("nvfp4", "nvfp4", Window(28, terms=4)), ("int8", "mxfp4", Window()), ("mxint8", "int4", Window(32, terms=64)),
         ("e5m2", "e5m2", Window())]
UNCHANGED = [("int8", "int8"), ("e4m3", "e4m3"), ("bf16", "bf16")]


def drive(dut: ColumnEnd, cycles: list[tuple[dict, object]], check) -> None:
    """Give the inputs of each cycle, and `check` what is given with them after the latency."""
    async def testbench(ctx):
        for number, (inputs, _) in enumerate(cycles):
            for name, value in inputs.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            if number >= dut.LATENCY - 1:
                check(cycles[number - dut.LATENCY + 1], ctx.get(dut.term), ctx.get(dut.term_flags.as_value()),
                      ctx.get(dut.term_outside.as_value()))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def bits(chance: random.Random, *names: str) -> dict[str, int]:
    """Random bits, few of them set."""
    return {name: chance.getrandbits(1) & chance.getrandbits(1) & chance.getrandbits(1) for name in names}


@pytest.mark.parametrize(("activations", "weights", "window"), MOVED, ids=str)
def test_sums_times_scales_in_the_window(activations, weights, window):
    """`position` changes with every sum here: what must hold still in an array is what the sums under way see."""
    chance, operands = random.Random(activations + weights), OperandPair(OPERANDS[activations], OPERANDS[weights])
    a = Arrangement(operands, 8, 4, window=window)
    dut, low, high = ColumnEnd(a), *(n * a.summed for n in a.pair.product_range)
    values = [(fixed(scale.name), np.isnan(floats(scale.name))) for scale in operands.scales]
    cycles, seen = [], Counter()
    for _ in range(CYCLES):
        wanted = chance.getrandbits(chance.randint(1, high.bit_length()))
        total = chance.choice([low, high, 0, min(wanted, high), max(-wanted, low), 1 << chance.randrange(high.bit_length())])
        codes = [chance.choice([chance.randrange(256), 255, 0, 127, 126, 254, 1]) for _ in values]
        product, nan = total, False
        for (numbers, nans), code in zip(values, codes, strict=True):
            product, nan = product * numbers[code], nan or bool(nans[code])
        # Where the product just fits, or just loses its lowest bit.
        length, lowest = product.bit_length() - window.term_bits, (product & -product).bit_length() - 1
        position = chance.choice([chance.randrange(1 << POSITION_BITS), length + chance.randrange(-2, 4), lowest + chance.randrange(-1, 2)])
        position = min(max(position, 0), (1 << POSITION_BITS) - 1)
        flags, outside = bits(chance, "nan", "plus", "minus"), bits(chance, "overflow", "underflow")
        floor, half = product >> position, 1 << window.term_bits - 1
        overflow, underflow = not -half <= floor < half, floor << position != product
        cycles.append(({"sum": total, "position": position, "flags": flags, "outside": outside,
                        **{f"scale_{k}": code for k, code in enumerate(codes)}},
                       (floor, overflow, underflow, nan, flags, outside)))
        seen["NaN" if nan else " ".join(name for name, is_so in (("overflow", overflow), ("underflow", underflow)) if is_so)] += 1

    def check(cycle, term, term_flags, term_outside) -> None:
        floor, overflow, underflow, nan, flags, outside = cycle[1]
        assert term_flags == (flags["nan"] | nan) + 2 * flags["plus"] + 4 * flags["minus"], cycle
        if not nan:  # else the term is of no use, and so is what it leaves
            assert term_outside == (outside["overflow"] | overflow) + 2 * (outside["underflow"] | underflow), cycle
            assert overflow or term == floor, cycle

    drive(dut, cycles, check)
    widest = high.bit_length() + sum(max(numbers).bit_length() for numbers, _ in values)
    kinds = ["", "underflow", *(["NaN"] if values else []), *(["overflow"] if widest > window.term_bits else []),
             *(["overflow underflow"] if high.bit_length() > window.term_bits else [])]
    assert all(seen[kind] >= 8 for kind in kinds), seen


@pytest.mark.parametrize(("activations", "weights"), UNCHANGED, ids=str)
def test_sums_that_pass_unchanged(activations, weights):
    """Without scales, if they fit a term or are in the window already; whatever the position."""
    chance, dut = random.Random(activations), ColumnEnd(Arrangement(OperandPair(OPERANDS[activations], OPERANDS[weights]), 8, 4))
    width, cycles = len(dut.sum), []
    for _ in range(500):
        inputs = {"sum": chance.getrandbits(width) - (1 << width - 1), "position": chance.randrange(1 << POSITION_BITS),
                  "flags": bits(chance, "nan", "plus", "minus"), "outside": bits(chance, "overflow", "underflow")}
        cycles.append((inputs, None))

    def check(cycle, term, term_flags, term_outside) -> None:
        given = cycle[0]
        assert term == given["sum"]
        assert term_flags == given["flags"]["nan"] + 2 * given["flags"]["plus"] + 4 * given["flags"]["minus"]
        assert term_outside == given["outside"]["overflow"] + 2 * given["outside"]["underflow"]

    drive(dut, cycles, check)

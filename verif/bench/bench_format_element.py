"""FormatElement in Verilator: every pair of codes of every pair of formats, against exact integers from ml_dtypes' values.

A row of elements of each pair shares one activation, so that a cycle tries as many pairs as there are elements.
"""

import random

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from weft.gen.formats.pair import Pair, pair
from weft.gen.formats.tiling import PACKINGS
from weft.hdl.formats.element import flags_of, sum_shape
from weft.verif.bench import runner
from weft.verif.bench.codes import EXHAUSTIVE, products
from weft.verif.bench.format_rows import DEPTH, Row, Rows, joined, split

LANES = 16


class Expected:
    """What a row must give: sums and flags of one activation word with the present weights."""

    def __init__(self, each: Pair, packing: int) -> None:
        self.each, self.packing = each, packing
        self.products, self.sums = PACKINGS[packing]
        self.bits, self.flag_bits = sum_shape(each, DEPTH).width, flags_of(each)
        self.table, self.specials = products(each.activation.name, each.weight.name)
        self.finite = 0

    def results(self, activation: int, weights: list[int], sums: list[int], flags: list[int]) -> tuple[list[int | None], list[int]]:
        """Of one element after the other; None for a sum that is not finite, which may be anything."""
        a_bits, w_bits = self.each.activation.bits, self.each.weight.bits
        codes = split(activation, a_bits, self.products)
        totals, found = [], []
        for lane, weight in enumerate(weights):
            for s in range(self.sums):
                own = [(a, weight >> w_bits * (s * self.products + p) & (1 << w_bits) - 1) for p, a in enumerate(codes)]
                special = 0
                for a, w in own:
                    special |= self.specials[a][w]
                place = lane * self.sums + s
                totals.append(None if special else sums[place] + sum(self.table[a][w] for a, w in own) & (1 << self.bits) - 1)
                found.append(flags[place] | special)
                self.finite += not special
        return totals, found


@cocotb.test()
async def every_pair_of_codes(dut) -> None:
    """All activations with all weights, a sum and flags of any value coming from above."""
    chance, packing = random.Random(cocotb.RANDOM_SEED), runner.bench_parameters()["packing"]
    rows = [Expected(pair(*names), packing) for names in runner.bench_parameters()["pairs"]]
    Clock(dut.clk, 10, unit="ns").start()
    port = {k: {name: getattr(dut, f"{name}_{k}") for name in ("activation", "weight", "load", "swap", "sum", "sum_out",
                                                             *(("flags", "flags_out") if row.flag_bits else ()))}
            for k, row in enumerate(rows)}
    a_words = [1 << row.each.activation.bits * row.products for row in rows]
    w_words = [1 << row.each.weight.bits * packing for row in rows]
    tried = [set() for _ in rows]
    for first in range(0, 256, LANES):
        weights = []
        for k, row in enumerate(rows):
            words = [code % w_words[k] | (chance.getrandbits(32) % w_words[k] & ~255) for code in range(first, first + LANES)]
            weights.append(words)
            port[k]["weight"].value = joined(words, row.each.weight.bits * packing)
            port[k]["load"].value, port[k]["swap"].value = 1, 0
        await FallingEdge(dut.clk)
        for k in range(len(rows)):
            port[k]["load"].value, port[k]["swap"].value = 0, 1
        before = None
        for step in range(257):
            now = []
            for k, row in enumerate(rows):
                word, size = step % a_words[k], LANES * row.sums
                port[k]["activation"].value = word
                sums, flags = chance.getrandbits(row.bits * size), 0
                if row.flag_bits:
                    flags = chance.getrandbits(row.flag_bits * size) & chance.getrandbits(row.flag_bits * size)
                    port[k]["flags"].value = flags
                port[k]["sum"].value = sums
                now.append((sums, flags))
            await FallingEdge(dut.clk)
            for k, row in enumerate(rows):
                port[k]["swap"].value = 0
                if before is None:
                    continue
                (sums, flags), size = now[k], LANES * row.sums  # met the activation of the step before
                totals, found = row.results(before[k], weights[k], split(sums, row.bits, size), split(flags, row.flag_bits, size))
                given = split(int(port[k]["sum_out"].value), row.bits, size)
                assert all(total in (None, got) for total, got in zip(totals, given, strict=True)), (row.each.name, before[k], weights[k])
                if row.flag_bits:
                    assert split(int(port[k]["flags_out"].value), row.flag_bits, size) == found, (row.each.name, before[k])
                tried[k].update((before[k], weight & 255) for weight in weights[k])
            before = [step % a_words[k] for k in range(len(rows))]
    for k, row in enumerate(rows):
        assert len(tried[k]) == a_words[k] * min(w_words[k], 256), row.each.name
        assert row.finite > len(tried[k]) * 0.9, row.each.name


def run_every_pair(pairs, packing: int) -> None:
    names = [(each.activation.name, each.weight.name) for each in pairs]
    runner.run(Rows([Row(each, LANES, packing=packing) for each in pairs]), f"format_elements_{packing}",
               "weft.verif.bench.bench_format_element", parameters={"pairs": names, "packing": packing})


@pytest.mark.integration
def test_every_pair_of_codes():
    """All formats but bf16, which has too many codes; of two formats of 8 bits all 65,536 pairs."""
    run_every_pair(EXHAUSTIVE, 1)


@pytest.mark.integration
@pytest.mark.parametrize("packing", [2, 4])
def test_packed_codes(packing):
    """All 65,536 pairs of two activations and two weights of 4 bits."""
    run_every_pair([each for each in EXHAUSTIVE if max(each.activation.bits, each.weight.bits) == 4], packing)


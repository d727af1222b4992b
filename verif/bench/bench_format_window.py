"""FormatElement with a window in Verilator: ten million products of bf16 against double precision, which holds them exactly."""

import cocotb
import numpy as np
import pytest
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

from weft.gen.formats.pair import pair
from weft.gen.formats.window import Window
from weft.verif.bench import runner
from weft.verif.bench.codes import TYPES
from weft.verif.bench.format_rows import Row, Rows, split

LANES = 16
BATCH = 20_000  # cycles that are drawn and checked at once
WINDOW = Window()
POSITION_BITS = 9  # of a product of two bf16


@cocotb.test()
async def products_in_a_window(dut) -> None:
    """bf16: random codes whose products lie around the window, and every special value; a new activation and new weights every cycle."""
    chance, cycles = np.random.default_rng(cocotb.RANDOM_SEED), runner.bench_parameters()["cycles"]
    Clock(dut.clk, 10, unit="ns").start()
    port = {name: getattr(dut, f"{name}_0") for name in ("activation", "weight", "load", "swap", "sum", "sum_out", "flags", "flags_out",
                                                         "position", "outside", "outside_out")}
    for name in ("load", "swap"):
        port[name].value = 1
    for name in ("flags", "outside"):
        port[name].value = 0
    special = np.array([code for code in range(1 << 16) if code & 0x7FFF in (0, 1, 0x7F, 0x80, 0x7F7F) or code & 0x7F80 == 0x7F80])
    counts = np.zeros(5, dtype=np.int64)
    for start in range(0, cycles, BATCH):
        size = min(BATCH, cycles - start) + 2
        center = chance.integers(0, 256, (size, 1))
        weights = (chance.integers(0, 2, (size, LANES)) << 15 | chance.integers(0, 128, (size, LANES))
                   | np.clip(center + chance.integers(-24, 25, (size, LANES)), 0, 255) << 7)
        activations = chance.integers(0, 1 << 16, size)
        weights = np.where(chance.random((size, LANES)) < 0.02, chance.choice(special, (size, LANES)), weights).astype("<u2")
        activations = np.where(chance.random(size) < 0.1, chance.choice(special, size), activations).astype("<u2")
        if not start:
            activations[:len(special)], weights[:len(special), 0] = special, special[::-1]
        positions = np.clip((activations >> 7 & 255) + center[:, 0] - chance.integers(0, 60, size), 0, (1 << POSITION_BITS) - 1)
        sums = chance.integers(0, 1 << 63, (size, LANES), dtype="<u8") * 2
        got = []
        for k in range(size):  # cycle k: weights k go to the shadow, k - 1 become active; activation k - 2 meets weights k - 2
            port["weight"].value = int.from_bytes(weights[k].tobytes(), "little")
            port["activation"].value = int(activations[k - 1])
            port["position"].value = int(positions[k - 2])
            port["sum"].value = int.from_bytes(sums[k - 2].tobytes(), "little")
            await FallingEdge(dut.clk)
            if k >= 2:
                got.append([int(port[name].value) for name in ("sum_out", "flags_out", "outside_out")])
        counts += check_window(activations[:size - 2], weights[:size - 2], positions[:size - 2], sums[:size - 2], got)
    finite, inside, underflow, overflow, specials = counts
    assert finite + specials == cycles * LANES
    # Every case is there in number, the plain one most of all.
    assert inside > 0.2 * finite and underflow > 0.02 * finite and overflow > 0.02 * finite and specials > 0.01 * finite


def check_window(activations, weights, positions, sums, got) -> np.ndarray:
    """Compare with products of ml_dtypes' values in double precision, which holds them and their place in a window exactly."""
    with np.errstate(invalid="ignore"):
        product = activations.view(TYPES["bf16"]).astype(np.float64)[:, None] * weights.view(TYPES["bf16"]).astype(np.float64)
    # In units of the window; any number of its units is below 2^500.
    exact = np.ldexp(product, 2 * 133 - positions[:, None].astype(np.int64))
    floor = np.floor(exact)
    flags = np.isnan(product) * 1 + np.isposinf(product) * 2 + np.isneginf(product) * 4
    plain = flags == 0
    limit = 2.0 ** (WINDOW.term_bits - 1)
    overflow, underflow = plain & ((floor >= limit) | (floor < -limit)), plain & (floor != exact)
    terms = np.where(plain & ~overflow, floor, 0).astype(np.int64).view(np.uint64)
    wanted = sums + terms  # wraps
    totals = np.array([np.frombuffer(word[0].to_bytes(8 * LANES, "little"), dtype="<u8") for word in got])
    found = np.array([split(word[1], 3, LANES) for word in got])
    outside = np.array([split(word[2], 2, LANES) for word in got])
    assert (found == flags).all()
    assert ((outside & 1 == overflow) | ~plain).all() and ((outside >> 1 == underflow) | ~plain).all()
    usable = plain & ~overflow
    assert (totals == wanted)[usable].all()
    return np.array([plain.sum(), (plain & ~overflow & ~underflow & (product != 0)).sum(), underflow.sum(), overflow.sum(), (~plain).sum()])


def run_window(cycles: int) -> None:
    runner.run(Rows([Row(pair("bf16"), LANES, window=WINDOW)]), "format_element_bf16", "weft.verif.bench.bench_format_window",
               long=True, parameters={"cycles": cycles})


@pytest.mark.integration
def test_ten_million_pairs_of_bf16():
    run_window(10_000_000 // LANES + 1)

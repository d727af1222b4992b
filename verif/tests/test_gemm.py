"""Products of matrices in number formats: programs on the golden machine, and on the RTL."""

import numpy as np
import pytest

from weft.gen.compiler.gemm import RESULTS, Gemm
from weft.gen.config import Accumulator, Array, Axi, Config, Scratchpad
from weft.gen.errors import WeftError
from weft.gen.formats.operand import OPERANDS
from weft.gen.formats.tiling import WINDOW
from weft.gen.isa import WORD_BYTES
from weft.sim.check import GoldenDevice
from weft.sim.device import WindowSpec
from weft.sim.gemm import PERMISSIONS, multiply, random_matrices
from weft.verif.golden.formats.gemm import gemm, in_window, lowest_position

MIXED = [("int8", "int4"), ("e4m3", "e2m1"), ("e4m3", "e5m2"), ("mxfp8_e4m3", "mxfp4"), ("int8", "mxfp4"), ("mxint8", "int4")]
PAIRS = [*((name, name) for name in OPERANDS if name != "int8"), *MIXED]


def config(rows: int, activations: str, weights: str = "", packing: int = 1, *, kib: int = 16, result: str = "fp32") -> Config:
    array = Array(rows=rows, columns=rows, operand=activations, weights=weights, packing=packing, result=result)
    return Config(name="formats", array=array, scratchpad=Scratchpad(kib=kib, banks=2),
                  accumulator=Accumulator(kib=max(1, rows * rows * packing // 8)), axi=Axi(data_bits=8 * rows))


def on_the_golden_machine(machine: Config, shape: tuple[int, int, int], seed: int = 1) -> Gemm:
    """Program and packed operands, strictly, against the arithmetic alone."""
    t, (a, b) = machine.tiling, random_matrices(machine, *shape, seed)
    plan = Gemm.plan(machine, *shape)
    position = lowest_position(a, b, WINDOW, t.part) if in_window(t.operands, WINDOW, t.part) else 0
    words = plan.program(position)
    device = GoldenDevice(machine, [WindowSpec(size, *PERMISSIONS[n]) for n, size in enumerate(plan.window_bytes)], strict=True)
    for index, data in enumerate((b"".join(word.to_bytes(WORD_BYTES, "little") for word in words),
                                  plan.pack_weights(b.codes.T, None if b.scales is None else b.scales.T),
                                  plan.pack_activations(a.codes, a.scales))):
        assert len(data) == plan.window_bytes[index]
        device.write_window(index, data)
    assert device.run(len(words)).error is None
    expected = gemm(a, b, target=machine.result, position=position, part=t.part)
    assert not expected.overflow.any()
    assert (plan.unpack_results(device.read_window(RESULTS)) == expected.codes).all()
    return plan


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("rows", [4, 16])
def test_every_format(pair, rows):
    on_the_golden_machine(config(rows, *pair, kib=32), (5, 77, 19))


@pytest.mark.parametrize("packing", [2, 4])
@pytest.mark.parametrize("name", ["int4", "int2", "e2m1", "mxfp4", "nvfp4"])
def test_packing(name, packing):
    on_the_golden_machine(config(16, name, packing=packing, kib=32), (7, 130, 70))


@pytest.mark.parametrize(("shape", "passes", "chunks"), [((200, 64, 9), 7, 1), ((40, 640, 9), 2, 4), ((1, 1, 1), 1, 1)])
def test_products_that_do_not_fit_at_once(shape, passes, chunks):
    plan = on_the_golden_machine(config(4, "mxfp4", kib=4, result="bf16"), shape)
    assert (plan.passes, plan.chunks) == (passes, chunks)


@pytest.mark.parametrize("name", [name for name in OPERANDS if name != "int8"])
def test_weights_lie_densely(name):
    """Of sizes that fill the tiles: the bits of every element with its share of the scale, and not one more."""
    plan = Gemm.plan(config(16, name, kib=64), 1, 64, 32)
    assert plan.window_bytes[1] * 8 == 64 * 32 * OPERANDS[name].bits_per_element


def test_four_bits_move_half_the_bytes():
    sizes = [Gemm.plan(config(16, name, kib=64), 16, 128, 64).window_bytes for name in ("mxfp4", "mxint8")]
    assert sizes[0][1] / sizes[1][1] == sizes[0][2] / sizes[1][2] == 4.25 / 8.25


@pytest.mark.parametrize(("machine", "shape", "part"), [
    (Config(), (1, 1, 1), "multiplies no matrices"), (config(4, "mxfp4"), (0, 4, 4), "m = 0"), (config(4, "bf16"), (4, 257, 4), "k = 257"),
])
def test_refusals(machine, shape, part):
    with pytest.raises(WeftError, match=part):
        Gemm.plan(machine, *shape)


@pytest.mark.parametrize(("options", "parts"), [
    ({"operand": "mxfp4", "weights": "nvfp4"}, ("array.weights", "as many elements")),
    ({"operand": "mxfp8_e4m3", "packing": 4}, ("array.packing = 4", "4 bits or fewer", "use 1")),
    ({"operand": "mxfp4", "depthwise": True}, ("array.depthwise", "use False")),
    ({"operand": "mxfp5"}, ("array.operand", "mxfp4")),
])
def test_configurations_that_make_no_sense(options, parts):
    with pytest.raises(WeftError) as caught:
        Config(array=Array(**options))
    assert all(part in str(caught.value) for part in parts)


def test_number_formats_need_wide_accumulators():
    with pytest.raises(WeftError, match="at least 32 lines of 32 x 8 bytes"):
        Config(array=Array(operand="mxfp4", packing=4), accumulator=Accumulator(kib=8))


@pytest.mark.integration
@pytest.mark.parametrize(("machine", "shapes"), [
    (config(4, "mxfp4"), [(5, 64, 7), (70, 160, 21)]), (config(4, "bf16"), [(13, 100, 9)]),
    (config(8, "nvfp4", packing=4, result="bf16"), [(33, 100, 40), (1, 16, 1)]),
], ids=lambda value: f"{value.array.operand}-{value.array.rows}" if isinstance(value, Config) else "")
def test_the_rtl_gives_the_same_bytes(machine, shapes):
    for seed, shape in enumerate(shapes):
        run = multiply(machine, *random_matrices(machine, *shape, seed), strict=True)
        assert run.mismatches == []
        assert np.isfinite(run.golden.values()).all()
        assert len(np.unique(run.codes)) > min(shape[0] * shape[2], 20) // 2

"""Products of matrices in number formats: programs on the golden machine, and on the RTL."""

import random
from collections import Counter

import numpy as np
import pytest

from weft.fpga.format_compared import SEVERAL
from weft.gen import isa
from weft.gen.compiler.gemm.operands import pack_activations, pack_weights, unpack_results
from weft.gen.compiler.gemm.plan import ACTIVATIONS, PROGRAM, RESULTS, WEIGHTS, Gemm
from weft.gen.compiler.gemm.program import program, window_bytes
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.formats.operand import OPERANDS, OperandPair
from weft.gen.formats.results import RESULTS as TARGETS
from weft.gen.formats.selection import OPERAND_PAIRS
from weft.gen.formats.tiling import WINDOW
from weft.gen.isa import WORD_BYTES
from weft.gen.sections import Accumulator, Array, Axi, Scratchpad
from weft.sim.check import GoldenDevice
from weft.sim.device import RtlDevice, WindowSpec
from weft.sim.docs_page import ROOT
from weft.sim.gemm import PERMISSIONS, golden_product, golden_results, multiply, random_matrices
from weft.sim.simulator import Simulator
from weft.verif.bench.format_draw import Gemm as Drawn
from weft.verif.bench.format_draw import draw
from weft.verif.bench.format_exact import NUMBER, causes, exact, possible, rounded, windowed
from weft.verif.golden.formats.blocks import Matrix
from weft.verif.golden.formats.gemm import Product, gemm, lowest_position


def config(rows: int, activations: str, weights: str = "", packing: int = 1, *, kib: int = 16, result: str = "fp32",
           rule: str = "floor", kind: str = "exact") -> Config:
    array = Array(rows=rows, columns=rows, operand=activations, weights=weights, packing=packing, result=result, scale_rule=rule)
    return Config(name="formats", array=array, scratchpad=Scratchpad(kib=kib, banks=2),
                  accumulator=Accumulator(kib=max(1, rows * rows * packing // 8), kind=kind), axi=Axi(data_bits=8 * rows))


def on_the_golden_machine(machine: Config, shape: tuple[int, int, int], seed: int = 1) -> tuple[Gemm, Product]:
    """Program and packed operands, strictly, against the arithmetic alone."""
    a, b = random_matrices(machine, *shape, seed)
    plan = Gemm.plan(machine, *shape)
    position, product = golden_product(machine, a, b)
    (codes, scales), factor = golden_results(machine, product)
    words = program(plan, position, int(factor.view(np.uint32)[0, 0]))
    device = GoldenDevice(machine, [WindowSpec(size, *PERMISSIONS[n]) for n, size in enumerate(window_bytes(plan))], strict=True)
    for index, data in enumerate((b"".join(word.to_bytes(WORD_BYTES, "little") for word in words),
                                  pack_weights(plan, b.codes.T, None if b.scales is None else b.scales.T),
                                  pack_activations(plan, a.codes, a.scales))):
        assert len(data) == window_bytes(plan)[index]
        device.write_window(index, data)
    assert device.run(len(words)).error is None
    assert not product.overflow.any()
    found, found_scales = unpack_results(plan, device.read_window(RESULTS))
    assert (found == codes).all()
    assert (found_scales is None) == (scales is None) and (scales is None or (found_scales == scales).all())
    return plan, product


@pytest.mark.parametrize("pair", OPERAND_PAIRS, ids="-".join)
def test_every_format_gives_the_same_bits_on_every_size(pair):
    """Random shapes; other sizes of array and scratchpad are other tilings. Where a term lost bits below the window, by the place at
    which it did, results may differ in their last bit: those are left out, and there are few."""
    chance = random.Random("-".join(pair))
    shape = chance.randint(1, 12), chance.randint(20, 150), chance.randint(1, 70)
    products = [on_the_golden_machine(config(rows, *pair, kib=kib), shape)[1] for rows, kib in ((4, 4), (8, 16), (16, 32), (32, 64))]
    exact = ~np.any([product.underflow for product in products], axis=0)
    assert exact.mean() > 0.9
    for product in products[1:]:
        assert (product.codes == products[0].codes)[exact].all()


@pytest.mark.parametrize("packing", [2, 4])
@pytest.mark.parametrize("name", ["int4", "int2", "e2m1", "mxfp4", "nvfp4"])
def test_packing(name, packing):
    on_the_golden_machine(config(16, name, packing=packing, kib=32), (7, 130, 70))


ALIGNED = [("aligned25", "e4m3", "", 1), ("aligned24", "bf16", "", 1), ("aligned13", "e5m2", "e4m3", 1), ("aligned25", "mxfp4", "", 4),
           ("aligned25", "mxfp8_e4m3", "mxfp4", 1), ("aligned35", "mxfp4", "", 2), ("aligned35", "nvfp4", "", 4)]


@pytest.mark.parametrize(("kind", "activations", "weights", "packing"), ALIGNED, ids=str)
@pytest.mark.parametrize("rows", [4, 16])
def test_addends_that_are_aligned(kind, activations, weights, packing, rows):
    on_the_golden_machine(config(rows, activations, weights, packing, kib=32, kind=kind), (7, 130, 21))


@pytest.mark.parametrize(("result", "rule"), [*((name, "floor") for name, operand in TARGETS.items() if operand.scale), ("mxfp4", "up")])
@pytest.mark.parametrize(("rows", "packing"), [(4, 1), (16, 4)])
def test_results_in_blocks(result, rule, rows, packing):
    """Blocks over several lines of accumulators, and in one line one or two."""
    on_the_golden_machine(config(rows, "mxfp4", packing=packing, kib=32, result=result, rule=rule), (3, 40, 70))


def test_results_in_blocks_that_are_not_numbers():
    """A row of NaN and one of infinities make blocks of NaN; the others are as they would be without."""
    machine = config(4, "mxfp8_e5m2", kib=32, result="mxfp8_e4m3")
    a, b = random_matrices(machine, 4, 40, 40, 1)
    (codes, scales), _ = golden_results(machine, gemm(a, b, position=0, part=machine.tiling.part))
    a.scales[1], a.codes[2, 5] = 0xFF, 0x7C
    (given, own), _ = golden_results(machine, gemm(a, b, position=0, part=machine.tiling.part))
    assert (own[1:3] == 0xFF).all() and not given[1:3].any()
    assert (own[[0, 3]] == scales[[0, 3]]).all() and (given[[0, 3]] == codes[[0, 3]]).all()


@pytest.mark.parametrize(("options", "shape", "expected"), [
    ({"kib": 4, "result": "bf16"}, (200, 64, 9), (7, 1, 1)), ({"kib": 4, "result": "bf16"}, (40, 640, 9), (2, 1, 4)),
    ({"kib": 4}, (1, 1, 1), (1, 1, 1)), ({"kib": 4, "result": "mxfp4"}, (13, 640, 70), (4, 1, 2)),
    ({"kib": 32, "result": "mxfp4"}, (100, 64, 40), (1, 25, 1)),
    ({"kib": 32, "rows": 8, "packing": 4, "result": "mxfp4"}, (150, 96, 70), (1, 3, 1)),
    ({"kib": 64, "rows": 16, "result": "mxfp6_e2m3"}, (150, 64, 100), (1, 3, 1)),
    ({"kib": 16, "rows": 16, "result": "nvfp4"}, (150, 640, 20), (2, 1, 10)),
], ids=str)
def test_products_that_do_not_fit_at_once(options, shape, expected):
    options = {"rows": 4, **options}
    plan, _ = on_the_golden_machine(config(options.pop("rows"), "mxfp4", **options), shape)
    assert (plan.bands, plan.passes, plan.chunks) == expected


@pytest.mark.parametrize("name", ["mxfp4", "nvfp4", "mxfp6_e2m3"])
def test_results_are_operands_of_the_next_product(name):
    """In one band, with columns that fill the spans: the bytes of the results are those of the next product's activations."""
    machine = config(16, name, packing=1 if name == "mxfp6_e2m3" else 4, kib=64, result=name)
    first, second = Gemm.plan(machine, 9, 96, 64), Gemm.plan(machine, 9, 64, 33)
    a, b = random_matrices(machine, 9, 96, 64, 1)
    t = machine.tiling
    (codes, scales), _ = golden_results(machine, gemm(a, b, position=lowest_position(a, b, WINDOW, t.part), part=t.part))
    operands = pack_activations(second, codes, scales)
    assert len(operands) == window_bytes(first)[RESULTS] == window_bytes(second)[ACTIVATIONS]
    found, own = unpack_results(first, operands)
    assert (found == codes).all() and (own == scales).all()


def test_each_byte_crosses_the_bus_once_where_it_fits():
    """And in MXFP4 they are few: 0.56 of those that the same layer has in int8, at the least."""
    plan = Gemm.plan(Config.load(ROOT / "configs" / "mxfp4.toml"), 256, 1024, 1024)
    moved, shape = {WEIGHTS: 0, ACTIVATIONS: 0, RESULTS: 0}, {}
    for word in program(plan, 0):
        name, values = (decoded := isa.decode(word)).instruction.name, decoded.values
        if name.endswith("_SHAPE"):
            shape[name] = values
        elif name in ("LOAD", "STORE"):
            moved[values["window"]] += shape[f"{name}_SHAPE"]["rows"] * values["length"] * 16
    assert list(moved.values()) == list(window_bytes(plan)[1:])
    assert sum(window_bytes(plan)) <= 0.56 * (256 * 1024 + 1024 * 1024 + 256 * 1024)


@pytest.mark.parametrize("size", [(128, 512, 512), (256, 1024, 1024)])
def test_elements_and_scales_lie_in_different_banks(size):
    """Both are read for every vector; a scratchpad that could hold all weights must not put them where they keep the scales out."""
    machine = Config.load(ROOT / "configs" / "mxfp4.toml")
    plan, bank = Gemm.plan(machine, *size), machine.bank_lines
    assert (plan.places.elements + plan.element_lines - 1) // bank < plan.places.scales // bank


@pytest.mark.parametrize("name", [name for name in OPERANDS if name != "int8"])
def test_weights_lie_densely(name):
    """Of sizes that fill the tiles: the bits of every element with its share of the scale, and not one more."""
    plan = Gemm.plan(config(16, name, kib=64), 1, 64, 32)
    assert window_bytes(plan)[1] * 8 == 64 * 32 * OPERANDS[name].bits_per_element


def test_four_bits_move_half_the_bytes():
    sizes = [window_bytes(Gemm.plan(config(16, name, kib=64), 16, 128, 64)) for name in ("mxfp4", "mxint8")]
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
    ({"kind": "aligned25"}, ("accumulator.kind", "sums of int8 are exact")),
    ({"kind": "aligned25", "operand": "mxint8"}, ("accumulator.kind", "integers are added exactly")),
    ({"kind": "aligned35", "operand": "e4m3"}, ("accumulator.kind", "16 products", "4 bits")),
    ({"kind": "aligned25", "operand": "nvfp4"}, ("accumulator.kind", "no powers of two")),
])
def test_configurations_that_make_no_sense(options, parts):
    kind = options.pop("kind", "exact")
    with pytest.raises(WeftError) as caught:
        Config(array=Array(**options), accumulator=Accumulator(kind=kind))
    assert all(part in str(caught.value) for part in parts)


def test_number_formats_need_wide_accumulators():
    with pytest.raises(WeftError, match="at least 32 lines of 32 x 8 bytes"):
        Config(array=Array(operand="mxfp4", packing=4), accumulator=Accumulator(kib=8))


BLOCKS = config(4, "mxfp4", kib=4, result="mxfp4")


@pytest.mark.integration
@pytest.mark.parametrize(("machine", "shapes"), [
    (BLOCKS, [(5, 64, 7), (13, 640, 70)]), (config(4, "bf16", result="mxfp6_e2m3", rule="up"), [(13, 100, 9)]),
    (config(8, "nvfp4", packing=4, result="nvfp4"), [(33, 100, 40), (1, 16, 1)]),
    (config(4, "int8", "int4", result="bf16"), [(13, 100, 9)]),
    (config(4, "mxfp8_e4m3", "mxfp4", kind="aligned25"), [(1, 100, 9), (13, 70, 11)]),
    (config(4, "e4m3", "e5m2", kind="aligned13", result="bf16"), [(13, 100, 9)]),
    (config(8, "nvfp4", packing=4, kind="aligned35", result="nvfp4"), [(9, 100, 40)]),
], ids=lambda value: f"{value.array.operand}-{value.array.result}-{value.array.rows}-{value.accumulator.kind}" if isinstance(
    value, Config) else "")
def test_the_rtl_gives_the_same_bytes(machine, shapes):
    for seed, shape in enumerate(shapes):
        run = multiply(machine, *random_matrices(machine, *shape, seed), strict=True)
        assert run.mismatches == []
        assert np.isfinite(run.golden.values()).all()
        assert len(np.unique(run.results[0])) > min(shape[0] * shape[2], 20) // 2


def matrices(operands: OperandPair, drawn: Drawn) -> list[Matrix]:
    """Activations, and weights transposed."""
    k, one = drawn.activations.shape[1], np.ones((1, 1), np.float32)
    return [Matrix(operand, np.pad(codes, ((0, 0), (0, -k % operand.block))), scales if operand.scale else None, one, k)
            for operand, codes, scales in ((operands.activation, drawn.activations, drawn.activation_scales),
                                           (operands.weight, drawn.weights.T, drawn.weight_scales.T))]


@pytest.mark.integration
def test_special_values_on_the_rtl_give_exact_sums_rounded_once():
    """In a format that has all kinds; against Python integers and ml_dtypes' values, of which the golden model knows nothing."""
    machine, planted = config(4, "mxfp8_e5m2", kib=32), Counter()
    operands = machine.tiling.operands
    for special, shape in ((1, (31, 70, 18)), (3, (9, 100, 33))):
        drawn = draw(np.random.default_rng(special), operands, shape, special)
        run = multiply(machine, *matrices(operands, drawn), strict=True)
        total, flags, _ = exact(operands, drawn)
        assert run.results[0].tolist() == rounded(operands, total, flags, machine.results.rounded)
        assert run.mismatches == []
        reasons = causes(operands, drawn)
        assert reasons[NUMBER] > 0.5 * total.size
        planted.update(reasons)
    assert all(planted[cause] >= SEVERAL for cause in possible(operands)), planted


@pytest.mark.integration
def test_rounds_write_the_flags_of_the_window():
    """Of terms that do not fit and of some that lose bits, in a window in the middle of those of all rows."""
    machine, shape = config(4, "mxfp8_e5m2", kib=32), (8, 64, 12)
    operands, plan = machine.tiling.operands, Gemm.plan(machine, *shape)
    drawn = draw(np.random.default_rng(5), operands, shape)
    drawn.activation_scales[:] = 100 + 11 * np.arange(shape[0])[:, None]
    _, _, lowest = exact(operands, drawn)
    part = machine.tiling.part  # products of a tile's column, each sum of which is a term
    position = lowest + 28
    _, lost = windowed(operands, drawn, [list(range(k, k + part)) for k in range(0, shape[1], part)], WINDOW, position)
    assert all((lost == kind).sum() > 5 for kind in (0, 1, 2)), Counter(lost.ravel().tolist())
    words = program(plan, position)
    for index, found in enumerate(map(isa.decode, words)):
        if found.instruction.name == "ROUND":
            words[index] = isa.encode("ROUND", wait=found.wait, signal=found.signal, **found.values | {"flags": 1})
    a, b = matrices(operands, drawn)
    given = []
    windows = [WindowSpec(size, *PERMISSIONS[n]) for n, size in enumerate(window_bytes(plan))]
    with Simulator(machine) as own:
        for device in (RtlDevice(own, windows, max_cycles=100_000), GoldenDevice(machine, windows)):
            for index, data in enumerate((b"".join(word.to_bytes(WORD_BYTES, "little") for word in words),
                                          pack_weights(plan, b.codes.T, b.scales.T), pack_activations(plan, a.codes, a.scales))):
                device.write_window(index, data)
            assert device.run(len(words)).error is None
            # A byte for each result, one after the other where its row of a span begins.
            rows = np.frombuffer(device.read_window(RESULTS), np.uint8).reshape(shape[0], -1, machine.results.row_bytes)
            given.append(rows[:, :, :machine.results.width].reshape(shape[0], -1))
    assert (given[0] == lost).all() and (given[1] == lost).all()


@pytest.mark.integration
@pytest.mark.parametrize("change", [
    {"accumulator": BLOCKS.accumulator_lines - 13}, {"destination": BLOCKS.scratchpad_bytes - 40}, {"scales": BLOCKS.scratchpad_bytes - 5},
    {"destination": BLOCKS.scratchpad_bytes - 40, "scales": BLOCKS.scratchpad_bytes - 2}, {"scales": (1 << 20) - 1},
    {"destination": BLOCKS.scratchpad_bytes - 10, "flags": 1},
], ids=str)
def test_results_out_of_range_stop_the_rtl_as_the_golden_machine(change):
    """A ROUND of several rows in blocks of eight lines each."""
    plan = Gemm.plan(BLOCKS, 4, 64, 40)
    words = program(plan, 0)
    place = next(index for index, word in enumerate(words) if isa.decode(word).instruction.name == "ROUND")
    found = isa.decode(words[place])
    words[place] = isa.encode("ROUND", wait=found.wait, signal=found.signal, **{**found.values, **change})
    windows = [WindowSpec(size, *PERMISSIONS[n]) for n, size in enumerate(window_bytes(plan))]
    errors = []
    with Simulator(BLOCKS) as own:
        for device in (RtlDevice(own, windows, max_cycles=100_000), GoldenDevice(BLOCKS, windows)):
            device.write_window(PROGRAM, b"".join(word.to_bytes(WORD_BYTES, "little") for word in words))
            errors.append(device.run(len(words)).error)
    assert errors[0] == errors[1] and errors[0] is not None

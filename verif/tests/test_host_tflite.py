"""Operators of TensorFlow Lite on the host, of random shapes, types and options, against the engines that own the format."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from weft.gen.frontend.refusal import Unsupported
from weft.gen.frontend.tflite_file import read_model
from weft.gen.host.tflite import HOSTED
from weft.gen.host.tflite_parts import Call
from weft.verif.oracles import LitertReference, Tflm
from weft.verif.tests.tflite_models import TfliteMaker

GRIDS = {"int8": (0.04, 10), "uint8": (0.04, 138), "int16": (0.001, 0)}
SAMPLES = 3


class Drawn:
    """One operator on a random input: `x` is the input's tensor, `shape` and `kind` describe it."""

    def __init__(self, draw, kinds, ranks=(1, 4)):
        self.draw, self.maker = draw, TfliteMaker()
        self.kind = self.one_of(kinds)
        self.shape = tuple(self.integer(1, 5) for _ in range(self.integer(*ranks)))
        self.x, self.outputs = self.tensor(self.shape), []

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def one_of(self, values):
        return self.draw(st.sampled_from(values))

    @property
    def axis(self):
        return self.integer(0, len(self.shape) - 1)

    @property
    def zeros(self):
        """Something of the input's shape, to see what numpy makes of it."""
        return np.zeros(self.shape, np.int8)

    def tensor(self, shape, kind=""):
        kind = kind or self.kind
        return self.maker.tensor(shape, *GRIDS.get(kind, (None,)), kind=kind)

    def numbers(self, *values):
        return self.maker.constant(np.array(values, np.int32))

    def node(self, operator, *operands, shapes, kinds=None, inputs=None, options="", **fields):
        """The operator with outputs of these shapes."""
        self.outputs = [self.tensor(shape, kind) for shape, kind in zip(shapes, kinds or [self.kind] * len(shapes), strict=True)]
        self.maker.node(operator, inputs or [self.x, *operands], self.outputs, *([options] if options else []), **fields)


PLAIN = ("int8", "float32")


def reshape(draw):
    drawn = Drawn(draw, PLAIN)
    shape = drawn.one_of([drawn.shape[::-1], (int(np.prod(drawn.shape)),), (1, *drawn.shape, 1)])
    drawn.node("RESHAPE", drawn.numbers(*shape), shapes=[shape], options="ReshapeOptions", newShape=list(shape))
    return drawn


def squeeze(draw):
    drawn = Drawn(draw, PLAIN, (2, 4))
    ones = [axis for axis, size in enumerate(drawn.shape) if size == 1]
    drawn.node("SQUEEZE", shapes=[np.squeeze(drawn.zeros, tuple(ones)).shape or (1,)] if len(ones) < len(drawn.shape) else [()],
               options="SqueezeOptions", squeezeDims=ones)
    return drawn


def expand_dims(draw):
    drawn = Drawn(draw, PLAIN, (1, 3))
    axis = drawn.integer(0, len(drawn.shape))
    drawn.node("EXPAND_DIMS", drawn.numbers(axis), shapes=[np.expand_dims(drawn.zeros, axis).shape], options="ExpandDimsOptions")
    return drawn


def transpose(draw):
    drawn = Drawn(draw, PLAIN, (2, 5))
    order = draw(st.permutations(range(len(drawn.shape))))
    drawn.node("TRANSPOSE", drawn.numbers(*order), shapes=[drawn.zeros.transpose(order).shape], options="TransposeOptions")
    return drawn


def _bounds(drawn):
    begins = [drawn.integer(0, size - 1) for size in drawn.shape]
    return begins, [drawn.integer(begin + 1, size) for begin, size in zip(begins, drawn.shape, strict=True)]


def slice_(draw):
    drawn = Drawn(draw, PLAIN)
    begins, ends = _bounds(drawn)
    sizes = [end - begin for begin, end in zip(begins, ends, strict=True)]
    drawn.node("SLICE", drawn.numbers(*begins), drawn.numbers(*(-1 if begin + size == whole and drawn.integer(0, 1) else size
               for begin, size, whole in zip(begins, sizes, drawn.shape, strict=True))), shapes=[sizes], options="SliceOptions")
    return drawn


def strided_slice(draw):
    drawn = Drawn(draw, PLAIN)
    begins, ends = _bounds(drawn)
    steps, masks = [drawn.integer(1, 3) for _ in begins], {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0}
    bounds = []
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        choice = drawn.one_of(["plain", "open", "one", "back"])
        masks["beginMask"] |= (choice == "open") << axis
        masks["endMask"] |= (choice in ("open", "back")) << axis
        masks["shrinkAxisMask"] |= (choice == "one") << axis
        last, stride = (begin + 1, 1) if choice == "one" else (end, -step if choice == "back" else step)
        bounds.append((begin, last, stride, {"plain": slice(begin, last, stride), "open": slice(None, None, stride), "one": begin,
                                             "back": slice(begin, None, stride)}[choice]))
    firsts, lasts, steps, chosen = zip(*bounds, strict=True)
    drawn.node("STRIDED_SLICE", drawn.numbers(*firsts), drawn.numbers(*lasts), drawn.numbers(*steps),
               shapes=[np.asarray(drawn.zeros[chosen]).shape], options="StridedSliceOptions", **masks)
    return drawn


def split(draw):
    drawn = Drawn(draw, PLAIN)
    axis = drawn.axis
    count = drawn.one_of([count for count in range(1, 6) if drawn.shape[axis] % count == 0])
    parts = np.split(drawn.zeros, count, axis)
    drawn.node("SPLIT", inputs=[drawn.numbers(axis - len(drawn.shape) * drawn.integer(0, 1)), drawn.x],
               shapes=[part.shape for part in parts], options="SplitOptions", numSplits=count)
    return drawn


def split_v(draw):
    drawn = Drawn(draw, PLAIN)
    axis = drawn.axis
    cuts = sorted({drawn.integer(1, drawn.shape[axis]) for _ in range(2)} - {drawn.shape[axis]})
    parts = np.split(drawn.zeros, cuts, axis)
    drawn.node("SPLIT_V", drawn.numbers(*(part.shape[axis] for part in parts)), drawn.numbers(axis), shapes=[part.shape for part in parts],
               options="SplitVOptions", numSplits=len(parts))
    return drawn


def unpack(draw):
    drawn = Drawn(draw, PLAIN, (2, 4))
    axis = drawn.axis
    count = drawn.shape[axis]
    drawn.node("UNPACK", shapes=[np.take(drawn.zeros, 0, axis).shape] * count, options="UnpackOptions", num=count, axis=axis)
    return drawn


def _other(drawn, shape):
    """A constant on the input's grid."""
    values = np.random.default_rng(drawn.integer(0, 99)).integers(-100, 100, shape).astype(drawn.kind)
    return drawn.maker.constant(values, *GRIDS.get(drawn.kind, (None,)))


def pack(draw):
    drawn = Drawn(draw, PLAIN, (1, 3))
    axis = drawn.integer(0, len(drawn.shape))
    operands = [drawn.x, drawn.x, _other(drawn, drawn.shape)][:drawn.integer(1, 3)]
    drawn.node("PACK", inputs=operands, shapes=[np.stack([drawn.zeros] * len(operands), axis).shape], options="PackOptions", axis=axis,
               valuesCount=len(operands))
    return drawn


def concatenation(draw):
    drawn = Drawn(draw, PLAIN)
    axis, more = drawn.axis, list(drawn.shape)
    more[axis] = drawn.integer(1, 4)
    shape = list(drawn.shape)
    shape[axis] += more[axis]
    drawn.node("CONCATENATION", _other(drawn, more), shapes=[shape], options="ConcatenationOptions", axis=axis)
    return drawn


def tile(draw):
    drawn = Drawn(draw, PLAIN)
    counts = [drawn.integer(1, 3) for _ in drawn.shape]
    drawn.node("TILE", drawn.numbers(*counts), shapes=[np.tile(drawn.zeros, counts).shape], options="TileOptions")
    return drawn


def reverse(draw):
    drawn = Drawn(draw, PLAIN)
    drawn.node("REVERSE_V2", drawn.numbers(drawn.axis), shapes=[drawn.shape], options="ReverseV2Options")
    return drawn


def _pads(drawn, most):
    return [[drawn.integer(0, most(size)), drawn.integer(0, most(size))] for size in drawn.shape]


def pad(draw):
    drawn = Drawn(draw, PLAIN)
    amounts = _pads(drawn, lambda size: 3)
    drawn.node("PAD", drawn.numbers(*amounts), shapes=[np.pad(drawn.zeros, amounts).shape], options="PadOptions")
    return drawn


def padv2(draw):
    drawn = Drawn(draw, PLAIN)
    amounts = _pads(drawn, lambda size: 3)
    drawn.node("PADV2", drawn.numbers(*amounts), _other(drawn, (1,)), shapes=[np.pad(drawn.zeros, amounts).shape], options="PadV2Options")
    return drawn


def mirror_pad(draw):
    drawn = Drawn(draw, PLAIN)
    mode = drawn.integer(0, 1)
    amounts = _pads(drawn, lambda size: size - 1 + mode)
    drawn.node("MIRROR_PAD", drawn.numbers(*amounts), shapes=[np.pad(drawn.zeros, amounts).shape], options="MirrorPadOptions", mode=mode)
    return drawn


def space_to_batch(draw):
    drawn = Drawn(draw, PLAIN, (4, 4))
    _, height, width, depth = drawn.shape
    down, right, top, left = (drawn.integer(low, 3) for low in (1, 1, 0, 0))
    around = [[top, -(height + top) % down], [left, -(width + left) % right]]
    result = (drawn.shape[0] * down * right, (height + sum(around[0])) // down, (width + sum(around[1])) // right, depth)
    drawn.node("SPACE_TO_BATCH_ND", drawn.numbers(down, right), drawn.numbers(*around), shapes=[result], options="SpaceToBatchNDOptions")
    return drawn


def batch_to_space(draw):
    drawn = Drawn(draw, PLAIN, (4, 4))
    down, right = (drawn.integer(1, 3) for _ in range(2))
    batch, height, width, depth = drawn.shape
    drawn.shape = (batch * down * right, height, width, depth)
    drawn.maker, tensor = TfliteMaker(), drawn.tensor
    drawn.x = tensor(drawn.shape)
    crops = [[drawn.integer(0, (height * down - 1) // 2), 0], [0, drawn.integer(0, (width * right - 1) // 2)]]
    result = (batch, height * down - crops[0][0], width * right - crops[1][1], depth)
    drawn.node("BATCH_TO_SPACE_ND", drawn.numbers(down, right), drawn.numbers(*crops), shapes=[result], options="BatchToSpaceNDOptions")
    return drawn


def gather(draw):
    drawn = Drawn(draw, PLAIN)
    axis = drawn.axis
    places = np.array([drawn.integer(0, drawn.shape[axis] - 1) for _ in range(drawn.integer(1, 6))], np.int32)
    drawn.node("GATHER", drawn.maker.constant(places), shapes=[np.take(drawn.zeros, places, axis).shape], options="GatherOptions",
               axis=axis)
    return drawn


def _place(name):
    def case(draw):
        drawn = Drawn(draw, PLAIN)
        axis = drawn.axis
        options = "ArgMaxOptions" if name == "ARG_MAX" else "ArgMinOptions"
        drawn.node(name, drawn.numbers(axis), shapes=[np.argmax(drawn.zeros, axis).shape], kinds=["int32"], options=options, outputType=2)
        return drawn
    return case


def top(draw):
    drawn = Drawn(draw, PLAIN)
    count = drawn.integer(1, drawn.shape[-1])
    shape = (*drawn.shape[:-1], count)
    drawn.node("TOPK_V2", drawn.maker.constant(np.array(count, np.int32)), shapes=[shape, shape], kinds=[drawn.kind, "int32"],
               options="TopKV2Options")
    return drawn


def _reduction(name):
    def case(draw):
        drawn = Drawn(draw, PLAIN)
        axes, keep = sorted({drawn.axis, drawn.axis}), bool(drawn.integer(0, 1))
        drawn.node(name, drawn.numbers(*axes), shapes=[np.max(drawn.zeros, tuple(axes), keepdims=keep).shape], options="ReducerOptions",
                   keepDims=keep)
        return drawn
    return case


def _binary(name, options, fused=True):
    def case(draw):
        drawn = Drawn(draw, ("float32",), (1, 4))
        shape = drawn.one_of([drawn.shape, drawn.shape[-1:], (1,)])
        operands = [drawn.x, drawn.one_of([drawn.x, _other(drawn, shape)])]
        fields = {"fusedActivationFunction": drawn.one_of([0, 1, 3])} if fused else {}
        drawn.node(name, inputs=operands[::drawn.one_of([1, -1])], shapes=[drawn.shape], options=options, **fields)
        return drawn
    return case


def _unary(name, options=""):
    def case(draw):
        drawn = Drawn(draw, ("float32",))
        drawn.node(name, shapes=[drawn.shape], options=options)
        return drawn
    return case


def quantize(draw):
    drawn = Drawn(draw, ("float32",))
    drawn.node("QUANTIZE", shapes=[drawn.shape], kinds=[drawn.one_of(["int8", "uint8"])], options="QuantizeOptions")
    return drawn


def dequantize(draw):
    drawn = Drawn(draw, ("int8", "uint8", "int16"))
    drawn.node("DEQUANTIZE", shapes=[drawn.shape], kinds=["float32"], options="DequantizeOptions")
    return drawn


def cast(draw):
    drawn = Drawn(draw, ("int8", "int32"))
    kinds = {"int8": ("float32", "int32"), "int32": ("float32",)}[drawn.kind]
    drawn.node("CAST", shapes=[drawn.shape], kinds=[drawn.one_of(kinds)], options="CastOptions")
    return drawn


CASES = {
    "RESHAPE": reshape, "SQUEEZE": squeeze, "EXPAND_DIMS": expand_dims, "TRANSPOSE": transpose, "SLICE": slice_,
    "STRIDED_SLICE": strided_slice, "SPLIT": split, "SPLIT_V": split_v, "UNPACK": unpack, "PACK": pack, "CONCATENATION": concatenation,
    "TILE": tile, "REVERSE_V2": reverse, "PAD": pad, "PADV2": padv2, "MIRROR_PAD": mirror_pad, "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space, "GATHER": gather, "ARG_MAX": _place("ARG_MAX"), "ARG_MIN": _place("ARG_MIN"), "TOPK_V2": top,
    "REDUCE_MAX": _reduction("REDUCE_MAX"), "REDUCE_MIN": _reduction("REDUCE_MIN"), "QUANTIZE": quantize, "DEQUANTIZE": dequantize,
    "CAST": cast, "ADD": _binary("ADD", "AddOptions"), "SUB": _binary("SUB", "SubOptions"), "MUL": _binary("MUL", "MulOptions"),
    "DIV": _binary("DIV", "DivOptions"), "MAXIMUM": _binary("MAXIMUM", "MaximumMinimumOptions", fused=False),
    "MINIMUM": _binary("MINIMUM", "MaximumMinimumOptions", fused=False), "ABS": _unary("ABS"), "NEG": _unary("NEG", "NegOptions"),
    "SQRT": _unary("SQRT"), "SQUARE": _unary("SQUARE", "SquareOptions"), "FLOOR": _unary("FLOOR"), "CEIL": _unary("CEIL"),
    "RELU": _unary("RELU"), "RELU6": _unary("RELU6"),
}


def test_every_operator_on_the_host_has_a_case():
    assert CASES.keys() == HOSTED.keys()


def _samples(drawn, operator):
    chance = np.random.default_rng(drawn.integer(0, 1 << 16))
    for _ in range(SAMPLES):
        if drawn.kind == "float32":
            values = (chance.normal(size=drawn.shape) * chance.choice([1, 10, 1000])).astype(np.float32)
            # Halves, equal values and exact quotients are where implementations differ.
            values = np.where(chance.integers(0, 2, drawn.shape) == 1, np.round(values * 2) / 2, values).astype(np.float32)
            values += np.float32(0)  # no -0: which of two zeros a minimum keeps depends on the order
            yield np.abs(values) if operator == "SQRT" else values
        else:
            low, high = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "int32": (-1 << 30, 1 << 30)}[drawn.kind]
            yield (chance.integers(low, high + 1, drawn.shape) // chance.choice([1, 40])).astype(drawn.kind)


@pytest.mark.parametrize("operator", CASES)
def test_operator_equals_the_engines(operator):
    compared = {"tflm": 0, "litert": 0}

    @settings(max_examples=10, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.data())
    def run(data):
        drawn = CASES[operator](data.draw)
        content = drawn.maker.bytes(drawn.x, *drawn.outputs)
        model = read_model(content)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "one.tflite"
            path.write_bytes(content)
            engines = {}
            for name, engine in (("tflm", Tflm), ("litert", LitertReference)):
                try:
                    engines[name] = engine(path)
                except (RuntimeError, SystemError, ValueError):
                    continue
            repeated = len([index for index in model.operators[0].inputs if model.tensors[index].data is None])
            for sample in _samples(drawn, operator):
                for name, engine in list(engines.items()):
                    try:
                        ours = HOSTED[operator](Call(model, model.operators[0], name))([sample] * repeated)
                    except Unsupported:
                        assert (operator, name) == ("SPACE_TO_BATCH_ND", "tflm")  # it may fill with anything
                        del engines[name]
                        continue
                    try:
                        results = engine.run(sample)
                    except RuntimeError:  # a type that it has no kernel for shows only now
                        del engines[name]
                        continue
                    for mine, theirs in zip(ours, results, strict=True):
                        assert mine.dtype == theirs.dtype and mine.size == theirs.size
                        assert mine.tobytes() == theirs.tobytes(), f"{name}: {mine} is not {theirs}"
                        compared[name] += mine.size
                assert engines, "no engine runs this"

    run()
    assert sum(compared.values()) > 0, compared

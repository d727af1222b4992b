"""Sums, differences and products of quantised ONNX tensors, and the limits of a fused Relu or Clip. Formulas: onnxruntime's CPU kernels."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weft.gen.frontend.ends import quantise
from weft.gen.frontend.fit import HELD, fit_binary, fit_product, fit_unary
from weft.gen.frontend.mlas import add_table, difference_table, multiply_table
from weft.gen.frontend.onnx_file import OnnxNode
from weft.gen.frontend.onnx_qdq import LIMITED
from weft.gen.frontend.refusal import require
from weft.gen.graph import Add, Multiply, Rescale, Scale, Table, Tensor

if TYPE_CHECKING:
    from weft.gen.frontend.onnx import OnnxContext

Grid = tuple[float, int, bool]  # as `OnnxContext.grid` gives it


def limits(node: OnnxNode, tensor: Tensor) -> tuple[int, int]:
    """Clamp limits of a fused Relu or Clip, quantised as the result is."""
    low, high = node.attributes.get(LIMITED, (-np.inf, np.inf))
    bounds = quantise(np.array([low, high]), tensor.scale, tensor.zero_point, "half_even")
    require(low <= high, f"limits {low:g} .. {high:g} are empty")
    return int(bounds[0]), int(bounds[1])


class Operands(NamedTuple):
    """Of an operator on two tensors: names, grids, the result's grid, and which of the two is the only activation (None: both are)."""

    names: list[str]
    grids: list[Grid]
    y_grid: Grid
    only: int | None

    @classmethod
    def of(cls, context: "OnnxContext", node: OnnxNode) -> "Operands":
        names = [node.inputs[0], node.inputs[3]]
        grids, y_grid = [context.grid(*node.inputs[1:3]), context.grid(*node.inputs[4:6])], context.grid(*node.inputs[6:8])
        constants = [name in context.constants for name in names]
        require(not all(constants), "both operands are constants")
        return cls(names, grids, y_grid, constants.index(False) if any(constants) else None)

    def read(self, context: "OnnxContext") -> list[Tensor]:
        """Both activations."""
        return [context.read(name, grid) for name, grid in zip(self.names, self.grids, strict=True)]

    def same_shape(self, context: "OnnxContext") -> tuple[int, ...]:
        """The shape of both. Refuses different ones."""
        left, right = (context.value(name).shape for name in self.names)
        require(left == right, f"shapes {list(left)} and {list(right)} differ")
        return left


def qlinear_add(context: "OnnxContext", node: OnnxNode) -> None:
    operands = Operands.of(context, node)
    if operands.only is not None:
        _add_constant(context, node, operands.only, operands.grids, operands.y_grid)
        return
    shape = operands.same_shape(context)
    left, right = operands.read(context)
    y = context.write(node, shape, operands.y_grid)
    wanted = add_table(left, HELD[:, None], right, HELD, y)
    scale_a, scale_b, scale, wrong = fit_binary(wanted, left.scale / y.scale, right.scale / y.scale)
    _note_pairs(context, node, wrong, "sum")
    context.builder.node(Add(node.name, node.operator, (left.name, right.name), y.name, scale_a, scale_b, scale, 0, *limits(node, y)))


def subtract(context: "OnnxContext", node: OnnxNode) -> None:
    """The difference of two dequantised activations, or of one and a constant, in float32."""
    operands = Operands.of(context, node)
    names, grids, y_grid, position = operands
    if position is not None:
        x, shape = context.read(names[position], grids[position]), context.value(names[position]).shape
        values = _channel_constant(context, names[1 - position], shape)[:, None]
        constant = Tensor(names[1 - position], (1, 1, values.size), *grids[1 - position])
        y = context.write(node, shape, y_grid)
        wanted = difference_table(constant, values, x, HELD, y) if position else difference_table(x, HELD, constant, values, y)
        fit = fit_unary(wanted if not position else wanted[:, ::-1], x.scale / y.scale)
        first = fit.first if not position else Scale(multiplier=-int(fit.first.multiplier), pre=1)  # -(x + 1) mirrors -128 .. 127
        context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, first, fit.second, 0, *limits(node, y)))
        return
    shape = operands.same_shape(context)
    a, b = operands.read(context)
    y = context.write(node, shape, y_grid)
    wanted = difference_table(a, HELD[:, None], b, HELD, y)
    # As a sum with the second operand's mirror image.
    scale_a, scale_b, scale, wrong = fit_binary(wanted[:, ::-1], a.scale / y.scale, b.scale / y.scale)
    mirrored = Scale(multiplier=-int(scale_b.multiplier), pre=1)
    _note_pairs(context, node, wrong, "subtraction")
    context.builder.node(Add(node.name, node.operator, (a.name, b.name), y.name, scale_a, mirrored, scale, 0, *limits(node, y)))


def qlinear_mul(context: "OnnxContext", node: OnnxNode) -> None:
    """The product less zero points is exact in int32; then a rescaling by (a scale * b scale) / y scale in float32."""
    operands = Operands.of(context, node)
    names, grids, y_grid, position = operands
    real = np.float32(grids[0][0]) * np.float32(grids[1][0]) / np.float32(y_grid[0])
    if position is not None:
        x, shape = context.read(names[position], grids[position]), context.value(names[position]).shape
        factors = _channel_constant(context, names[1 - position], shape) - grids[1 - position][1]
        products = (HELD - x.zero_point) * factors[:, None]
        y = context.write(node, shape, y_grid)
        if factors.size == 1:
            table = np.clip(multiply_table(products[0], real, y), *limits(node, y)).astype(np.int8)
            context.builder.node(Table(node.name, node.operator, (x.name,), y.name, table))
            return
        scale, zero_point, wrong = fit_product(multiply_table(products, real, y), products, real, y.zero_point)
        _note_product(context, node, wrong, products.size, "inputs of all channels")
        first = Scale(multiplier=factors.astype(np.int32), pre=-x.zero_point)
        context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, first, scale, zero_point, *limits(node, y)))
        return
    shapes = [context.value(name).shape for name in names]
    a, b = operands.read(context)
    if np.prod(a.shape) < np.prod(b.shape):
        (a, b), shapes = (b, a), shapes[::-1]
    require(b.shape in (a.shape, (1, 1, 1), (1, 1, a.shape[2])) and len(shapes[1]) <= len(shapes[0]),
            f"shape {list(shapes[1])} is neither {list(shapes[0])} nor one number, nor one for each channel")
    y = context.write(node, shapes[0], y_grid)
    products = (HELD - a.zero_point)[:, None] * (HELD - b.zero_point)
    scale, zero_point, wrong = fit_product(multiply_table(products, real, y), products, real, y.zero_point)
    _note_product(context, node, wrong, 1 << 16, "pairs of operands")
    context.builder.node(Multiply(node.name, node.operator, (a.name, b.name), y.name, scale, zero_point, *limits(node, y)))


def _note_pairs(context: "OnnxContext", node: OnnxNode, wrong: int, what: str) -> None:
    context.builder.notes.append(f"{node.name}: equal to onnxruntime's float32 {what} for all 65,536 pairs" if not wrong else
                                 f"{node.name}: {wrong} of 65,536 pairs of operands differ by 1 from onnxruntime's float32 {what}")


def _note_product(context: "OnnxContext", node: OnnxNode, wrong: int, count: int, what: str) -> None:
    context.builder.notes.append(f"{node.name}: {wrong} of {count:,} {what} differ by 1 from onnxruntime's float32 product" if wrong else
                                 f"{node.name}: equal to onnxruntime's float32 product for all {count:,} {what}")


def _channel_constant(context: "OnnxContext", name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Held values of a constant that is one number, or one for each channel of `shape`."""
    data = context.constants[name]
    require(data.dtype in (np.int8, np.uint8), f"constant {name!r} is {data.dtype}, not int8 or uint8")
    axis = 1 if len(shape) >= 3 else len(shape) - 1
    wide = (1,) * (len(shape) - data.ndim) + data.shape
    require(len(wide) == len(shape) and wide[axis] in (1, shape[axis]) and data.size == wide[axis],
            f"constant of shape {list(data.shape)} is neither one number nor one for each channel of {list(shape)}")
    values: np.ndarray = data.reshape(-1).astype(np.int64) - 128 * (data.dtype == np.uint8)
    return values


def _add_constant(context: "OnnxContext", node: OnnxNode, position: int, grids: list[Grid], y_grid: Grid) -> None:
    """A constant for each channel becomes an offset of a rescaling. `position`: which operand is the activation."""
    name, other = node.inputs[3 * position], node.inputs[3 - 3 * position]
    x = context.read(name, grids[position])
    shape = context.value(name).shape
    axis = 1 if len(shape) >= 3 else len(shape) - 1
    values = _channel_constant(context, other, shape)[:, None]
    constant = Tensor(other, (1, 1, values.size), *grids[1 - position])
    y = context.write(node, shape, y_grid)
    # Only operand A that is not broadcast stays the outer one: see `add_table`.
    broadcast = values.size == 1 or int(np.prod(shape[axis + 1:])) > 1
    outer_first = position == 0 or broadcast
    wanted = add_table(x, HELD, constant, values, y) if outer_first else add_table(constant, values, x, HELD, y)
    fit = fit_unary(wanted, x.scale / y.scale)
    context.builder.notes.append(f"{node.name}: equal to onnxruntime's float32 sum for all 256 inputs of every channel")
    context.builder.node(Rescale(node.name, node.operator, (x.name,), y.name, fit.first, fit.second, 0, *limits(node, y)))

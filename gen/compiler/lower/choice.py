"""Which instructions a convolution becomes."""

from collections.abc import Iterator

from weft.gen.compiler.lower.context import Band, Context
from weft.gen.compiler.lower.convolution import ConvLowering, Epilogue
from weft.gen.compiler.lower.depthwise import DepthwiseLowering, Filter
from weft.gen.compiler.lower.narrow import NarrowLowering, Runs
from weft.gen.compiler.lower.packed import PackedLowering
from weft.gen.compiler.lower.steps import Step
from weft.gen.graph import Conv


def _lowering(context: Context, node: Conv, band: Band, epilogue: Epilogue | None) -> ConvLowering:
    plan = Filter.of(node, band.inputs[0].tensor, band.output.tensor, context.emitter.config)
    if plan:
        return DepthwiseLowering(context, node, band, epilogue, plan)
    if band.packed is not None:
        return PackedLowering(context, node, band, epilogue, band.packed)
    if epilogue is None and band.alone and (runs := Runs.of(context, node, band)):
        return NarrowLowering(context, node, band, runs)
    return ConvLowering(context, node, band, epilogue)


def lower_conv(context: Context, node: Conv, band: Band, epilogue: Epilogue | None = None) -> Iterator[Step]:
    """Steps of one band of a convolution; `epilogue` emits what follows each finished tile of an output group."""
    lowering = _lowering(context, node, band, epilogue)
    context.tiles[node.output].append((lowering.tiles[0].rows, lowering.tiles[0].columns))
    yield from lowering.steps()

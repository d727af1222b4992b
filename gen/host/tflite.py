"""A .tflite file in stages."""

import dataclasses

from weft.gen.errors import WeftError
from weft.gen.frontend.refusal import Unsupported
from weft.gen.frontend.tflite import ENGINES, LAYOUT, arithmetic, checked_model, convert, legacy_notes
from weft.gen.frontend.tflite_file import FileModel
from weft.gen.host.partition import Group, Operator
from weft.gen.host.split import Cutter
from weft.gen.host.stages import AcceleratorStage, HostStage, SplitNetwork
from weft.gen.host.tflite_floats import FLOATS
from weft.gen.host.tflite_moves import MOVES
from weft.gen.host.tflite_parts import Call
from weft.gen.host.tflite_picks import PICKS


def split_tflite(data: bytes, path: str, rounding: str) -> SplitNetwork:
    """Stages of a .tflite file's bytes. Raises `WeftError` for what neither the accelerator nor the host can do exactly."""
    model = checked_model(data, path)
    if len(model.inputs) != 1 or not model.outputs:
        raise WeftError(f"network with {len(model.inputs)} inputs and {len(model.outputs)} outputs", where=path,
                        why="weft runs networks of one input and one output or more", fix="export it with a single input")
    rounding = arithmetic(model, rounding)
    place = {tensor.name: index for index, tensor in enumerate(model.tensors)}
    operators = [Operator(operator.name, _names(model, operator.inputs), _names(model, operator.outputs)) for operator in model.operators]
    source, outputs = model.tensors[model.inputs[0]], _names(model, model.outputs)

    def accelerator(group: Group) -> AcceleratorStage:
        part = dataclasses.replace(model, operators=tuple(model.operators[index] for index in group.operators),
                                   inputs=tuple(place[name] for name in group.inputs), outputs=tuple(place[name] for name in group.outputs))
        graph, entries = convert(part, path, rounding)
        return AcceleratorStage(graph, entries, group.outputs)

    def host(index: int, why: str) -> HostStage:
        operator = model.operators[index]
        if operator.operator not in HOSTED:
            raise Unsupported(f"{operator.operator} is not among {', '.join(sorted(HOSTED))}")
        compute = HOSTED[operator.operator](Call(model, operator, rounding))
        return HostStage(operator.name, operator.operator, operators[index].inputs, operators[index].outputs, why, compute)

    stages = Cutter(operators, outputs, accelerator, host).stages()
    name = path.rsplit("/", 1)[-1].removesuffix(".tflite")
    return SplitNetwork(name, ENGINES[rounding], LAYOUT, stages, source.name, source.type, source.shape, outputs,
                        tuple(legacy_notes(model)))


def _names(model: FileModel, indices: tuple[int, ...]) -> tuple[str, ...]:
    """Tensors that are no constants."""
    return tuple(model.tensors[index].name for index in indices if index >= 0 and model.tensors[index].data is None)


HOSTED = {**MOVES, **PICKS, **FLOATS}

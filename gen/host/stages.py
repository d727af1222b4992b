"""A network in stages, each for the accelerator or for the host. Between them whole tensors lie in memory as the file has them."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from weft.gen.frontend.ends import Entry, decode_output, hold, input_of
from weft.gen.graph import Graph

Values = dict[str, np.ndarray]  # by the file's tensor names: types and shapes of the file, batch included


@dataclasses.dataclass(frozen=True, eq=False)
class AcceleratorStage:
    """A part of the network that runs on the accelerator as one program. `inputs` and `outputs` are tensors of the file; several inputs
    enter as one, packed in the order of `inputs`."""

    graph: Graph
    inputs: tuple[Entry, ...]
    outputs: tuple[str, ...]

    def encode(self, values: Values) -> np.ndarray:
        """The graph's input, held int8 (H, W, C)."""
        held = [hold(values[entry.name], entry) for entry in self.inputs]
        return held[0] if len(held) == 1 else np.concatenate([tensor.reshape(-1) for tensor in held]).reshape(1, 1, -1)

    def decode(self, tensors: Sequence[np.ndarray]) -> Values:
        """The file's tensors for the graph's outputs."""
        return {name: decode_output(self.graph, index, tensors[index]) for index, name in enumerate(self.outputs)}


@dataclasses.dataclass(frozen=True, eq=False)
class HostStage:
    """One operator on the host. `compute` takes and gives arrays of the file's types and shapes; `why`: what keeps it off the
    accelerator."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    why: str
    compute: Callable[[list[np.ndarray]], list[np.ndarray]]

    def run(self, values: Values) -> float:
        """Add the results to `values`; the seconds that it took."""
        begin = time.perf_counter()
        results = self.compute([values[name] for name in self.inputs])
        seconds = time.perf_counter() - begin
        values.update(zip(self.outputs, results, strict=True))
        return seconds


Stage = AcceleratorStage | HostStage


@dataclasses.dataclass(frozen=True, eq=False)
class SplitNetwork:
    """Stages in execution order. `kind` and `shape` are the input's type and shape in the file, `layout` as in `Graph`."""

    name: str
    engine: str
    layout: str
    stages: tuple[Stage, ...]
    input: str
    kind: str
    shape: tuple[int, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, graph: Graph) -> "SplitNetwork":
        """A network that is one part."""
        entry = input_of(graph)
        kind = "float32" if graph.input_float else "uint8" if entry.tensor.unsigned else "int8"
        return cls(graph.name, graph.engine, graph.layout, (AcceleratorStage(graph, (entry,), graph.outputs),), entry.name, kind,
                   entry.shape, graph.outputs, graph.notes)

    @property
    def on_host(self) -> tuple[HostStage, ...]:
        return tuple(stage for stage in self.stages if isinstance(stage, HostStage))

    @property
    def parts(self) -> tuple[AcceleratorStage, ...]:
        return tuple(stage for stage in self.stages if isinstance(stage, AcceleratorStage))

    def cut(self, part: AcceleratorStage) -> tuple[int, int]:
        """Bytes of a part's inputs and outputs that are not the network's own: what is moved because the network is split."""
        read = sum(math.prod(entry.shape) for entry in part.inputs if entry.name != self.input)
        return read, sum(math.prod(shape) for name, shape in zip(part.outputs, part.graph.output_shapes, strict=True)
                         if name not in self.outputs)

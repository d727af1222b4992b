"""Builds the report, a plain dictionary, from what a simulation measured.

Totals come from the hardware's counters; the split over layers comes from the profile (cycles) and from the program
(bytes). Nothing is estimated, but for what is called so.
"""

import dataclasses
from typing import Any

import numpy as np

from weft.gen.compiler.estimate import layer_ends
from weft.gen.compiler.network import CompiledNetwork
from weft.gen.graph import Conv, Graph
from weft.gen.isa import State, Unit
from weft.sim.execute import DramTiming, SampleResult
from weft.sim.profile import Profile, workers
from weft.sim.traffic import layer_traffic

COLUMNS = 400  # points of a curve over time
MATRIX = Unit.MATRIX.name.lower()


def performance(network: CompiledNetwork, results: list[SampleResult], timing: DramTiming) -> dict[str, Any]:
    """Everything about speed: headline figures, layers, timeline, counters. `results[0]` has the profile."""
    config, first = network.config, results[0]
    assert first.profile is not None
    cycles = sorted(result.cycles for result in results)
    median = cycles[len(cycles) // 2]
    line, (read, write) = config.line_bytes, _beats(network, first)
    seconds = sum(result.seconds for result in results)
    return {
        "cycles_per_inference": median,
        "cycles_range": [cycles[0], cycles[-1]],
        "macs": network.macs,
        "macs_per_cycle": config.macs_per_cycle,
        "utilization": network.macs / (median * config.macs_per_cycle),
        "dram_bytes": {"read": read * line, "write": write * line},
        "dram_over_least": (read + write) * line / least_traffic(network.graph),
        "dram": dataclasses.asdict(timing),
        "dram_bandwidth": min(timing.bytes_per_cycle, line),
        "simulation": {"cycles_per_second": round(sum(cycles) / seconds) if seconds else 0, "model_seconds": round(seconds, 3)},
        "units": first.profile.unit_states(),
        "counters": first.counters,
        "layers": _layers(network, first.profile, first.cycles),
        "timeline": _timeline(first.profile),
        "memory_map": _memory_map(network),
        "program": {"instructions": len(network.program), "bytes": network.program_bytes, "constant_bytes": len(network.constants)},
    }


def least_traffic(graph: Graph) -> int:
    """Bytes that no machine can save: every weight once, input and output, a byte each."""
    return int(weights(graph) + np.prod(graph.input_shape) + sum(np.prod(shape) for shape in graph.output_shapes))


def weights(graph: Graph) -> int:
    """How many there are."""
    return sum(node.weights.size for node in graph.nodes if isinstance(node, Conv))


def _beats(network: CompiledNetwork, result: SampleResult) -> tuple[int, int]:
    """Data beats of one inference, read and written; without counters, counted from the program."""
    if result.counters:
        return result.counters["DRAM_READ_BEATS"], result.counters["DRAM_WRITE_BEATS"]
    moved = layer_traffic(network.program, [0] * len(network.program), 1, network.config)[0]
    line = network.config.line_bytes
    return (moved.dram_read + network.program_bytes) // line, moved.dram_write // line


def _layers(network: CompiledNetwork, profile: Profile, cycles: int) -> list[dict[str, Any]]:
    """Every cycle belongs to one layer, see `layer_ends`, so cycles add up to the whole inference."""
    count = len(network.layers)
    owner = np.asarray(network.layer_of_pc)
    states = profile.layer_states(owner, count)
    working = workers(network.program, network.layer_of_pc)
    spans = profile.layer_spans(working, count)
    # The profile begins with the register write that starts the run, the counter with what the write causes.
    spans = np.where(spans >= 0, np.maximum(0, spans - (profile.cycles - cycles)), -1)
    traffic = layer_traffic(network.program, network.layer_of_pc, count, network.config)
    rows, begin = [], 0
    for index, (layer, end) in enumerate(zip(network.layers, layer_ends(spans, cycles), strict=True)):
        matrix = states[index, Unit.MATRIX]
        rows.append({
            "name": layer.name, "op": layer.op, "source": layer.source, "shape": list(layer.shape), "tile": layer.tile,
            "macs": layer.macs, "cycles": end - begin, "estimated_cycles": layer.estimated_cycles, "end": end,
            "utilization": layer.macs / ((end - begin) * network.config.macs_per_cycle) if end > begin else 0.0,
            "matrix": {state.name.lower(): int(matrix[state]) for state in State if matrix[state]},
            "vector": {state.name.lower(): int(states[index, Unit.VECTOR, state]) for state in State if states[index, Unit.VECTOR, state]},
            "stall": _main_stall(matrix, end - begin) if layer.macs else "",
            "active": {unit.name.lower(): active for unit in Unit
                       if (active := profile.intervals(working == index, unit, profile.cycles // COLUMNS))},
            "bytes": dataclasses.asdict(traffic[index])})
        begin = end
    return rows


def _main_stall(matrix: np.ndarray, cycles: int) -> str:
    """What kept the matrix unit from working most, "" if that was less than 2 % of the layer."""
    lost = {state.name.lower(): int(matrix[state]) for state in State if state not in (State.RUN, State.IDLE)}
    lost["idle"] = max(0, cycles - int(matrix.sum()))
    cause = max(lost, key=lambda name: lost[name])
    return cause if lost[cause] * 50 >= cycles > 0 else ""


def _timeline(profile: Profile) -> dict[str, Any]:
    """Cycles of every unit and state in COLUMNS steps of time or fewer; states that never occur are left out."""
    group = -(-len(profile.samples) // COLUMNS)
    padded = np.zeros((-(-len(profile.samples) // group) * group, *profile.samples.shape[1:]), np.int64)
    padded[:len(profile.samples)] = profile.samples
    merged = padded.reshape(-1, group, *profile.samples.shape[1:]).sum(axis=1)
    return {"step": profile.sample_width * group, "cycles": profile.cycles, "units": {
        unit.name.lower(): {state.name.lower(): merged[:, unit, state].tolist() for state in State if merged[:, unit, state].any()}
        for unit in Unit}}


def _memory_map(network: CompiledNetwork) -> dict[str, Any]:
    first, lines = network.ring
    return {"lines": network.config.scratchpad_lines, "line_bytes": network.config.line_bytes, "ring": [first, lines],
            "spilled": list(network.spilled),
            "buffers": [{"first_layer": start, "last_layer": end, "tensor": name, "line": line, "lines": size}
                        for start, end, name, line, size in network.memory_map]}

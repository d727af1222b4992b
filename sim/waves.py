"""Waveforms of a chosen part of a run, with a viewer session that groups the signals by unit."""

import dataclasses
import re
from pathlib import Path

from weft.gen.compiler.network import CompiledNetwork
from weft.gen.errors import WeftError, nearest
from weft.gen.isa import State, Unit
from weft.sim.execute import DramTiming, Executor
from weft.sim.output import WAVES
from weft.sim.profile import Profile, workers

MARGIN = 16  # cycles shown before and after what was asked for
VCD, SESSION, STATES = WAVES
AXI = {"read": ("araddr", "arlen", "arvalid", "arready", "rdata", "rlast", "rresp", "rvalid", "rready"),
       "write": ("awaddr", "awlen", "awvalid", "awready", "wdata", "wlast", "wvalid", "wready", "bresp", "bvalid", "bready")}


@dataclasses.dataclass(frozen=True)
class Request:
    """Cycles first .. last of the run, or the layer of that number."""

    first: int = 0
    last: int = 0
    layer: int | None = None

    @classmethod
    def parse(cls, text: str, network: CompiledNetwork) -> "Request":
        """``1000:2000`` (cycles from START) or the name or number (from 1) of a layer. Raises `WeftError`."""
        if match := re.fullmatch(r"(\d+):(\d+)", text):
            first, last = int(match[1]), int(match[2])
            if last < first:
                raise WeftError(f"--waves {text}", where="--waves", why="the window ends before it begins", fix=f"use {last}:{first}")
            return cls(first, last)
        names = [layer.name for layer in network.layers]
        if text.isdecimal() and 1 <= int(text) <= len(names):
            return cls(layer=int(text) - 1)
        if text in names:
            return cls(layer=names.index(text))
        raise WeftError(f"--waves {text}", where="--waves", why=f"neither cycles such as 1000:2000 nor one of the {len(names)} layers",
                        fix=nearest(text, names) if not text.isdecimal() else f"use a layer from 1 to {len(names)}")

    def cycles(self, network: CompiledNetwork, profile: Profile) -> tuple[int, int]:
        """First and last cycle, from the profile of an earlier run of the same sample."""
        if self.layer is None:
            if self.first >= profile.cycles:
                raise WeftError(f"--waves {self.first}:{self.last}", where="--waves", why=f"the run ends after {profile.cycles} cycles",
                                fix=f"use a window inside 0:{profile.cycles}")
            return self.first, self.last
        spans = profile.layer_spans(workers(network.program, network.layer_of_pc), len(network.layers))[self.layer]
        seen = spans[spans[:, 1] >= 0]
        if not len(seen):
            raise WeftError(f"--waves {network.layers[self.layer].name}", where="--waves", why="no unit works for this layer",
                            fix="choose another layer, or cycles such as 1000:2000")
        return max(0, int(seen[:, 0].min()) - MARGIN), int(seen[:, 1].max()) + MARGIN


def record(network: CompiledNetwork, packed: bytes, timing: DramTiming, request: Request, profile: Profile | None, folder: Path) -> None:
    """Repeat the run of one sample and write its waveform, `waves.vcd`, with the GTKWave session `waves.gtkw` to `folder`."""
    assert profile is not None
    executor = Executor(network, timing, trace=True, check=False)
    first, last = request.cycles(network, profile)
    executor.device.on_start = lambda start: executor.simulator.trace(folder / VCD, start + first, start + last)
    try:
        executor.run(0, packed)
    finally:
        executor.simulator.end_trace()
        executor.simulator.close()
    (folder / STATES).write_text("".join(f"{state.value:X} {state.name}\n" for state in State))
    (folder / SESSION).write_text(session(network.config.axi.data_bits, network.config.axi.address_bits))


def session(data_bits: int, address_bits: int) -> str:
    """A GTKWave save file: clock, then unit states by name, the bus, the registers."""
    widths = {"rdata": data_bits, "wdata": data_bits, "araddr": address_bits, "awaddr": address_bits, "arlen": 8, "awlen": 8,
              "rresp": 2, "bresp": 2}
    lines = [f'[dumpfile] "{VCD}"', "[timestart] 0", "@28", "TOP.npu.clk", "TOP.npu.irq"]
    for unit in (unit.name.lower() for unit in Unit):
        # Flags: 2000 translates values through the file above it, 22 shows hexadecimal, 24 decimal, 28 bits, 200 is a heading.
        lines += ["@200", f"-{unit}", "@2022", f"^1 {STATES}", f"TOP.npu.trace_{unit}_state[3:0]", "@24", f"TOP.npu.trace_{unit}_pc[19:0]"]
    for direction, names in AXI.items():
        lines += ["@200", f"-AXI {direction}", "@22"]
        lines += [f"TOP.npu.m_axi_{name}" + (f"[{widths[name] - 1}:0]" if name in widths else "") for name in names]
    return "\n".join(lines) + "\n"

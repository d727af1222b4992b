"""nextpnr and the packer: from cells to a bitstream."""

import json
from collections.abc import Callable
from pathlib import Path

from weft.fpga.flow import delays, floorplan
from weft.fpga.flow.design import NAME
from weft.fpga.flow.family import Family
from weft.fpga.flow.steps import Done, Steps

REPORT, LOG, SDF = "nextpnr.json", f"{NAME}.tim", "delays.sdf"
# Timing is judged from the report, so that a slow result can be shown.
OPTIONS = ("--timing-allow-fail",)
PHASES = {"Info: Packing": "packing", "Info: Running main analytical": "placing", "Info: Running Static placer": "placing",
          "Info: Running simulated": "refining", "Info: Routing": "routing", "Info: Critical path": "analysing"}


def place(steps: Steps, family: Family, command: list[str], netlist: Path, constraints: str, seed: int, fixed: dict[str, str],
          tell: Callable[[str], None] = lambda text: None) -> Done:
    """Place and route. `command` is the design's; `fixed`: cell -> block that it gets (`weft.fpga.flow.floorplan`); `tell` gets
    the phase. Raises `ToolFailure`."""
    tool = family.placer
    given = [argument for argument in command[1:] if argument != "--quiet"]
    arguments = [*given, *OPTIONS, *family.placing, "--seed", str(seed), "--report", REPORT, *(("--sdf", SDF) if family.judged else ())]

    def line(text: str) -> None:
        for begin, phase in PHASES.items():
            if text.startswith(begin):
                tell(phase)

    def run(folder: Path) -> None:
        floorplan.apply(folder / f"{NAME}.json", fixed)
        tool.run(arguments, folder, line)
        if family.judged:
            delays.judge(folder / REPORT, folder / SDF, folder / f"{NAME}.{family.routed}")
            (folder / SDF).unlink()

    return steps.make("placement", {f"{NAME}.json": netlist, f"{NAME}.{family.constraints}": constraints},
                      (f"{NAME}.{family.routed}", REPORT, LOG), run, tool.version, json.dumps(fixed), *arguments)


def pack(steps: Steps, family: Family, command: list[str], routed: Path) -> Done:
    """Write the bitstream. `command` is the design's."""
    tool = family.packer
    return steps.make("bitstream", {f"{NAME}.{family.routed}": routed}, (f"{NAME}.{family.suffix}",),
                      lambda folder: tool.run(command[1:], folder), tool.version, *command[1:])

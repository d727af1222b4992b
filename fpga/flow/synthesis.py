"""Yosys: from Verilog to the cells of an FPGA."""

from collections.abc import Callable
from pathlib import Path

from weft.fpga.boards.device import Device
from weft.fpga.flow.design import NAME
from weft.fpga.flow.family import Family
from weft.fpga.flow.steps import Done, Steps
from weft.fpga.flow.tools import YOSYS
from weft.hdl.replica import ATTRIBUTE

NETLIST, VERILOG, MEMORIES, EMULATION, LOG = f"{NAME}.json", f"{NAME}_netlist.v", "memories.txt", "emulation.txt", "yosys.log"
RESULTS = (NETLIST, VERILOG, MEMORIES, EMULATION, LOG)

# Flattened, because only so logic is shared and moved across borders; `-scopename` keeps the instance that each register comes
# from. Memories are mapped with debug messages on, which say what Yosys adds around a block (`weft.fpga.flow.memories`), and the
# cells that it adds for collisions are listed too, before later passes take them apart. Registers that are copies of each other on purpose
# (`weft.hdl.replica`) would be merged; `keep` on the cell forbids that and nothing else.
SCRIPT = """read_verilog {name}.v
{synth} -top {name} -run begin:{flatten}
proc
select -set copies a:{replica} %ci1 t:$dff t:$dffe t:$sdff t:$sdffe %u %u %u %i
setattr -set keep 1 @copies
select -clear
flatten -scopename
{synth} -top {name} -run {flatten}:map_ram
tee -q -o {memories} debug {synth} -top {name} -run map_ram:map_ffram
tee -q -o {emulation} select -list {name}/c:*emulate_transparency* {name}/c:*emulate_read_first*
{synth} -top {name} -run map_ffram:
write_json {netlist}
write_verilog -noattr {verilog}
"""


def script(family: Family, device: Device, text: str) -> str:
    """Yosys' commands for the Verilog `text`.

    `synth_ice40 -dsp` treats every SB_MAC16 as one that it made itself, and resets the parameters of an instance (Yosys 0.70): where a
    technology has put blocks, products that are left are made of LUTs.
    """
    synth = device.synth + (family.inference if device.blocks["DSP"] and f" {family.multiplier} #(" not in text else "")
    return SCRIPT.format(name=NAME, synth=synth, flatten=family.flatten, replica=ATTRIBUTE, memories=MEMORIES, emulation=EMULATION,
                         netlist=NETLIST, verilog=VERILOG)


def synthesise(steps: Steps, family: Family, device: Device, verilog: Path, tell: Callable[[str], None] = lambda text: None) -> Done:
    """Map `verilog`, whose top is `NAME`, to cells of `device`. `tell` gets the pass that runs."""
    def run(folder: Path) -> None:
        YOSYS.run(["-l", LOG, "synthesis.ys"], folder, lambda text: tell(text) if "Executing" in text else None)

    commands = script(family, device, verilog.read_text())
    return steps.make("synthesis", {f"{NAME}.v": verilog, "synthesis.ys": commands}, RESULTS, run, YOSYS.version)

"""`make bench`: what the matrix array takes on an ECP5 and how fast it is; rewrites docs/array.md, with other arrays' figures beside.

The block alone. LUTs and registers are those of synthesis out of context; the clock is nextpnr's for the block between a shift
register that feeds every input and a tree of registers that every output runs into, neither of which is counted.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Component, In, Out
from rich.console import Console

from weft.fpga.flow.family import ECP5
from weft.fpga.flow.tools import YOSYS
from weft.fpga.peers import PEERS, Figures
from weft.fpga.technology.ecp5 import Ecp5
from weft.gen.config import Config
from weft.gen.verilog import convert
from weft.hdl.matrix.array import SystolicArray
from weft.hdl.matrix.output_array import OutputArray
from weft.hdl.matrix.skew import Skew
from weft.sim.docs_page import ROOT, rewrite

TABLE = ROOT / "docs" / "array.md"
CONFIG = ROOT / "configs" / "edge8.toml"
SEEDS = (1, 2, 3)
PLACEMENT = ("--85k", "--package", "CABGA756", "--speed", "6", "--freq", "200", "--timing-allow-fail")
FANIN = 4  # of a register of the tree: one LUT

HEADER = """# The matrix array on an FPGA

Written by `make bench`; do not edit. 8 x 8 int8 multipliers on an LFE5U-85F, speed grade 6: the array and nothing else. A LUT equivalent
is a LUT4; a CCU2C, two LUTs with a carry chain, is two. LUT equivalents and flip-flops are per multiplier, out of context
(`synth_ecp5 -noiopad`, flattened); the clock is nextpnr's with registered pins, 200 MHz asked for, seeds 1, 2, 3. weft's rows are
measured with yosys {yosys} and nextpnr-ecp5 {nextpnr}, the others were measured once in the same way (`fpga/peers.py`).

| array | what it holds | LUT equivalents | flip-flops | DSP blocks | MHz |
|---|---|---:|---:|---:|---:|
"""


class Straight(Skew):
    """Nothing in place of the skew registers."""

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.d.comb += self.o.eq(self.i)
        return m


class Elements(SystolicArray):
    """The processing elements without the registers at the edges."""

    edge = Straight


class Harness(wiring.Component):
    """`block` with a register at every pin: `d` is shifted through its inputs, `q` depends on every output."""

    def __init__(self, block: Component) -> None:
        self._block = block
        super().__init__({"d": In(1), "q": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        m.submodules.block = block = self._block
        members = [(member.flow, value) for _, member, value in block.signature.flatten(block)]
        inputs = Cat(value for flow, value in members if flow is wiring.In)
        outputs = Cat(value for flow, value in members if flow is wiring.Out)
        pins = Signal(len(inputs), reset_less=True)
        m.d.sync += pins.eq(Cat(self.d, pins))
        m.d.comb += inputs.eq(pins)
        level = Signal(len(outputs), reset_less=True, name="held")
        m.d.sync += level.eq(outputs)
        while len(level) > 1:
            groups = [level[start:start + FANIN].xor() for start in range(0, len(level), FANIN)]
            level = Signal(len(groups), reset_less=True, name=f"tree_{len(groups)}")
            m.d.sync += level.eq(Cat(groups))
        m.d.comb += self.q.eq(level)
        return m


def synthesise(component: Component, name: str, folder: Path) -> dict[str, int]:
    """Map to ECP5 cells, as ``<name>.json`` in `folder`. Returns how many there are of each type."""
    (folder / f"{name}.v").write_text(convert(component, name, platform=Ecp5()))
    YOSYS.run(["-q", "-p", f"read_verilog {name}.v; synth_ecp5 -noiopad -top {name} -json {name}.json; tee -q -o {name}.stat stat -json"],
              folder)
    cells: dict[str, int] = json.loads((folder / f"{name}.stat").read_text())["design"]["num_cells_by_type"]
    return cells


def clock(name: str, seed: int, folder: Path) -> float:
    """MHz of the synthesised design `name` after place and route."""
    ECP5.placer.run([*PLACEMENT, "--seed", str(seed), "--json", f"{name}.json", "--report", "report.json"], folder)
    (only,) = json.loads((folder / "report.json").read_text())["fmax"].values()
    return float(only["achieved"])


def measure(kind: type[SystolicArray], config: Config, name: str, holds: str, seeds: tuple[int, ...] = SEEDS) -> Figures:
    """Synthesise, place and route an array."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cells = synthesise(kind(config), "array", folder)
        synthesise(Harness(kind(config)), "harness", folder)
        clocks = tuple(clock("harness", seed, folder) for seed in seeds)
    luts, count = cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0), config.macs_per_cycle
    return Figures(name, holds, luts / count, cells["TRELLIS_FF"] / count, cells.get("MULT18X18D", 0), clocks)


def rows() -> list[Figures]:
    """weft's."""
    config = Config.load(CONFIG)
    sums = f"weight-stationary, {config.partial_sum_bits}-bit sums, two weights an element"
    return [measure(SystolicArray, config, "weft (edge8)", f"{sums}; skew"),
            measure(Elements, config, "weft (edge8), elements alone", f"{sums}; no skew"),
            *(measure(OutputArray, other, f"weft (edge8), {text}", f"{text}, {other.partial_sum_bits}-bit sums, two weights an element; "
                      "skew and transposer") for text, other in dataflows(config).items())]


def dataflows(config: Config) -> dict[str, Config]:
    """The same array with the other dataflows."""
    return {name.replace("_", "-").replace("both", "both dataflows"):
            dataclasses.replace(config, array=dataclasses.replace(config.array, dataflow=name)) for name in ("output_stationary", "both")}


def line(row: Figures) -> str:
    clocks = " / ".join(f"{mhz:.0f}" for mhz in row.clocks)
    return f"| {row.name} | {row.holds} | {row.luts:.1f} | {row.registers:.1f} | {row.blocks} | {clocks} |\n"


def main() -> int:
    console = Console(highlight=False)

    def text() -> str:
        page = HEADER.format(yosys=YOSYS.version, nextpnr=ECP5.placer.version)
        page += "".join(line(row) for row in (*rows(), *PEERS))
        console.print(page, soft_wrap=True)
        return page

    return rewrite(TABLE, text, console)


if __name__ == "__main__":
    sys.exit(main())

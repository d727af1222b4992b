"""A small SoC: VexRiscv, ROM, RAM, and weft."""

import contextlib
from pathlib import Path

from litex.build.generic_platform import GenericPlatform, Pins
from litex.soc.integration.soc_core import SoCCore
from migen.genlib.io import CRG
from weft_litex import Weft

NAME = "weft_soc"
REGISTERS = 0x9000_0000  # of weft, in VexRiscv's uncached half
ROM_BYTES, SRAM_BYTES, RAM_BYTES = 0x10000, 0x2000, 0x10000
IO = [("clk", 0, Pins(1)), ("rst", 0, Pins(1))]


class WeftSoC(SoCCore):
    """See the module. `firmware`: words of the ROM; `export`: what `weft verilog` wrote."""

    def __init__(self, platform, export: Path, firmware: list[int]):
        SoCCore.__init__(self, platform, clk_freq=100_000_000, cpu_type="vexriscv", cpu_variant="lite", bus_standard="wishbone",
                         integrated_rom_size=ROM_BYTES, integrated_rom_init=firmware, integrated_sram_size=SRAM_BYTES,
                         integrated_main_ram_size=RAM_BYTES, with_uart=False, with_timer=False, ident="")
        self.crg = CRG(platform.request("clk"), platform.request("rst"))
        self.weft = Weft(platform, export)
        self.weft.connect(self, REGISTERS)


class Platform(GenericPlatform):
    """No board: Verilog and its sources are all that is wanted."""

    def __init__(self):
        GenericPlatform.__init__(self, "", IO, name=NAME)


def write(folder: Path, export: Path, firmware: list[int]) -> list[str]:
    """Write the SoC's Verilog and the contents of its memories to `folder`; all Verilog files."""
    platform = Platform()
    soc = WeftSoC(platform, export, firmware)
    soc.finalize()
    with contextlib.chdir(folder):  # contents of memories go to the working directory
        platform.get_verilog(soc.get_fragment(), name=NAME).write(f"{NAME}.v")
    return [str(folder / f"{NAME}.v"), *(source[0] for source in platform.sources)]

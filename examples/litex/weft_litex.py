"""weft as a LiteX module: registers, memory and interrupt of an exported accelerator, ready for a SoC's bus."""

import json
from pathlib import Path

from litex.gen import ClockSignal, Instance, LiteXModule, ResetSignal
from litex.soc.integration.soc import SoCRegion
from litex.soc.interconnect import axi
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourceLevel

REGISTER_BYTES = 0x1000


class Weft(LiteXModule):
    """The accelerator that `weft verilog` wrote to `export`.

    registers: AXI4-Lite, byte addresses from 0. memory: AXI4, to the SoC's bus. ev: its interrupt, level.
    """

    def __init__(self, platform, export: Path):
        members = json.loads((export / "interface.json").read_text())["interface"]["members"]
        if "m_axi_araddr" not in members:
            raise ValueError(f"{export} is no export with AXI ports: run `weft verilog` without --bus")
        self.registers = axi.AXILiteInterface(data_width=32, address_width=32)  # LiteX's bridges want the bus's width
        self.memory = axi.AXIInterface(data_width=len_of(members, "m_axi_rdata"), address_width=len_of(members, "m_axi_araddr"), id_width=1,
                                       bursting=True)
        self.ev = EventManager()
        self.ev.npu = EventSourceLevel()
        self.ev.finalize()
        ports = {"i_aclk": ClockSignal(), "i_aresetn": ~ResetSignal(), "o_irq": self.ev.npu.trigger}
        for prefix, interface in (("s_axil_", self.registers), ("m_axi_", self.memory)):
            for name, port in members.items():
                if name.startswith(prefix):
                    ports[f"{port['dir'][0]}_{name}"] = signal_of(interface, name.removeprefix(prefix))[:port["width"]]
        self.specials += Instance("weft_npu_axi", **ports)
        for source in (export / "filelist.f").read_text().split():
            platform.add_source(str(export / source))

    def connect(self, soc, origin: int) -> None:
        """Put the registers at bus address `origin`, outside cached regions, and memory and interrupt where they belong.

        `self` must be a submodule of `soc` called ``weft``.
        """
        soc.bus.add_slave("weft", self.registers, SoCRegion(origin=origin, size=REGISTER_BYTES, cached=False))
        soc.bus.add_master("weft", self.memory)
        soc.irq.add("weft", use_loc_if_exists=True)


def len_of(members, name: str) -> int:
    """Width of a port."""
    return members[name]["width"]


def signal_of(interface, name: str):
    """LiteX's signal for a standard AXI name, such as ``awvalid``."""
    channel = next(channel for channel in ("aw", "ar", "w", "r", "b") if name.startswith(channel))
    return getattr(getattr(interface, channel), name.removeprefix(channel))

"""The back ends behind one interface: golden machine, simulated RTL, board; and the netlist for a board."""

import contextlib
from collections.abc import Callable, Iterator

from weft.fpga.boards.board import find
from weft.fpga.link.board import BoardDevice
from weft.fpga.link.port import BAUD, connect
from weft.fpga.netlist import connect_netlist
from weft.gen.compiler.network import CompiledNetwork
from weft.sim.check import GoldenDevice
from weft.sim.device import Device, RtlDevice
from weft.sim.execute import IMAGE, cycle_limit, windows_of
from weft.sim.simulator import Simulator

GOLDEN, RTL, NETLIST = "golden", "rtl", "netlist:"
BOARD_SECONDS, NETLIST_SECONDS = 60.0, 24 * 3600.0  # after which a run counts as hung


@contextlib.contextmanager
def open_device(name: str, network: CompiledNetwork, *, baud: int = BAUD,
                progress: Callable[[str], None] = lambda text: None) -> Iterator[Device]:
    """`network`, loaded on a device: ``golden``, ``rtl``, or the serial port of a board, whose image talks at `baud` after power-up.
    ``netlist:BOARD`` is the simulated netlist of that board's image.

    Raises `WeftError`: for a board that cannot be reached, has another bitstream or too little memory; for missing tools.
    """
    config, windows = network.config, windows_of(network)
    with contextlib.ExitStack() as stack:
        device: Device
        if name == GOLDEN:
            device = GoldenDevice(config, windows)
        elif name == RTL:
            simulator = stack.enter_context(Simulator(config, progress=progress))
            device = RtlDevice(simulator, windows, max_cycles=cycle_limit(network))
        else:
            netlist = name.startswith(NETLIST)
            progress("making contact")
            link = (connect_netlist(find(name.removeprefix(NETLIST), "--device"), config, progress) if netlist
                    else connect(name, baud))
            stack.enter_context(contextlib.closing(link))
            device = BoardDevice(link, config, windows, max_seconds=NETLIST_SECONDS if netlist else BOARD_SECONDS)
            progress(f"loading the network at {link.rate:,} baud")
        device.write_window(IMAGE, network.image)
        yield device

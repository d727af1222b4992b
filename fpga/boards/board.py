"""A board: what its platform in `amaranth_boards` does not say."""

import dataclasses
import importlib
from typing import Any

from weft.fpga.boards.device import DEVICES, Device
from weft.gen.errors import ToolError, WeftError, install, nearest

Pins = tuple[tuple[str, int], ...]  # resources of the platform: (name, number)


@dataclasses.dataclass(frozen=True)
class Board:
    """One board.

    name: as on the command line. title: as its maker calls it.
    platform: module and class in `amaranth_boards`; pins, electrical standards and the clock's frequency come from there.
    mhz: clock of the image if nobody asks for another one. clock_on_pll_pad: the clock's pin is the dedicated input of the PLL.
    uart: resource of the host link. leds: resources, from the lowest; one that has subsignals stands for all of them.
    config: the named configuration that is built for the board; None if none of them fits. memory_kib: main memory of the image.
    connector_uart: rx and tx on a connector, (connector, number, rx, tx), for boards whose platform has no UART; it then is `uart`.
    seed: of placement if nobody gives another one: one with which `config` meets `mhz`.
    note: what a user has to know before the first run.
    """

    name: str
    title: str
    platform: tuple[str, str]
    mhz: float
    memory_kib: int
    config: str | None
    leds: Pins
    uart: tuple[str, int] = ("uart", 0)
    clock_on_pll_pad: bool = False
    connector_uart: tuple[str, int, str, str] | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    seed: int = 1
    note: str = ""

    def platform_class(self) -> Any:
        """The class of the platform. Raises `ToolError` if amaranth-boards is not installed."""
        module, name = self.platform
        try:
            return getattr(importlib.import_module(f"amaranth_boards.{module}"), name)
        except ImportError as error:
            raise ToolError("the package amaranth-boards is missing", where="Python environment", why=f"pins of {self.title} come from it "
                            f"({error})", fix=install("fpga")) from None

    @property
    def device(self) -> Device:
        """The FPGA on it."""
        platform = self.platform_class()
        return DEVICES[getattr(platform, "device", None) or platform.family]  # Gowin's have no `device`


def find(name: str, where: str = "--board") -> Board:
    """The board of that name. Raises `WeftError` with the nearest one if there is none; `where`: who named it."""
    from weft.fpga.boards.known import BOARDS  # noqa: PLC0415 - the list needs the class above

    boards = {board.name: board for board in BOARDS}
    if name not in boards:
        raise WeftError(f"unknown board {name!r}", where=where, why="weft knows boards by the names in `weft boards`",
                        fix=nearest(name, boards))
    return boards[name]

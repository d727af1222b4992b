"""The top of an image: pins of the board around a core."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from amaranth import C, Elaboratable, Module, Signal
from amaranth.build import Attrs, Pins, Resource, Subsignal
from amaranth.lib import io

from weft.fpga.boards.board import Board
from weft.fpga.technology.pll import Setting

CORE = "image"  # instance of the core, the root of all source names in reports


@dataclasses.dataclass(frozen=True)
class Core:
    """What goes on a board. `make`: clock in Hz -> component. `key`: everything that decides what it makes, besides weft's sources.

    Members of the component, as `weft.hdl.image.Image` has them: clk, rst (asynchronous, high until the clock is good), rx, tx, and
    busy, error, alive for the LEDs.
    """

    key: str
    make: Callable[[Fraction], Any]


class Top(Elaboratable):
    """A core on a board: clock from the board's oscillator through a PLL, serial line, LEDs.

    Parameters
    ----------
    core: what goes on the board.
    board: the board.
    pll: the technology's PLL, and its setting; None for the board's own clock as it is.
    hertz: the exact frequency.
    """

    def __init__(self, core: Core, board: Board, pll: tuple[Callable[..., Any], Setting] | None, hertz: Fraction) -> None:
        self._core, self._board, self._pll, self._hertz = core, board, pll, hertz

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        clock, good = self._clock(m, platform)
        m.submodules[CORE] = core = self._core.make(self._hertz)
        m.d.comb += [core.clk.eq(clock), core.rst.eq(~good)]
        self._uart(m, platform, core)
        self._leds(m, platform, core)
        return m

    def _clock(self, m: Module, platform: Any) -> tuple[Signal, Signal]:
        """The clock and whether it is good: locked, and the board's reset button not pressed."""
        port = platform.request(platform.default_clk, dir="-")
        good = Signal()
        if self._pll is None:
            m.submodules.input = buffer = io.Buffer("i", port)
            clock, locked = buffer.i, C(1)
        else:
            kind, setting = self._pll
            pad = {"pad": port} if self._board.clock_on_pll_pad else {}
            m.submodules.pll = pll = kind(setting, **pad)
            clock, locked = pll.o, pll.locked
            if not pad:
                m.submodules.input = buffer = io.Buffer("i", port)
                m.d.comb += pll.i.eq(buffer.i)
        pressed = C(0)
        if platform.default_rst is not None:
            m.submodules.reset_buffer = button = io.Buffer("i", platform.request(platform.default_rst, dir="-"))
            pressed = button.i
        m.d.comb += good.eq(locked & ~pressed)
        return clock, good

    def _uart(self, m: Module, platform: Any, core: Any) -> None:
        if self._board.connector_uart:
            connector, number, rx, tx = self._board.connector_uart
            place = (connector, number)
            platform.add_resources([Resource(
                *self._board.uart, Subsignal("rx", Pins(rx, dir="i", conn=place)), Subsignal("tx", Pins(tx, dir="o", conn=place)),
                Attrs(**dict(self._board.attributes)))])
        port = platform.request(*self._board.uart, dir={"rx": "-", "tx": "-"} | _unused(platform, self._board.uart))
        m.submodules.rx_buffer = receive = io.Buffer("i", port.rx)
        m.submodules.tx_buffer = send = io.Buffer("o", port.tx)
        m.d.comb += [core.rx.eq(receive.i), send.o.eq(core.tx)]

    def _leds(self, m: Module, platform: Any, core: Any) -> None:
        pins = []
        for name, number in self._board.leds:
            raw = _raw(platform, (name, number))
            port = platform.request(name, number, dir=raw)
            pins += [port] if raw == "-" else [getattr(port, member) for member in raw]
        values = (core.busy, core.error, core.alive)
        for index, pin in enumerate(pins):
            m.submodules[f"led_{index}"] = buffer = io.Buffer("o", pin)
            m.d.comb += buffer.o.eq(values[index] if index < len(values) else 0)


def _raw(platform: Any, resource: tuple[str, int]) -> Any:
    """Directions that make a request give ports without buffers."""
    subsignals = [ios.name for ios in platform.lookup(*resource).ios if isinstance(ios, Subsignal)]
    return dict.fromkeys(subsignals, "-") if subsignals else "-"


def _unused(platform: Any, resource: tuple[str, int]) -> dict[str, str]:
    """The lines of a UART that nobody needs."""
    return {name: "-" for name in _raw(platform, resource) if name not in ("rx", "tx")}

"""A stand-alone image: the accelerator, main memory and the host link, behind two pins."""

import dataclasses

from amaranth import ClockDomain, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect

from weft.gen import link
from weft.gen.config import Config
from weft.gen.errors import WeftError
from weft.gen.isa import State
from weft.hdl.bus import axilite, flat
from weft.hdl.bus.slices import AxiSlice
from weft.hdl.host.link import HostLink
from weft.hdl.mem.main_memory import MainMemory
from weft.hdl.npu import UNITS, Npu

POWER_UP_CYCLES = 64  # of reset after configuration: block RAM of some FPGAs needs a few microseconds


@dataclasses.dataclass(frozen=True)
class ImageOptions:
    """What an image has besides the accelerator.

    memory_kib: main memory, a multiple of 4. clock_hz: frequency of `clk`. baud: bits a second on the line after power-up, and again
    when nobody has talked for a while. Raises `WeftError` for a value that cannot be built.
    """

    memory_kib: int
    clock_hz: int
    baud: int = 115_200

    def __post_init__(self) -> None:
        if self.memory_kib < 4 or self.memory_kib % 4:
            raise WeftError(f"memory_kib = {self.memory_kib}", why="main memory is made of pages of 4 KiB",
                            fix=f"use {max(4, self.memory_kib // 4 * 4)}")
        most = (1 << link.DIVISOR_BITS) - 1
        if not link.DIVISOR_MINIMUM <= self.divisor <= most:
            rates = (self.clock_hz + most - 1) // most, self.clock_hz // link.DIVISOR_MINIMUM
            rule = f"a bit takes {link.DIVISOR_MINIMUM} .. {most} cycles of the clock of {self.clock_hz:,} Hz"
            raise WeftError(f"baud = {self.baud}", why=rule, fix=f"use {min(max(self.baud, rates[0]), rates[1])}")

    @property
    def memory_bytes(self) -> int:
        """Main memory."""
        return 1024 * self.memory_kib

    @property
    def divisor(self) -> int:
        """Clock cycles of a bit after power-up."""
        return round(self.clock_hz / self.baud)


class Image(wiring.Component):
    """Everything that a board needs but a clock. Clock and reset are ports, so that the reset can be made here.

    Parameters
    ----------
    config: the accelerator.
    options: the rest.

    Members
    -------
    clk: the clock. rst: asynchronous, active high; tie it low if there is no button.
    rx, tx: the serial line, see `weft.gen.link`; rx is asynchronous.
    busy: the accelerator works. error: characters were dropped after the last good request. alive: a good request came lately.
    """

    def __init__(self, config: Config, options: ImageOptions) -> None:
        self._config, self._options = config, options
        super().__init__({
            "clk": In(1), "rst": In(1), "rx": In(1, init=1), "tx": Out(1, init=1), "busy": Out(1), "error": Out(1), "alive": Out(1)})

    @property
    def config(self) -> Config:
        """The accelerator."""
        return self._config

    @property
    def options(self) -> ImageOptions:
        """The rest."""
        return self._options

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config, options = Module(), self._config, self._options
        spread = config.machine.organisation == "decoupled"  # all over a large chip: registers where the parts meet

        # -- reset: power-up values of registers make the first one -------------------------------------------------------------------
        m.domains.start = start = ClockDomain(reset_less=True, local=True)
        m.domains.sync = sync = ClockDomain(local=True)
        held, pressed = Signal(range(POWER_UP_CYCLES)), Signal()
        running, reset = Signal(), Signal(init=1)  # reset: a register, so that no inverter stands in front of every unit
        m.submodules.button = FFSynchronizer(self.rst, pressed, o_domain="start")
        m.d.comb += [start.clk.eq(self.clk), sync.clk.eq(self.clk), sync.rst.eq(reset)]
        m.d.start += [held.eq(held + 1), running.eq(~pressed & (running | held.all())), reset.eq(~running)]
        with m.If(pressed):
            m.d.start += held.eq(0)

        # -- parts -------------------------------------------------------------------------------------------------------------------
        m.submodules.npu = npu = Npu(config)
        m.submodules.memory = memory = MainMemory(config, options.memory_kib, distance=2 if spread else 0)
        m.submodules.link = host = HostLink(options.memory_bytes, options.clock_hz, options.divisor)
        axilite.connect_manager(m, host.registers, npu)
        if spread:
            m.submodules.slice = crossing = AxiSlice(config)
            flat.connect_manager(m, npu, crossing.read, crossing.write)
            connect(m, crossing.to_read, memory.read)
            connect(m, crossing.to_write, memory.write)
        else:
            flat.connect_manager(m, npu, memory.read, memory.write)
        connect(m, host.memory, memory.port)
        states = [getattr(npu, f"trace_{unit}_state") for unit in UNITS]
        m.d.comb += [
            host.rx.eq(self.rx), self.tx.eq(host.tx), host.irq.eq(npu.irq), self.alive.eq(host.alive), self.error.eq(host.damaged)]
        m.d.sync += self.busy.eq(0)
        for state in states:
            with m.If(state != State.IDLE):
                m.d.sync += self.busy.eq(1)
        return m

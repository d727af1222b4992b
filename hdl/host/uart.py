"""Serial line: 8 data bits, no parity, one stop bit, least significant bit first, idle high."""

from amaranth import C, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from weft.gen.link import DIVISOR_BITS

RECEIVED = data.StructLayout({"data": 8, "damaged": 1})


class UartReceiver(wiring.Component):
    """Characters from the line. There is no back-pressure: a character is shown for one cycle, in the middle of its stop bit.

    Every bit is sampled once, in its middle. A start bit that is high there is taken for a disturbance and ignored. After a stop bit that
    is low (a character damaged, or a break) the next start bit is awaited only when the line has been high.

    Members
    -------
    pin: the line, asynchronous.
    divisor: clock cycles of a bit, `link.DIVISOR_MINIMUM` or more.
    valid, o: a character, and whether its stop bit was low.
    """

    def __init__(self) -> None:
        super().__init__({"pin": In(1, init=1), "divisor": In(DIVISOR_BITS), "valid": Out(1), "o": Out(RECEIVED)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        low, was_low = Signal(), Signal()  # inverted, so that registers start at zero
        m.submodules.synchronizer = FFSynchronizer(~self.pin, low)
        # Bits enter inverted at the top; the start bit, a one, says by its arrival at the bottom that the stop bit is next.
        shift, active, started = Signal(9), Signal(), Signal()
        timer, sample = Signal(DIVISOR_BITS, init=1), Signal()
        m.d.comb += [
            sample.eq(active & (timer == self.divisor[1:])), self.o.data.eq(~shift[1:]), self.o.damaged.eq(low),
            self.valid.eq(sample & shift[0])]
        m.d.sync += [was_low.eq(low), timer.eq(timer + 1), started.eq(active & (started | sample))]
        with m.If(~active | (timer == self.divisor)):
            m.d.sync += timer.eq(1)
        with m.If(~active):
            m.d.sync += [shift.eq(0), active.eq(low & ~was_low)]
        with m.Elif(sample):
            m.d.sync += [shift.eq(Cat(shift[1:], low)), active.eq(Mux(started, ~shift[0], low))]
        return m


class UartTransmitter(wiring.Component):
    """Characters to the line, back to back if they are there in time.

    Members
    -------
    pin: the line.
    divisor: clock cycles of a bit; to be changed only while `i.ready` is high.
    i: characters; taken when the line is idle, and `ready` again when the stop bit has ended.
    """

    def __init__(self) -> None:
        super().__init__({"pin": Out(1, init=1), "divisor": In(DIVISOR_BITS), "i": In(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        # Start, data, stop, and a one behind them that stays on the line: idle.
        timer, shift, idle = Signal(DIVISOR_BITS, init=1), Signal(11, init=1), Signal()
        m.d.comb += [idle.eq(shift[1:] == 0), self.i.ready.eq(idle), self.pin.eq(shift[0])]
        m.d.sync += timer.eq(timer + 1)
        with m.If(idle):
            m.d.sync += timer.eq(1)
            with m.If(self.i.valid):
                m.d.sync += shift.eq(Cat(C(0, 1), self.i.payload, C(0b11, 2)))
        with m.Elif(timer == self.divisor):
            m.d.sync += [timer.eq(1), shift.eq(shift >> 1)]
        return m

"""The matrix part of the sequential machine: streams the positions of one weight tile through the array into the accumulators."""

import enum

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.loops import LoopAddress, LoopNest
from weft.hdl.matrix.array import SystolicArray

_COUNT_BITS, _STRIDE_BITS = (12, 12), (16, 20)  # fields of MATRIX_SHAPE: x, y


class Parameter(enum.IntEnum):
    """What a tile's positions are described with; all stay until they are set again."""

    ADDRESS = 0  # first activation byte; setting it starts the stream
    X_COUNT = 1
    X_STRIDE = 2
    Y_COUNT = 3
    Y_STRIDE = 4
    LINE = 5  # first accumulator line; goes on with the stream
    ROOM = 6  # accumulator lines from there to the end; goes on, too
    ADD = 7  # 0: overwrite the accumulators


class MatrixStream(wiring.Component):
    """For each position, x innermost: four bytes from the local memory, at any alignment, through the array to the next accumulator line.

    A position takes one cycle, or two if its bytes lie in two words. The stream ends early at the first position whose bytes leave the
    scratchpad (`bad_activation`) or, if they do not, that has no accumulator line (`bad_accumulator`).

    Members
    -------
    set, parameter, value: a `Parameter` gets this value.
    load: shadow rows that take `value` as weights; the next stream begins with a swap.
    read, address, word: port of the local memory, for this alone while `busy`; data in the cycle after the address.
    coming, line, add, sums: to the accumulators, see `Sums`.
    busy: from the cycle after the start until the last sums are being written.
    bad_activation, bad_accumulator: how the last stream ended. at: the address of the position at which it did.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "set": In(1), "parameter": In(Parameter), "value": In(32), "load": In(config.array.rows), "read": Out(1),
            "address": Out(isa.ADDRESS_BITS), "word": In(32), "coming": Out(1),
            "line": Out(range(config.accumulator_lines)), "add": Out(1),
            "sums": Out(config.partial_sum_bits * config.array.columns), "busy": Out(1),
            "bad_activation": Out(1), "bad_accumulator": Out(1), "at": Out(isa.ADDRESS_BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        m.submodules.nest = nest = LoopNest(_COUNT_BITS)
        m.submodules.walk = walk = LoopAddress(_STRIDE_BITS)
        m.submodules.array = array = SystolicArray(config)

        # -- parameters ------------------------------------------------------------------------------------------------
        held = {Parameter.X_COUNT: nest.count_0, Parameter.Y_COUNT: nest.count_1, Parameter.X_STRIDE: walk.stride_0,
                Parameter.Y_STRIDE: walk.stride_1, Parameter.ADD: self.add}
        line, room = Signal(range(config.accumulator_lines), reset_less=True), Signal(range(config.accumulator_lines + 1), reset_less=True)
        start, advance, entered = Signal(), Signal(), Signal()
        for parameter, port in held.items():
            register = Signal(port.shape(), name=parameter.name.lower(), reset_less=True)
            m.d.comb += port.eq(register)
            with m.If(self.set & (self.parameter == parameter)):
                m.d.sync += register.eq(self.value)
        with m.If(self.set & (self.parameter == Parameter.LINE)):
            m.d.sync += line.eq(self.value)
        with m.If(self.set & (self.parameter == Parameter.ROOM)):
            m.d.sync += room.eq(self.value)
        m.d.comb += [
            start.eq(self.set & (self.parameter == Parameter.ADDRESS)),
            nest.start.eq(start), nest.fresh.eq(start), walk.start.eq(start), walk.fresh.eq(start),
            walk.base.eq(self.value), nest.step.eq(advance), walk.step.eq(advance), walk.level.eq(nest.level)]

        # -- positions -------------------------------------------------------------------------------------------------
        active, second = Signal(), Signal()  # second: of two words of a position
        beyond, last_word = Signal(), Signal()
        m.d.comb += [
            beyond.eq(walk.address > config.scratchpad_bytes - config.lanes), self.at.eq(walk.address),
            last_word.eq(second | (walk.address[:2] == 0)),
            self.address.eq(walk.address + Mux(second, config.lanes, 0))]
        with m.If(start):
            m.d.sync += [active.eq(1), self.bad_activation.eq(0), self.bad_accumulator.eq(0)]
        with m.Elif(active):
            with m.If(beyond | (room == 0)):
                m.d.sync += [active.eq(0), self.bad_activation.eq(beyond), self.bad_accumulator.eq(~beyond)]
            with m.Else():
                m.d.comb += [self.read.eq(1), advance.eq(last_word), entered.eq(last_word)]
                m.d.sync += second.eq(~last_word)
                with m.If(last_word):
                    m.d.sync += [room.eq(room - 1), active.eq(~nest.last[-1])]

        # -- vectors: what the memory gave, turned to its place ----------------------------------------------------------
        arrived, turn, before, vector = Signal(), Signal(2, reset_less=True), Signal(32, reset_less=True), Signal(32)
        activations, fresh, swap = Signal(32, reset_less=True), Signal(), Signal()
        m.d.sync += [arrived.eq(entered), turn.eq(walk.address[:2]), before.eq(self.word), swap.eq(arrived & fresh)]
        with m.Switch(turn):
            for offset in range(4):
                with m.Case(offset):
                    m.d.comb += vector.eq(Cat(before, self.word)[8 * offset:8 * offset + 32] if offset else self.word)
        with m.If(arrived):
            m.d.sync += [activations.eq(vector), fresh.eq(0)]
        with m.If(self.load.any()):
            m.d.sync += fresh.eq(1)
        m.d.comb += [array.activations.eq(activations), array.swap.eq(swap), array.weights.eq(self.value), array.load.eq(self.load)]

        # -- sums ------------------------------------------------------------------------------------------------------
        under_way = Signal(SystolicArray.latency(config) + 1)  # bit k: a vector that entered the array k cycles ago
        m.d.sync += under_way.eq(Cat(arrived, under_way[:-1]))
        m.d.comb += [self.coming.eq(under_way[-2]), self.line.eq(line), self.sums.eq(array.sums),
                     self.busy.eq(active | arrived | under_way.any())]
        with m.If(self.coming):
            m.d.sync += line.eq(line + 1)
        return m

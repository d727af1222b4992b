"""Brings results to their destination."""

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.gen.isa import Destination
from weft.hdl.interfaces import AccumulatorWrite, ScratchpadWrite
from weft.hdl.vector.iteration import result_layout
from weft.hdl.vector.table import Table

_UNHURRIED = 4  # cycles between two results: from so many on, the accumulators' answer may take its time


class WriteBack(wiring.Component):
    """Takes a result in the cycle in which its destination does; memories inside the unit always do.

    Parameters
    ----------
    config: lanes and memories.

    Members
    -------
    results: stream of `result_layout`.
    ready: kind and count belong to the result that waits. kind: isa.Destination, count: bytes of a BYTES write.
    finished: the instruction's last result was taken in this cycle.
    scratchpad, accumulator: write ports; the scratchpad's must always be ready.
    write_pre, write_multiplier, write_shift, index, lanes: write port of the parameter sets.
    table_write, table_address, table_data: write port of the tables.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "results": In(stream.Signature(result_layout(config))), "ready": In(1), "kind": In(3), "count": In(7), "finished": Out(1),
            "scratchpad": Out(ScratchpadWrite(config)), "accumulator": Out(AccumulatorWrite(config)),
            "write_pre": Out(1), "write_multiplier": Out(1), "write_shift": Out(1), "index": Out(range(config.vector.parameter_sets)),
            "lanes": Out(data.ArrayLayout(32, config.lanes)),
            "table_write": Out(1), "table_address": Out(range(Table.ENTRIES)), "table_data": Out(signed(32))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, head = Module(), self.results.payload
        destination, writes, fault = head.tag.destination, Signal(), head.tag.fault
        m.d.comb += [
            writes.eq(self.results.valid & self.ready & ~head.tag.fault), self.results.ready.eq(self.ready), self.lanes.eq(head.lanes),
            self.scratchpad.address.eq(destination), self.scratchpad.touches.eq(head.touches),
            self.scratchpad.count.eq(self.count[: len(self.scratchpad.count)]),
            self.scratchpad.data.eq(Cat(head.lanes[n][:8] for n in range(self._config.lanes))),
            self.index.eq(destination[: len(self.index)]),
            self.table_address.eq(destination[: len(self.table_address)]), self.table_data.eq(head.lanes[0].as_signed()),
            self.finished.eq(self.results.valid & self.results.ready & head.tag.final)]
        if self._config.vector.columns_per_lane >= _UNHURRIED:
            accumulated = self._wait_for_accumulators(m, writes & (self.kind == Destination.ACCUMULATOR))
        else:
            accumulated = self.accumulator.ready
            m.d.comb += [self.accumulator.address.eq(destination[: len(self.accumulator.address)]),
                         self.accumulator.data.eq(head.lanes.as_value()),
                         self.accumulator.valid.eq(writes & (self.kind == Destination.ACCUMULATOR))]
        with m.Switch(self.kind):
            with m.Case(Destination.ACCUMULATOR):
                m.d.comb += self.results.ready.eq(self.ready & (accumulated | fault))
            with m.Case(Destination.BYTES):
                m.d.comb += self.scratchpad.valid.eq(writes)
            with m.Case(Destination.PARAMETER_PRE):
                m.d.comb += self.write_pre.eq(writes)
            with m.Case(Destination.PARAMETER_MULTIPLIER):
                m.d.comb += self.write_multiplier.eq(writes)
            with m.Case(Destination.PARAMETER_SHIFT):
                m.d.comb += self.write_shift.eq(writes)
            with m.Case(Destination.TABLE):
                m.d.comb += self.table_write.eq(writes)
        return m

    def _wait_for_accumulators(self, m: Module, writes: Value) -> Signal:
        """Offer what is to be written from registers; give a register that says it was written in the cycle before. Three cycles each."""
        offered, written = Signal(), Signal()
        port, head = self.accumulator, self.results.payload
        m.d.comb += port.valid.eq(offered)
        m.d.sync += [offered.eq(Mux(offered, ~port.ready, writes & ~written)), written.eq(offered & port.ready)]
        for value, given in ((port.address, head.tag.destination), (port.data, head.lanes.as_value())):
            register = Signal.like(value, reset_less=True, name=f"offered_{value.name}")
            with m.If(~offered):
                m.d.sync += register.eq(given)
            m.d.comb += value.eq(register)
        return written

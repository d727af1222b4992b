"""The accumulators: two banks of C x 32-bit lines that the matrix stream adds to and the vector unit reads and writes."""

from amaranth import Module, Mux, Signal, signed
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.interfaces import AccumulateStream, AccumulatorRead, AccumulatorWrite
from weft.hdl.mem.sram import Sram
from weft.hdl.replica import replicas

BANKS = 2


class Accumulators(wiring.Component):
    """Memory of `config.accumulator_lines` lines; the highest address bit selects the bank, a bank has one read and one write port.

    The matrix stream enters one line every cycle and never waits: read in the cycle of the stream, register, add and write. So a
    line must not be *added* to within `HAZARD` cycles of the last write to it; the matrix sequencer sees to it, and in
    simulation it is an assertion. Sums are 32 bits and wrap.

    The vector unit's ports take what the stream leaves: a read waits while the stream reads from its bank, a write while the stream
    writes to its bank, and each also waits while the other side touches the very line in that cycle, the read already while the write
    of its line waits. `ready` never depends on the port's own `valid`. Data are valid `AccumulatorRead.LATENCY` cycles after the read
    was taken and stay until the next.

    Contents are undefined at power-up.

    Members
    -------
    accumulate: `AccumulateStream`.
    read, write: `AccumulatorRead`, `AccumulatorWrite` of the vector unit.
    reads, writes: lines that are read and written in this cycle, 0 .. 2.
    """

    HAZARD = 2  # a line in the stream at cycle t may not be added to at t + 1 .. t + HAZARD
    LATENCY = HAZARD + 1  # cycles from the stream until every port sees the result

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "accumulate": In(AccumulateStream(config)), "read": In(AccumulatorRead(config)), "write": In(AccumulatorWrite(config)),
            "reads": Out(range(BANKS + 1)), "writes": Out(range(BANKS + 1))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lines, columns = self._config.accumulator_lines, self._config.array.columns
        # A memory does not wait for arbitration: it reads for the vector unit while the stream does not, and what was not taken is dropped.
        banks = [Sram(depth=lines // BANKS, width=32 * columns, drops_collisions=True) for _ in range(BANKS)]
        for number, bank in enumerate(banks):
            m.submodules[f"bank_{number}"] = bank
        read, write = self.read, self.write
        add_read = Signal()  # the stream reads in this cycle
        add_address, total_address = Signal(range(lines)), Signal(range(lines), reset_less=True)
        total_valid, total = Signal(), Signal(32 * columns)  # the stream's write of this cycle
        m.d.comb += [add_read.eq(self.accumulate.valid & self.accumulate.add), add_address.eq(self.accumulate.address)]

        # Who waits. Within a bank the stream goes first; no line is read and written in the same cycle.
        write_taken, read_taken = Signal(), Signal()
        m.d.comb += [
            write.ready.eq(~((total_valid & (total_address[-1] == write.address[-1])) | (add_read & (add_address == write.address)))),
            write_taken.eq(write.valid & write.ready),
            read.ready.eq(~((add_read & (add_address[-1] == read.address[-1])) | (total_valid & (total_address == read.address))
                            | (write.valid & (write.address == read.address)))),
            read_taken.eq(read.valid & read.ready)]
        for number, bank in enumerate(banks):
            adds, totals = Signal(name=f"adds_{number}"), Signal(name=f"totals_{number}")
            m.d.comb += [
                adds.eq(add_read & (add_address[-1] == number)), totals.eq(total_valid & (total_address[-1] == number)),
                bank.read.enable.eq(adds | (read.valid & (read.address[-1] == number))),
                bank.read.address.eq(Mux(adds, add_address, read.address)),
                bank.write.enable.eq(totals | (write_taken & (write.address[-1] == number))),
                bank.write.address.eq(Mux(totals, total_address, write.address)),
                bank.write.data.eq(Mux(totals, total, write.data))]
            with m.If(read_taken & (read.address[-1] == number) & bank.write.enable):
                m.d.sync += Assert(bank.read.address != bank.write.address, "a line is used that is being written")
        m.d.comb += [self.reads.eq(add_read + read_taken),
                     self.writes.eq(banks[0].write.enable + banks[1].write.enable)]

        # The vector unit's data: out of a memory into a register, and to the unit, which is as wide as the array and not close by.
        upper = replicas(m, platform, read.address[-1], columns, name="upper", enable=read_taken, reset_less=True)
        moves = [Mux(upper[n], banks[1].read.data.word_select(n, 32), banks[0].read.data.word_select(n, 32)) for n in range(columns)]
        comes = read_taken
        for stage in range(AccumulatorRead.LATENCY - 1):
            copies = replicas(m, platform, comes, columns, name=f"comes_{stage}")
            data = Signal(32 * columns, reset_less=True, name=f"data_{stage}")
            for n, copy in enumerate(copies):
                with m.If(copy):
                    m.d.sync += data.word_select(n, 32).eq(moves[n])
            moves, comes = [data.word_select(n, 32) for n in range(columns)], copies[0]
        m.d.comb += read.data.eq(data)

        self._add(m, platform, banks, total_valid, total_address, total)
        return m

    def _add(self, m: Module, platform: object, banks: list[Sram], valid: Signal, address: Signal, total: Signal) -> None:
        """The stream's pipeline: read | out of the memory into `old` | add and write."""
        bits, columns = self._config.partial_sum_bits, self._config.array.columns
        stream = self.accumulate
        fetch_valid, fetch_add = Signal(), Signal(reset_less=True)
        fetch_address, fetch_data = Signal.like(address, reset_less=True), Signal(bits * columns, reset_less=True)
        old, data = Signal(32 * columns, reset_less=True), Signal(bits * columns, reset_less=True)
        m.d.sync += [fetch_valid.eq(stream.valid), valid.eq(fetch_valid)]
        with m.If(stream.valid):
            m.d.sync += [fetch_add.eq(stream.add), fetch_address.eq(stream.address), fetch_data.eq(stream.data)]
        with m.If(fetch_valid):
            m.d.sync += [address.eq(fetch_address), data.eq(fetch_data)]
        fetches, adds, uppers = (
            replicas(m, platform, value, columns, name=name, enable=enable, reset_less=enable is not None)
            for name, value, enable in (("fetches", stream.valid, None), ("adds", stream.add, stream.valid),
                                        ("add_upper", stream.address[-1], stream.valid)))
        for lane in range(columns):
            before = [bank.read.data.word_select(lane, 32) for bank in banks]
            with m.If(fetches[lane]):
                m.d.sync += old.word_select(lane, 32).eq(Mux(adds[lane], Mux(uppers[lane], before[1], before[0]), 0))
            term = Signal(signed(bits), name=f"term_{lane}")
            m.d.comb += [term.eq(data[bits * lane:bits * (lane + 1)]),
                         total[32 * lane:32 * (lane + 1)].eq(old[32 * lane:32 * (lane + 1)] + term)]
        with m.If(stream.valid & stream.add):
            m.d.sync += Assert(~((fetch_valid & (fetch_address == stream.address)) | (valid & (address == stream.address))),
                               "accumulator line added to before its last sum was written")

"""The sequential machine: microprogram, register file, datapath, local memory, array, bus and host, wired."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import State, Unit
from weft.hdl.bus.axilite import AxiLite
from weft.hdl.interfaces import AxiRead, AxiWrite
from weft.hdl.mem.sram import Sram
from weft.hdl.sequential.bus import Bus
from weft.hdl.sequential.datapath import BITS, Datapath
from weft.hdl.sequential.host import Host
from weft.hdl.sequential.local_memory import LocalMemory
from weft.hdl.sequential.matrix_stream import MatrixStream
from weft.hdl.sequential.microprogram import microprogram
from weft.hdl.sequential.operations import REGISTER_BITS, Condition, Op
from weft.hdl.sequential.program_control import RUNS
from weft.hdl.sequential.registers import LocalMap
from weft.hdl.sequential.sequencer import Sequencer
from weft.hdl.sequential.sums import Sums


class SequentialMachine(wiring.Component):
    """Performs a program one instruction after the other, in program order.

    That is one of the orders that the instruction set allows whenever each wait finds its signal among the instructions before it,
    as in compiled programs; a wait that does not is a DEADLOCK at once.

    Members
    -------
    axil: from the host. read, write: to memory. irq: interrupt line.
    state_0 .. state_3, pc: for traces: state of each unit (RUN or IDLE), and the program counter of the one that runs.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "axil": In(AxiLite()), "read": Out(AxiRead(config)), "write": Out(AxiWrite(config)), "irq": Out(1),
            **{f"state_{unit.value}": Out(State) for unit in Unit}, "pc": Out(isa.PC_BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        m.submodules.sequencer = sequencer = Sequencer(microprogram(config))
        m.submodules.registers = registers = Sram(depth=1 << REGISTER_BITS, width=BITS, granularity=8)
        m.submodules.datapath = datapath = Datapath()
        m.submodules.memory = memory = LocalMemory(config)
        m.submodules.accumulators = sums = Sums(config)
        m.submodules.stream = stream = MatrixStream(config)
        m.submodules.bus = bus = Bus(config)
        m.submodules.host = host = Host(config)
        connect(m, flipped(self.axil), host.axil)
        connect(m, bus.read, flipped(self.read))
        connect(m, bus.write, flipped(self.write))

        word, op = sequencer.word, sequencer.word.op
        operand, branch, x = word.body.operand, word.body.branch, registers.read.data

        def now(what: Op) -> Signal:
            """The operation `what` acts in this cycle."""
            pulse = Signal(name=f"now_{what.name.lower()}")
            m.d.comb += pulse.eq(sequencer.execute & (op == what))
            return pulse

        # -- register file -------------------------------------------------------------------------------------------------------------
        # It reads for the word that acts next, which waits if the acting one is about to change the register or the index. The host
        # has its turn in between, behind every branch that is taken.
        stores, coming, stored = now(Op.STORE), Signal(REGISTER_BITS), Signal(REGISTER_BITS, reset_less=True)
        following = sequencer.coming.body.operand
        with m.If(sequencer.enters):
            m.d.sync += stored.eq(coming)
        m.d.comb += [
            coming.eq(following.register | Mux(following.indexed, datapath.index, 0)),
            sequencer.hold.eq((stores & (coming == stored)) | (now(Op.INDEX) & following.indexed)),
            host.slot.eq(sequencer.execute & datapath.last & ~sequencer.enters & ~stores), host.value.eq(x),
            registers.read.enable.eq(sequencer.enters | host.read), registers.read.address.eq(Mux(host.read, host.address, coming)),
            registers.write.enable.eq(stores.replicate(4) | Mux(host.write, host.strobe, 0)),
            registers.write.address.eq(Mux(stores, stored, host.address)),
            registers.write.data.eq(Mux(stores, datapath.a, host.data))]

        # -- control -----------------------------------------------------------------------------------------------------------------
        holds, restart = Signal(), Signal()
        with m.Switch(branch.condition):
            for condition, value in (
                    (Condition.ALWAYS, 1), (Condition.ZERO, datapath.a == 0), (Condition.NEGATIVE, datapath.a[-1]),
                    (Condition.CARRY, datapath.carry), (Condition.LESS, datapath.less), (Condition.READ_VALID, bus.read_valid),
                    (Condition.WRITE_DONE, bus.write_done), (Condition.STARTED, host.started), (Condition.STREAMING, stream.busy),
                    (Condition.BAD_ACTIVATION, stream.bad_activation), (Condition.BAD_ACCUMULATOR, stream.bad_accumulator)):
                with m.Case(condition):
                    m.d.comb += holds.eq(value)
        with m.If(host.reset):
            m.d.sync += restart.eq(1)
        with m.Elif(sequencer.restarted):
            m.d.sync += restart.eq(0)
        m.d.comb += [
            sequencer.last.eq(datapath.last), sequencer.a.eq(datapath.a), sequencer.holds.eq(holds ^ branch.invert),
            sequencer.restart.eq(restart & bus.quiet & ~stream.busy),
            host.events.eq(Mux(now(Op.EVENT), operand.argument, 0)), self.irq.eq(host.irq)]

        # -- datapath, memory, bus -----------------------------------------------------------------------------------------------------
        m.d.comb += [
            datapath.op.eq(op), datapath.operand.eq(operand), datapath.immediate.eq(word.body.immediate),
            datapath.execute.eq(sequencer.execute), datapath.x.eq(x), datapath.byte.eq(memory.byte), datapath.position.eq(stream.at),
            datapath.beat.eq(bus.beat), datapath.response.eq(bus.response),
            bus.address.eq(x), bus.data.eq(datapath.a), bus.identifier.eq(operand.argument[0]), bus.begin_read.eq(now(Op.BUS_READ)),
            bus.begin_write.eq(now(Op.BUS_WRITE)), bus.take.eq(now(Op.BUS_TAKE)), bus.answer.eq(now(Op.BUS_ANSWER))]

        # -- memories: X is an address of the accumulators or of the local memory, which also serves the matrix stream ------------------
        reads, writes, of_sums, was_of_sums = now(Op.READ), now(Op.WRITE_WORD), Signal(), Signal(reset_less=True)
        with m.If(reads):
            m.d.sync += was_of_sums.eq(of_sums)
        m.d.comb += [
            of_sums.eq(x[LocalMap.ACCUMULATOR_BIT]), datapath.word.eq(Mux(was_of_sums, sums.word, memory.word)),
            memory.read.eq((reads & ~of_sums) | stream.read), memory.address.eq(Mux(stream.busy, stream.address, x)),
            memory.write_word.eq(writes & ~of_sums), memory.write_byte.eq(now(Op.WRITE_BYTE)), memory.data.eq(datapath.a),
            sums.read.eq(reads & of_sums), sums.write.eq(writes & of_sums), sums.address.eq(x[2:]), sums.data.eq(datapath.a)]

        # -- matrix --------------------------------------------------------------------------------------------------------------------
        m.d.comb += [
            stream.set.eq(now(Op.STREAM)), stream.parameter.eq(operand.argument), stream.value.eq(datapath.a),
            stream.load.eq(Mux(now(Op.WEIGHTS), operand.argument, 0)), stream.word.eq(memory.word),
            sums.coming.eq(stream.coming), sums.line.eq(stream.line), sums.add.eq(stream.add), sums.sums.eq(stream.sums)]

        # -- traces --------------------------------------------------------------------------------------------------------------------
        performed = Signal(3)
        with m.If(now(Op.TRACE)):
            m.d.sync += [performed.eq(operand.argument), self.pc.eq(datapath.a)]
        for unit in Unit:
            m.d.comb += getattr(self, f"state_{unit.value}").eq(Mux(performed == RUNS | unit.value, State.RUN, State.IDLE))
        return m

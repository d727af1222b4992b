"""The scratchpad: banked on-chip memory with unaligned access, five readers and two writers."""

from amaranth import Cat, Module, Signal, Value
from amaranth.hdl import Assert
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, PureInterface, connect

from weft.gen.config import Config
from weft.hdl.interfaces import ScratchpadRead, ScratchpadWrite
from weft.hdl.mem.lines import EVEN, ODD, LinesSignature, memories, requested
from weft.hdl.mem.read_stage import ReadStage
from weft.hdl.mem.sram import Sram
from weft.hdl.mem.write_stage import WriteStage

READERS = ("weights", "activations", "vector_a", "vector_b", "store")  # highest priority first
WRITERS = ("vector_write", "load_write")
ALIGNED = ("weights", "store", "load_write")  # always whole lines: no rotation is built for them


class Scratchpad(wiring.Component):
    """Byte-addressed memory of `config.scratchpad_bytes`, zero or one access a cycle for each client.

    Bank b holds the lines b * bank_lines and up, in one memory for the even and one for the odd lines; so the two lines
    that an unaligned access touches never share a memory. In each cycle every memory reads for one client and writes
    for one client. A client gets all memories that it needs or waits; whoever stands earlier in `READERS` and `WRITERS`
    goes first, and a client waits also while an earlier one asks for one of its memories in vain. Clients in different
    banks never wait for each other.

    A read taken in cycle t gives `data` in t + `ScratchpadRead.LATENCY`, and only then: a few levels of logic behind a
    register, which the client is to register. The memories see what was taken in t, reads and writes alike, from registers of their
    own. They read in t + 1 and write in t + 2; a read of one of the lines of a write taken in t is therefore not taken in t + 1 but
    waits, and every read that is taken after t sees the write. `ready` depends
    combinationally on `valid` of earlier clients, `address` and `touches` of this and of earlier ones, and not on its own `valid`.

    The clients of `ALIGNED` must begin at a multiple of line_bytes (asserted in simulation). The others may begin at any
    byte and cross from one bank to the next. Contents are undefined at power-up; addresses beyond the memory
    wrap around, clients check the range.

    Members
    -------
    weights, activations, vector_a, vector_b, store: `ScratchpadRead`.
    vector_write, load_write: `ScratchpadWrite`.
    reads: lines whose reads were taken in the cycle before.
    writes: lines of the writes that were taken in the cycle before.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        most = 2 * config.scratchpad.banks
        super().__init__({
            **{name: In(ScratchpadRead(config)) for name in READERS}, **{name: In(ScratchpadWrite(config)) for name in WRITERS},
            "reads": Out(range(most + 1)), "writes": Out(range(most + 1))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, config = Module(), self._config
        srams = [[Sram(depth=config.bank_lines // 2, width=8 * config.line_bytes, granularity=8, drops_collisions=True)
                  for _ in range(config.scratchpad.banks)] for _ in (EVEN, ODD)]
        for half, label in ((EVEN, "even"), (ODD, "odd")):
            for bank, sram in enumerate(srams[half]):
                m.submodules[f"{label}_{bank}"] = sram
        stages = self._write(m, srams)
        self._read(m, srams, stages)
        return m

    def _lines(self, m: Module, name: str) -> PureInterface:
        """What the client asks for."""
        port = getattr(self, name)
        lines = requested(m, self._config, port, name)
        if name in ALIGNED:
            with m.If(port.valid):
                m.d.sync += Assert(lines.offset == 0, f"{name} is not line-aligned")
        return lines

    def _write(self, m: Module, srams: list[list[Sram]]) -> list[WriteStage]:
        """Arbitrate the writers; a cycle later, give every memory's write port to the one writer that holds it; write in the next."""
        config, stages, asked = self._config, [], []
        for name in WRITERS:
            port, lines = getattr(self, name), self._lines(m, name)
            m.submodules[name] = stage = WriteStage(config, aligned=name in ALIGNED)
            m.d.comb += [port.ready.eq(~_overlap(m, lines, asked)), stage.valid.eq(port.valid), stage.take.eq(port.valid & port.ready),
                         stage.data.eq(port.data), stage.count.eq(port.count)]
            connect(m, lines, stage.lines)
            asked.append((port.valid, lines))
            stages.append(stage)
        signature, (first, second) = LinesSignature(config), stages
        for half in (EVEN, ODD):
            for bank, sram in enumerate(srams[half]):
                position = half * config.scratchpad.banks + bank
                write = sram.write
                address = Signal.like(write.address, reset_less=True, name=f"write_address_{position}")
                data = Signal.like(write.data, reset_less=True, name=f"write_data_{position}")
                enable = Signal.like(write.enable, name=f"write_enable_{position}")
                m.d.comb += [write.address.eq(address), write.data.eq(data), write.enable.eq(enable)]
                m.d.sync += enable.eq(0)
                for stage in (second, first):
                    with m.If(stage.memories[position]):
                        m.d.sync += [address.eq(signature.row(stage.index[half])), data.eq(stage.line), enable.eq(stage.enable[half])]
        m.d.comb += self.writes.eq(_count(Cat(stage.memories for stage in stages)))
        return stages

    def _read(self, m: Module, srams: list[list[Sram]], writes: list[WriteStage]) -> None:
        """Arbitrate the readers, address the memories, collect their data."""
        config, stages, asked = self._config, [], []
        given = [[self._registered(m, sram, f"{label}_{bank}_line") for bank, sram in enumerate(srams[half])]
                 for half, label in ((EVEN, "even"), (ODD, "odd"))]
        for name in READERS:
            port, lines = getattr(self, name), self._lines(m, name)
            m.submodules[name] = stage = ReadStage(config, aligned=name in ALIGNED)
            m.d.comb += [port.ready.eq(~(_overlap(m, lines, asked) | _is_written(m, lines, writes))),
                         stage.take.eq(port.valid & port.ready), port.data.eq(stage.data)]
            connect(m, lines, stage.lines)
            for half, inputs in ((EVEN, stage.even), (ODD, stage.odd)):
                m.d.comb += [port_in.eq(line) for port_in, line in zip(inputs, given[half], strict=True)]
            asked.append((port.valid, lines))
            stages.append(stage)
        # A memory does not wait for arbitration: it reads for the first client that asks for it. If that client has to wait, for
        # its other line or because the line is being written, nobody takes what was read.
        signature = LinesSignature(config)
        for half in (EVEN, ODD):
            for bank, sram in enumerate(srams[half]):
                position = half * config.scratchpad.banks + bank
                enable, is_used = Signal(name=f"read_enable_{position}"), Signal(name=f"is_used_{position}")
                address = Signal.like(sram.read.address, reset_less=True, name=f"read_address_{position}")
                m.d.comb += [sram.read.enable.eq(enable), sram.read.address.eq(address)]
                m.d.sync += [enable.eq(0), is_used.eq(
                    Cat(lines.mask[half][bank] & stage.take for (_, lines), stage in zip(asked, stages, strict=True)).any())]
                for valid, lines in reversed(asked):
                    with m.If(valid & lines.mask[half][bank]):
                        m.d.sync += [enable.eq(1), address.eq(signature.row(lines.index[half]))]
                with m.If(is_used & sram.write.enable.any()):
                    m.d.sync += Assert(sram.read.address != sram.write.address, "a client takes a line that is being written")
        m.d.comb += self.reads.eq(_count(Cat(stage.lines_begun for stage in stages)))

    def _registered(self, m: Module, sram: Sram, name: str) -> Signal:
        """What a memory read, in a register of its own: memories give their data late in the cycle."""
        reading, line = Signal(name=f"{name}_reading"), Signal(sram.width, reset_less=True, name=name)
        m.d.sync += reading.eq(sram.read.enable)
        with m.If(reading):
            m.d.sync += line.eq(sram.read.data)
        return line


def _overlap(m: Module, lines: PureInterface, asked: list[tuple[Value, PureInterface]]) -> Value:
    """1 if an earlier client asks for one of the memories. Valid bits come last, because clients make them late in the cycle."""
    meets = []
    for valid, other in asked:
        share = Signal()
        m.d.comb += share.eq((memories(lines) & memories(other)).any())
        meets.append(valid & share)
    return Cat(meets).any()


def _is_written(m: Module, lines: PureInterface, writes: list[WriteStage]) -> Value:
    """1 if one of the lines enters the memories in this cycle."""
    banks, hits = len(lines.mask[EVEN]), []
    signature: LinesSignature = lines.signature
    for stage in writes:
        for half in (EVEN, ODD):
            hit = Signal()
            both = stage.memories[half * banks:(half + 1) * banks] & lines.mask[half]
            m.d.comb += hit.eq((signature.row(stage.index[half]) == signature.row(lines.index[half])) & both.any())
            hits.append(hit)
    return Cat(hits).any()


def _count(bits: Value) -> Value:
    """Population count as a balanced tree."""
    terms: list[Value] = list(bits)
    while len(terms) > 1:
        terms = [terms[i] if i + 1 == len(terms) else terms[i] + terms[i + 1] for i in range(0, len(terms), 2)]
    return terms[0]

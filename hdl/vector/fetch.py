"""Reads the operands of an iteration from the scratchpad or the accumulators and widens them to 32-bit lanes."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.gen.isa import Source
from weft.hdl.interfaces import AccumulatorRead, ScratchpadRead
from weft.hdl.replica import replicas
from weft.hdl.vector.iteration import iteration_layout, tag_layout

_LATENCY = AccumulatorRead.LATENCY
assert _LATENCY == ScratchpadRead.LATENCY + 1, "lines from the scratchpad go through a register here, then both travel together"
_SIGNED_BYTES = (Source.INT8, Source.SPLAT_INT8)
_SPLAT_BYTE = (Source.SPLAT_INT8, Source.SPLAT_UINT8)


class OperandFetch(wiring.Component):
    """Requests both operands at once; an iteration `entered` in the cycle in which the last of them is granted.

    A port that grants earlier than the other is not asked again until then, so one register for each operand is enough. Two operands
    from the accumulators take two cycles. Requests start only in cycles with `go`; since the memories answer after a fixed time,
    `go` as many cycles later (`move`) is the enable of everything behind: whoever takes `go` away must still take what moves
    in `MOVE_LATENCY` cycles more.

    Parameters
    ----------
    config: lanes and memories.

    Members
    -------
    iterations: stream of `iteration_layout`.
    go: requests may be made in this cycle.
    entered: an iteration's last operand was granted in this cycle (or it is a fault, which has none).
    move_next: the pipeline moves at the end of the next cycle.
    begins_next: at the end of the next cycle the registers take the first iteration of an instruction; tag_begins_next: in the next cycle
    they hold it.
    comes: the registers take an iteration at the end of this cycle.
    valid_next: in the next cycle tag, a and b, which are registers, hold an iteration: `LATENCY` moves after it `entered`.
    scratchpad_a, scratchpad_b, accumulator: read ports. A request may be taken back in a cycle without `go`.
    """

    MOVE_LATENCY = _LATENCY  # cycles from `go` to `move`
    LATENCY = _LATENCY + 1

    def __init__(self, config: Config) -> None:
        self._config = config
        lanes = data.ArrayLayout(signed(32), config.lanes)
        super().__init__({
            "iterations": In(stream.Signature(iteration_layout(config))), "go": In(1), "comes": Out(1),
            "begins_next": Out(1), "tag_begins_next": Out(1), "entered": Out(1), "move_next": Out(1), "valid_next": Out(1),
            "tag": Out(tag_layout(config)), "a": Out(lanes), "b": Out(lanes),
            "scratchpad_a": Out(ScratchpadRead(config)), "scratchpad_b": Out(ScratchpadRead(config)),
            "accumulator": Out(AccumulatorRead(config))})

    def elaborate(self, platform: object) -> Module:
        m, head, accumulator = Module(), self.iterations.payload, self.accumulator
        active, asks = Signal(), Signal()
        m.d.comb += [active.eq(self.iterations.valid & self.go), asks.eq(active & ~head.tag.fault)]

        taken, granted, lines, done = {}, {}, {}, {}
        for name, port in (("a", self.scratchpad_a), ("b", self.scratchpad_b)):
            done[name], operand = Signal(name=f"done_{name}"), head[name]
            lines[name] = Signal(name=f"line_{name}")  # wants an accumulator line
            taken[name], granted[name] = Signal(name=f"taken_{name}"), Signal(name=f"granted_{name}")
            free = ~lines["a"] if name == "b" else 1  # A goes first at the accumulators
            m.d.comb += [
                port.address.eq(operand.address), port.touches.eq(operand.touches),
                port.valid.eq(asks & ~done[name] & operand.scratchpad),
                lines[name].eq(asks & ~done[name] & operand.line),
                taken[name].eq((port.valid & port.ready) | (lines[name] & free & accumulator.ready)),
                granted[name].eq(done[name] | taken[name] | ~(operand.scratchpad | operand.line))]
        m.d.comb += [
            accumulator.valid.eq(lines["a"] | lines["b"]),
            accumulator.address.eq(Mux(head.a.line & ~done["a"], head.a.address, head.b.address)[: len(accumulator.address)]),
            self.entered.eq(active & (head.tag.fault | (granted["a"] & granted["b"]))), self.iterations.ready.eq(self.entered)]
        with m.If(active):  # one has its grant and waits for the other
            m.d.sync += [done["a"].eq(granted["a"] & ~granted["b"]), done["b"].eq(granted["b"] & ~granted["a"])]

        # What was granted comes back after the memories' latency, whatever happens meanwhile. A line from the scratchpad is aligned late
        # in its cycle, and kept as it is until it is widened in the next.
        move, valid, tag = self.go, self.entered, head.tag
        kinds = {name: head[name].source for name in ("a", "b")}
        kept = {name: Signal(8 * self._config.line_bytes, name=f"kept_{name}", reset_less=True) for name in ("a", "b")}
        for stage in range(_LATENCY):
            if stage == ScratchpadRead.LATENCY:
                for name, port in (("a", self.scratchpad_a), ("b", self.scratchpad_b)):
                    with m.If(taken[name]):
                        m.d.sync += kept[name].eq(port.data)
            previous = (move, valid, taken["a"], taken["b"])
            move, valid, taken["a"], taken["b"] = following = tuple(
                Signal(name=f"{name}_{stage}") for name in ("move", "entered", "taken_a", "taken_b"))
            m.d.sync += [new.eq(old) for new, old in zip(following, previous, strict=True)]
            if stage + 1 < _LATENCY:  # the last stage are copies, below
                for name in ("a", "b"):
                    before, kinds[name] = kinds[name], Signal(3, name=f"source_{name}_{stage}", reset_less=True)
                    m.d.sync += kinds[name].eq(before)
            later = Signal(tag_layout(self._config), name=f"tag_{stage}", reset_less=True)
            with m.If(previous[1] if stage else 1):  # a grant is known late: the first register takes whatever stands there
                m.d.sync += later.eq(tag)
            tag_next, tag = tag, later
        # `previous` holds what `move`, `valid` and `taken` become, so that copies of them can be registers.
        move_next, valid_next, *taken_next = previous
        holds = Signal()
        m.d.comb += [self.move_next.eq(move_next), self.valid_next.eq(Mux(move, valid, holds)),
                     self.begins_next.eq(valid_next & tag_next.begins)]
        m.d.sync += holds.eq(self.valid_next)
        # Operands may arrive one by one, but none of the next iteration before the last of this one.
        for name, comes in (("a", taken_next[0]), ("b", taken_next[1])):
            source = kinds[name]
            loads = replicas(m, platform, comes | (valid_next & (source == Source.NONE)), self._config.lanes, name=f"loads_{name}")
            sources = replicas(m, platform, source, self._config.lanes, name=f"source_{name}", reset_less=True)
            lanes = Signal(data.ArrayLayout(signed(32), self._config.lanes), name=f"lanes_{name}", reset_less=True)
            for n in range(self._config.lanes):
                with m.If(loads[n]):
                    m.d.sync += lanes[n].eq(self._widen(m, name, n, sources[n], kept[name]))
            m.d.comb += getattr(self, name).eq(lanes)
        last = Signal(tag_layout(self._config), name="tag_last", reset_less=True)
        with m.If(valid):
            m.d.sync += last.eq(tag)
        m.d.comb += [self.tag.eq(last), self.comes.eq(valid), self.tag_begins_next.eq(Mux(valid, tag.begins, last.begins))]
        return m

    def _widen(self, m: Module, name: str, n: int, source: Signal, line: Signal) -> Signal:
        """Lane `n`, 32 bits, of an operand of kind `source` (NONE: zero) from what its memory gives."""
        byte, lane = Signal(8, name=f"byte_{name}_{n}"), Signal(32, name=f"lane_{name}_{n}")
        extends = Signal(name=f"extends_{name}_{n}")
        m.d.comb += [
            byte.eq(Mux(source.matches(*_SPLAT_BYTE), line[:8], line.word_select(n, 8))),
            extends.eq(byte[7] & source.matches(*_SIGNED_BYTES)), lane.eq(Cat(byte, extends.replicate(24)))]
        with m.Switch(source):
            with m.Case(Source.NONE):
                m.d.comb += lane.eq(0)
            with m.Case(Source.ACCUMULATOR):
                m.d.comb += lane.eq(self.accumulator.data.word_select(n, 32))
            with m.Case(Source.SPLAT_INT32):
                m.d.comb += lane.eq(line[:32])
        return lane

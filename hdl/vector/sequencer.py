"""Walks the loop nest of a VECTOR and checks every address before it is used."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Cause, Destination, Source
from weft.hdl.loops import LoopAddress, LoopNest
from weft.hdl.mem.lines import touched
from weft.hdl.vector.iteration import index_bits, iteration_layout
from weft.hdl.words import word_layout

_LEVELS = 4
_OPERANDS = ("a", "b", "destination")
_BYTES = (Source.INT8, Source.UINT8)
_SPLAT_BYTE = (Source.SPLAT_INT8, Source.SPLAT_UINT8)


class Sequencer(wiring.Component):
    """One iteration a cycle, the first in the cycle after `start`.

    Each operand's address is compared with the largest legal one for its kind; in an iteration the order is A, B, destination, and the
    destination counts only if a result leaves. The first iteration that fails comes out as a final one with `tag.fault`, and
    `fault`, `cause` and `address` tell so until reset; the caller starts no other sweep.

    Parameters
    ----------
    config: sizes of the memories.

    Members
    -------
    start: begin a sweep; `base_*` are the addresses of its first iteration.
    loop, stride_*: words of VECTOR_LOOP and VECTOR_STRIDE, constant during the sweep, with counts of 1 or more.
    vector: word of the VECTOR, constant in the cycles after `start`.
    verdict: isa.Cause that makes the instruction illegal whatever its addresses, or NONE; constant likewise. It makes the first
    iteration a fault, ILLEGAL_OPERAND at address 0 and PARAMETER at the number of the set.
    iterations: stream of `iteration_layout`.
    active: a sweep is under way, from the cycle after `start` on.
    fault, cause, address: of the faulty iteration, valid once it has left.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "start": In(1), **{f"base_{name}": In(20) for name in _OPERANDS},
            "loop": In(word_layout("VECTOR_LOOP")), **{f"stride_{name}": In(word_layout("VECTOR_STRIDE")) for name in _OPERANDS},
            "vector": In(word_layout("VECTOR")), "verdict": In(8), "iterations": Out(stream.Signature(iteration_layout(config))),
            "active": Out(1), "fault": Out(1), "cause": Out(8), "address": Out(isa.ADDRESS_BITS)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, out, tag = Module(), self.iterations, self.iterations.payload.tag
        m.submodules.nest = nest = LoopNest([12] * _LEVELS)
        active = Signal()
        advance = Signal()
        m.d.comb += [
            out.valid.eq(active), advance.eq(active & out.ready),
            nest.start.eq(self.start), nest.fresh.eq(self.start), nest.step.eq(advance),
            *(getattr(nest, f"count_{k}").eq(self.loop[f"count_{k}"]) for k in range(_LEVELS))]

        addresses = {}
        for name in _OPERANDS:
            m.submodules[f"address_{name}"] = generator = LoopAddress([20] * _LEVELS)
            words = getattr(self, f"stride_{name}")
            m.d.comb += [
                generator.start.eq(self.start), generator.fresh.eq(self.start), generator.step.eq(advance), generator.level.eq(nest.level),
                generator.base.eq(getattr(self, f"base_{name}")),
                *(getattr(generator, f"stride_{k}").eq(words[f"stride_{k}"]) for k in range(_LEVELS))]
            addresses[name] = generator.address

        # A pass of a reduction covers the innermost `reduce` levels.
        first = Signal(init=1)
        emit = Signal()
        with m.Switch(self.loop.reduce):
            for count in range(1, _LEVELS + 1):
                with m.Case(count):
                    m.d.comb += first.eq(nest.first[count - 1])
        m.d.comb += emit.eq(Cat(nest.ends[k] | (self.loop.reduce <= k) for k in range(_LEVELS)).all())

        beyond_a, cause_a = self._source_check(m, "a", addresses["a"])
        beyond_b, cause_b = self._source_check(m, "b", addresses["b"])
        beyond_d, cause_d = self._destination_check(m, addresses["destination"])
        fault = Signal()
        bits = index_bits(self._config)
        for name in ("a", "b"):
            operand, kind = out.payload[name], self.vector[f"{name}_source"]
            touches = touched(m, self._config, address=addresses[name], beyond=self._config.line_bytes - 1, name=f"line_{name}")
            m.d.comb += [
                operand.address.eq(addresses[name][:bits]), operand.touches.eq(touches),
                operand.source.eq(kind), operand.line.eq(kind == Source.ACCUMULATOR),
                operand.scratchpad.eq((kind != Source.ACCUMULATOR) & (kind != Source.NONE))]
        none_left, begins = Signal(), Signal()  # no result, no iteration of this sweep has left
        with m.If(self.start):
            m.d.sync += [none_left.eq(1), begins.eq(1)]
        with m.Elif(advance):
            m.d.sync += [none_left.eq(none_left & ~emit), begins.eq(0)]
        m.d.comb += [
            tag.begins.eq(begins), tag.begins_results.eq(none_left & tag.emit), self.active.eq(active),
            fault.eq((self.verdict != Cause.NONE) | beyond_a | beyond_b | (beyond_d & emit)),
            tag.destination.eq(addresses["destination"][:bits]), tag.first.eq(first), tag.emit.eq(emit | fault),
            tag.final.eq(nest.last[-1] | fault), tag.fault.eq(fault)]
        failed = Signal()
        cause = Signal(8, reset_less=True)
        address = Signal(isa.ADDRESS_BITS, reset_less=True)
        with m.If(self.start):
            m.d.sync += active.eq(1)
        with m.Elif(advance & tag.final):
            m.d.sync += active.eq(0)
        with m.If(advance):  # the last to advance is the faulty one, if any
            m.d.sync += [
                failed.eq(fault), cause.eq(Mux(beyond_a, cause_a, Mux(beyond_b, cause_b, cause_d))),
                address.eq(Mux(beyond_a, addresses["a"], Mux(beyond_b, addresses["b"], addresses["destination"])))]
            with m.If(self.verdict != Cause.NONE):
                m.d.sync += [cause.eq(self.verdict), address.eq(Mux(self.verdict == Cause.PARAMETER, self.vector.parameter, 0))]
        m.d.comb += [self.fault.eq(failed), self.cause.eq(cause), self.address.eq(address)]
        return m

    def _source_check(self, m: Module, name: str, address: Signal) -> tuple[Signal, Signal]:
        """(address lies beyond the operand's memory, cause)."""
        largest = Signal(isa.ADDRESS_BITS, name=f"largest_{name}", init=(1 << isa.ADDRESS_BITS) - 1)  # NONE: no access, no limit
        kind, beyond, cause = self.vector[f"{name}_source"], Signal(name=f"beyond_{name}"), Signal(8, name=f"cause_{name}")
        with m.Switch(kind):
            with m.Case(Source.ACCUMULATOR):
                m.d.comb += largest.eq(self._config.accumulator_lines - 1)
            with m.Case(*_BYTES):
                m.d.comb += largest.eq(self._config.scratchpad_bytes - self._config.line_bytes)
            with m.Case(*_SPLAT_BYTE):
                m.d.comb += largest.eq(self._config.scratchpad_bytes - 1)
            with m.Case(Source.SPLAT_INT32):
                m.d.comb += largest.eq(self._config.scratchpad_bytes - 4)
        m.d.comb += [beyond.eq(address > largest), cause.eq(Mux(kind == Source.ACCUMULATOR, Cause.ACCUMULATOR, Cause.SCRATCHPAD))]
        return beyond, cause

    def _destination_check(self, m: Module, address: Signal) -> tuple[Signal, Signal]:
        """The same for the destination; a table address wraps and is always legal."""
        largest = Signal(isa.ADDRESS_BITS, name="largest_destination", init=(1 << isa.ADDRESS_BITS) - 1)
        beyond, cause = Signal(name="beyond_destination"), Signal(8, name="cause_destination")
        with m.Switch(self.vector.destination_kind):
            with m.Case(Destination.ACCUMULATOR):
                m.d.comb += [largest.eq(self._config.accumulator_lines - 1), cause.eq(Cause.ACCUMULATOR)]
            with m.Case(Destination.BYTES):
                m.d.comb += [largest.eq(self._config.scratchpad_bytes - self.vector.lanes), cause.eq(Cause.SCRATCHPAD)]
            with m.Case(Destination.PARAMETER_PRE, Destination.PARAMETER_MULTIPLIER, Destination.PARAMETER_SHIFT):
                m.d.comb += [largest.eq(self._config.vector.parameter_sets - 1), cause.eq(Cause.PARAMETER)]
        m.d.comb += beyond.eq(address > largest)
        return beyond, cause

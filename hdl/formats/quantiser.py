"""Block quantiser: a stream of floating-point numbers to elements with block scales."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft.gen.formats.element import ELEMENTS
from weft.gen.formats.operand import OPERANDS, Operand
from weft.hdl.formats.compare_element import CompareElement
from weft.hdl.formats.round_element import RoundElement
from weft.hdl.formats.scale_divider import ScaleDivider
from weft.hdl.mem.sram import Sram

SOURCES = ("bf16", "fp32")
SLOTS = 4  # blocks in memory: with the cycles from a block's last beat to its release, none stalls even if a block is one beat


class Quantiser(wiring.Component):
    """Blocks of `operand.block` numbers, `lanes` a beat, to codes with the scale of their block beside each beat.

    Scale = 2^floor(log2 largest magnitude) / 2^(largest exponent of the element), or with `round_up` the least power of two with which
    nothing saturates; its exponent is clamped to -127 .. 127. Elements = numbers / scale, rounded once to nearest even, saturated. A
    block with NaN or an infinity has the scale NaN and codes 0. Subnormal numbers count as zero (the sign stays).

    NVFP4 instead: scale = largest magnitude / (6 * `factor`), elements = numbers / (scale * `factor`), with the scale as it was rounded;
    both quotients exact before their one rounding.

    A beat in and a beat out in every cycle while `o` does not stall: a block leaves while the next one enters. The first beat
    of a block is offered `LATENCY` cycles after its last was taken, with NVFP4 `DIVISION` later; then a block
    takes `DIVISION` cycles at least. `i.ready` does not depend on `o.ready` of the same cycle.

    Parameters
    ----------
    operand: a format with E8M0 scales, or NVFP4. source: name of the numbers' format, one of `SOURCES`. lanes: divides the block.

    Members
    -------
    factor: only of NVFP4: the tensor's scale, a positive normal fp32; must hold still while blocks are under way.
    i: `lanes` numbers, lowest first. o: `scale`, and as many `codes`.

    Raises
    ------
    ValueError: for a parameter outside the rules above.
    """

    LATENCY = 6
    DIVISION = ScaleDivider.LATENCY + 1

    def __init__(self, operand: Operand, *, source: str = "bf16", lanes: int = 8, round_up: bool = False) -> None:
        if operand.scale is not ELEMENTS["e8m0"] and operand is not OPERANDS["nvfp4"]:
            raise ValueError(f"Quantiser operand={operand.name}: must have E8M0 scales or be nvfp4")
        if source not in SOURCES:
            raise ValueError(f"Quantiser source={source!r}: must be one of {', '.join(SOURCES)}")
        if lanes < 1 or operand.block % lanes:
            raise ValueError(f"Quantiser lanes={lanes!r}: must divide the block of {operand.block}")
        self._operand, self._source, self._lanes, self._round_up = operand, ELEMENTS[source], lanes, round_up
        self._beats, self._divides = operand.block // lanes, operand.scale is not ELEMENTS["e8m0"]
        super().__init__({
            **({"factor": In(32)} if self._divides else {}),
            "i": In(stream.Signature(data.ArrayLayout(self._source.bits, lanes))),
            "o": Out(stream.Signature(data.StructLayout({
                "scale": 8, "codes": data.ArrayLayout(operand.element.bits, lanes)})))})

    @property
    def beats(self) -> int:
        """Of a block."""
        return self._beats

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        bits = self._source.bits
        address = ceil_log2(self._beats)
        m.submodules.memory = memory = Sram(depth=max(32, SLOTS << address), width=bits * self._lanes)
        claimed, complete = Signal(SLOTS), Signal(SLOTS)  # slots that hold a block; those whose scale is known
        scales = Signal(data.ArrayLayout(8, SLOTS), reset_less=True)

        # Entry: to memory.
        take, last, slot, beat = Signal(), Signal(), Signal(range(SLOTS)), Signal(max(address, 1))
        m.d.comb += [
            self.i.ready.eq(~claimed.bit_select(slot, 1)), take.eq(self.i.valid & self.i.ready), last.eq(beat == self._beats - 1),
            memory.write.enable.eq(take), memory.write.address.eq(Cat(beat[:address], slot)),
            memory.write.data.eq(self.i.payload.as_value())]
        with m.If(take):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
            with m.If(last):
                m.d.sync += [slot.eq(slot + 1), claimed.bit_select(slot, 1).eq(1)]
        # Beside it: the largest magnitude of the beat, then that of the block; codes of magnitudes are in the order of these.
        largest, valid, first, final, place = (Signal(shape, name=name, reset_less=name != "valid") for name, shape in (
            ("largest", bits - 1), ("valid", 1), ("first", 1), ("final", 1), ("place", range(SLOTS))))
        m.d.sync += [
            largest.eq(_maximum(m, [self.i.payload[n][:bits - 1] for n in range(self._lanes)])), valid.eq(take), first.eq(beat == 0),
            final.eq(last), place.eq(slot)]
        block, before, ended, where = Signal(bits - 1, reset_less=True), Signal(bits - 1), Signal(), Signal(range(SLOTS), reset_less=True)
        m.d.comb += before.eq(Mux(first, 0, block))
        with m.If(valid):
            m.d.sync += block.eq(Mux(largest > before, largest, before))
        m.d.sync += [ended.eq(valid & final), where.eq(place)]
        if self._divides:
            self._divide(m, ended, where, block, complete, scales)
        else:
            scale = self._scale(m, block)
            with m.If(ended):
                m.d.sync += [complete.bit_select(where, 1).eq(1), scales[where].eq(scale)]
        self._leave(m, memory, claimed, complete, scales)
        return m

    def _scale(self, m: Module, largest: Signal) -> Signal:
        """Code of the scale for a block whose largest number has this code without sign. Combinational."""
        element, mantissa = self._operand.element, self._source.mantissa_bits
        exponent = largest[mantissa:]
        top = ELEMENTS["e8m0"].fixed_high.bit_length() - 1  # the largest code of a number
        code, up = Signal(8, name="scale"), Signal(name="scale_up")
        m.d.comb += up.eq(0)
        if self._round_up:
            # Above the largest element, both as 1.m: it needs no more bits than a mantissa of the source has.
            limit = (element.fixed_high << mantissa >> (element.fixed_high.bit_length() - 1)) - (1 << mantissa)
            m.d.comb += up.eq(largest[:mantissa] > limit)
        raised = Signal(9, name="raised")
        m.d.comb += [
            raised.eq(exponent + up),
            code.eq(Mux(exponent == 255, 255, Mux((raised < element.largest_exponent) | (exponent == 0), 0,
                                                  Mux(raised - element.largest_exponent > top, top, raised - element.largest_exponent))))]
        return code

    def _divide(self, m: Module, ended: Signal, where: Signal, block: Signal, complete: Signal, scales: data.View) -> None:
        """Blocks' largest magnitudes wait for the divider in their slots."""
        m.submodules.divider = divider = ScaleDivider(self._source)
        waiting, slot = Signal(SLOTS), Signal(range(SLOTS))
        largest = Signal(data.ArrayLayout(len(block), SLOTS), reset_less=True)
        m.d.comb += [divider.factor.eq(self.factor), divider.largest.eq(largest[slot]), divider.start.eq(waiting.bit_select(slot, 1))]
        with m.If(divider.done):
            m.d.sync += [complete.bit_select(slot, 1).eq(1), scales[slot].eq(divider.scale), waiting.bit_select(slot, 1).eq(0),
                         slot.eq(slot + 1)]
        with m.If(ended):
            m.d.sync += [waiting.bit_select(where, 1).eq(1), largest[where].eq(block)]

    def _leave(self, m: Module, memory: Sram, claimed: Signal, complete: Signal, scales: data.View) -> None:
        """From memory through the roundings to the output, all in step."""
        element, bits, address = self._operand.element, self._source.bits, ceil_log2(self._beats)
        step, issue, slot, beat = Signal(), Signal(), Signal(range(SLOTS)), Signal(max(address, 1))
        m.d.comb += [
            step.eq(~self.o.valid | self.o.ready), issue.eq(complete.bit_select(slot, 1)),
            memory.read.enable.eq(issue & step), memory.read.address.eq(Cat(beat[:address], slot))]
        with m.If(issue & step):
            m.d.sync += beat.eq(beat + 1)
            with m.If(beat == self._beats - 1):
                m.d.sync += [beat.eq(0), slot.eq(slot + 1), claimed.bit_select(slot, 1).eq(0), complete.bit_select(slot, 1).eq(0)]
        valid, scale = issue, scales[slot]
        nan = 0x7F if self._divides else 0xFF
        stages = []
        for stage in range(1 + RoundElement.LATENCY):
            held, passed = Signal(name=f"valid_{stage}"), Signal(8, name=f"scale_at_{stage}", reset_less=True)
            with m.If(step):
                m.d.sync += [held.eq(valid), passed.eq(scale)]
            valid, scale = held, passed
            stages.append(passed)
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.scale.eq(scale)]
        for n in range(self._lanes):
            m.submodules[f"round_{n}"] = unit = CompareElement(self._source) if self._divides else RoundElement(self._source, element)
            if self._divides:
                m.d.comb += unit.factor.eq(self.factor)
            m.d.comb += [unit.value.eq(memory.read.data[bits * n:bits * (n + 1)]), unit.scale.eq(stages[0]), unit.step.eq(step),
                         self.o.payload.codes[n].eq(Mux(scale == nan, 0, unit.code))]


def _maximum(m: Module, values: list[Signal]) -> Signal:
    """Largest of unsigned values, as a tree. Combinational."""
    level = 0
    while len(values) > 1:
        pairs = []
        for n in range(0, len(values) - 1, 2):
            larger = Signal(len(values[n]), name=f"larger_{level}_{n}")
            m.d.comb += larger.eq(Mux(values[n] > values[n + 1], values[n], values[n + 1]))
            pairs.append(larger)
        values, level = [*pairs, *values[len(values) & ~1:]], level + 1
    return values[0]

"""The datapath of the sequential machine: two 32-bit registers, one adder, one serial shifter."""

from amaranth import C, Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.hdl.sequential.operations import INDEX_BITS, OPERAND, SERIAL, Op

BITS = 32
MOST_SHIFTS = 63
_STEPS = MOST_SHIFTS.bit_length()  # width of the step counter: a shift by up to 63, a product or a field of 32 steps


class Datapath(wiring.Component):
    """A, Q, the flags and the index, and what the operations of `operations.Op` do with them.

    A serial operation spends its first cycle loading the step counter (MULTIPLY and FIELD also clear A), and then a cycle a step.

    Members
    -------
    op, operand: of the micro-operation that acts; `execute`: it acts in this cycle.
    x: the register that it names. word, byte: what the local memory read. beat: the bus's read data. response: of the bus.
        position: of the matrix stream. immediate: of the word.
    last: this is the operation's last cycle (also while nothing acts).
    a, index, carry, less: state, see `operations`.
    """

    def __init__(self) -> None:
        super().__init__({
            "op": In(Op), "operand": In(OPERAND), "immediate": In(signed(BITS)), "execute": In(1), "x": In(BITS), "word": In(BITS),
            "byte": In(8), "beat": In(BITS), "response": In(2), "position": In(isa.ADDRESS_BITS), "last": Out(1), "a": Out(BITS),
            "index": Out(INDEX_BITS), "carry": Out(1), "less": Out(1)})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, op, argument = Module(), self.op, self.operand.argument
        a, q, carry, less = Signal(BITS, reset_less=True), Signal(BITS, reset_less=True), Signal(reset_less=True), Signal(reset_less=True)
        index = Signal(INDEX_BITS, reset_less=True)
        m.d.comb += [self.a.eq(a), self.carry.eq(carry), self.less.eq(less), self.index.eq(index)]

        # -- steps of a serial operation -------------------------------------------------------------------------------
        serial, stepping, steps, count = Signal(), Signal(), Signal(_STEPS, reset_less=True), Signal(_STEPS)
        final = Signal()  # the last step
        normal = Signal()  # NORMALISE has nothing to do any more
        m.d.comb += [
            serial.eq(op.matches(*SERIAL)), normal.eq((op == Op.NORMALISE) & ((a[-1] ^ a[-2]) | (steps == 0))),
            final.eq(Mux(op == Op.NORMALISE, normal, steps == 1)), self.last.eq(~serial | Mux(stepping, final, count == 0)),
            count.eq(BITS)]
        with m.If(op.matches(Op.RIGHT, Op.LEFT)):
            m.d.comb += count.eq(self.x)
        with m.If(op == Op.NORMALISE):
            m.d.comb += count.eq(MOST_SHIFTS)
        with m.If(self.execute & serial):
            m.d.sync += [stepping.eq(~self.last), steps.eq(Mux(stepping, steps - ~normal, count))]

        # -- adder -----------------------------------------------------------------------------------------------------
        # A product adds X for each bit of Q, and subtracts it for the last one, which is its sign.
        right, right_sign, subtract, carry_in = Signal(BITS), Signal(), Signal(), Signal()
        total = Signal(BITS + 2)
        m.d.comb += [
            subtract.eq(Mux(op == Op.MULTIPLY, final & q[0], op == Op.SUBTRACT)),
            right.eq((self.x & (q[0] | (op != Op.MULTIPLY)).replicate(BITS)) ^ subtract.replicate(BITS)),
            right_sign.eq(right[-1]),
            carry_in.eq(subtract | ((op == Op.ADD_CARRY) & carry)),
            total.eq(Cat(C(1, 1), a, a[-1]) + Cat(carry_in, right, right_sign))]
        result, above = Signal(BITS), Signal()  # above: bit 32 of the signed sum
        m.d.comb += [result.eq(total[1:]), above.eq(total[-1])]

        # -- shifters --------------------------------------------------------------------------------------------------
        taking = Signal()  # FIELD still takes bits of Q; then it moves A to its place
        position = Signal(5, reset_less=True)  # bits that are gone from the word in Q
        m.d.comb += taking.eq(steps > argument[:5])
        shifted, fill = Signal(BITS), Signal()
        m.d.comb += [
            fill.eq(Mux(op == Op.MULTIPLY, above, Mux(op == Op.FIELD, Mux(taking, q[0], a[-1] & argument[5]), a[-1]))),
            shifted.eq(Cat(Mux(op == Op.MULTIPLY, result[1:], a[1:]), fill))]

        with m.If(self.execute), m.Switch(op):
            with m.Case(Op.IMMEDIATE):
                m.d.sync += a.eq(self.immediate)
            with m.Case(Op.LOAD):
                m.d.sync += a.eq(self.x)
            with m.Case(Op.ADD, Op.SUBTRACT, Op.ADD_CARRY):
                m.d.sync += [a.eq(result), carry.eq(above ^ a[-1] ^ right_sign), less.eq(above)]
            with m.Case(Op.AND):
                m.d.sync += a.eq(a & self.x)
            with m.Case(Op.OR):
                m.d.sync += a.eq(a | self.x)
            with m.Case(Op.XOR):
                m.d.sync += a.eq(a ^ self.x)
            with m.Case(Op.LOAD_Q):
                m.d.sync += a.eq(q)
            with m.Case(Op.STORE_Q):
                m.d.sync += [q.eq(a), position.eq(0)]
            with m.Case(Op.RIGHT):
                m.d.sync += carry.eq(stepping & q[0])
                with m.If(stepping):
                    m.d.sync += [a.eq(shifted), q.eq(Cat(q[1:], a[0]))]
            with m.Case(Op.LEFT, Op.NORMALISE), m.If(stepping & ~normal):
                m.d.sync += [a.eq(Cat(q[-1], a[:-1])), q.eq(Cat(C(0, 1), q[:-1]))]
            with m.Case(Op.MULTIPLY):
                m.d.sync += a.eq(shifted & stepping.replicate(BITS))
                with m.If(stepping):
                    m.d.sync += q.eq(Cat(q[1:], result[0]))
            with m.Case(Op.FIELD):
                m.d.sync += a.eq(shifted & stepping.replicate(BITS))
                with m.If(stepping & taking):
                    m.d.sync += [position.eq(position + 1), q.eq(Mux(position == BITS - 1, self.x, q[1:]))]
            with m.Case(Op.LOAD_STEPS):
                m.d.sync += a.eq(steps)
            with m.Case(Op.INDEX):
                m.d.sync += index.eq(a)
            with m.Case(Op.LOAD_WORD):
                m.d.sync += a.eq(self.word)
            with m.Case(Op.LOAD_BYTE):
                m.d.sync += a.eq(Cat(self.byte, (self.byte[-1] & argument[0]).replicate(BITS - 8)))
            with m.Case(Op.BUS_TAKE):
                m.d.sync += a.eq(self.beat)
            with m.Case(Op.LOAD_POSITION):
                m.d.sync += a.eq(self.position)
            with m.Case(Op.LOAD_RESPONSE):
                m.d.sync += a.eq(self.response)
        return m

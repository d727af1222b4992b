"""The lanes of the vector unit and what travels beside them."""

from amaranth import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.mem.lines import touched
from weft.hdl.replica import replicas
from weft.hdl.vector.alu import CONTROL_STAGES, Alu, AluControl
from weft.hdl.vector.iteration import result_layout, tag_layout
from weft.hdl.vector.scale import Factors, Scale, ScaleControl, control_stages, scale_control
from weft.hdl.vector.table import Table
from weft.hdl.words import word_layout


class LanePipeline(wiring.Component):
    """Scaling, ALU or reduction, post-add, clamp and table in every lane: one iteration, or turn of one, a move, `stages` moves long.

    All lanes move together, and a stage only when its input is valid, so an idle pipeline switches nothing. In a reduction only
    iterations with `tag.emit` go on behind the ALU. Instructions follow each other without a gap: what is constant during one of them is
    taken stage by stage, as its first iteration comes by.

    Parameters
    ----------
    config: lanes, and how many columns share one; whether FLOAT32 is built.

    Members
    -------
    scale, post, reduces, count: words of VECTOR_SCALE and VECTOR_POST, whether the instruction reduces, and the bytes that a result writes
    in the scratchpad, if it goes there; all constant from before the first iteration until `settled`.
    factors: of each lane, for what `tag` is.
    begins_next, tag_begins_next: of an instruction's first iteration, as `OperandFetch` gives them.
    settled: the instruction's first result enters the last stage, so what the next one sets up may change from the next cycle on.
    move_next, valid_next, tag, a, b: iterations, as `OperandFetch` or `Turns` give them. last: completes an iteration.
    table_write, table_address, table_data: write port of all lanes' tables.
    push, result: an iteration's lanes leave at the end of this cycle. The receiver must have room.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        lanes = data.ArrayLayout(signed(32), config.vector_lanes)
        super().__init__({
            "begins_next": In(1), "tag_begins_next": In(1), "settled": Out(1), "reduces": In(1), "count": In(7),
            "scale": In(word_layout("VECTOR_SCALE")), "post": In(word_layout("VECTOR_POST")),
            "factors": In(data.ArrayLayout(Factors, config.vector_lanes)), "last": In(1),
            "move_next": In(1), "valid_next": In(1), "tag": In(tag_layout(config)), "a": In(lanes), "b": In(lanes),
            "table_write": In(1), "table_address": In(range(Table.ENTRIES)), "table_data": In(signed(32)),
            "push": Out(1), "result": Out(result_layout(config))})

    @staticmethod
    def stages(config: Config) -> int:
        """Moves from an iteration's `tag` to `push`."""
        return Scale.stages(float32=config.vector.float32) + Alu.LATENCY + Table.LATENCY

    def elaborate(self, platform: object) -> Module:
        m, lanes, turns = Module(), self._config.vector_lanes, self._config.vector.columns_per_lane
        float32, latency = self._config.vector.float32, self.stages(self._config)
        combine = latency - Alu.LATENCY - Table.LATENCY  # the stage in which the ALU takes its input

        # carried[k] belongs to what stage k will take, step[k] says that it does: registers, and each lane has its own.
        move, carried, carried_next = Signal(), Signal(latency + 1), Signal(latency + 1)
        step, step_next = Signal(latency + 1), Signal(latency + 1)
        passed = Signal(latency)  # what stage k gives to the next one, if it steps
        tags, last = [self.tag], self.last
        # entering[k]: stage k's input becomes the first iteration (behind the ALU: result) of an instruction at the end of this cycle.
        entering, entering_next = Signal(latency + 1), Signal(latency + 1)
        for stage in range(latency):
            tag = Signal(tag_layout(self._config), name=f"tag_{stage}", reset_less=True)
            with m.If(step[stage]):
                m.d.sync += tag.eq(tags[-1])
            m.d.comb += passed[stage].eq(carried[stage] & (tags[-1].emit if stage == combine else 1))
            tags.append(tag)
            if turns > 1:
                before, last = last, Signal(name=f"last_{stage}", reset_less=True)
                with m.If(step[stage]):
                    m.d.sync += last.eq(before)
        m.d.comb += [
            carried_next.eq(Cat(self.valid_next, Mux(move, passed, carried[1:]))),
            step_next.eq(carried_next & self.move_next.replicate(latency + 1))]
        m.d.sync += [carried.eq(carried_next), step.eq(step_next), move.eq(self.move_next)]
        for stage in range(1, latency + 1):
            flag = "begins" if stage <= combine else "begins_results"
            before = self.tag_begins_next if stage == 1 else Mux(step[stage - 2], tags[stage - 2][flag], tags[stage - 1][flag])
            m.d.comb += entering_next[stage].eq(step_next[stage - 1] & before)
        m.d.comb += [entering_next[0].eq(self.begins_next), self.settled.eq(entering[latency])]
        m.d.sync += entering.eq(entering_next)
        steps = replicas(m, platform, step_next, lanes, name="lane_step")
        count = Signal.like(self.count, reset_less=True)
        with m.If(entering[latency]):
            m.d.sync += count.eq(self.count)
        m.d.comb += [
            self.push.eq(step[latency] & last), self.result.tag.eq(tags[latency]),
            self.result.touches.eq(touched(m, self._config, address=tags[latency].destination, beyond=count - 1, name="destination"))]

        # Decoded once, so that no lane waits for it.
        scaling, combining = Signal(ScaleControl), Signal(AluControl)
        post, alu = self.post, self.post.alu
        m.d.comb += [
            *(scaling[name].eq(value) for name, value in scale_control(self.scale.rounding).items()),
            *(scaling[f"{name}_b"].eq(self.scale[f"{name}_select"] == isa.Select.OPERAND_B)
              for name in ("multiplier", "left", "right")),
            combining.reduces.eq(self.reduces), combining.minimum.eq(alu == isa.Alu.MINIMUM),
            combining.extreme.eq(alu.matches(isa.Alu.MAXIMUM, isa.Alu.MINIMUM)),
            combining.adds.eq(alu.matches(isa.Alu.ADD, isa.Alu.SUBTRACT)), combining.subtracts.eq(alu == isa.Alu.SUBTRACT),
            combining.concatenates.eq(alu == isa.Alu.CONCATENATE), combining.counts_zeros.eq(alu == isa.Alu.LEADING_ZEROS),
            combining.post.eq(post.post), combining.high.eq(post.high),
            combining.low.eq(Mux(post.low < post.high, post.low, post.high))]
        # Each bit is taken when its stage's input becomes the first iteration of an instruction.
        uses = {("table", "use"): latency - 1}
        uses |= {("scale", name): stage for name, stage in control_stages(float32=float32).items()}
        uses |= {("alu", name): combine + stage for name, stage in CONTROL_STAGES.items()}
        values = {"scale": scaling, "alu": combining, "table": {"use": post.table}}
        controls = {}
        for stage in sorted(set(uses.values())):
            mine = [use for use, at in uses.items() if at == stage]
            layout = data.StructLayout({f"{unit}_{name}": Shape.cast(Value.cast(values[unit][name]).shape()) for unit, name in mine})
            together = Signal(layout, name=f"control_{stage}")
            m.d.comb += [together[f"{unit}_{name}"].eq(values[unit][name]) for unit, name in mine]
            copies = replicas(m, platform, together, lanes, name=f"control_{stage}", enable=entering[stage], reset_less=True)
            controls |= {use: [copy["_".join(use)] for copy in copies] for use in mine}
        for n, lane_step in enumerate(steps):
            m.submodules[f"scale_{n}"] = scale = Scale(float32=float32)
            m.submodules[f"alu_{n}"] = alu = Alu(turns=turns)
            m.submodules[f"table_{n}"] = table = Table()
            m.d.comb += [
                *(scale.control[name].eq(controls["scale", name][n]) for name, _ in ScaleControl),
                *(alu.control[name].eq(controls["alu", name][n]) for name, _ in AluControl),
                scale.factors.eq(self.factors[n]), scale.step.eq(lane_step[:combine]),
                scale.a.eq(self.a[n]), scale.b.eq(self.b[n]),
                alu.step.eq(lane_step[combine : combine + Alu.LATENCY]), alu.first.eq(tags[combine].first),
                alu.v.eq(scale.v), alu.y.eq(scale.y),
                table.use.eq(controls["table", "use"][n]), table.step.eq(lane_step[latency - 1]), table.z.eq(alu.z),
                table.enable.eq(self.table_write), table.address.eq(self.table_address), table.data.eq(self.table_data)]
            value = table.result
            for turn in reversed(range(turns)):  # the last turn completes the line, the others wait in registers
                m.d.comb += self.result.lanes[turn * lanes + n].eq(value)
                if turn:
                    value, after = Signal(signed(32), name=f"result_{n}_{turn - 1}", reset_less=True), value
                    with m.If(lane_step[latency]):
                        m.d.sync += value.eq(after)
        return m

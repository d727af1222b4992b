"""The lanes of the vector unit and what travels beside them."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.mem.lines import touched
from weft.hdl.replica import replicas
from weft.hdl.vector.alu import Alu, AluControl
from weft.hdl.vector.iteration import result_layout, tag_layout
from weft.hdl.vector.scale import Factors, Scale, ScaleControl, scale_control
from weft.hdl.vector.table import Table
from weft.hdl.words import word_layout


class LanePipeline(wiring.Component):
    """Scaling, ALU or reduction, post-add, clamp and table in every lane: one iteration a move, `stages` moves long.

    All lanes move together, and a stage only when its input is valid, so an idle pipeline switches nothing. In a reduction only
    iterations with `tag.emit` go on behind the ALU.

    Parameters
    ----------
    config: lanes; whether FLOAT32 is built.

    Members
    -------
    load: take scale and post (words of VECTOR_SCALE and VECTOR_POST) and reduces (the instruction does) for what comes after this cycle.
    count: bytes that a result writes in the scratchpad, if it goes there; constant while anything is under way.
    factors: of each lane, constant while anything is under way.
    move_next, valid_next, tag, a, b: iterations, as `OperandFetch` gives them.
    table_write, table_address, table_data: write port of all lanes' tables.
    push, result: an iteration's lanes leave at the end of this cycle. The receiver must have room.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        lanes = data.ArrayLayout(signed(32), config.lanes)
        super().__init__({
            "load": In(1), "count": In(7), "scale": In(word_layout("VECTOR_SCALE")), "post": In(word_layout("VECTOR_POST")),
            "reduces": In(1),
            "factors": In(data.ArrayLayout(Factors, config.lanes)),
            "move_next": In(1), "valid_next": In(1), "tag": In(tag_layout(config)), "a": In(lanes), "b": In(lanes),
            "table_write": In(1), "table_address": In(range(Table.ENTRIES)), "table_data": In(signed(32)),
            "push": Out(1), "result": Out(result_layout(config))})

    @staticmethod
    def stages(config: Config) -> int:
        """Moves from an iteration's `tag` to `push`."""
        return Scale.stages(float32=config.vector.float32) + Alu.LATENCY + Table.LATENCY

    def elaborate(self, platform: object) -> Module:
        m, lanes = Module(), self._config.lanes
        float32, latency = self._config.vector.float32, self.stages(self._config)
        combine = latency - Alu.LATENCY - Table.LATENCY  # the stage in which the ALU takes its input

        # carried[k] belongs to what stage k will take, step[k] says that it does: registers, and each lane has its own.
        move, carried, carried_next = Signal(), Signal(latency + 1), Signal(latency + 1)
        step, step_next = Signal(latency + 1), Signal(latency + 1)
        passed = Signal(latency)  # what stage k gives to the next one, if it steps
        tags = [self.tag]
        for stage in range(latency):
            tag = Signal(tag_layout(self._config), name=f"tag_{stage}", reset_less=True)
            with m.If(step[stage]):
                m.d.sync += tag.eq(tags[-1])
            m.d.comb += passed[stage].eq(carried[stage] & (tags[-1].emit if stage == combine else 1))
            tags.append(tag)
        m.d.comb += [
            carried_next.eq(Cat(self.valid_next, Mux(move, passed, carried[1:]))),
            step_next.eq(carried_next & self.move_next.replicate(latency + 1))]
        m.d.sync += [carried.eq(carried_next), step.eq(step_next), move.eq(self.move_next)]
        steps = replicas(m, platform, step_next, lanes, name="lane_step")
        m.d.comb += [
            self.push.eq(step[latency]), self.result.tag.eq(tags[latency]),
            self.result.touches.eq(touched(m, self._config, address=tags[latency].destination, beyond=self.count - 1, name="destination"))]

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
        scale_controls, alu_controls, uses_table = (
            replicas(m, platform, value, lanes, name=name, enable=self.load, reset_less=True)
            for value, name in ((scaling, "scale_control"), (combining, "alu_control"), (post.table, "uses_table")))
        for n, lane_step in enumerate(steps):
            m.submodules[f"scale_{n}"] = scale = Scale(float32=float32)
            m.submodules[f"alu_{n}"] = alu = Alu()
            m.submodules[f"table_{n}"] = table = Table()
            m.d.comb += [
                scale.control.eq(scale_controls[n]), scale.factors.eq(self.factors[n]), scale.step.eq(lane_step[:combine]),
                scale.a.eq(self.a[n]), scale.b.eq(self.b[n]),
                alu.control.eq(alu_controls[n]), alu.step.eq(lane_step[combine : combine + Alu.LATENCY]), alu.first.eq(tags[combine].first),
                alu.v.eq(scale.v), alu.y.eq(scale.y),
                table.use.eq(uses_table[n]), table.step.eq(lane_step[latency - 1]), table.z.eq(alu.z),
                table.enable.eq(self.table_write), table.address.eq(self.table_address), table.data.eq(self.table_data),
                self.result.lanes[n].eq(table.result)]
        return m

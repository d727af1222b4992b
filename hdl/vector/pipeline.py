"""The lanes of the vector unit and what travels beside them."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.mem.lines import touched
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
    move, valid, tag, a, b: iterations, as `OperandFetch` gives them.
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
            "move": In(1), "valid": In(1), "tag": In(tag_layout(config)), "a": In(lanes), "b": In(lanes),
            "table_write": In(1), "table_address": In(range(Table.ENTRIES)), "table_data": In(signed(32)),
            "push": Out(1), "result": Out(result_layout(config))})

    @staticmethod
    def stages(config: Config) -> int:
        """Moves from `valid` to `push`."""
        return Scale.stages(float32=config.vector.float32) + Alu.LATENCY + Table.LATENCY

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        float32, latency = self._config.vector.float32, self.stages(self._config)
        combine = latency - Alu.LATENCY - Table.LATENCY  # the stage in which the ALU takes its input

        # valid[k] and tags[k] belong to what stage k will take.
        valid = Signal(latency + 1)
        step = Signal(latency)
        carried = Signal(latency)  # the valid bits without the stage input
        tags = [self.tag]
        m.d.comb += [valid.eq(self.valid | carried << 1), step.eq(valid[:latency] & self.move.replicate(latency))]
        for stage in range(latency):
            tag = Signal(tag_layout(self._config), name=f"tag_{stage}", reset_less=True)
            with m.If(step[stage]):
                m.d.sync += tag.eq(tags[-1])
            with m.If(self.move):
                m.d.sync += carried[stage].eq(valid[stage] & (tags[-1].emit if stage == combine else 1))
            tags.append(tag)
        m.d.comb += [
            self.push.eq(valid[latency] & self.move), self.result.tag.eq(tags[latency]),
            self.result.touches.eq(touched(m, self._config, address=tags[latency].destination, beyond=self.count - 1, name="destination"))]

        # Decoded once, so that no lane waits for it.
        scaling = Signal(ScaleControl, reset_less=True)
        combining = Signal(AluControl, reset_less=True)
        post, alu = self.post, self.post.alu
        with m.If(self.load):
            m.d.sync += [
                *(scaling[name].eq(value) for name, value in scale_control(self.scale.rounding).items()),
                *(scaling[f"{name}_b"].eq(self.scale[f"{name}_select"] == isa.Select.OPERAND_B)
                  for name in ("multiplier", "left", "right")),
                combining.reduces.eq(self.reduces), combining.minimum.eq(alu == isa.Alu.MINIMUM),
                combining.extreme.eq(alu.matches(isa.Alu.MAXIMUM, isa.Alu.MINIMUM)),
                combining.adds.eq(alu.matches(isa.Alu.ADD, isa.Alu.SUBTRACT)), combining.subtracts.eq(alu == isa.Alu.SUBTRACT),
                combining.concatenates.eq(alu == isa.Alu.CONCATENATE), combining.counts_zeros.eq(alu == isa.Alu.LEADING_ZEROS),
                combining.post.eq(post.post), combining.high.eq(post.high),
                combining.low.eq(Mux(post.low < post.high, post.low, post.high))]
        for n in range(self._config.lanes):
            m.submodules[f"scale_{n}"] = scale = Scale(float32=float32)
            m.submodules[f"alu_{n}"] = alu = Alu()
            m.submodules[f"table_{n}"] = table = Table()
            m.d.comb += [
                scale.control.eq(scaling), scale.factors.eq(self.factors[n]), scale.step.eq(step[:combine]),
                scale.a.eq(self.a[n]), scale.b.eq(self.b[n]),
                alu.control.eq(combining), alu.step.eq(step[combine : combine + Alu.LATENCY]), alu.first.eq(tags[combine].first),
                alu.v.eq(scale.v), alu.y.eq(scale.y),
                table.use.eq(post.table), table.step.eq(step[-1]), table.z.eq(alu.z), self.result.lanes[n].eq(table.result),
                table.enable.eq(self.table_write), table.address.eq(self.table_address), table.data.eq(self.table_data)]
        return m

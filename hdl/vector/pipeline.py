"""The lanes of the vector unit and what travels beside them."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.vector.alu import Alu, AluControl
from weft.hdl.vector.iteration import result_layout, tag_layout
from weft.hdl.vector.scale import Factors, Scale, ScaleControl
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
    scale, post: words of VECTOR_SCALE and VECTOR_POST; reduces: the instruction reduces. Constant while anything is under way.
    factors: of each lane, constant likewise.
    move, valid, tag, a, b: iterations, as `OperandFetch` gives them.
    table_write, table_address, table_data: write port of all lanes' tables.
    push, result: an iteration's lanes leave at the end of this cycle. The receiver must have room.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        lanes = data.ArrayLayout(signed(32), config.lanes)
        super().__init__({
            "scale": In(word_layout("VECTOR_SCALE")), "post": In(word_layout("VECTOR_POST")), "reduces": In(1),
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
        m.d.comb += [self.push.eq(valid[latency] & self.move), self.result.tag.eq(tags[latency])]

        scale_control = Signal(ScaleControl)
        alu_control = Signal(AluControl)
        low = Signal(signed(32), reset_less=True)
        m.d.comb += [
            scale_control.rounding.eq(self.scale.rounding),
            *(scale_control[f"{name}_b"].eq(self.scale[f"{name}_select"] == isa.Select.OPERAND_B)
              for name in ("multiplier", "left", "right")),
            *(alu_control[name].eq(self.post[name]) for name in ("alu", "post", "high")),
            alu_control.low.eq(low), alu_control.reduces.eq(self.reduces)]
        m.d.sync += low.eq(Mux(self.post.low < self.post.high, self.post.low, self.post.high))  # long before it is used
        for n in range(self._config.lanes):
            scale, alu, table = Scale(float32=float32), Alu(), Table()
            m.submodules[f"scale_{n}"], m.submodules[f"alu_{n}"], m.submodules[f"table_{n}"] = scale, alu, table
            m.d.comb += [
                scale.control.eq(scale_control), scale.factors.eq(self.factors[n]), scale.step.eq(step[:combine]),
                scale.a.eq(self.a[n]), scale.b.eq(self.b[n]),
                alu.control.eq(alu_control), alu.step.eq(step[combine : combine + Alu.LATENCY]), alu.first.eq(tags[combine].first),
                alu.v.eq(scale.v), alu.y.eq(scale.y),
                table.use.eq(self.post.table), table.step.eq(step[-1]), table.z.eq(alu.z), self.result.lanes[n].eq(table.result),
                table.enable.eq(self.table_write), table.address.eq(self.table_address), table.data.eq(self.table_data)]
        return m

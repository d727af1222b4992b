"""Lets the channels of a line take turns where the vector unit has fewer lanes than the array has columns."""

from amaranth import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.hdl.vector.iteration import tag_layout


class Turns(wiring.Component):
    """Cuts an iteration into `config.vector.columns_per_lane` turns, one a cycle; turn t has channels t * lanes and up.

    Its outputs look to `LanePipeline` as those of `OperandFetch` do, with a turn for an iteration. Nothing ever waits here: whoever asks
    for operands leaves as many cycles between two iterations as there are turns.

    Parameters
    ----------
    config: columns, and how many of them share a lane.

    Members
    -------
    comes: `tag`, `a` and `b` take an iteration at the end of this cycle; `tag_comes_begins`: it is the first of an instruction.
    tag, a, b: of all columns; constant from then on until the next iteration comes.
    turn, takes: the registers take this turn at the end of this cycle.
    begins_next: at the end of the next cycle the registers take an instruction's first turn; tag_begins_next: in the next cycle they
    hold it.
    valid_next: in the next cycle the registers below hold a turn, for that cycle only.
    turn_tag, last, turn_a, turn_b: registers; `begins` and `begins_results` are set in the first turn alone, last in the last.
    """

    LATENCY = 1  # cycles from tag, a and b to the first turn

    def __init__(self, config: Config) -> None:
        self._config = config
        line, lanes = config.lanes, config.vector_lanes
        super().__init__({
            "comes": In(1), "tag_comes_begins": In(1), "tag": In(tag_layout(config)),
            "a": In(data.ArrayLayout(signed(32), line)), "b": In(data.ArrayLayout(signed(32), line)),
            "turn": Out(range(config.vector.columns_per_lane)), "takes": Out(1),
            "begins_next": Out(1), "tag_begins_next": Out(1), "valid_next": Out(1), "last": Out(1), "turn_tag": Out(tag_layout(config)),
            "turn_a": Out(data.ArrayLayout(signed(32), lanes)), "turn_b": Out(data.ArrayLayout(signed(32), lanes))})

    def elaborate(self, platform: object) -> Module:
        del platform
        m, turns = Module(), self._config.vector.columns_per_lane
        turn, busy, final = Signal(range(turns), reset_less=True), Signal(), Signal()
        m.d.comb += final.eq(turn == turns - 1)
        with m.If(self.comes):
            m.d.sync += [busy.eq(1), turn.eq(0)]
        with m.Elif(busy):
            m.d.sync += [busy.eq(~final), turn.eq(turn + 1)]
        begins = Signal()
        m.d.comb += [
            self.turn.eq(turn), self.takes.eq(busy), begins.eq(self.tag.begins & (turn == 0)),
            self.begins_next.eq(self.comes & self.tag_comes_begins),
            self.valid_next.eq(busy), self.tag_begins_next.eq(begins)]

        tag, last = Signal(tag_layout(self._config), reset_less=True), Signal(reset_less=True)
        with m.If(busy):
            m.d.sync += [tag.eq(self.tag), tag.begins.eq(begins), tag.begins_results.eq(self.tag.begins_results & (turn == 0)),
                         last.eq(final)]
        m.d.comb += [self.turn_tag.eq(tag), self.last.eq(last)]
        for name in ("a", "b"):
            line, out = getattr(self, name).as_value(), getattr(self, f"turn_{name}")
            chosen = Signal(out.shape(), name=f"chosen_{name}", reset_less=True)
            with m.If(busy):
                m.d.sync += chosen.as_value().eq(line.word_select(turn, len(chosen.as_value())))
            m.d.comb += out.eq(chosen)
        return m

"""Parameter sets: pre-addend, multiplier and shifts of every lane, and the choice between them and an instruction's constants."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft.gen.config import Config
from weft.gen.isa import Select
from weft.hdl.mem.sram import Sram
from weft.hdl.replica import replicas
from weft.hdl.vector.scale import Factors
from weft.hdl.words import word_layout


class ParameterSets(wiring.Component):
    """Holds `config.vector.parameter_sets` sets and gives the lanes' factors for one instruction.

    `load` reads set `index`; `LATENCY` cycles later or whenever, `give_next` lets `factors` become for each lane what VECTOR_SCALE selects:
    its constants or the lane's entries. They stay until the next time, so a lane needs no multiplexer in its pipeline. Where columns
    share lanes, entries of all columns and the constants stay instead, and each turn takes its choice.

    Parameters
    ----------
    config: lanes, number of sets.

    Members
    -------
    load, index: start a reading of what VECTOR_SCALE selects of a set. Not in the cycle in which that is written.
    scale: the VECTOR_SCALE word, constant from `load` until the factors are given.
    give_next: the factors of the last `load` are taken at the end of the next cycle.
    turn, takes: where columns share lanes: `factors` become those of this turn at the end of a cycle with `takes`.
    factors: array of `Factors`, one a lane.
    write_pre, write_multiplier, write_shift: write that field of set `write_index` from `write_data` (32 bits a lane); shifts have the
    right one in bits 0..5 and the left one in bits 8..12 of a lane.
    """

    LATENCY = Sram.LATENCY

    def __init__(self, config: Config) -> None:
        self._config = config
        sets, turns = range(config.vector.parameter_sets), config.vector.columns_per_lane
        super().__init__({
            "load": In(1), "give_next": In(1), "index": In(sets), "scale": In(word_layout("VECTOR_SCALE")),
            "turn": In(range(turns)), "takes": In(1), "factors": Out(data.ArrayLayout(Factors, config.vector_lanes)),
            "write_pre": In(1), "write_multiplier": In(1), "write_shift": In(1), "write_index": In(sets),
            "write_data": In(data.ArrayLayout(32, config.lanes))})

    def elaborate(self, platform: object) -> Module:
        m, scale = Module(), self.scale
        lanes, depth = self._config.lanes, self._config.vector.parameter_sets
        pre, multiplier = Sram(depth=depth, width=32 * lanes), Sram(depth=depth, width=32 * lanes)
        shift = Sram(depth=depth, width=11 * lanes)
        m.submodules.pre, m.submodules.multiplier, m.submodules.shift = pre, multiplier, shift
        fields = ("pre", "multiplier", "right", "left")
        selects = {name: scale[f"{name}_select"] == Select.PARAMETER for name in fields}
        shifts = Cat(Cat(lane[0:6], lane[8:13]) for lane in (self.write_data[n] for n in range(lanes)))
        for memory, enable, value, wanted in (
                (pre, self.write_pre, self.write_data.as_value(), selects["pre"]),
                (shift, self.write_shift, shifts, selects["right"] | selects["left"]),
                (multiplier, self.write_multiplier, self.write_data.as_value(), selects["multiplier"])):
            m.d.comb += [
                memory.write.enable.eq(enable), memory.write.address.eq(self.write_index), memory.write.data.eq(value),
                memory.read.enable.eq(self.load & wanted), memory.read.address.eq(self.index)]

        entries = []
        for n in range(lanes):
            shifts = shift.read.data.word_select(n, 11)
            entries.append({"pre": pre.read.data.word_select(n, 32), "multiplier": multiplier.read.data.word_select(n, 32),
                            "right": shifts[:6], "left": shifts[6:]})
        if self._config.vector.columns_per_lane == 1:
            self._choose_once(m, platform, entries, selects)
        else:
            self._choose_each_turn(m, entries, selects)
        return m

    def _choose_once(self, m: Module, platform: object, entries: list[dict[str, Value]], selects: dict[str, Value]) -> None:
        """When the factors are given; for each lane from registers of its own."""
        loaded = replicas(m, platform, self.give_next, len(entries), name="gives")
        chosen = {name: replicas(m, platform, select, len(entries), name=f"chosen_{name}", reset_less=True)
                  for name, select in selects.items()}
        factors = Signal.like(self.factors, reset_less=True)
        m.d.comb += self.factors.eq(factors)
        for n, entry in enumerate(entries):
            with m.If(loaded[n]):
                m.d.sync += [factors[n][name].eq(Mux(chosen[name][n], entry[name], self.scale[name])) for name in entry]

    def _choose_each_turn(self, m: Module, entries: list[dict[str, Value]], selects: dict[str, Value]) -> None:
        """From the entries of all columns and the instruction's constants, as they were when the factors were given."""
        gives, lanes = Signal(), len(self.factors)
        held = Signal(data.ArrayLayout(Factors, len(entries)), reset_less=True)
        constants, chosen = Signal(Factors, reset_less=True), Signal(data.StructLayout(dict.fromkeys(selects, 1)), reset_less=True)
        factors = Signal.like(self.factors, reset_less=True)
        m.d.sync += gives.eq(self.give_next)
        with m.If(gives):
            m.d.sync += [held[n][name].eq(value) for n, entry in enumerate(entries) for name, value in entry.items()]
            m.d.sync += [update for name, select in selects.items()
                         for update in (constants[name].eq(self.scale[name]), chosen[name].eq(select))]
        m.d.comb += self.factors.eq(factors)
        with m.If(self.takes):
            for n in range(lanes):
                of_turn = data.View(Factors, held.as_value().word_select(self.turn, lanes * Factors.size).word_select(n, Factors.size))
                m.d.sync += [factors[n][name].eq(Mux(chosen[name], of_turn[name], constants[name])) for name in selects]

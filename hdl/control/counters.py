"""Performance counters, generated from `csr.COUNTERS`."""

from amaranth import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft.gen import csr
from weft.gen.config import Config
from weft.gen.isa import State, Unit
from weft.hdl.control.choice import choose
from weft.hdl.replica import replicas

CYCLES = "CYCLES"
STATES = {f"{unit.name}_{state.name}": (unit, state) for unit in Unit for state in State}
EVENTS = tuple(counter.name for counter in csr.COUNTERS if counter.name not in STATES and counter.name != CYCLES)


class Counters(wiring.Component):
    """One 32-bit counter for each of `csr.COUNTERS`; they wrap. Without `config.counters.enabled` all read zero.

    Everything is counted two cycles after it happened, `counting` included: long paths end in a register here, and what is counted is
    decided behind it.

    Members
    -------
    clear: pulse: all counters become zero.
    counting: count this cycle.
    state_0 .. state_3: isa.State of each unit.
    <event>: for each of `EVENTS` in lower case: how often it happens in this cycle.
    select, value: index in csr.COUNTERS, and three cycles later that counter; zero for an index beyond the last.
    """

    EVENT_BITS = 6  # width of an event input

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__({
            "clear": In(1), "counting": In(1), **{f"state_{unit.value}": In(4) for unit in Unit},
            **{name.lower(): In(self.EVENT_BITS) for name in EVENTS},
            "select": In(range(len(csr.COUNTERS))), "value": Out(32)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not self._config.counters.enabled:
            return m

        def delayed(value: Value, name: str) -> Signal:
            register = Signal.like(value, name=name)
            m.d.sync += register.eq(value)
            return register

        counting, clear = (replicas(m, platform, delayed(value, f"{name}_before"), len(csr.COUNTERS), name=name)
                           for value, name in ((self.counting, "counting"), (self.clear, "clear")))
        states = {unit: delayed(getattr(self, f"state_{unit.value}"), f"was_{unit.name}") for unit in Unit}
        counters = []
        for number, counter in enumerate(csr.COUNTERS):
            step = Signal(self.EVENT_BITS, name=f"step_{counter.name}", reset_less=True)
            count = Signal(32, name=f"count_{counter.name}", reset_less=True)
            if counter.name == CYCLES:
                m.d.comb += step.eq(1)
            elif counter.name in STATES:
                unit, state = STATES[counter.name]
                m.d.sync += step.eq(states[unit] == state)
            else:
                m.d.sync += step.eq(delayed(getattr(self, counter.name.lower()), f"was_{counter.name}"))
            with m.If(clear[number]):
                m.d.sync += count.eq(0)
            with m.Elif(counting[number]):
                m.d.sync += count.eq(count + step)
            counters.append(count)
        m.d.comb += self.value.eq(choose(m, delayed(self.select, "selected"), dict(enumerate(counters)), bits=32, name="chosen"))
        return m

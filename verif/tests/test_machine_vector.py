"""VECTOR of the golden machine against a model that does one lane of one iteration at a time with Python integers."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.gen import isa
from weft.gen.assembler import disassemble_word
from weft.gen.isa import REDUCTIONS, Alu, Cause, Destination, Rounding, Select, Source, Unit
from weft.verif.golden.faults import Error
from weft.verif.tests.programs import PLAIN_POST, PLAIN_SCALE, TINY, machine_for, run, strides
from weft.verif.tests.test_rounding import expected as rounded

LANES = TINY.lanes
BYTES, LINES = TINY.scratchpad_bytes, TINY.accumulator_lines
LOOP = "VECTOR_LOOP count_0={} count_1={} count_2={} count_3={} reduce={}\n"
ONCE = LOOP.format(1, 1, 1, 1, 0)


def vector(a=0, a_source="none", b=0, b_source="none", destination=0, destination_kind="none", lanes=LANES, parameter=0, overlap=0) -> str:
    return (f"VECTOR a={a} a_source={a_source} b={b} b_source={b_source} destination={destination} "
            f"destination_kind={destination_kind} lanes={lanes} parameter={parameter} overlap={overlap}\n")


def wrap(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


@dataclasses.dataclass
class Case:
    """One VECTOR with its set-up, as field values by instruction name; strides by operand."""

    loop: dict[str, int]
    strides: list[list[int]]
    scale: dict[str, int]
    post: dict[str, int]
    vector: dict[str, int]

    def text(self) -> str:
        parts = [isa.encode("VECTOR_LOOP", **self.loop), isa.encode("VECTOR_SCALE", **self.scale),
                 isa.encode("VECTOR_POST", **self.post)]
        return "\n".join([*map(disassemble_word, parts), strides(*map(tuple, self.strides)),
                          disassemble_word(isa.encode("VECTOR", **self.vector)), "HALT"])


@st.composite
def cases(draw):
    """Sources lie below byte 4096 and line 64, results above, and parameter sets apart, so that no iteration reads a result."""
    counts = draw(st.lists(st.integers(1, 3), min_size=4, max_size=4))
    reduce = draw(st.integers(0, 4))
    word = st.one_of(st.integers(-(1 << 31), (1 << 31) - 1), st.integers(-130, 130))
    alu = draw(st.sampled_from(REDUCTIONS if reduce else list(Alu)))
    kind = draw(st.sampled_from(list(Destination)))
    bases = {Destination.BYTES: 6000, Destination.ACCUMULATOR: 200}
    small = st.lists(st.integers(-3, 3), min_size=4, max_size=4)
    return Case(
        loop={f"count_{level}": count for level, count in enumerate(counts)} | {"reduce": reduce},
        strides=[draw(small), draw(small), draw(small)],
        scale={"pre": draw(word), "multiplier": draw(word), "left": draw(st.integers(0, 31)), "right": draw(st.integers(0, 63)),
               "rounding": draw(st.sampled_from(list(Rounding))), "pre_select": draw(st.integers(0, 1)),
               **{f"{name}_select": draw(st.sampled_from(list(Select))) for name in ("multiplier", "left", "right")}},
        post={"post": draw(word), "low": draw(word), "high": draw(word), "alu": alu,
              "table": draw(st.integers(0, kind is not Destination.TABLE))},
        vector={"a": draw(st.integers(24, 32)), "a_source": draw(st.sampled_from(list(Source))),
                "b": draw(st.integers(24, 32)), "b_source": draw(st.sampled_from(list(Source))),
                "destination": bases.get(kind, 30), "destination_kind": kind, "lanes": draw(st.integers(1, LANES)),
                "parameter": draw(st.integers(55, TINY.vector.parameter_sets - 1)), "overlap": 0})


def read(state, kind: int, address: int) -> list[int]:
    """The lanes of an operand."""
    def raw(count: int, signed: bool) -> int:
        return int.from_bytes(state.scratchpad[address : address + count].tobytes(), "little", signed=signed)

    match kind:
        case Source.NONE:
            return [0] * LANES
        case Source.ACCUMULATOR:
            return state.accumulators[address].tolist()
        case Source.INT8 | Source.UINT8:
            octets = state.scratchpad[address : address + LANES].tolist()
            return [octet - 256 if kind == Source.INT8 and octet > 127 else octet for octet in octets]
        case Source.SPLAT_INT8:
            return [raw(1, True)] * LANES
        case Source.SPLAT_UINT8:
            return [raw(1, False)] * LANES
        case Source.SPLAT_INT32:
            return [raw(4, True)] * LANES


def scaled(state, case: Case, lane: int, a: int, b: int) -> int:
    index = case.vector["parameter"]

    def select(field: str, table, bits: int) -> int:
        chosen = {Select.CONSTANT: case.scale[field], Select.PARAMETER: int(table[index, lane]), Select.OPERAND_B: b}
        value = chosen[case.scale[f"{field}_select"]]
        return value if bits == 32 else value % (1 << bits)

    x = wrap(wrap(a + select("pre", state.pre, 32)) << select("left", state.left, 5))
    return rounded(x, select("multiplier", state.multiplier, 32), select("right", state.right, 6), Rounding(case.scale["rounding"]))


def combined(alu: int, v: int, y: int) -> int:
    match alu:
        case Alu.PASS:
            return v
        case Alu.ADD:
            return wrap(v + y)
        case Alu.SUBTRACT:
            return wrap(v - y)
        case Alu.MAXIMUM:
            return max(v, y)
        case Alu.MINIMUM:
            return min(v, y)
        case Alu.CONCATENATE:
            return wrap((y << 8) | (v & 255))
        case Alu.LEADING_ZEROS:
            return 32 - (v % (1 << 32)).bit_length()


def write(state, case: Case, address: int, z: list[int]) -> None:
    match case.vector["destination_kind"]:
        case Destination.ACCUMULATOR:
            state.accumulators[address] = z
        case Destination.BYTES:
            state.scratchpad[address : address + case.vector["lanes"]] = [value % 256 for value in z[: case.vector["lanes"]]]
        case Destination.PARAMETER_PRE:
            state.pre[address] = z
        case Destination.PARAMETER_MULTIPLIER:
            state.multiplier[address] = z
        case Destination.PARAMETER_SHIFT:
            state.right[address] = [value % 64 for value in z]
            state.left[address] = [(value >> 8) % 32 for value in z]
        case Destination.TABLE:
            state.table[address % 256] = z[0]


@dataclasses.dataclass
class State:
    """Copies of the machine's memories that the model works on."""

    scratchpad: np.ndarray
    accumulators: np.ndarray
    pre: np.ndarray
    multiplier: np.ndarray
    right: np.ndarray
    left: np.ndarray
    table: np.ndarray

    @classmethod
    def of(cls, memory) -> "State":
        return cls(*(getattr(memory, field.name).copy() for field in dataclasses.fields(cls)))


def model(state: State, case: Case) -> None:
    """Perform the case on the state, iteration by iteration; tables and sets are read as they were before."""
    old = dataclasses.replace(state, **{field.name: getattr(state, field.name).copy() for field in dataclasses.fields(state)})
    counts = [case.loop[f"count_{level}"] for level in range(4)]
    passes = int(np.prod(counts[: case.loop["reduce"]]))
    running = [0] * LANES
    for number, (i3, i2, i1, i0) in enumerate(itertools.product(*map(range, reversed(counts)))):
        at = [base + sum(i * s for i, s in zip((i0, i1, i2, i3), steps, strict=True))
              for base, steps in zip((case.vector["a"], case.vector["b"], case.vector["destination"]), case.strides, strict=True)]
        a, b = read(old, case.vector["a_source"], at[0]), read(old, case.vector["b_source"], at[1])
        v = [scaled(old, case, lane, a[lane], b[lane]) for lane in range(LANES)]
        other = running if case.loop["reduce"] else b
        first_of_reduction = case.loop["reduce"] and number % passes == 0
        running = v if first_of_reduction else [combined(case.post["alu"], v[lane], other[lane]) for lane in range(LANES)]
        if number % passes == passes - 1:
            z = [min(max(wrap(u + case.post["post"]), case.post["low"]), case.post["high"]) for u in running]
            if case.post["table"]:
                z = [int(old.table[value % 256]) for value in z]
            write(state, case, at[2], z)


@settings(max_examples=400)
@given(case=cases())
def test_definition(case):
    machine, length = machine_for(case.text(), seed=11)
    random, memory = np.random.default_rng(12), machine.memory
    for name, low, high in (("pre", -(1 << 31), 1 << 31), ("multiplier", -(1 << 31), 1 << 31), ("right", 0, 64), ("left", 0, 32),
                            ("table", -(1 << 31), 1 << 31)):
        array = getattr(memory, name)
        array[:] = random.integers(low, high, array.shape)
    expected = State.of(memory)
    model(expected, case)
    outcome = run(machine, length)
    for name, array in dataclasses.asdict(expected).items():
        assert (getattr(memory, name) == array).all(), name
    assert outcome.counts == {"VECTOR_ITERATIONS": int(np.prod([case.loop[f"count_{level}"] for level in range(4)]))}


def test_requantise_by_hand():
    """acc 1000, bias 24, multiplier 0.5 (2^30 / 2^31), then >> 3, zero point -10, clamp at 127: (1024 / 16) - 10 = 54."""
    machine, length = machine_for(
        ONCE + strides() + PLAIN_POST.replace("post=0", "post=-10").replace("low=-2147483648 high=2147483647", "low=-128 high=127")
        + PLAIN_SCALE.replace("pre=0", "pre=24").replace("multiplier=1 ", "multiplier=1073741824 ").replace(
            "right=0 rounding=floor", "right=34 rounding=double")
        + vector(3, "accumulator", destination=9, destination_kind="bytes", lanes=3) + "HALT")
    machine.memory.accumulators[3] = [1000, -40, 1 << 20, 1000]
    run(machine, length)
    assert machine.memory.scratchpad[8:14].view(np.int8).tolist() == [0, 54, -11, 127, 0, 0]  # (-16 / 16) - 10 = -11; lane 3 is not written


def test_words_from_byte_planes_by_hand():
    """CONCATENATE over four lines, most significant plane first, gives a 32-bit word in each lane."""
    machine, length = machine_for(
        LOOP.format(4, 1, 1, 1, 1) + strides((4, 0, 0, 0)) + PLAIN_SCALE + PLAIN_POST.replace("pass", "concatenate")
        + vector(0, "uint8", destination=2, destination_kind="parameter_pre") + "HALT")
    words = np.array([0x01020304, -2, 0x7FFFFFFF, 0], ">i4")
    machine.memory.scratchpad[:16] = words.view(np.uint8).reshape(4, 4).T.ravel()
    run(machine, length)
    assert machine.memory.pre[2].tolist() == words.tolist()


def test_table_by_hand():
    """256 words into the table, then a byte looked up in it."""
    machine, length = machine_for(
        LOOP.format(256, 1, 1, 1, 0) + strides((4, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 0)) + PLAIN_SCALE + PLAIN_POST
        + vector(0, "splat_int32", destination=0, destination_kind="table")
        + ONCE + PLAIN_POST.replace("table=0", "table=1") + vector(2000, "int8", destination=5, destination_kind="accumulator") + "HALT")
    machine.memory.scratchpad[:1024] = (np.arange(256, dtype="<i4") * -1000).view(np.uint8)
    machine.memory.scratchpad[2000:2004] = np.array([0, 1, -1, -128], np.int8).view(np.uint8)
    run(machine, length)
    assert machine.memory.accumulators[5].tolist() == [0, -1000, -255000, -128000]


SETUP = ONCE + strides() + PLAIN_SCALE + PLAIN_POST
TWICE = LOOP.format(1, 2, 1, 1, 0) + strides((0, 1, 0, 0), (0, 1, 0, 0), (0, 1, 0, 0)) + PLAIN_SCALE + PLAIN_POST


@pytest.mark.parametrize(("setup", "run_text", "cause", "address"), [
    (SETUP, vector(lanes=LANES + 1), Cause.ILLEGAL_OPERAND, 0),
    (SETUP.replace("reduce=0", "reduce=1"), vector(), Cause.ILLEGAL_OPERAND, 0),
    (SETUP, vector(parameter=TINY.vector.parameter_sets), Cause.PARAMETER, TINY.vector.parameter_sets),
    (TWICE, vector(BYTES - LANES, "int8"), Cause.SCRATCHPAD, BYTES - LANES + 1),
    (TWICE, vector(b=BYTES - 1, b_source="splat_uint8"), Cause.SCRATCHPAD, BYTES),
    (TWICE, vector(b=BYTES - 4, b_source="splat_int32"), Cause.SCRATCHPAD, BYTES - 3),
    (TWICE, vector(LINES - 1, "accumulator"), Cause.ACCUMULATOR, LINES),
    (TWICE, vector(destination=LINES - 1, destination_kind="accumulator"), Cause.ACCUMULATOR, LINES),
    (TWICE, vector(destination=BYTES - 2, destination_kind="bytes", lanes=2), Cause.SCRATCHPAD, BYTES - 1),
    (TWICE, vector(destination=TINY.vector.parameter_sets - 1, destination_kind="parameter_shift"), Cause.PARAMETER,
     TINY.vector.parameter_sets),
    # The earlier iteration wins over the earlier operand.
    (TWICE, vector(LINES - 1, "accumulator", BYTES, "int8"), Cause.SCRATCHPAD, BYTES),
    (TWICE, vector(LINES, "accumulator", BYTES, "int8"), Cause.ACCUMULATOR, LINES),
    # In a reduction only the last iteration has a result address.
    (TWICE.replace("reduce=0", "reduce=2").replace("alu=pass", "alu=add"),
     vector(destination=LINES - 1, destination_kind="accumulator"), Cause.ACCUMULATOR, LINES),
])
def test_traps(setup, run_text, cause, address):
    machine, length = machine_for(setup + run_text + "HALT")
    assert machine.run(0, length).error == Error(cause, length - 2, Unit.VECTOR, address)


@pytest.mark.parametrize("run_text", [
    vector(BYTES - LANES, "uint8"), vector(BYTES - 4, "splat_int32"), vector(BYTES - 1, "splat_int8"), vector(LINES - 1, "accumulator"),
    vector(destination=BYTES - 2, destination_kind="bytes", lanes=2), vector(destination=LINES - 1, destination_kind="accumulator"),
    vector(destination=TINY.vector.parameter_sets - 1, destination_kind="parameter_pre"),
    vector(destination=(1 << 20) - 1, destination_kind="table"), vector((1 << 20) - 1, "none"),
])
def test_last_addresses_are_legal(run_text):
    machine, length = machine_for(SETUP + run_text + "HALT")
    run(machine, length)


def test_result_address_of_a_reduction_may_pass_out_of_range():
    """Only the last iteration's address counts: line -1 of the first iteration is never used."""
    machine, length = machine_for(
        LOOP.format(2, 1, 1, 1, 1) + strides((0, 0, 0, 0), (0, 0, 0, 0), (-LINES, 0, 0, 0)) + PLAIN_SCALE
        + PLAIN_POST.replace("pass", "add") + vector(destination=LINES, destination_kind="accumulator") + "HALT", seed=1)
    run(machine, length)
    assert machine.memory.accumulators[0].tolist() == [0] * LANES


def test_float32_needs_its_option():
    config = dataclasses.replace(TINY, vector=dataclasses.replace(TINY.vector, float32=False))
    text = SETUP.replace("rounding=floor", "rounding=float32") + vector() + "HALT"
    machine, length = machine_for(text, config=config)
    assert machine.run(0, length).error == Error(Cause.ILLEGAL_OPERAND, length - 2, Unit.VECTOR)

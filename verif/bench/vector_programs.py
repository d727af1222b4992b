"""Random legal and illegal work for the vector unit, as lists of (instruction name, field values)."""

import itertools
import random

from weft.gen import isa
from weft.gen.config import Config
from weft.gen.isa import Alu, Cause, Destination, Rounding, Select, Source
from weft.verif.bench.rounding_model import HIGH, LOW, wrap
from weft.verif.bench.vector_model import BYTES, PARAMETERS

Instructions = list[tuple[str, dict[str, int]]]


def word32(rng: random.Random) -> int:
    """A signed 32-bit value of any size."""
    return wrap(rng.getrandbits(32)) >> rng.randint(0, 31)


def size_of(config: Config, operand: str, kind: int, lanes: int) -> tuple[int, int]:
    """(memory's size, size of one access) in the units that addresses count; (0, 0) without a limit."""
    if operand == "destination":
        if kind in PARAMETERS:
            return config.vector.parameter_sets, 1
        return {Destination.ACCUMULATOR: (config.accumulator_lines, 1),
                Destination.BYTES: (config.scratchpad_bytes, lanes)}.get(Destination(kind), (0, 0))
    if kind == Source.ACCUMULATOR:
        return config.accumulator_lines, 1
    return (config.scratchpad_bytes, BYTES[Source(kind)] or config.lanes) if kind in BYTES else (0, 0)


def loop(*counts: int, reduce: int = 0) -> tuple[str, dict[str, int]]:
    return "VECTOR_LOOP", {**{f"count_{k}": counts[k] if k < len(counts) else 1 for k in range(4)}, "reduce": reduce}


def strides(operand: int, *steps: int) -> tuple[str, dict[str, int]]:
    return "VECTOR_STRIDE", {"operand": operand, **{f"stride_{k}": steps[k] if k < len(steps) else 0 for k in range(4)}}


def scale(**values: int) -> tuple[str, dict[str, int]]:
    """Identity unless told otherwise."""
    return "VECTOR_SCALE", {"pre": 0, "multiplier": 1, "left": 0, "right": 0, "rounding": 0, "pre_select": 0, "multiplier_select": 0,
                            "left_select": 0, "right_select": 0, **values}


def post(**values: int) -> tuple[str, dict[str, int]]:
    """Pass on unless told otherwise."""
    return "VECTOR_POST", {"post": 0, "low": LOW, "high": HIGH, "alu": Alu.PASS, "table": 0, **values}


def run(**values: int) -> tuple[str, dict[str, int]]:
    return "VECTOR", {"a": 0, "a_source": 0, "b": 0, "b_source": 0, "destination": 0, "destination_kind": 0, "lanes": 1, "parameter": 0,
                      "overlap": 0, **values}


def random_scale(config: Config, rng: random.Random) -> tuple[str, dict[str, int]]:
    rounding = rng.choice(list(Rounding)[: 5 if config.vector.float32 else 4])
    pick = [Select.CONSTANT, Select.CONSTANT, Select.PARAMETER, Select.OPERAND_B]
    return scale(pre=word32(rng), multiplier=word32(rng), left=rng.choice((0, rng.randint(0, 31))), right=rng.randint(0, 63),
                 rounding=rounding, pre_select=rng.randint(0, 1), multiplier_select=rng.choice(pick),
                 left_select=rng.choice(pick), right_select=rng.choice(pick))


def random_post(rng: random.Random, reduces: bool) -> tuple[str, dict[str, int]]:
    limits = [word32(rng), word32(rng)]
    if rng.random() < 0.9:
        limits.sort()  # else the lower clamp is above the upper one, which the instruction set defines, too
    low, high = rng.choice(((LOW, HIGH), (-128, 127), limits))
    alu = rng.choice(isa.REDUCTIONS if reduces else list(Alu))
    return post(post=rng.choice((0, word32(rng))), low=low, high=high, alu=alu, table=int(rng.random() < 0.3))


def random_vector(config: Config, rng: random.Random, iterations: int = 60) -> Instructions:
    """All set-up instructions in random order, then a VECTOR whose addresses are legal."""
    while True:
        counts = [rng.choice((1, 1, 2, 3, rng.randint(1, 12))) for _ in range(4)]
        reduce = rng.choice((0, 0, 0, 1, 2, 3, 4))
        if counts[0] * counts[1] * counts[2] * counts[3] > iterations:
            continue
        fields = {"a_source": rng.choice(list(Source)), "b_source": rng.choice(list(Source)),
                  "destination_kind": rng.choice(list(Destination) + [Destination.BYTES, Destination.ACCUMULATOR] * 2),
                  "lanes": rng.randint(1, config.lanes), "parameter": rng.randrange(config.vector.parameter_sets),
                  "overlap": rng.randint(0, 1)}
        setup = [loop(*counts, reduce=reduce), random_scale(config, rng), random_post(rng, reduce > 0)]
        for operand, name in enumerate(("a", "b", "destination")):
            kind = fields[f"{name}_source" if operand < 2 else "destination_kind"]
            limit, size = size_of(config, name, kind, fields["lanes"])
            steps = [rng.choice((0, 1, -1, size, -size, rng.randint(-40, 40))) for _ in range(4)]
            offsets = [sum(i * s for i, s in zip(index, steps, strict=True)) for index in itertools.product(*map(range, counts))]
            low, high = -min(offsets), (limit - size if size else (1 << 20) - 1) - max(offsets)
            if low > high:
                break
            fields[name] = rng.choice((low, high, rng.randint(low, high)))
            setup.append(strides(operand, *steps))
        else:
            rng.shuffle(setup)
            return [*setup, run(**fields)]


def random_illegal(config: Config, rng: random.Random) -> tuple[Instructions, Cause]:
    """A VECTOR with one thing wrong, and the cause that it must report."""
    work = random_vector(config, rng)
    fields, by_name = work[-1][1], {name: values for name, values in work if name != "VECTOR_STRIDE"}
    match rng.randrange(6):
        case 0:
            fields["lanes"] = rng.randint(config.lanes + 1, 64)
            return work, Cause.ILLEGAL_OPERAND
        case 1:
            by_name["VECTOR_LOOP"]["reduce"] = rng.randint(1, 4)
            by_name["VECTOR_POST"]["alu"] = rng.choice([alu for alu in Alu if alu not in isa.REDUCTIONS])
            return work, Cause.ILLEGAL_OPERAND
        case 2 if not config.vector.float32:
            by_name["VECTOR_SCALE"]["rounding"] = Rounding.FLOAT32
            return work, Cause.ILLEGAL_OPERAND
        case 3 if config.vector.parameter_sets < 256:
            fields["parameter"] = rng.randint(config.vector.parameter_sets, 255)
            return work, Cause.PARAMETER
        case 4:
            name, kind, cause = rng.choice((
                ("destination", Destination.BYTES, Cause.SCRATCHPAD), ("destination", Destination.ACCUMULATOR, Cause.ACCUMULATOR),
                ("destination", Destination.PARAMETER_PRE, Cause.PARAMETER), ("destination", Destination.PARAMETER_SHIFT, Cause.PARAMETER)))
            fields["destination_kind"] = kind
        case _:
            name = rng.choice(("a", "b"))
            fields[f"{name}_source"] = kind = rng.choice([kind for kind in Source if kind != Source.NONE])
            cause = Cause.ACCUMULATOR if kind == Source.ACCUMULATOR else Cause.SCRATCHPAD
    # Walk out of the memory, at either end, after some legal iterations or at once.
    limit, size = size_of(config, name, kind, fields["lanes"])
    by_name["VECTOR_LOOP"].update(count_0=12, reduce=min(by_name["VECTOR_LOOP"]["reduce"], 1))
    for other in {"a", "b", "destination"} - {name}:
        fields["destination_kind" if other == "destination" else f"{other}_source"] = 0
    for stride, values in work:
        if stride == "VECTOR_STRIDE" and values["operand"] == ("a", "b", "destination").index(name):
            values.update(stride_0=rng.choice((-1, 1)) * rng.randint(1, 5), stride_1=0, stride_2=0, stride_3=0)
            fields[name] = (rng.randint(0, 10) if values["stride_0"] < 0 else limit - size + 1 - rng.randint(0, 10))
    return work, cause

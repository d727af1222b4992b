"""Every byte that an inference moves to and from DRAM, by what it is. Counted from program and constants, before anything runs."""

from collections import Counter

from weft.gen import isa
from weft.gen.compiler.constants import FILLING, PARAMETERS, TABLES, WEIGHTS
from weft.gen.compiler.network import CompiledNetwork

IMAGE, INPUT, OUTPUT, SPILL = range(4)  # windows
READ, WRITTEN = "read", "written"


def account(network: CompiledNetwork) -> list[tuple[str, str, int]]:
    """(what, "read" or "written", bytes); they add up to an inference's traffic. Rows of 0 bytes are left out.

    Weights are those of the file, a byte each, without the channels that the compiler leaves out. What weight tiles hold beyond that fills
    them up to the array's rows and columns; where weights need nine bits it is their second byte too.
    """
    moved, constants, kinds = _transfers(network), len(network.constants), network.constant_kinds
    rows = [
        *((kind, READ, kinds.get(kind, 0)) for kind in (WEIGHTS, FILLING, *PARAMETERS.values(), TABLES)),
        ("filling of lines", READ, constants - sum(kinds.values())),
        ("constants fetched again", READ, moved[IMAGE, READ] - constants),
        ("program", READ, network.program_bytes), ("input", READ, moved[INPUT, READ]),
        ("activations kept in DRAM", READ, moved[SPILL, READ]), ("output", WRITTEN, moved[OUTPUT, WRITTEN]),
        ("activations kept in DRAM", WRITTEN, moved[SPILL, WRITTEN])]
    return [row for row in rows if row[2]]


def dram_bytes(network: CompiledNetwork) -> int:
    """All of them."""
    return sum(count for _, _, count in account(network))


def _transfers(network: CompiledNetwork) -> Counter[tuple[int, str]]:
    """Bytes by window and direction, from the instructions."""
    moved: Counter[tuple[int, str]] = Counter()
    rows = {"LOAD": 1, "STORE": 1}
    for word in network.program:
        decoded = isa.decode(word)
        name, values = decoded.instruction.name, decoded.values
        if name in ("LOAD_SHAPE", "STORE_SHAPE"):
            rows[name.removesuffix("_SHAPE")] = values["rows"]
        elif name in rows:
            moved[values["window"], READ if name == "LOAD" else WRITTEN] += rows[name] * values["length"] * network.config.line_bytes
    return moved

"""Small helpers that tests of the golden machine share."""

import dataclasses
from pathlib import Path

import numpy as np

from weft.gen import isa
from weft.gen.assembler import assemble
from weft.gen.config import Config
from weft.verif.golden.machine import Machine, Outcome

TINY = Config.load(Path(__file__).parents[2] / "configs" / "tiny4.toml")
# The same with a vertical path: one segment of four rows.
TINY_DEPTHWISE = dataclasses.replace(TINY, array=dataclasses.replace(TINY.array, depthwise=True))
# The same with sums that stay, and with every way that there is.
TINY_OUTPUT = dataclasses.replace(TINY, array=dataclasses.replace(TINY.array, dataflow="output_stationary"))
TINY_BOTH = dataclasses.replace(TINY, array=dataclasses.replace(TINY.array, dataflow="both", depthwise=True))

PLAIN_SCALE = ("VECTOR_SCALE pre=0 multiplier=1 left=0 right=0 rounding=floor "
               "pre_select=constant multiplier_select=constant left_select=constant right_select=constant\n")
PLAIN_POST = "VECTOR_POST post=0 low=-2147483648 high=2147483647 alu=pass table=0\n"


def image(words: list[int]) -> np.ndarray:
    """A program as the bytes of a window."""
    return np.frombuffer(b"".join(word.to_bytes(isa.WORD_BYTES, "little") for word in words), np.uint8).copy()


def strides(*rows: tuple[int, int, int, int]) -> str:
    """VECTOR_STRIDE lines for operands A, B and destination; operands not given stand still."""
    text = ""
    for operand, row in enumerate((*rows, *[(0, 0, 0, 0)] * (3 - len(rows)))):
        text += f"VECTOR_STRIDE operand={operand} " + " ".join(f"stride_{n}={value}" for n, value in enumerate(row)) + "\n"
    return text


def machine_for(text: str, *, windows: list[tuple[np.ndarray, bool, bool]] = (), config: Config = TINY,
                strict: bool = True, seed: int | None = None) -> tuple[Machine, int]:
    """A machine with the assembled program in window 0 and `windows` as 1 .., and the program's length. With `seed`,
    scratchpad and accumulators hold noise."""
    words = assemble(text)
    machine = Machine(config, [(image(words), True, False), *windows], strict=strict)
    if seed is not None:
        random = np.random.default_rng(seed)
        machine.memory.scratchpad[:] = random.integers(0, 256, config.scratchpad_bytes)
        machine.memory.accumulators[:] = random.integers(-(1 << 31), 1 << 31, machine.memory.accumulators.shape)
    return machine, len(words)


def run(machine: Machine, length: int) -> Outcome:
    """Run to HALT; anything else fails the test."""
    outcome = machine.run(0, length)
    assert outcome.error is None, outcome.error
    return outcome

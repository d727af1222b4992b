"""The same product of matrices on the RTL in every number format, on arrays of one size."""

import dataclasses

from weft.gen.config import Config
from weft.gen.formats.operand import OPERANDS
from weft.gen.formats.results import RESULTS
from weft.gen.formats.tiling import WINDOW
from weft.gen.sections import Accumulator, Array
from weft.sim.gemm_measure import Measured, measure

SIZE = (128, 512, 512)


@dataclasses.dataclass(frozen=True)
class FormatProduct:
    """A product of `depth` in a configuration."""

    config: Config
    depth: int
    found: Measured

    @property
    def rate(self) -> float:
        """Products a cycle."""
        m, _, n = SIZE
        return m * self.depth * n / self.found.cycles


def title(activations: str, weights: str) -> str:
    """Of a row."""
    return activations if activations == weights else f"{activations} x {weights}"


def machine(activations: str, weights: str) -> Config:
    """16 x 16 elements like `configs/mxfp4.toml`, four products an element where elements have 4 bits or fewer; results in the format of
    the activations if that has block scales, else bf16."""
    small = max(OPERANDS[name].element.bits for name in (activations, weights)) <= 4
    result = activations if activations in RESULTS else "bf16"
    return Config(name=title(activations, weights),
                  array=Array(operand=activations, weights=weights, packing=4 if small else 1, result=result),
                  accumulator=Accumulator(kib=64))


def peak(name: str) -> int:
    """Products a cycle in a format while the array of `machine` never waits for anything but all bytes of a vector of activations."""
    config = machine(name, name)
    return config.macs_per_cycle // config.tiling.vector_reads


def depth(config: Config) -> int:
    """Of `SIZE`, or where products go into the window one by one, as many as it has room for."""
    return min(SIZE[1], config.tiling.part * WINDOW.terms)


def product(activations: str, weights: str) -> FormatProduct:
    """Measured; every bit as the golden model has it. Raises as `measure`."""
    config, (m, _, n) = machine(activations, weights), SIZE
    return FormatProduct(config, depth(config), measure(config, m, depth(config), n))

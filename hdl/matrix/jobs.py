"""What the activation sequencer is given and what it hands on: jobs, requests, and vectors whose read has been taken."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import exact_log2

from weft.gen import isa
from weft.gen.config import Config
from weft.hdl.matrix.depthwise import DEPTHWISE, STREAM
from weft.hdl.words import word_layout

LEVELS = ("x", "y", "inner", "outer")  # of the loop nest, innermost first; x and y make a fold's positions
SHAPE, MATMUL, MATMUL_OS = word_layout("MATRIX_SHAPE"), word_layout("MATMUL"), word_layout("MATMUL_OS")

LINE_BITS = MATMUL["accumulator"].shape.width + 1  # one bit more than the field, to see that it runs past the end


def job_layout(config: Config) -> data.StructLayout:
    """One MATMUL, DEPTHWISE or MATMUL_OS (`stays`, where there is a choice) together with its shape."""
    own = {name: DEPTHWISE[name].shape for name in ("continues", "line", "skip", "fill")}
    switched = config.array.weight_stationary and config.array.output_stationary
    return data.StructLayout({
        **{f"{level}_{part}": SHAPE[f"{level}_{part}"].shape for level in LEVELS for part in ("count", "stride")},
        **{name: MATMUL[name].shape for name in ("activation", "accumulator", "accumulate")}, "pc": isa.PC_BITS,
        **({"depthwise": 1, **own} if config.array.depthwise else {}),
        **({"last": MATMUL_OS["last"].shape} if config.array.output_stationary else {}), **({"stays": 1} if switched else {})})


def fold_layout(config: Config) -> data.StructLayout:
    """One fold of a block of positions whose sums stay: it begins new sums (`clears`), it ends them (`gives`), and then these are
    added to the accumulators (`add`), the first ones of their block (`head`), of the instruction (`first`), the last ones of the
    instruction (`last`); `top`: number of the block's last position."""
    return data.StructLayout({"clears": 1, "gives": 1, "add": 1, "head": 1, "first": 1, "last": 1, "top": exact_log2(config.array.rows)})


def place_layout(config: Config) -> data.StructLayout:
    """Where the vector of a MATMUL_OS belongs: `position` of its block, `fold`."""
    return data.StructLayout({"position": exact_log2(config.array.rows), "fold": fold_layout(config)})


def request_layout(config: Config) -> data.StructLayout:
    """One vector: where it is read, which accumulator line its sums go to (if any), and what `IssueSignature` says of it."""
    return data.StructLayout({
        "address": isa.ADDRESS_BITS, "line": LINE_BITS, "first": 1, "last": 1, "add": 1, "pc": isa.PC_BITS,
        **({"skipped": 1, "stream": STREAM} if config.array.depthwise else {}),
        **({"place": place_layout(config)} if config.array.output_stationary else {})})


class IssueSignature(wiring.Signature):
    """A vector whose read has been taken in this cycle. `first` of its fold, `last` of its instruction; `add` as in `AccumulateStream`.
    With `config.array.depthwise` also `skipped`: its sums are no result; and `stream`: what it is to the array. Where sums may stay
    also `starts`: the first of a block, `again`: of one that has given sums before."""

    def __init__(self, config: Config) -> None:
        super().__init__({"valid": Out(1), "first": Out(1), "last": Out(1), "add": Out(1),
                          **({"skipped": Out(1), "stream": Out(STREAM)} if config.array.depthwise else {}),
                          **({"starts": Out(1), "again": Out(1)} if config.array.output_stationary else {})})

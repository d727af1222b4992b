"""Sections of the configuration: the options of each part of the hardware, with their defaults and what each may be."""

import dataclasses

from weft.gen.formats.alignment import ALIGNMENTS, EXACT
from weft.gen.formats.operand import OPERANDS
from weft.gen.formats.results import RESULTS, SCALE_RULES
from weft.gen.formats.tiling import PACKINGS
from weft.gen.option import option


@dataclasses.dataclass(frozen=True)
class Machine:
    organisation: str = option("decoupled", "units that run at the same time, or one small datapath that performs all instructions "
                                "one after the other", choices=("decoupled", "sequential"), extra=True)

    @property
    def overlaps(self) -> bool:
        """Units work at the same time."""
        return self.organisation != "sequential"


@dataclasses.dataclass(frozen=True)
class Array:
    rows: int = option(16, "processing elements along the reduction (K); also the bytes of a scratchpad line",
                        low=4, high=64, power=True)
    columns: int = option(16, "processing elements along the output channels (N); equal to rows",
                           low=4, high=64, power=True)
    dataflow: str = option("weight_stationary", "what stays in the array: the weights, the sums, or either, as each instruction says",
                            choices=("weight_stationary", "output_stationary", "both"))
    operand: str = option("int8", "operand format of activations, and of weights unless `weights` names one; anything but int8, or any "
                           "`weights`, makes a machine for products of matrices in these formats", choices=tuple(OPERANDS))
    weights: str = option("", "operand format of weights (empty: that of activations)", choices=("", *OPERANDS), extra=True)
    packing: int = option(1, "products of a processing element in a cycle, for elements of 4 bits or fewer", choices=tuple(PACKINGS),
                           extra=True)
    result: str = option("fp32", "what exact sums of number formats are rounded to; formats with block scales by way of fp32",
                          choices=tuple(RESULTS), extra=True)
    scale_rule: str = option("floor", "shared power of two of a block of results: that of its largest magnitude, so that the largest "
                              "may saturate, or the least with which nothing does", choices=SCALE_RULES, extra=True)
    product_register: bool = option(
        False, "a register between multiplier and adder of each processing element: one more cycle, and on FPGAs a whole DSP block",
        choices=(False, True), extra=True)
    depthwise: bool = option(False, "build the vertical path by which a depthwise layer gives a vector of results a cycle",
                              choices=(False, True), extra=True)

    @property
    def operand_names(self) -> tuple[str, str]:
        """Of activations and weights."""
        return self.operand, self.weights or self.operand

    @property
    def formats(self) -> bool:
        """Products of matrices in number formats: GEMM and ROUND instead of the instructions for int8 layers."""
        return self.operand != "int8" or self.weights != ""

    @property
    def integers(self) -> bool:
        return not self.formats

    @property
    def weight_stationary(self) -> bool:
        """MATMUL is there."""
        return self.integers and self.dataflow != "output_stationary"

    @property
    def output_stationary(self) -> bool:
        """MATMUL_OS is there."""
        return self.integers and self.dataflow != "weight_stationary"


@dataclasses.dataclass(frozen=True)
class Scratchpad:
    kib: int = option(256, "capacity in KiB", low=4, high=1024, power=True)
    banks: int = option(4, "independently addressed banks", low=2, high=16, power=True)
    late_grants: bool = option(False, "for FPGAs, where the way to arbitration and back is long: load and store unit learn a cycle late "
                                "that a line was taken; a LOAD ends two cycles later, a burst of a STORE takes one more",
                                choices=(False, True), extra=True)


@dataclasses.dataclass(frozen=True)
class Accumulator:
    kib: int = option(64, "capacity in KiB, both halves together", low=1, high=1024, power=True)
    bits: int = option(32, "width of one accumulator", choices=(32,))
    kind: str = option(EXACT, "how products in number formats add up: exactly, or as in tensor cores, aligned to the largest and cut off "
                        "so many bits below it", choices=(EXACT, *ALIGNMENTS), extra=True)


@dataclasses.dataclass(frozen=True)
class Vector:
    parameter_sets: int = option(64, "per-channel parameter sets (bias, multiplier, shift) held on chip",
                                  low=32, high=256, power=True)
    float32: bool = option(True, "include the FLOAT32 rounding mode of ONNX QOperator", choices=(True, False))
    columns_per_lane: int = option(1, "columns of the array that share a lane of the vector unit and take turns there: a line takes as "
                                    "many cycles, and the lanes as much less area", choices=(1, 2, 4, 8), extra=True)


@dataclasses.dataclass(frozen=True)
class Axi:
    data_bits: int = option(128, "width of the AXI4 data bus; 8 x array.rows, so that a beat is a line",
                             low=32, high=512, power=True)
    address_bits: int = option(32, "width of AXI4 addresses", low=32, high=64)
    burst_beats: int = option(16, "longest burst in beats", low=4, high=256, power=True)
    outstanding_reads: int = option(8, "read bursts in flight", low=1, high=32, power=True)


@dataclasses.dataclass(frozen=True)
class Queues:
    depth: int = option(16, "instructions that each unit's queue holds", low=2, high=256, power=True)
    fetch_depth: int = option(64, "instructions that the fetch buffer holds", low=32, high=256, power=True)
    wait_register: bool = option(False, "a register between semaphores and queues, for FPGAs: an instruction that waits for a semaphore "
                                  "passes a cycle later", choices=(False, True), extra=True)


@dataclasses.dataclass(frozen=True)
class Counters:
    enabled: bool = option(True, "build the performance counters", choices=(True, False))

"""Figures of other arrays on the same FPGA, to set weft's beside.

Measured once, in the way of `weft.fpga.measure`, from the projects' public sources, set to 8 x 8 int8 multipliers: yosys 0.70,
nextpnr-ecp5 0.11.1, LFE5U-85F, CABGA756, speed grade 6, 200 MHz asked for, seeds 1, 2, 3 as far as they were run. The two plain arrays
were written for the comparison and only synthesised. Gemmini with both dataflows is its PE.scala translated by hand.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Figures:
    """One array. `luts` (LUT4 + 2 for each CCU2C) and `registers` per multiplier, `blocks` MULT18X18D in all, `clocks` in MHz by seed."""

    name: str
    holds: str
    luts: float
    registers: float
    blocks: int
    clocks: tuple[float, ...]


PEERS = (
    Figures("plain array", "weight-stationary, 32-bit sums, two weights an element; no skew", 26.2, 70.2, 64, (103, 101, 98)),
    Figures("plain array, registers of the DSP block in use", "the same", 24.5, 44.4, 64, (161, 169, 174)),
    Figures("sohaiberrabii/tpu", "weight-stationary, 32-bit sums, one weight an element; skew", 23.0, 37.9, 64, (87, 73, 81)),
    Figures("Gemmini, weight-stationary", "20-bit sums, two weights an element; no skew", 38.0, 63.0, 64, (78, 68, 75)),
    Figures("Gemmini, both dataflows", "20 and 32-bit sums, a rounding shifter in each element; no skew", 448.6, 100.1, 64, (57,)),
    Figures("systars", "both dataflows, 20 and 32-bit sums; no skew", 137.8, 116.1, 64, (67, 62, 62)),
    Figures("CFU-Playground hps_accel", "output-stationary, 4 x 4 dot products of 4, 32-bit sums", 55.5, 46.0, 64, (101, 99, 100)),
    Figures("axis-systolic-array", "output-stationary, 32-bit sums; skew and stall control", 97.8, 102.3, 64, (90, 92, 92)),
    Figures("cgra4ml", "elastic, 32-bit sums; output shifter", 125.3, 137.2, 64, (97, 92, 87)),
    Figures("SAURIA", "output-stationary, 32-bit sums, zero gating; no skew", 201.0, 113.0, 64, (102, 86)),
)

"""What docs/formats.md says around its tables."""

HEADER = """# Number formats

Written by `make bench`; do not edit. `weft formats` shows the first table, and others with the options below.

![Cell area of an element against error on real data, and bits](img/formats.svg)

## What they hold

Bits are those of an element in memory, its share of the block's scale included. Largest and smallest are those of an element before
scales. Every element is an integer times the smallest; fixed-point bits hold that integer, and sums of products are exact in the widths
given (`gen/formats/pair.py` has the proof). With scales: the width of a sum of 4096 products in blocks with any scales whatever;
accumulators have a window of 64 bits instead and say when a term leaves it (`gen/formats/window.py`). MACs a cycle are those of an array
of 16 x 16 elements like that of `configs/edge16.toml` while it never waits: four products an element where elements have 4 bits or fewer,
half of one where a vector of activations takes two reads of 16 bytes. [What products of matrices take](#a-large-product) with everything
included is measured.

{facts}

## What they do to real data

Weights and activations of the linear layers of stories260K, a language model, in each format (int8 and what has no block scales: a
scale for each row), over the tokens of a story: root of the mean square of what that changes in a layer's results, over that of the
results in float32 with the same activations; mean over the layers. `weft formats --data` measures. uint8 has no row, because it cannot hold
negative values. `docs/stories.md` has the same layers on the RTL.

{errors}

## What accumulators do to it

The same layers, formats and quantised operands. Accumulators are exact ones, or with `accumulator.kind` those of tensor cores
(`gen/formats/alignment.py`): products of a step of {step} and the sum so far are aligned to the largest and cut off so many bits below
it, and their sum is cut off to fp32, by aligned13 to 13 bits of mantissa. Turing, Ampere and Ada do so with
24, Hopper and Blackwell with 25, Ada and Hopper in FP8 with 13, Blackwell for two operands of 4 bits with 35, 16 products added up
exactly before.

Error: root of the mean square of the difference from the exact sums, rounded once to fp32, over that of the results. Shrink: mean of what
is missing from magnitudes, in the same measure. Both are means over the layers. Order: results whose bits change if the same products
come from the last to the first. `weft formats --sums` measures.

{sums}

## A large product

256 x 1024 x 1024 on the RTL with 16 x 16 elements and 16 bytes of DRAM bandwidth a cycle, all included, every bit as the golden model
has it: on `configs/edge16.toml` as a layer of a network with results in int8, on `configs/mxfp4.toml` with results in MXFP4. `weft gemm`
measures. In int8 each operand once is 1,572,864 bytes.

{products}

Smaller, {size}, in formats of operands and pairs of two on the same array and bus: four products an element where both have 4 bits or
fewer, results in the format of the activations if that has block scales, else in bf16. bf16 adds up {deep} products at most
(`gen/formats/window.py`). NVFP4 waits for the divisions of its results' blocks
(`hdl/formats/quantiser.py`).{missing}
`weft formats --products` measures.

{every}

## What an element costs

One processing element of the weight-stationary array (`hdl/formats/element.py`): two weights, activation, and a sum as wide as {rows}
rows need. LUTs are those of ECP5 without DSP blocks, a CCU2C counted as two: as `synth_ecp5 -nodsp` maps them; with Booth's multiplier
where that is smaller; and small, without multiplexers between LUTs besides. Beside them the share of int8's in each of the three.
e2m1 has 0.2 or less in the first only: Booth's multiplier halves int8 and is of no use to significands of 2 bits. Codes of e2m1 that the
array's edge has decoded (sign, exponent, 1 or 3) make the element larger: 44 LUTs, small. um2 and ns are of IHP's SG13G2 cells (typical,
1.2 V), mapped by abc for {period} ns, the smaller of plain and Booth's multiplier, wires left out. The energy is an estimate: area times
{energy} fJ / um2, which two gate-level estimates of an int8 element gave in the same cells. bf16 sums in a window of 64 bits. Products a
cycle: an array of 16 x 16 elements with tiles that follow each other without a gap; the bench of `FormatUnit` counts them for MXFP4 with
packing 4. int8q6 is the element of MXINT8, an int8 with six bits of fraction: the same hardware. `weft formats --area` measures, with
`--liberty` in cells too. Yosys {yosys}.

{figures}

## What an accumulator costs

{columns} columns of {rows} products, with accumulators of {lines} lines and one rounding to fp32, on an LFE5U-85F, speed grade 6,
measured as in `docs/array.md`. With exact sums it is a systolic array, scales at the column ends and a window; with aligned ones a dot
product for each column (`hdl/formats/aligned_unit.py`). The clock is nextpnr's ({nextpnr}) with seed {seed} alone. Cycles from a vector
until its line has the sums, and until the next vector may add to that line: tiles come further apart, so that nothing waits for it.

{units}
"""

"""The pairs of formats that are built, measured and tested as a matter of course. Any other pair works as well."""

from weft.gen.formats.operand import OPERANDS, OperandPair

# Activations x weights of products of matrices: every format with itself, and some with others.
MIXED = (("int8", "int4"), ("uint8", "int8"), ("e4m3", "e2m1"), ("e5m2", "e2m1"), ("e4m3", "e5m2"), ("mxfp8_e4m3", "mxfp4"),
         ("int8", "mxfp4"), ("mxint8", "int4"), ("mxfp6_e2m3", "e3m2"))
OPERAND_PAIRS = (*((name, name) for name in OPERANDS), *MIXED)

# What their elements multiply, each once.
PAIRS = tuple(dict.fromkeys(OperandPair(*(OPERANDS[name] for name in names)).elements for names in OPERAND_PAIRS))

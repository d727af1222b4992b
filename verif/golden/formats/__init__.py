"""Golden model of the number formats: codes, block quantisation, memory layout, exact and truncating products of matrices.

Written from the table in `weft.gen.formats` in plain integers and numpy.
"""

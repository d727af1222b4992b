"""Boards: what `amaranth_boards` does not say about each, and the FPGAs on them."""

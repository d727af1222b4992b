"""weft.fpga."""

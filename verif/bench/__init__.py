"""Cocotb benches of the RTL in Verilator, one `bench_<block>.py` a block, and the runner that builds and runs them."""

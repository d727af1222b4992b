"""Configuration, ISA and CSR descriptions, Verilog export, network front ends, compiler, command line."""

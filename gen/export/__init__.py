"""What leaves the generator: Verilog, register descriptions, headers and their manifest."""

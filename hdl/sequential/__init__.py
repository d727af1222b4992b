"""The sequential organisation: one 32-bit datapath with a microprogram performs the whole instruction set."""

"""Tests that need no cocotb, and what they share."""

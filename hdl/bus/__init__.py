"""What connects the accelerator to the buses of its host."""

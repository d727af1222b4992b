"""Golden model: numerics, network reference, machine."""

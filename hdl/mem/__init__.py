"""On-chip memories: the static RAM that everything is built of, and the banked scratchpad."""

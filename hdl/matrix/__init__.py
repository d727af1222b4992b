"""The matrix unit: processing elements, the systolic array and its edges, its sequencers, and the accumulators."""

"""The vector unit: requantisation, element-wise operations, pooling, reductions, tables and copies."""

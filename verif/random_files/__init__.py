"""Random network files over every operator that the front ends accept, for comparison with the engines that own the formats."""

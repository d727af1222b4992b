"""The DMA: LOAD brings rows of lines from DRAM into the scratchpad, STORE takes them back."""

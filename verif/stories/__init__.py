"""A small language model in the format of llama2.c, run in numpy with exchangeable linear layers: formats judged on real data."""

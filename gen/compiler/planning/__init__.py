"""Where everything lies on chip while a network runs, which steps take turns, and what goes through DRAM."""

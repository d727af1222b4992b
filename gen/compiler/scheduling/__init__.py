"""The order of work, and what comes on chip and leaves it around it."""

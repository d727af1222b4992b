"""Products of matrices in number formats: plan, operands, program."""

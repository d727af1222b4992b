"""Number formats as data: elements (`element`), pairs of them and their exact sums (`pair`), operands with block scales (`operand`), and
those that are tested and measured (`selection`)."""

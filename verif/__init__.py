"""weft.verif."""

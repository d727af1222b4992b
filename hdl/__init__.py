"""weft.hdl."""

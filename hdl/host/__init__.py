"""The host link of a stand-alone image: from a serial line to registers and memory (see `weft.gen.link`)."""

"""The host's side of a stand-alone image: frames, requests, boards (see `weft.gen.link`)."""

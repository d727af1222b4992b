"""Arithmetic of the number formats in `weft.gen.formats`: decoders, exact products, processing element, scales, accumulators."""

"""Codes in memory: as many bits each as the format has, without gaps."""

import numpy as np
from numpy.typing import NDArray

from weft.gen.formats.element import Element


def pack(element: Element, codes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Bytes of codes [..., n], little endian: code i lies in bits i * bits and up of its row, which is filled to a whole byte with 0.

    Two codes of 4 bits share a byte, the first in its low half; four of 6 bits take three bytes.
    """
    bits = np.arange(element.bits)
    return np.packbits((codes[..., None] >> bits & 1).astype(np.uint8).reshape(*codes.shape[:-1], -1), axis=-1, bitorder="little")


def unpack(element: Element, data: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """The first `count` codes of each row of bytes. Raises ValueError if a row is shorter than that."""
    if data.shape[-1] * 8 < count * element.bits:
        raise ValueError(f"unpack count={count}: {count} codes of {element.bits} bits do not fit {data.shape[-1]} bytes")
    bits = np.unpackbits(data, axis=-1, count=count * element.bits, bitorder="little").astype(np.int64)
    codes: NDArray[np.int64] = (bits.reshape(*data.shape[:-1], count, element.bits) << np.arange(element.bits)).sum(-1)
    return codes

"""Small arrays as text in the metadata of a record."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(array: NDArray[Any]) -> str:
    """Return the bytes of an array as text: zlib in base64."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def unpack(text: str, dtype: str | None, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the array of a text; no more is read than the array has.

    Raises:
        ValueError: The text is damaged, or holds less than the array has.
    """
    try:
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size + 1)
        return np.frombuffer(content[:size], kind).reshape(shape)
    except (zlib.error, binascii.Error, OverflowError, TypeError) as error:
        raise ValueError(str(error)) from None

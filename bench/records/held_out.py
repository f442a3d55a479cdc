"""A few real images, sounds or strings, which records keep so that pictures can show them beside generated ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.records.packed_arrays import pack, unpack
from bench.records.samples import KEPT_IMAGES, POINT_AXES, evenly_spaced
from bench.records.schema import Metadata

KEPT_SIGNALS = 9  # sounds or strings
MAX_BYTES = 1 << 16  # of all together, before compression; every reader of a record reads them


def kept_held_out(test: NDArray[Any]) -> dict[str, Any]:
    """Return the fields of a record's section on samples for real ones, [n, ...]; none for points.

    They are evenly spaced over the test split, which may be sorted by class. Of large samples there are fewer.
    """
    if test.ndim == POINT_AXES:
        return {}
    dtype, most = (np.uint8, KEPT_IMAGES) if test.dtype == np.uint8 else (np.float32, KEPT_SIGNALS)
    size = math.prod(test.shape[1:]) * np.dtype(dtype).itemsize
    kept = test[evenly_spaced(len(test), max(1, min(most, MAX_BYTES // size)))].astype(dtype)
    return {"held_out": pack(kept), "held_out_count": len(kept)}


def held_out_of(metadata: Metadata) -> NDArray[Any] | None:
    """Return the real samples that a record keeps, [n, ...], or None if it has none.

    Raises:
        ResultsError: They are damaged.
    """
    layout = metadata.samples
    if not (layout.held_out and layout.shape):
        return None
    try:
        return unpack(layout.held_out, layout.dtype, (layout.held_out_count, *layout.shape[1:]))
    except ValueError:
        raise ResultsError(f"record of run {metadata.run}: its real samples are damaged") from None

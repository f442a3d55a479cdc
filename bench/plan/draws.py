"""The settings of a search: points of a scrambled Sobol sequence, the same on every machine.

The sequence is scipy's. Every key has a digital shift of its own, from a hash of its name: scipy's scrambling depends
on random streams that may differ between versions, and a parameter added at the end would change the others' values.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.plan.search import Parameter, Search

BITS = 32
DIGITS = 3  # significant digits of a drawn number: identities do not depend on how a machine rounds


def unit_points(search: Search) -> NDArray[np.float64]:
    """Return the points of the sequence in the unit cube, [draws, keys]; more draws extend fewer."""
    from scipy.stats import qmc  # takes most of a second to import

    power = math.ceil(math.log2(search.draws))
    plain = qmc.Sobol(len(search.keys), scramble=False, bits=BITS).random_base2(power)[: search.draws]
    whole = (plain * 2.0**BITS).astype(np.uint32)
    columns = [scramble(whole[:, i], _seed(search.scramble, key)) for i, key in enumerate(search.keys)]
    return (np.stack(columns, axis=1).astype(np.float64) + 0.5) / 2.0**BITS


def scramble(whole: NDArray[np.uint32], seed: int) -> NDArray[np.uint32]:
    """Return 32-bit coordinates with the bits of a seed flipped: a digital shift (L'Ecuyer & Lemieux 2002).

    It maps each interval [i/2ᵏ, (i+1)/2ᵏ) to one of the same length, so a Sobol sequence stays evenly spread.
    """
    return whole ^ np.uint32(seed)


def _seed(scrambling: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{scrambling} {key}".encode()).digest()[:4], "big")


def value_at(parameter: Parameter, u: float) -> Any:
    """Return the value of a parameter at a coordinate 0 < u < 1."""
    if parameter.kind == "choice":
        return parameter.values[int(u * len(parameter.values))]
    low, high = parameter.values
    if parameter.kind == "integer":
        return low + int(u * (high - low + 1))
    if parameter.kind == "log_integer":
        return min(high, math.floor(round(low * ((high + 1) / low) ** u, 9)))
    value = low * (high / low) ** u if parameter.kind == "log_uniform" else low + u * (high - low)
    return min(max(float(f"{value:.{DIGITS}g}"), float(low)), float(high))

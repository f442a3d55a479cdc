"""The settings of a search: points of a scrambled Sobol sequence, the same on every machine.

The sequence is Sobol's with the direction numbers of Joe & Kuo (2008), as scipy has it. It is scrambled here (Owen
1995, by the hash of Burley 2020), because scipy's scrambling depends on random streams that differ between versions.
Every key has a scrambling of its own, so a parameter added at the end leaves the values of the others as they are.
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
    """Return 32-bit coordinates after a nested scrambling: whether a bit flips depends on the bits above it.

    It maps each interval [i/2ᵏ, (i+1)/2ᵏ) to one of the same length, so a Sobol sequence stays evenly spread (Burley
    2020, listing 3, with the constants of Laine & Karras 2011).
    """
    bits = reverse_bits(whole) + np.uint32(seed)
    for constant in (0x6C50B47C, 0xB82F1E52, 0xC7AFE638, 0x8D22F6E6):
        bits = bits ^ (bits * np.uint32(constant))
    return reverse_bits(bits)


def reverse_bits(whole: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return 32-bit integers with their bits in reverse order."""
    for shift, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        low, by = np.uint32(mask), np.uint32(shift)
        whole = ((whole >> by) & low) | ((whole & low) << by)
    return whole


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

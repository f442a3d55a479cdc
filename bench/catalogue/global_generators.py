"""The global random generators of numpy, Python and, where it is loaded, torch: left as they were by code of others."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def kept_generators() -> Iterator[None]:
    """Restore the global generators after the block, whatever it draws or seeds."""
    torch = sys.modules.get("torch")
    before = np.random.get_state(), random.getstate(), torch.get_rng_state() if torch else None
    try:
        yield
    finally:
        np.random.set_state(before[0])
        random.setstate(before[1])
        if torch:
            torch.set_rng_state(before[2])

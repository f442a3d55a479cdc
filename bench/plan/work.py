"""What a training step asks of the machine, in units that do not depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def units_per_step(training: Mapping[str, Any]) -> float:
    """Samples through networks in one generator step: 3 for a pass with gradient, 1 without; a penalty doubles it."""
    critic_step = 1 + 2 * 3 + len(training["penalty"]) * 6  # generate; real and fake; points, twice differentiated
    return float(training["batch_size"] * (training["critic_steps"] * critic_step + 2 * 3))

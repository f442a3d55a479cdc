"""The time that the runs of a cell need to reach the threshold ``reach`` of the suite."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from bench.evidence.states import State, judged
from bench.evidence.statistics import TimeToThreshold, time_to_threshold

OBSERVED = {"steps": "steps_done", "seconds": "training_seconds"}  # the column with the length of each run


def time_to_reach(runs: pd.DataFrame, unit: Literal["steps", "seconds"]) -> TimeToThreshold:
    """Return the median time to the threshold over the runs of a cell, by Kaplan and Meier.

    Runs that did not reach it are censored when they end. A diverged run is censored at the end of the longest run of
    its cell: it would not have reached the threshold by training on. Runs that cannot be judged are left out.
    """
    runs = judged(runs)
    lengths = pd.to_numeric(runs[OBSERVED[unit]], errors="coerce").to_numpy(dtype=float)
    longest = lengths[np.isfinite(lengths)].max(initial=0.0)
    observed = np.where(runs["outcome"] == State.DIVERGED, longest, lengths)
    times = np.where(runs["reached"], runs[f"{unit}_to_threshold"], observed).astype(float)
    return time_to_threshold(times, runs["reached"])

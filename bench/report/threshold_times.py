"""The steps that the runs of a cell need to reach the threshold ``reach`` of the suite."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.evidence.states import State, judged
from bench.evidence.statistics import TimeToThreshold, time_to_threshold


def time_to_reach(runs: pd.DataFrame) -> TimeToThreshold:
    """Return the median number of steps to the threshold over the runs of a cell, by Kaplan and Meier.

    Runs that did not reach it are censored when they end. A diverged run is censored at the end of the longest run of
    its cell: it would not have reached the threshold by training on. Runs that cannot be judged are left out.
    """
    runs = judged(runs)
    lengths = pd.to_numeric(runs["steps_done"], errors="coerce").to_numpy(dtype=float)
    longest = lengths[np.isfinite(lengths)].max(initial=0.0)
    observed = np.where(runs["outcome"] == State.DIVERGED, longest, lengths)
    times = np.where(runs["reached"], runs["steps_to_threshold"], observed).astype(float)
    return time_to_threshold(times, runs["reached"])

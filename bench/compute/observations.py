"""What those who watch a run get to see of it: the losses of a chunk of steps, and the last evaluation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.catalogue import title
from bench.compute.checkpoints import History
from bench.compute.evaluation import Evaluator
from bench.compute.events import Evaluated
from bench.compute.training.loop import Measurement
from bench.records.record_bytes import SAMPLES


def losses_of(measurement: Measurement | None) -> dict[str, float]:
    """Return the mean losses and penalties of a chunk of steps, under the names of the trace."""
    if measurement is None:
        return {}
    penalties = {f"penalty_{name}": value for name, value in measurement.penalties.items()}
    critic = (
        {}
        if math.isnan(measurement.critic_loss) and not measurement.diverged
        else {"critic_loss": measurement.critic_loss}
    )
    return {**critic, "generator_loss": measurement.generator_loss, **penalties}


def observed_values(evaluated: Evaluated | None, evaluator: Evaluator) -> dict[str, Any]:
    """Return the fields of ``Progress`` for an evaluation, with a notice if a metric of another package gave NaN.

    Only finite samples are measured, so the metric is at fault, not the training, and the run goes on.
    """
    if evaluated is None:
        return {}
    for metric in (*evaluator.metrics, *evaluator.game_metrics):
        missing = [name for name in sorted(metric.names) if math.isnan(evaluated.values.get(name, 0.0))]
        if metric.added and missing:
            who, what = title("metric", metric.name), ", ".join(missing)
            notice = f"{who}: {what} is NaN, although the samples are finite; it is recorded as missing"
            return {"evaluated": evaluated, "notice": notice, "affected": 1, "general": True}
    return {"evaluated": evaluated}


def last_evaluation(history: History, like: NDArray[Any]) -> Evaluated | None:
    """Return the evaluation after the current step, or None if there was none.

    Args:
        history: What a run has measured so far.
        like: Real samples, [n, *shape].
    """
    if not history.trace or history.trace[-1]["step"] != history.step:
        return None
    row = history.trace[-1]
    dtype = np.uint8 if like.dtype == np.uint8 else np.float32
    samples = np.frombuffer(row[SAMPLES], dtype).reshape(-1, *like.shape[1:])
    return Evaluated(
        history.step, {name: value for name, value in row.items() if name not in ("step", SAMPLES)}, samples
    )

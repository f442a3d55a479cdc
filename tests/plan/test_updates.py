"""An extragradient step takes two batches, and its samples count wherever the samples that the critic sees do."""

from __future__ import annotations

import numpy as np
import pytest

from bench.plan.grouping import units_per_step
from bench.plan.updates import critic_batches
from bench.records.schema import RecordedChoice, Training


def recorded(updates: str | None) -> Training:
    choices = {key: RecordedChoice(name="x", label="x") for key in ("dataset", "architecture", "loss")}
    return Training(**choices, penalty=(), steps=10, batch_size=32, critic_steps=3, updates=updates)


@pytest.mark.parametrize(
    ("updates", "batches"), [("alternating", 3), ("simultaneous", 3), ("extragradient", 6), (None, 3)]
)
def test_an_extragradient_step_takes_two_batches(updates: str | None, batches: int) -> None:
    training = recorded(updates)
    assert critic_batches(training) == batches
    assert units_per_step(training.settings) == batches / 3 * units_per_step(recorded(None).settings)


def test_curves_and_traces_count_both_batches() -> None:
    from types import SimpleNamespace

    from bench.records.frames import _curves
    from bench.report.figures.run_curves import run_curve

    trace = {"step": np.array([0, 5]), "seconds": np.array([0.0, 1.0]), "fd": np.array([2.0, 1.0])}
    metadata = SimpleNamespace(training=recorded("extragradient"), measured={})
    record = SimpleNamespace(metadata=metadata, trace=trace)
    assert _curves(record)["images"].tolist() == [0, 5 * 6 * 32]  # type: ignore[arg-type]
    assert run_curve(record, "fd", "images").x.tolist() == [0, 5 * 6 * 32]  # type: ignore[arg-type]
    assert run_curve(record, "fd", "critic-steps").x.tolist() == [0, 5 * 3]  # type: ignore[arg-type]

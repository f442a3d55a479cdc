"""Smoke tests of the gate's calibration and of planted faults; the scripts themselves give the tables of docs/gate.md."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import gate_calibration
import planted_faults
import pytest
import torch

from bench.catalogue import find


@pytest.mark.slow
def test_a_small_calibration() -> None:
    table = gate_calibration.level_table(4, ["two clumps, overlap 0.9 and 0.3"])
    assert "0.0 ± 21.7%, 0.0 ± 21.7%, 0.0 ± 21.7%" in table  # √(¼ · ¾ / 4)


def test_shares_come_with_their_standard_error() -> None:
    """√(0.2 · 0.8 / 100) is 4%; for no case at all, one is assumed: √(0.01 · 0.99 / 100)."""
    assert gate_calibration.share(20, 100, 1) == "20.0 ± 4.0%"
    assert gate_calibration.share(0, 100) == "0 ± 1.0%"
    assert gate_calibration.share(100, 100) == "100 ± 1.0%"


def test_faults_are_planted_where_training_looks_and_removed() -> None:
    real, fake = (torch.tensor([value], requires_grad=True) for value in (0.5, -0.5))
    clean = find("penalty", "r1").term
    with planted_faults.scaled_penalties(-1.0):
        assert find("penalty", "r1").term is not clean
    assert find("penalty", "r1").term is clean
    with planted_faults.without_generated_samples():
        find("loss", "hinge").critic(real, fake).sum().backward()
    assert real.grad is not None
    assert fake.grad is None


@pytest.mark.slow
def test_faults_on_a_tiny_scale(tmp_path: Path) -> None:
    rows = planted_faults.measure(tmp_path, seeds=(3,), steps=6)  # ends if a fault changes nothing
    assert [row[0] for row in rows] == list(planted_faults.FAULTS)


@pytest.mark.slow
def test_a_fault_that_changes_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(planted_faults.FAULTS, "none", (nullcontext, planted_faults.CLEAN_BETA))
    with pytest.raises(SystemExit, match="the fault was not planted"):
        planted_faults.measure(tmp_path, ["none"], seeds=(3,), steps=6)

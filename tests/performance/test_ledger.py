"""Smoke tests of the ledger's measurements; ``python tests/performance/ledger.py`` gives the figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ledger
import pytest
import torch
from counterparts import convolutions, engine_overhead, gpu, growth, many_runs, whole_process


@pytest.mark.slow
def test_many_runs_against_the_plain_loop() -> None:
    found = many_runs.measure("two", many_runs.ring_runs(2, ["hinge"]), steps=2, rounds=1)
    assert sum(found.packs) == found.runs == 2
    assert min(*found.plain.values(), found.ours) > 0


@pytest.mark.slow
def test_the_whole_process_against_the_plain_loop() -> None:
    found = whole_process.measure(seeds=2, steps=4, losses=["hinge"], rounds=1)
    assert found.runs == 2
    assert min(found.ours, *found.plain.values()) > 0
    assert whole_process.short_run(1)[0] > 0


@pytest.mark.slow
def test_what_engines_cost_beyond_the_work() -> None:
    found = engine_overhead.measure("in-process", 2)
    assert 0 < found.work < found.cpu


def test_a_step_of_convolutions_against_the_plain_loop() -> None:
    found = convolutions.measure("dcgan", 4, 1, rounds=1, shape=(3, 16, 16))
    assert min(found.plain, found.ours, found.flops, found.rate) > 0


def test_a_gpu_is_measured_in_the_same_way_as_this_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measure = gpu.measure
    monkeypatch.setattr(gpu, "measure", lambda device: measure(torch.device("cpu"), (1, 2), steps=2, samples=50))
    monkeypatch.setattr(gpu, "PROGRAMS", {"mlp": gpu.PROGRAMS["mlp"]})
    monkeypatch.setattr(gpu.frechet_seconds, "__defaults__", (8, 2))
    monkeypatch.setattr(ledger, "SUMMARY", tmp_path / "new" / "gpu.json")
    section = ledger.gpu_section()
    measured = json.loads((tmp_path / "new" / "gpu.json").read_text())
    assert section.startswith(ledger.HEADINGS["gpu"])
    assert measured["step seconds"]["mlp"]["pack"].keys() == {"1", "2"}
    distance = measured["frechet distance"]
    assert distance["value"] == pytest.approx(distance["value of torch-fidelity"], rel=1e-3)


def test_growth_and_harness() -> None:
    assert [row[0] for row in growth.of_seeds((1, 2), steps=2)] == [1, 2]
    assert [row[0] for row in growth.of_losses(steps=2)] == [1, 2, 3]
    assert [row[0] for row in growth.of_steps((2, 4))] == [2, 4]
    assert [row[0] for row in growth.of_records((1, 3))] == [1, 3]
    assert min(growth.of_harness(2, steps=4, executed=4, rounds=1)) > 0

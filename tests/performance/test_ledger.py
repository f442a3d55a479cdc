"""Smoke tests of the ledger's measurements; ``python tests/performance/ledger.py`` gives the figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ledger
import pytest
import torch
from counterparts import convolutions, engine_overhead, gpu, growth, many_runs, subnormals, whole_process


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


@pytest.mark.slow
def test_parts_are_measured_again_without_a_change_to_other_sections(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also a section that the ledger does not know."""
    document = tmp_path / "performance.md"
    document.write_text(ledger.DOCUMENT.read_text() + "\n## Of another kind\n\nText.\n")
    monkeypatch.setattr(ledger, "DOCUMENT", document)
    monkeypatch.setattr(engine_overhead, "ENGINES", ("in-process", "local"))
    before = ledger.sections()
    introduction = document.read_text().partition("\n## ")[0]
    ledger.main(["engines", "store", "--runs", "4", "--records", "20"])
    after = ledger.sections()
    assert document.read_text().partition("\n## ")[0] == introduction
    new = {"## Engines", "## Records in a store"}
    assert {name: text for name, text in after.items() if name not in new} == {
        name: text for name, text in before.items() if name not in new
    }
    assert [line.split()[1] for line in after["## Engines"].splitlines()[-2:]] == ["in-process", "local"]
    assert "and 0 when they were read for the second time" in after["## Records in a store"]


@pytest.mark.parametrize("words", [["engine"], ["engines", "--runs", "1"]])
def test_parts_that_do_not_exist_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ledger.main(words)
    assert len(capsys.readouterr().err.splitlines()[-1].split(": error: ")) == 2


def test_a_step_of_convolutions_against_the_plain_loop() -> None:
    found = convolutions.measure("dcgan", 4, 1, rounds=1, shape=(3, 16, 16))
    assert min(found.plain, found.ours, found.flops, found.rate) > 0


def test_subnormal_numbers_are_timed_in_both_ways() -> None:
    minimax, non_saturating = subnormals.measure(4, steps=2, rounds=2)
    assert [minimax.loss, non_saturating.loss] == ["minimax", "non-saturating"]
    assert min(minimax.kept, minimax.ours, non_saturating.kept, non_saturating.ours) > 0


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

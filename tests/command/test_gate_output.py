"""What a maintainer reads of a comparison in ten seconds, and what an interruption looks like to a CI system."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner, Result

import bench.confirming
import bench.evidence.gate.compare
from bench.command import main
from bench.records.listing import record_paths

RESULTS = Path(__file__).parents[2] / "results"


def compare(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Ten runs of one cell of the suite gate, and the same runs, all of which diverge."""
    baseline, candidate = tmp_path / "baseline", tmp_path / "candidate"
    for path in record_paths(RESULTS / "gate"):
        content = content_of(path)
        if content["axes"]["loss"] == "relativistic" and content["axes"]["penalty"] == "wgan-gp":
            (baseline / "records").mkdir(parents=True, exist_ok=True)
            shutil.copy(path, baseline / "records")
            content["ending"].update(status="diverged", reason="a loss of NaN", step=10)
            content["seed"] += 100
            publish_content(candidate / "records" / path.name, content, rows_of(path))
    return baseline, candidate


def test_the_reason_says_how_the_runs_failed_and_stands_beside_the_verdict(sides: tuple[Path, Path]) -> None:
    result = compare(*sides)
    assert result.exit_code == 1
    lines = result.stdout.rstrip().splitlines()
    assert lines[-1] == "REGRESSED: 1 of 1 cell."
    conditions, _, rest = result.stdout.partition("REGRESSED ring")
    assert "One-sided tests" in conditions
    assert "10 of 10 runs failed (10 diverged), baseline 0 of 10" in " ".join(rest.split())
    assert "\n\n" not in rest.rstrip()
    assert "–," not in conditions


@pytest.mark.parametrize(
    ("verb", "module", "message"),
    [
        ("compare", bench.evidence.gate.compare, "ganbench: interrupted\n"),
        ("confirm", bench.confirming, "ganbench: stopped; run the same command to resume\n"),
    ],
)
def test_an_interruption_is_no_verdict(verb: str, module: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, verb, interrupt)
    result = CliRunner().invoke(main, [verb, "gate", "gate"])
    assert (result.exit_code, result.stderr) == (130, message)


def test_cells_that_are_left_out_are_named_in_every_format(sides: tuple[Path, Path], tmp_path: Path) -> None:
    """Not only in the explanation of the table: JUnit and a reader in a hurry see the verdict of the other cells."""
    result = compare(RESULTS / "gate", sides[0], "--missing", "ok", "--format", "junit")
    assert result.exit_code == 0
    said = "Not compared, because the candidate does not have them: ring · mlp · non-saturating · r1"
    assert said in result.stdout
    shown = " ".join(compare(RESULTS / "gate", sides[0], "--missing", "ok").stdout.split())
    assert shown.endswith("OK: 1 of 1 cell.")
    assert shown.index("One-sided tests") < shown.index(said)

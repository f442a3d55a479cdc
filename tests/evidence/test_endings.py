"""Where runs of other code ended: the same verdict however the runs were handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner

import bench
from bench.command import main
from bench.evidence.results import read_evidence
from bench.records.external.import_table import import_table
from bench.records.listing import record_paths

FIXED = {"dataset": "cifar10", "architecture": "dcgan", "loss": "hinge"}
WHOLE = {0: 398.0, 1000: 41.0, 2000: 30.0, 3000: 25.0, 4000: 24.0}
CRASHED = {0: 401.0, 1000: 44.0}
EARLY = "ended at step 1,000 of 4,000"
COLUMNS = ["seed", "steps_done", "fid_final", "fid_best", "outcome", "outcome_reason"]


def imported(folder: Path, runs: dict[int, dict[int, float]], extra: str = "", **fixed: Any) -> None:
    """Import runs, seed → step → FID, as one table; ``extra`` is a column with one value: ``name=value``."""
    name, _, value = extra.partition("=")
    rows = [
        {"seed": seed, "step": step, "fid": fid, name or "x": value}
        for seed, run in runs.items()
        for step, fid in run.items()
    ]
    path = folder / "table.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    mapped = [(column, column) for column in ("seed", "step", "fid", *filter(None, [name]))]
    import_table(path, suite="theirs", mapped=mapped, fixed=FIXED | fixed, results=folder / "results")


def runs_in(folder: Path) -> dict[int, dict[str, Any]]:
    return bench.load(folder / "results").set_index("seed").to_dict("index")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_crashed_run_has_one_verdict_whether_imported_alone_or_in_one_table(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "apart").mkdir()
    runs = {0: WHOLE, 1: CRASHED}
    imported(tmp_path / "one", runs)
    for seed in order:
        imported(tmp_path / "apart", {seed: runs[seed]})
    for folder in ("one", "apart"):
        whole, crashed = runs_in(tmp_path / folder).values()
        assert (whole["outcome"], whole["fid_final"]) == ("stable", 24)
        assert (crashed["outcome"], crashed["outcome_reason"], crashed["outcome_step"]) == ("diverged", EARLY, 1000)
        assert np.isnan(crashed["fid_final"])
        assert crashed["fid_best"] == 44
    one, apart = (bench.load(tmp_path / folder / "results")[COLUMNS] for folder in ("one", "apart"))
    pd.testing.assert_frame_equal(one, apart)


def test_tables_and_figures_see_the_same_end(tmp_path: Path) -> None:
    for seed, run in enumerate((WHOLE, CRASHED)):
        imported(tmp_path, {seed: run})
    evidence = read_evidence(tmp_path / "results")
    crashed = evidence.metadata[evidence.runs["run"].iloc[1]]
    assert (crashed.ending.status, crashed.training.steps, crashed.final) == ("diverged", 4000, {"fid": None})


def test_a_run_that_ended_a_little_before_another_is_complete(tmp_path: Path) -> None:
    imported(tmp_path, {0: {0: 398.0, 1000: 41.0, 2000: 30.0}})
    imported(tmp_path, {1: {1: 401.0, 1001: 44.0, 2001: 33.0}})
    assert [(run["outcome"], run["fid_final"]) for run in runs_in(tmp_path).values()] == [
        ("stable", 30), ("stable", 33),
    ]  # fmt: skip


def test_what_was_said_of_a_run_is_kept(tmp_path: Path) -> None:
    imported(tmp_path, {0: WHOLE})
    imported(tmp_path, {1: CRASHED}, "outcome=finished")
    imported(tmp_path, {2: CRASHED}, "outcome=failed")
    imported(tmp_path, {3: CRASHED}, "reason=out of memory")
    imported(tmp_path, {4: CRASHED}, steps=1000)
    imported(tmp_path, {5: CRASHED}, steps=8000)
    imported(tmp_path, {6: {0: 401.0, 1000: np.inf}})
    reasons = [run["outcome_reason"] for run in runs_in(tmp_path).values()]
    assert reasons[:5] == ["ended at step 4,000 of 8,000", "", "failed", "out of memory", ""]
    assert reasons[5:] == ["ended at step 1,000 of 8,000", "no finite FID at step 1,000"]


def test_the_command_counts_what_the_report_will_say(tmp_path: Path) -> None:
    imported(tmp_path, {0: WHOLE})
    (tmp_path / "crashed.csv").write_text("step,fid\n0,401\n1000,44\n")
    words = ["import", str(tmp_path / "crashed.csv"), "--suite", "theirs", "--results", str(tmp_path / "results")]
    words += ["--map", "step=step", "--map", "fid=fid", "--set", "seed=1"]
    words += [word for axis, name in FIXED.items() for word in ("--set", f"{axis}={name}")]
    done = CliRunner().invoke(main, words)
    assert done.output.startswith("recorded 1 run of 1 cell (1 diverged) in ")


def test_cells_and_versions_are_judged_apart(tmp_path: Path) -> None:
    imported(tmp_path, {0: WHOLE})
    imported(tmp_path, {0: CRASHED}, loss="wgan-gp")
    assert bench.load(tmp_path / "results")["outcome"].tolist() == ["stable", "stable"]


def test_recorded_runs_are_judged_with_imported_ones(tmp_path: Path) -> None:
    imported(tmp_path, {0: WHOLE})
    with bench.Recorder(tmp_path / "results", suite="theirs", seed=1, **FIXED) as log:
        for step, fid in CRASHED.items():
            log.log(step, fid=fid)
    assert runs_in(tmp_path)[1]["outcome_reason"] == EARLY


def test_a_value_that_was_lost_before_an_early_end_is_named(tmp_path: Path) -> None:
    imported(tmp_path, {0: WHOLE})
    with bench.Recorder(tmp_path / "results", suite="theirs", seed=1, **FIXED) as log:
        log.log(0, fid=401.0)
        log.log(1000, fid=float("nan"))
    assert runs_in(tmp_path)[1]["outcome_reason"] == f"{EARLY}, FID not finite"


def as_older(folder: Path, **changes: dict[str, Any]) -> None:
    """Rewrite all records as older versions wrote them: without what was said of the run, and with changes by seed."""
    for path in record_paths(folder / "results"):
        content = content_of(path)
        for key in ("steps", "outcome"):
            content["origin"].pop(key, None)
        for section, values in changes.get(f"seed_{content['seed']}", {}).items():
            content[section] |= values
        publish_content(path, content, rows_of(path))


def test_older_records_get_the_right_verdict_without_importing_again(tmp_path: Path) -> None:
    imported(tmp_path, {0: WHOLE, 1: CRASHED, 2: {0: 400.0, 4001: 24.5}, 3: CRASHED, 4: CRASHED})
    judged = {"training": {"steps": 4001}}
    as_older(
        tmp_path,
        seed_0={**judged, "ending": {"status": "diverged", "step": 4000, "reason": "ended at step 4,000 of 4,001"}},
        seed_1={},  # imported alone
        seed_3={**judged, "ending": {"status": "diverged", "step": 1000, "reason": "ended at step 1,000 of 4,001"}},
        seed_4=judged,  # its table said that it had finished
    )
    runs = runs_in(tmp_path)
    assert [run["outcome_reason"] for run in runs.values()] == [
        "", "ended at step 1,000 of 4,001", "", "ended at step 1,000 of 4,001", "",
    ]  # fmt: skip
    assert (runs[0]["outcome"], runs[0]["fid_final"], runs[0]["fid_best"]) == ("stable", 24, 24)


def test_an_older_recorder_that_was_left_early_is_told(tmp_path: Path) -> None:
    with bench.Recorder(tmp_path / "results", suite="theirs", seed=0, **FIXED) as log:
        for step, fid in CRASHED.items():
            log.log(step, fid=fid)
    as_older(tmp_path, seed_0={"training": {"steps": 4000}})
    assert runs_in(tmp_path)[0]["outcome_reason"] == EARLY


def test_an_older_record_with_gaps_gets_its_last_value_back(tmp_path: Path) -> None:
    with bench.Recorder(tmp_path / "results", suite="theirs", seed=0, **FIXED) as log:
        log.log(3000, fid=9.0, modes=7)
        log.log(4000, critic_loss=0.5, modes=float("nan"))
    path = record_paths(tmp_path / "results")[0]
    content = content_of(path)
    content["origin"] = {"kind": "import", "table": "x.csv", "sha256": ""}
    content["training"]["steps"] = 4001
    content["ending"] = {"status": "diverged", "step": 4000, "place": None, "reason": "ended at step 4,000 of 4,001"}
    publish_content(path, content, rows_of(path))
    (run,) = runs_in(tmp_path).values()
    assert (run["ending"], run["fid_final"]) == ("finished", 9)
    assert np.isnan(run["modes_final"])

"""The recorder: logged values are read back, failure is an outcome, incorrect use gives one line and no record."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

import bench
from bench.command import main
from bench.errors import GanbenchError, ResultsError, SuiteError
from bench.evidence.outcomes import Stage, states_over_time
from bench.evidence.results import read_evidence
from bench.plan.rules import Rules
from bench.records.listing import record_paths
from bench.records.record import read_metadata, read_record, read_samples
from bench.report.captions import caption, provenance
from bench.report.dirac import has_dirac

GIVEN: dict[str, Any] = {"suite": "mine", "dataset": "cifar10", "architecture": "unet", "loss": "ours", "seed": 0}


def recorder(folder: Path, **changes: Any) -> bench.Recorder:
    return bench.Recorder(folder, **{**GIVEN, **changes})


def the_record(folder: Path) -> Path:
    (path,) = record_paths(folder)
    return path


def test_what_is_logged_is_what_is_read(tmp_path: Path) -> None:
    with recorder(tmp_path, higher_is_better={"is": True}, batch_size=32, critic_steps=5, width=64) as log:
        log.log(0, fid=400.0)
        log.log(10, critic_loss=torch.tensor(0.5, requires_grad=True))
        log.log(20, critic_loss=np.float32(0.25), fid=None)
        log.log(20, fid=torch.tensor(100.0), generator_loss=1)
        log.log(20, **{"is": 3})
    runs, traces = bench.load(tmp_path), bench.traces(tmp_path)
    assert traces[["step", "measure", "value"]].sort_values(["measure", "step"]).to_numpy().tolist() == [
        [10, "critic_loss", 0.5], [20, "critic_loss", 0.25], [0, "fid", 400.0], [20, "fid", 100.0],
        [20, "generator_loss", 1.0], [20, "is", 3.0],
    ]  # fmt: skip
    assert traces.query("step == 20")["images"].unique().tolist() == [20 * 5 * 32]
    assert (np.diff(traces.groupby("step")["seconds"].first()) >= 0).all()
    (run,) = runs.to_dict("records")
    assert (run["fid_final"], run["fid_best"], run["is_best"], run["width"], run["steps_done"]) == (100, 100, 3, 64, 20)
    assert math.isnan(run["steps_per_second"])
    assert run["outcome"] == "stable"
    metadata = read_metadata(the_record(tmp_path))
    assert metadata.origin is not None
    assert metadata.origin["kind"] == "recorder"
    assert metadata.environment.torch == str(torch.__version__)


def test_losses_logged_more_often_than_measures_do_not_affect_the_outcome(tmp_path: Path) -> None:
    """The loss is also logged after the last evaluation, and modes at other steps than the FID."""
    with recorder(tmp_path, real={"modes": 8, "fid": 2}) as log:
        for step in range(0, 1001, 50):
            log.log(step, critic_loss=0.7)
            if step % 300 == 0:
                log.log(step, fid=400 / (1 + step / 50))
            if step % 250 == 0:
                log.log(step, modes=8 if step else 0)
    record = read_record(the_record(tmp_path))
    (run,) = bench.load(tmp_path).to_dict("records")
    assert (run["outcome"], run["outcome_reason"]) == ("stable", "")
    assert run["fid_final"] == 400 / (1 + 900 / 50)
    stages = states_over_time(record.trace, record.metadata, Rules())
    assert stages == [(300, Stage.NOT_THERE_YET), (600, Stage.ON_TRACK), (900, Stage.ON_TRACK)]


def test_a_loss_that_explodes_between_evaluations_is_seen(tmp_path: Path) -> None:
    with recorder(tmp_path) as log:
        for step in range(0, 501, 50):
            log.log(step, critic_loss=1e9 if step == 350 else 0.7)
            if step % 100 == 0:
                log.log(step, fid=400.0 - step / 2)
    (run,) = bench.load(tmp_path).to_dict("records")
    assert (run["outcome"], run["outcome_step"]) == ("diverged", 350)


def test_a_value_that_is_not_finite_is_kept_and_decides_the_outcome(tmp_path: Path) -> None:
    with recorder(tmp_path) as log:
        log.log(0, fid=400.0)
        log.log(10, fid=float("nan"))
        log.log(20, fid=float("inf"))
    assert np.isnan(bench.traces(tmp_path)["value"].iloc[1])
    (run,) = bench.load(tmp_path).to_dict("records")
    assert (run["outcome"], run["outcome_reason"]) == ("diverged", "FID not finite at step 10")


def test_a_loss_that_is_not_finite_ends_the_run(tmp_path: Path) -> None:
    with recorder(tmp_path, steps=100) as log:
        log.log(10, fid=30.0)
        assert log.failure == ""
        log.log(20, critic_loss=float("nan"))
        assert log.failure == "critic loss not finite at step 20"
        log.fail("said too late")
        log.log(30, fid=3.0)  # the loop does not stop
    record = read_record(the_record(tmp_path))
    assert record.metadata.ending.model_dump() == {
        "status": "diverged",
        "step": 20,
        "place": "critic loss",
        "reason": "critic loss not finite at step 20",
    }
    assert record.metadata.final == {"fid": None}
    assert record.metadata.best == {"fid": 30.0}
    assert states_over_time(record.trace, record.metadata, Rules())[-1] == (20, Stage.DIVERGED)


def test_an_exception_is_the_outcome_and_is_raised_again(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="out of memory"), recorder(tmp_path, steps=100) as log:
        log.log(0, fid=400.0)
        log.log(40, fid=300.0)
        raise RuntimeError("CUDA out of memory\nTried to allocate")
    (run,) = bench.load(tmp_path).to_dict("records")
    assert (run["outcome"], run["outcome_reason"]) == ("diverged", "RuntimeError: CUDA out of memory")
    assert run["outcome_step"] == 40


def test_a_run_that_fails_before_it_logs_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), recorder(tmp_path, higher_is_better={"is": True}):
        raise ZeroDivisionError
    with recorder(tmp_path, seed=1, higher_is_better={"is": True}) as log:
        log.log(10, **{"is": 2.0})
    runs = bench.load(tmp_path)
    assert runs["outcome"].tolist() == ["diverged", "stable"]
    assert runs["outcome_reason"].iloc[0] == "ZeroDivisionError"
    assert len(bench.traces(tmp_path).dropna(subset="value")) == 1


def test_fail_says_why_and_when(tmp_path: Path) -> None:
    with recorder(tmp_path) as log:
        log.log(50, fid=9.0)
        log.fail("all samples alike", step=30)
    assert bench.load(tmp_path)[["outcome_reason", "outcome_step"]].to_numpy().tolist() == [["all samples alike", 30.0]]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_publishes_nothing(tmp_path: Path, stop: type[BaseException]) -> None:
    with pytest.raises(stop), recorder(tmp_path) as log:
        log.log(0, fid=1.0)
        raise stop
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_same_run_is_recorded_once(tmp_path: Path) -> None:
    with recorder(tmp_path) as log:
        log.log(10, fid=1.0)
    with pytest.raises(ResultsError, match=r"cifar10 · unet · ours · seed 0 is already recorded as .*replace=True"):
        recorder(tmp_path)
    recorder(tmp_path, penalty="r1")  # another cell
    recorder(tmp_path, version=2)
    with recorder(tmp_path, replace=True) as log:
        log.log(10, fid=2.0)
    assert bench.load(tmp_path)["fid_final"].tolist() == [2.0]


def test_two_processes_cannot_record_the_same_run(tmp_path: Path) -> None:
    one, other = recorder(tmp_path), recorder(tmp_path)
    with one:
        one.log(10, fid=1.0)
    with pytest.raises(ResultsError, match="meanwhile"), other:
        other.log(10, fid=2.0)
    assert bench.load(tmp_path)["fid_final"].tolist() == [1.0]


def test_given_seconds_are_training_time(tmp_path: Path) -> None:
    """The rates are 10/5, 10/2 and 10/2 steps per second; the first one includes the warm-up."""
    with recorder(tmp_path, batch_size=4, critic_steps=2) as log:
        for step, seconds in ((0, 0.0), (10, 5.0), (20, 7.0), (30, 9.0)):
            log.samples(step, np.zeros((3, 2)))
            log.log(step, fid=1.0, seconds=seconds)
            log.log(step, critic_loss=1.0)
        with pytest.raises(ResultsError, match="give seconds at all steps or at none; step 40 differs"):
            log.log(40, fid=1.0)
    (run,) = bench.load(tmp_path).to_dict("records")
    assert (run["steps_per_second"], run["images_per_second"], run["training_seconds"]) == (5.0, 40.0, 9.0)
    assert bench.traces(tmp_path).query("step == 20")["seconds"].unique().tolist() == [7.0]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"suite": "../up"}, "suite: string should match"),
    ({"seed": -1}, "seed: input should be greater than or equal to 0"),
    ({"seed": 1.5}, "seed: input should be a valid integer"),
    ({"loss": ""}, "loss is empty"),
    ({"loss": 3}, "loss: expected a name, not 3"),
    ({"outcome": "x"}, "outcome"),
    ({"outcome": {"tauu": 1}}, "unknown key 'tauu'; did you mean 'tau'"),
    ({"fid_final": 3}, "'fid_final' is reserved and cannot be the name of an axis"),
    ({"device": "cuda"}, "'device' is reserved and cannot be the name of an axis"),
    ({"higher_is_better": {"fid": True}}, "ganbench already has a measure 'fid' (lower is better)"),
    ({"higher_is_better": {"critic_loss": True}}, "'critic_loss' is reserved and cannot be the name of a measure"),
    ({"real": {"fid": float("nan")}}, "real.fid: input should be a finite number"),
    ({"protocol": {"extractor": [1]}}, "protocol.extractor"),
]


@pytest.mark.parametrize(("changes", "text"), WRONG, ids=[text for _, text in WRONG])
def test_invalid_arguments_are_reported_before_training(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(SuiteError) as caught:
        recorder(tmp_path, **changes)
    assert text in str(caught.value)
    assert str(caught.value).startswith("Recorder")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


CALLS: list[tuple[str, str]] = [
    ("log.log(10, fidd=1.0)", "unknown measure 'fidd': give its direction with higher_is_better={'fidd': True} or {'fidd': False}; did you mean 'fid'?"),
    ("log.log(10, quality=1.0)", "unknown measure 'quality': give its direction with higher_is_better={'quality': True} or {'quality': False}"),
    ("log.log(4, fid=1.0)", "step 4 comes after step 5"),
    ("log.log(1.5, fid=1.0)", "step: expected an integer ≥ 0, not 1.5"),
    ("log.log(True, fid=1.0)", "step: expected an integer"),
    ("log.log(10, fid='1.0')", "fid: expected a number, not '1.0'"),
    ("log.log(10, fid=torch.zeros(2))", "fid: expected a number, not a value of type Tensor"),
    ("log.samples(10, np.zeros((2, 3, 8, 8)))", "float images need value_range=(-1, 1) or (0, 1)"),
    ("log.samples(10, np.zeros((2, 3, 8, 8)), value_range=(0, 255))", "not (0, 255)"),
    ("log.samples(10, np.full((2, 3, 8, 8), 9.0), value_range=(0, 1))", "values from 9 to 9 are outside"),
    ("log.samples(10, np.zeros((2, 8, 8, 3)))", "expected images n×C×H×W with 1 to 4 channels, n×H×W, or points n×d, not 2×8×8×3"),
    ("log.samples(10, np.zeros((2, 8, 8), int))", "expected uint8 images, or floats, not int64"),
    ("log.samples(10, np.zeros((4, 2)))", "float32 [4, 2] at step 10, but uint8 [1, 1, 8, 8] before"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), CALLS, ids=[call for call, _ in CALLS])
def test_an_invalid_call_gives_one_line_and_no_record(tmp_path: Path, call: str, text: str) -> None:
    with pytest.raises(GanbenchError) as caught, recorder(tmp_path) as log:
        log.log(5, fid=1.0)
        log.samples(5, np.zeros((1, 8, 8), np.uint8))
        eval(call, {"log": log, "np": np, "torch": torch})
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_it_only_records_inside_its_block(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="nothing was logged"), recorder(tmp_path):
        pass
    log = recorder(tmp_path)
    for call in (lambda: log.log(1, fid=1.0), lambda: log.fail("x"), lambda: log.samples(1, np.zeros((2, 2)))):
        with pytest.raises(ResultsError, match="inside its with block"):
            call()


def test_an_unwritable_folder_is_reported_before_training(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(ResultsError, match="cannot be written"):
        recorder(tmp_path)


def test_images_are_kept_as_bytes(tmp_path: Path) -> None:
    """−1, 0 and 1 of (−1, 1) are 0, 127.5 (rounded to even) and 255; of (0, 1), 0, 0.5 and 1 are the same."""
    wide = torch.tensor([-1.0, 0.0, 1.0, 1.0], dtype=torch.bfloat16, requires_grad=True).reshape(1, 1, 2, 2)
    with recorder(tmp_path) as log:
        log.samples(0, wide, value_range=(-1, 1))
        log.log(0, fid=9.0)
        log.samples(10, np.array([[[0.0, 0.5], [1.0, 1.001]]]), value_range=(0, 1))
        log.log(20, fid=1.0)  # no samples here
    path = the_record(tmp_path)
    assert read_samples(path).tolist() == [[[[0, 128], [255, 255]]]]
    assert read_samples(path, 0).tolist() == [[[[0, 128], [255, 255]]]]


def test_as_many_samples_are_kept_as_for_other_runs(tmp_path: Path) -> None:
    with recorder(tmp_path) as log:
        log.log(1, fid=1.0)
        log.samples(1, np.random.default_rng(0).normal(size=(600, 2)))
    with recorder(tmp_path, seed=1) as log:
        log.log(1, fid=1.0)
        log.samples(1, np.full((30, 3, 4, 4), 7, np.uint8))
    points, images = map(read_samples, record_paths(tmp_path))
    assert (points.shape, points.dtype, images.shape) == ((250, 2), np.float32, (25, 3, 4, 4))


@pytest.mark.parametrize("shape", [(1,), (5,), (2, 4, 4), (4, 3, 5)], ids=str)
def test_samples_of_any_shape_are_kept_and_reported(tmp_path: Path, shape: tuple[int, ...]) -> None:
    given = np.random.default_rng(0).uniform(size=(9, *shape)).astype(np.float32)
    with recorder(tmp_path) as log:
        log.log(1, fid=1.0)
        log.samples(1, given, value_range=(0, 1))
    (path,) = record_paths(tmp_path)
    assert read_samples(path).shape == given.shape
    result = CliRunner().invoke(main, ["report", str(tmp_path / "mine"), "--format", "png"])
    assert result.exit_code == 0, result.output


def test_samples_that_are_not_finite_end_the_run(tmp_path: Path) -> None:
    with recorder(tmp_path) as log:
        log.log(10, fid=9.0)
        log.samples(20, np.full((3, 2), np.nan))
    assert bench.load(tmp_path)["outcome_reason"].tolist() == ["samples not finite at step 20"]


def test_the_report_says_what_cannot_be_judged(tmp_path: Path) -> None:
    for seed in range(2):
        with recorder(
            tmp_path, seed=seed, protocol={"extractor": "inception", "samples": 50000, "resize": "clean"}
        ) as log:
            log.log(1000, fid=20.0 + seed)
    evidence = read_evidence(tmp_path / "mine")
    text = caption(evidence, "cifar10")
    assert text == (
        "cifar10: 50,000 samples; features: inception; resize: clean; suite mine, version 1. Runs are classified by FID. "
        "No run can be never-learned: neither the value at initialisation nor τ is known. "
        "No run can be relapsed or oscillating: each was evaluated only once."
    )
    assert provenance(evidence).startswith("Trained by other code, recorded with ganbench ")


def test_a_threshold_calls_a_run_never_learned(tmp_path: Path) -> None:
    with recorder(tmp_path, outcome={"tau": 15.0}) as log:
        log.log(1000, fid=20.0)
    assert bench.load(tmp_path)["outcome_reason"].tolist() == ["best FID 20 does not reach the threshold of 15"]


def test_it_imports_no_torch() -> None:
    check = "import bench; bench.Recorder; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_measure_without_a_direction_classifies_no_run(tmp_path: Path) -> None:
    with recorder(tmp_path, higher_is_better={"angle": None, "own": True}) as log:
        log.log(10, angle=1.0, own=2.0)
    with recorder(tmp_path, suite="other", higher_is_better={"angle": None}) as log:
        log.log(10, angle=1.0)
    judged_by = bench.load(tmp_path).set_index("suite")["primary"]
    assert judged_by["mine"] == "own"
    assert pd.isna(judged_by["other"])
    assert "so only divergence can be detected" in caption(read_evidence(tmp_path / "other"), "cifar10")


def test_measures_like_the_dirac_gans_have_no_theory(tmp_path: Path) -> None:
    names = {"distance": 1.0, "theta": 1.0, "psi": 0.0, "eigenvalue_real": 0.1, "modes": 3.0}
    with recorder(tmp_path) as log:
        log.log(0, **names)
        log.log(10, **names)
    evidence = read_evidence(tmp_path / "mine")
    assert not has_dirac(evidence, "cifar10")
    assert "No run can be collapsed: modes of real data are unknown." in caption(evidence, "cifar10")

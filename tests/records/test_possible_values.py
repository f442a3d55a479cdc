"""Values that a measure cannot have are refused with a hint; names are matched without case."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.catalogue.metrics.measures import MEASURES, PROBE_RANGES, PROBES, known_name, measure_name
from bench.errors import GanbenchError, ResultsError, SuiteError, TableError
from bench.records.external.import_table import import_table
from bench.records.external.possible_values import why_impossible
from bench.records.listing import record_paths
from bench.records.record import read_metadata

GIVEN: dict[str, Any] = {"suite": "mine", "dataset": "ring", "architecture": "mlp", "loss": "hinge", "seed": 0}
FIXED = {"dataset": "ring", "architecture": "mlp", "loss": "hinge", "seed": 0}


def recorded(folder: Path, step: Any = 10, seconds: float | None = None, **values: Any) -> dict[str, Any]:
    with bench.Recorder(folder, **GIVEN, higher_is_better={"IS": True}) as log:
        log.log(step, seconds=seconds, **values)
    (run,) = bench.load(folder).to_dict("records")
    return dict(run)


def imported(folder: Path, text: str, *mapped: str, **options: Any) -> None:
    path = folder / "log.csv"
    path.write_text(text)
    fixed = options.pop("fixed", FIXED)
    pairs = [tuple(pair.split("=")) for pair in mapped]
    import_table(path, suite="mine", mapped=pairs, fixed=fixed, results=folder / "results", **options)  # type: ignore[arg-type]


def nothing_is_recorded(folder: Path) -> bool:
    return not list(folder.rglob("*.parquet"))


SHARES = ("high_quality", "confident", "precision", "recall", "coverage", "critic_accuracy")
DISTANCES = ("fd", "fid", "kl", "swd", "distance", "density", "support", "modes", "modes_confident", "slope_real")
IMPOSSIBLE = [
    *((name, 93.0, "93 is outside 0…1 and looks like percent; give 0.93") for name in SHARES),
    *((name, -0.5, "-0.5 is outside 0…1") for name in SHARES),
    ("precision", 250.0, "250 is outside 0…1"),
    ("precision_ema", 15.5, "15.5 is outside 0…1 and looks like percent; give 0.155"),
    ("precision", 1.00001, "1.00001 is outside 0…1"),
    *((name, -2.0, "-2 is below 0") for name in DISTANCES),
    ("kid", -2.0, "-2 is below 0"),
    ("spectrum_radius", -2.0, "-2 is below 0"),
]


@pytest.mark.parametrize(("name", "value", "reason"), IMPOSSIBLE, ids=[f"{n} {v:g}" for n, v, _ in IMPOSSIBLE])
def test_a_value_that_is_not_possible_is_named_with_the_reason(name: str, value: float, reason: str) -> None:
    assert why_impossible(name, value) == reason


def test_every_share_and_distance_of_the_catalogue_is_covered() -> None:
    """Only signed quantities can be anything, such as an unbiased kernel distance or the logarithm of a density."""
    free = {name for name, measure in MEASURES.items() if measure.range.holds(-1e9)}
    assert free == {"kd", "bits_per_dimension", "theta", "psi", "path_attraction", "path_rotation"} | {
        name for name in MEASURES if name.startswith("eigenvalue") or name == "spectrum_real"
    }
    assert PROBE_RANGES.keys() <= PROBES.keys()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fid", -1e-4), ("kid", -0.02), ("kd", -5.0), ("swd", -1e-12), ("precision", 1 + 1e-9), ("recall", 0.0),
        ("density", 1.7), ("critic_loss", -93.0), ("theta", -3.0), ("IS", 93.0),
    ],
)  # fmt: skip
def test_rounding_estimates_and_signed_quantities_are_possible(name: str, value: float) -> None:
    assert why_impossible(name, value) == ""


@pytest.mark.parametrize("name", ["precision", "fid", "modes", "critic_accuracy"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_failure_is_a_possible_value_of_every_measure(name: str, value: float) -> None:
    assert why_impossible(name, value) == ""


def test_the_recorder_refuses_what_is_not_possible(tmp_path: Path) -> None:
    for values, reason in (
        ({"precision": 93}, "Recorder.log: precision at step 10: 93 is outside 0…1 and looks like percent; give 0.93"),
        ({"Recall": 1.2}, "Recorder.log: recall at step 10: 1.2 is outside 0…1"),
        ({"FID": -3}, "Recorder.log: fid at step 10: -3 is below 0"),
        ({"fid": 10**400}, "fid: expected a number, not a value of type int"),
        ({"fid": True}, "fid: expected a number, not a value of type bool"),
        ({"fid": b"3"}, "fid: expected a number, not a value of type bytes"),
        ({"fid": 1, "FID": 2}, "fid is given twice, once as 'FID'"),
        ({"fid": 1, "seconds": time.time()}, "is a date, not a duration; give the seconds of training so far"),
        ({"fid": 1, "seconds": -1.0}, "seconds: expected a number ≥ 0, not -1"),
        ({"fid": 1, "step": 10**30}, "a step is above 1,000,000,000,000, the most that can be recorded"),
        ({"fid": 1, "step": 10**5000}, "a step is above 1,000,000,000,000"),
        ({"fid": 1, "step": 1e300}, "step: expected an integer ≥ 0, not 1e+300"),
        ({"fid": 1, "step": np.float64(1.5)}, "step: expected an integer ≥ 0"),
        ({"fid": 1, "step": float("nan")}, "step: expected an integer ≥ 0"),
    ):
        with pytest.raises(ResultsError) as caught:
            recorded(tmp_path, **values)  # type: ignore[arg-type]
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
        assert nothing_is_recorded(tmp_path)


def test_a_failed_call_adds_nothing_to_the_row(tmp_path: Path) -> None:
    with bench.Recorder(tmp_path, **GIVEN) as log:
        log.log(10, fid=3.0)
        with pytest.raises(ResultsError, match="looks like percent"):
            log.log(10, recall=0.5, precision=93)
    assert bench.traces(tmp_path)["measure"].tolist() == ["fid"]


@pytest.mark.parametrize("step", [10, 10.0, np.int32(10), np.uint64(10), np.float32(10)])
def test_whole_numbers_are_steps(tmp_path: Path, step: Any) -> None:
    assert recorded(tmp_path, step, fid=1.0)["steps_done"] == 10


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"real": {"precision": 93.0}}, "real: precision: 93 is outside 0…1 and looks like percent; give 0.93"),
        ({"real": {"FID": -3.0}}, "real: fid: -3 is below 0"),
        ({"real": {"FID": 3.0, "fid": 3.0}}, "real: a measure is given twice"),
        ({"steps": 1.5}, "steps: input should be a valid integer"),
        ({"steps": 10**13}, "steps: expected an integer ≤ 1000000000000"),
        ({"batch_size": 64.5}, "batch_size: input should be a valid integer"),
        ({"critic_steps": 0}, "critic_steps: input should be greater than or equal to 1"),
        ({"higher_is_better": {"FID": True}}, "ganbench already has a measure 'fid' (lower is better)"),
        ({"width": 10**5000}, "width: expected an integer of at most 64 bits"),
        ({"protocol": {"samples": 10**5000}}, "samples: expected an integer of at most 64 bits"),
        ({"title": "a\ud800"}, "title: 'a\\ud800' has characters that cannot be written as UTF-8"),
        ({"dataset": "a\ud800"}, "axes: 'a\\ud800' has characters"),
        ({"higher_is_better": {"a\ud800": True}}, "higher_is_better: 'a\\ud800' has characters"),
        ({"higher_is_better": {"own_ema": True}}, "'own_ema': give the direction of 'own'; it is that of its average"),
        ({"higher_is_better": {"Critic_Loss": False}}, "'critic_loss' is reserved and cannot be the name of a measure"),
        ({"higher_is_better": ["own"]}, "higher_is_better: input should be a valid table"),
        ({"real": [1]}, "real: input should be a valid table"),
        ({"suite": "s" * 300}, "suite: string should have at most 200 characters"),
        ({"Batch_Size": 64}, "unknown argument 'Batch_Size'; did you mean 'batch_size'?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arguments_are_checked_before_training(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SuiteError) as caught:
        bench.Recorder(tmp_path, **{**GIVEN, **changes})
    assert str(caught.value).startswith("Recorder: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("reason", ["bad\n  news", "bad news", "bad\ud800news", "bad " * 300])
def test_the_reason_of_a_failure_is_one_line_that_can_be_read_again(tmp_path: Path, reason: str) -> None:
    with bench.Recorder(tmp_path, **GIVEN) as log:
        log.log(10, fid=1.0)
        log.fail(reason)
    (found,) = bench.load(tmp_path)["outcome_reason"]
    assert found in ("bad news", "bad?news", ("bad " * 50)[:200])


def test_a_results_folder_whose_name_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be written: File name too long"):
        bench.Recorder(tmp_path / ("x" * 300), **GIVEN)


TABLE = "step,prec,FID\n0,0.1,400\n100,{},{}\n"
TABLES = [
    ("93", "5", "log.csv: line 3, column 'prec': precision 93 is outside 0…1 and looks like percent; give 0.93, or use --percent prec"),
    ("-0.5", "5", "line 3, column 'prec': precision -0.5 is outside 0…1"),
    ("0.9", "-5", "line 3, column 'FID': fid -5 is below 0"),
]  # fmt: skip


@pytest.mark.parametrize(("precision", "fid", "reason"), TABLES, ids=["percent", "below", "distance"])
def test_an_import_refuses_what_is_not_possible(tmp_path: Path, precision: str, fid: str, reason: str) -> None:
    with pytest.raises(TableError) as caught:
        imported(tmp_path, TABLE.format(precision, fid), "step=step", "prec=precision", "FID=fid")
    assert reason in str(caught.value)
    assert nothing_is_recorded(tmp_path)


def test_an_import_refuses_impossible_values_in_long_form_and_steps_too_large(tmp_path: Path) -> None:
    text = "step,what,number\n100,Precision,93\n"
    with pytest.raises(TableError, match=r"line 2, column 'number': precision 93 is outside .*--percent precision"):
        imported(tmp_path, text, "step=step", "what=measure", "number=value")
    with pytest.raises(TableError, match=r"line 2, column 'step': expected an integer of at most 1,000,000,000,000"):
        imported(tmp_path, "step,FID\n1000000000000000,3\n", "step=step", "FID=fid")
    with pytest.raises(SuiteError, match=r"real: precision: 93 is outside"):
        imported(tmp_path, TABLE.format(1, 1), "step=step", "prec=precision", real={"Precision": 93.0})
    assert nothing_is_recorded(tmp_path)


def test_failures_stay_values_of_a_share(tmp_path: Path) -> None:
    run = recorded(tmp_path, precision=math.nan, fid=math.inf)
    assert run["outcome"] == "diverged"
    imported(tmp_path, TABLE.format("nan", "inf"), "step=step", "prec=precision", "FID=fid")
    assert bench.load(tmp_path / "results")["outcome"].tolist() == ["diverged"]


NAMES = [
    ("FID", "fid"), ("Fid_EMA", "fid_ema"), ("fid-ema", "fid_ema"), ("high-quality", "high_quality"), ("High Quality", "high_quality"),
    ("Critic-Loss", "critic_loss"), ("GAP", "gap"), ("fidd", "fidd"), ("own", "Own"), ("OWN_ema", "Own_ema"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "meant"), NAMES)
def test_names_are_matched_without_case(given: str, meant: str) -> None:
    assert measure_name(given, ["Own"]) == meant


def test_a_name_that_could_mean_several_is_left_alone() -> None:
    assert known_name("score", ["Score", "SCORE"]) == "score"
    assert known_name("Score", ["Score", "SCORE"]) == "Score"


def test_the_recorder_takes_names_in_any_case(tmp_path: Path) -> None:
    run = recorded(tmp_path, FID=3.0, **{"High-Quality": 0.5, "is": 7.0, "Critic_Loss": 0.5})
    assert (run["fid_final"], run["high_quality_final"], run["IS_final"]) == (3.0, 0.5, 7.0)
    with (
        pytest.raises(GanbenchError, match="did you mean 'fid'"),
        bench.Recorder(tmp_path, **{**GIVEN, "seed": 1}) as log,
    ):
        log.log(10, FIDD=1.0)


def test_a_loss_that_is_not_finite_ends_the_run_in_any_case(tmp_path: Path) -> None:
    with bench.Recorder(tmp_path, **GIVEN, real={"FID": 2.0}) as log:
        log.log(10, Critic_Loss=math.nan)
        assert log.failure == "critic loss not finite at step 10"
    assert read_metadata(record_paths(tmp_path)[0]).real == {"fid": 2.0}


def test_an_import_takes_names_in_any_case(tmp_path: Path) -> None:
    text = "step,FID,IS,lr\n0,400,1,0.1\n100,3,7,0.1\n"
    fixed = {"Dataset": "ring", "ARCHITECTURE": "mlp", "Loss": "hinge", "Seed": 3}
    imported(
        tmp_path, text, "step=Step", "FID=FID", "IS=is", "lr=axis:LR", higher=["IS"], real={"FID": 1.0}, fixed=fixed
    )  # fmt: skip
    (run,) = bench.load(tmp_path / "results").to_dict("records")
    assert (run["fid_final"], run["IS_final"], run["fid_real"], run["seed"], run["dataset"]) == (3, 7, 1, 3, "ring")
    with pytest.raises(TableError, match=r"a role is given twice in .*seed, Seed"):
        imported(tmp_path, text, "step=step", "FID=fid", fixed={**FIXED, "Seed": 4})


def test_a_long_import_takes_names_in_any_case(tmp_path: Path) -> None:
    imported(tmp_path, "step,what,number\n100,Precision,0.5\n100,FID,3\n", "step=step", "what=measure", "number=value")
    assert sorted(bench.traces(tmp_path / "results")["measure"]) == ["fid", "precision"]


def test_measures_of_the_command_are_named_in_any_case(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from bench.command import main

    for loss in ("a", "b"):
        for seed in range(3):
            with bench.Recorder(tmp_path / loss, **{**GIVEN, "seed": seed}, outcome={"primary": "FID"}) as log:
                log.log(10, FID=3.0 + seed, Precision=0.5)
    words = ["report", str(tmp_path / "a" / "mine"), "--metric", "FID", "--format", "none"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    table = (tmp_path / "a" / "mine" / "table.md").read_text()
    assert "FID" in table
    assert "precision" not in table
    done = CliRunner().invoke(
        main, ["compare", str(tmp_path / "a" / "mine"), str(tmp_path / "b" / "mine"), "--metric", "FID"]
    )
    assert "not measured" not in done.output
    assert done.exit_code in (0, 1, 3), done.output

"""Measures that a metric of another package declares: in records, frames, tables and the page, with or without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from plugin_packages import Package, clear_caches, package_in

import bench
from bench.catalogue.metrics.declared import declared_measures
from bench.catalogue.metrics.measures import MEASURES, Measure, coverage_order, primary_order
from bench.command import main
from bench.command.show_report import fitting_columns
from bench.errors import ContractError, SuiteError
from bench.evidence.results import read_evidence
from bench.plan.suite import load_suite
from bench.running import Summary

PLUGINS = """
from bench import Measure, Metric, Options

def anything(extractor, modes_known):
    return None

def metric(name, **measures):
    return Metric("", Options, f"plugged_metrics:{name}", anything, measures=measures)

vendi = metric("vendi", vendi=Measure("Vendi score", True, ".2f"))
"""

METRICS = """
def vendi(context, options):
    return lambda sampled: {"vendi": 1 + float(sampled.samples.float().std())}
def infinite(context, options):
    calls = []
    def measure(sampled):
        calls.append(1)
        return {"vendi": float("inf") if len(calls) == 1 else 1.0}
    return measure
"""

SUITE = """
name = "declared"
seeds = 2
[matrix]
loss = ["hinge", "non-saturating"]
dataset = [{{ name = "ring", points = 500 }}]
architecture = [{{ name = "mlp", width = 8, depth = 1 }}]
[training]
steps = 8
batch_size = 8
latent = 4
[evaluation]
every = 4
samples = 64
metrics = {metrics}
{outcome}
"""

NAN = """
def failing(context, options):
    calls = []
    def measure(sampled):
        calls.append(1)
        return {"vendi": 1.0 + len(calls) if len(calls) < 2 else float("nan")}
    return measure
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site-packages", monkeypatch)
    package.write(METRICS, {}, "plugged_metrics")
    package.write(PLUGINS, {"metrics": {"vendi": "vendi"}})
    yield package
    package.forget()
    clear_caches()


@pytest.fixture
def train(package: Package, tmp_path: Path, no_figures: None) -> Callable[..., Summary]:
    def run(metrics: tuple[str, ...] = ("frechet", "vendi"), outcome: str = "") -> Summary:
        path = tmp_path / "suite.toml"
        path.write_text(SUITE.format(metrics=list(metrics), outcome=outcome))
        return bench.run(str(path), results=tmp_path / "results", workers=0, device="cpu")

    return run


def redeclare(package: Package, declaration: str, name: str = "vendi") -> None:
    """Declare another measure, or declare it in another way."""
    code = PLUGINS.rpartition("\n\n")[0] + f'\n\n{name} = metric("vendi", {declaration})\n'
    package.write(code, {"metrics": {name: name}})


def test_a_declared_measure_is_in_records_frames_tables_and_page(
    train: Callable[..., Summary], package: Package
) -> None:
    summary = train()
    assert not summary.failed
    package.uninstall()  # who reads the records need not have it
    runs = bench.load(summary.folder)
    assert (runs["vendi_final"] > 1).all()
    assert (runs["vendi_best"] >= runs["vendi_final"]).all()  # higher is better
    assert (runs["vendi_real"] > 1).all()
    assert set(runs["primary"]) == {"fd"}  # declares no rank
    CliRunner().invoke(main, ["report", str(summary.folder), "--format", "none"])
    for name in ("table.md", "report.html"):
        assert "Vendi score" in (summary.folder / name).read_text(), name
    evidence = read_evidence(summary.folder)
    assert evidence.describe("vendi") == Measure("Vendi score", True, ".2f")
    assert evidence.measures(runs["dataset"][0]) == ["fd", "vendi"]
    assert "vendi_final" in (summary.folder / "table.csv").read_text().partition("\n")[0]


def test_intervals_stay_within_the_declared_range(train: Callable[..., Summary], package: Package) -> None:
    redeclare(package, 'vendi=Measure("Vendi score", True, ".2f", range=(1, 9))')
    folder = train(metrics=("vendi",)).folder
    package.uninstall()
    frame = pd.read_csv(folder / "table.csv")
    assert (frame["vendi_final_mean_low"] >= 1).all()
    assert (frame["vendi_final_mean_low"] > frame["vendi_final"] - frame["vendi_final_half_width"]).all()
    assert "score interval" in (folder / "table.md").read_text()
    assert "±" not in (folder / "table.md").read_text().partition("Values:")[0]


def test_metrics_of_images_get_their_features(train: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_declared_measures.SUITE", SUITE.replace('{{ name = "ring", points = 500 }}', '"digits"'))
    summary = train()
    assert not summary.failed
    assert (bench.load(summary.folder)["vendi_final"] > 1).all()


def test_records_hold_the_declaration_and_others_have_no_such_section(train: Callable[..., Summary]) -> None:
    def section(folder: Path) -> object:
        path = next(folder.glob("records/*"))
        return json.loads(pq.read_schema(path).metadata[b"ganbench"]).get("measures", "none")

    folder = train().folder
    declared = section(folder)
    assert isinstance(declared, dict)
    assert declared["vendi"]["label"] == "Vendi score"
    for path in folder.glob("records/*"):
        path.unlink()
    assert section(train(metrics=("frechet",)).folder) == "none"


def test_compare_tests_a_declared_measure(train: Callable[..., Summary], package: Package) -> None:
    folder = str(train(outcome='[compare]\nmetric = "vendi"').folder)
    package.uninstall()
    result = CliRunner().invoke(main, ["compare", folder, folder, "--format", "markdown", "--metric", "vendi"])
    assert "Vendi score" in result.output


def test_records_that_disagree_on_a_direction_are_not_shown_together(
    train: Callable[..., Summary], package: Package
) -> None:
    folder = train(metrics=("frechet", "vendi")).folder
    next(folder.glob("records/*")).unlink()
    redeclare(package, 'vendi=Measure("Vendi score", False)')
    assert "vendi, higher is better in some records and lower is better in others" in train().report_problem


def test_a_suite_of_one_declared_measure_is_classified_by_it(train: Callable[..., Summary], package: Package) -> None:
    redeclare(package, 'vendi=Measure("Vendi score", True, primary_rank=0)')
    assert set(bench.load(train(metrics=("frechet", "vendi")).folder)["primary"]) == {"vendi"}


def test_a_suite_can_choose_a_declared_measure_and_records_keep_the_choice(
    train: Callable[..., Summary], package: Package
) -> None:
    summary = train(outcome='[outcome]\nprimary = "vendi"')
    package.uninstall()
    assert set(bench.load(summary.folder)["primary"]) == {"vendi"}


def test_without_a_direction_the_report_says_why_nothing_is_judged(
    train: Callable[..., Summary], package: Package
) -> None:
    redeclare(package, 'vendi=Measure("Vendi score", None)')
    summary = train(metrics=("vendi",))
    assert "only divergence can be detected" in (summary.folder / "table.md").read_text()
    with pytest.raises(SuiteError, match="neither higher nor lower is better"):
        train(metrics=("vendi",), outcome='[outcome]\nprimary = "vendi"')


def test_runs_without_a_measure_that_has_a_direction_are_not_called_stable(
    train: Callable[..., Summary], package: Package
) -> None:
    redeclare(package, 'vendi=Measure("Vendi score", None)')
    runs = bench.load(train(metrics=("vendi",)).folder)
    assert set(runs["outcome"]) == {"unresolved"}
    assert set(runs["outcome_reason"]) == {
        "cannot be judged: no measure says whether higher or lower values are better"
    }


def test_nan_of_a_metric_is_told_as_such_and_the_run_goes_on(train: Callable[..., Summary], package: Package) -> None:
    package.write(METRICS + NAN, {}, "plugged_metrics")
    declared = '\nfailing = metric("failing", vendi=vendi.measures["vendi"]._replace(primary_rank=0))\n'
    package.write(PLUGINS + declared, {"metrics": {"failing": "failing"}})
    summary = train(metrics=("frechet", "failing"))
    assert not summary.failed
    told = (
        "metric 'failing' (package plugged): vendi is NaN, although the samples are finite; it is recorded as missing"
    )
    assert summary.notices.count(told) == 1
    runs = bench.load(summary.folder)
    assert set(runs["ending"]) == {"finished"}
    assert set(runs["outcome"]) == {"unresolved"}
    assert set(runs["outcome_step"]) == {4.0}
    assert runs["outcome_reason"].str.contains("Vendi score is NaN from step 4 on, although").all()
    assert (runs["fd_final"] > 0).all()


def test_a_real_value_that_is_not_finite_is_told_and_recorded_as_missing(
    train: Callable[..., Summary], package: Package
) -> None:
    package.write(
        PLUGINS + '\ninfinite = metric("infinite", vendi=vendi.measures["vendi"])\n',
        {"metrics": {"infinite": "infinite"}},
    )
    summary = train(metrics=("frechet", "infinite"))
    told = [notice for notice in summary.notices if "vendi of real data is not finite" in notice]
    assert len(told) == 1
    assert not summary.failed
    runs = bench.load(summary.folder)
    assert runs["vendi_real"].isna().all()
    assert (runs["vendi_final"] == 1).all()


@pytest.mark.parametrize(
    ("declaration", "told"),
    [
        ('fd=Measure("distance", True)', "measure 'fd': ganbench already defines it, as 'FD' (lower is better)"),
        ('loss=Measure("a loss", True)', "measure 'loss': this name has another meaning in records"),
        ('gap=Measure("a gap", True)', "measure 'gap': this name has another meaning in records"),
        ('vendi_ema=Measure("Vendi", True)', "measure 'vendi_ema': this name has another meaning"),
        ("vendi=True", "expected a bench.Measure, not True"),
        ('vendi=Measure("", True)', "label: expected a line of text, not ''"),
        ('vendi=Measure("fid", True)', "label: 'fid' is the label of 'fid' already"),
        ('vendi=Measure("a\\tb", True)', "label: expected a line of text"),
        ('vendi=Measure("Vendi", "higher")', "higher_is_better: expected True, False or None, not 'higher'"),
        ('vendi=Measure("Vendi", True, "two digits")', "spec: 'two digits' is not a number format"),
        ('vendi=Measure("Vendi", True, scale=float("nan"))', "scale: expected a number above 0"),
        ('vendi=Measure("Vendi", True, range=(1, 0))', "range: expected the smallest and the largest value"),
        ('vendi=Measure("Vendi", True, range=0)', "range: expected the smallest and the largest value"),
        ('vendi=Measure("Vendi", None, primary_rank=1)', "primary_rank: a measure can only classify runs if higher"),
    ],
)
def test_a_declaration_that_is_not_valid_is_refused_when_the_suite_is_planned(
    train: Callable[..., Summary], package: Package, declaration: str, told: str
) -> None:
    redeclare(package, declaration)
    with pytest.raises(ContractError) as error:
        train()
    assert str(error.value).startswith("metric 'vendi' (package plugged): measure '")
    assert told in str(error.value)


def test_two_metrics_that_declare_a_measure_differently_are_refused(
    train: Callable[..., Summary], package: Package
) -> None:
    code = PLUGINS + '\nother = metric("vendi", vendi=Measure("Vendi", False))\n'
    package.write(code, {"metrics": {"other": "other"}})
    with pytest.raises(ContractError, match="declare the measure 'vendi' differently"):
        train(metrics=("vendi", "other"))


def test_unknown_measures_suggest_declared_ones_too(package: Package, tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(SUITE.format(metrics=["vendi"], outcome='[outcome]\nprimary = "vendy"'))
    with pytest.raises(SuiteError, match="unknown measure 'vendy'; did you mean 'vendi'"):
        load_suite(str(path))
    assert declared_measures() == {"vendi": Measure("Vendi score", True, ".2f")}


def test_ranks_of_declared_measures_stand_among_those_of_ganbench() -> None:
    first, last = Measure("first", True, primary_rank=0), Measure("last", False)
    order = primary_order({"fd": False, "last": last, "first": first, "none": None, "recorded": True})
    assert order[:3] == ["first", "answer_error", "overlap"]
    assert order[-2:] == ["last", "recorded"]
    assert set(order) - {*MEASURES} == {"first", "last", "recorded"}
    assert coverage_order({"covered": Measure("covered", True, coverage_rank=1.5)})[:2] == ["modes", "covered"]


def test_narrow_terminals_leave_out_measures_declared_as_details_first(
    train: Callable[..., Summary], package: Package
) -> None:
    redeclare(package, 'vendi=Measure("Vendi score", True, table="details")')
    report = train().report
    assert report is not None
    assert report.details == ("Vendi score",)
    frame = pd.DataFrame({"loss": ["hinge"], "Vendi score final": ["1.00"], "FD final": ["1.00"]})
    assert fitting_columns(frame, 20, report.details) == ["loss", "FD final"]
    assert fitting_columns(frame, 20) == ["loss", "Vendi score final"]
    again = train().report  # up to date
    assert again is not None
    assert (again.anew, again.details) == (False, ("Vendi score",))
    assert report.primary == again.primary == ("FD",)


def test_calibrate_shows_declared_measures(package: Package) -> None:
    result = CliRunner().invoke(main, ["calibrate", "ring", "--samples", "64", "--seeds", "1", "--device", "cpu"])
    assert result.exit_code == 0
    assert "Vendi score" in result.output

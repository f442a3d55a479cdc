"""Calibration gives real data and untrained generators the same measures as a run would."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import pytest
import torch
from click.testing import CliRunner, Result

import bench
from bench.catalogue import entries
from bench.catalogue.extractors import extractor_hash
from bench.catalogue.metrics import METRICS
from bench.catalogue.metrics.measures import MEASURES
from bench.command import main
from bench.compute.calibration import calibrate, default_architecture
from bench.compute.evaluation import build_evaluator
from bench.plan.specification import Evaluation, choose

RING = {"name": "ring", "points": 1000}
MLP = {"name": "mlp", "width": 16, "depth": 1}


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["calibrate", *arguments], catch_exceptions=False)


def test_every_metric_of_samples_is_computed_or_refused_with_a_reason() -> None:
    metrics = {name for name, entry in entries("metric").items() if getattr(entry, "of", "samples") != "game"}
    assert {"modes", "frechet", "kid", "neighbours", "sliced-wasserstein", "birthday"} <= metrics
    calibration = calibrate("digits", MLP, seeds=1, samples=100)
    assert calibration.refused["sliced-wasserstein"] == "points"
    assert "sliced-wasserstein" not in calibrate(RING, MLP, seeds=1, samples=100).refused
    for name in metrics - calibration.refused.keys():
        evaluation = Evaluation.model_validate({"metrics": [name], "samples": 50})
        evaluator = build_evaluator(
            choose("dataset", "digits"), evaluation, extractor_hash("digits"), None, torch.device("cpu")
        )
        assert evaluator.real.keys() <= MEASURES.keys()
        assert evaluator.real.keys() <= {level.name for level in calibration.levels}


def test_metrics_of_the_game_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Game(NamedTuple):
        of: str = "game"

    monkeypatch.setattr("bench.plan.extraction.entries", lambda kind: {"game": Game(), "frechet": METRICS["frechet"]})
    calibration = calibrate(RING, MLP, seeds=1, samples=50)
    assert [level.name for level in calibration.levels] == ["fd"]
    assert calibration.refused == {}


def test_untrained_is_what_runs_measure_before_their_first_step(tiny_results: Path) -> None:
    traces = bench.traces(tiny_results)
    first = traces.loc[(traces["step"] == 0) & ~traces["measure"].str.endswith("_ema")]
    calibration = calibrate(RING, MLP, seeds=2, samples=200, latent=4)
    levels = {level.name: level for level in calibration.levels}
    for name in ("modes", "high_quality", "kl", "fd"):
        expected = first.loc[first["measure"] == name].drop_duplicates("seed").sort_values("seed")["value"]
        assert list(levels[name].untrained) == pytest.approx(list(expected), rel=1e-6)
    runs = bench.load(tiny_results)
    assert levels["fd"].real == runs["fd_real"].iloc[0]
    assert calibration.protocol["real_samples"] == 200


def test_real_data_is_better_than_an_untrained_generator_by_every_measure_of_quality() -> None:
    for level in calibrate(RING, seeds=2, samples=200).levels:
        assert level.about.higher_is_better is not None
        better = level.real - level.mean if level.about.higher_is_better else level.mean - level.real
        assert better > 0 or level.name == "support", level.name
        assert level.deviation == pytest.approx(stdev(level.untrained))


@pytest.mark.parametrize(
    ("dataset", "architecture"),
    [
        ("ring", "mlp"),
        ("digits", "dcgan"),
        ("cifar10", "dcgan"),
        ({"name": "image-folder", "path": "", "size": 128}, "dcgan"),
        ({"name": "image-folder", "path": "", "size": 300}, "mlp"),
    ],
)
def test_the_default_architecture_is_convolutional_if_it_fits(dataset: object, architecture: str) -> None:
    assert default_architecture(choose("dataset", dataset)) == architecture


def test_the_table_states_its_protocol() -> None:
    result = invoke("digits", "--samples", "150", "--seeds", "2", "--architecture", "mlp")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].strip() == "digits"
    assert lines[1].split() == ["measure", "real", "data", "untrained", "better"]
    (modes,) = [line.split() for line in lines if line.startswith(" modes  ")]
    assert modes[:2] == ["modes", "10.0"]
    assert modes[3] == "±"
    assert (
        "real data: 150 samples of the test split; reference: 1,201 samples of the training split; features: digits"
        in lines
    )
    assert "untrained: mlp, latent 16, 150 samples, mean ± standard deviation over 2 seeds" in lines
    assert "not measured: sliced-wasserstein (needs points)" in lines
    assert "one seed" in invoke("digits", "--samples", "50", "--seeds", "1", "--architecture", "mlp").stdout


def test_csv_has_the_same_numbers_and_the_protocol_in_every_row() -> None:
    result = invoke("digits", "--samples", "100", "--seeds", "2", "--architecture", "mlp", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    calibration = calibrate("digits", "mlp", seeds=2, samples=100)
    assert [row["measure"] for row in rows] == [level.name for level in calibration.levels]
    for row, level in zip(rows, calibration.levels, strict=True):
        assert float(row["real"]) == level.real
        assert float(row["untrained_mean"]) == mean(level.untrained)
        assert row["untrained_n"] == "2"
        assert row["extractor_sha256"] == extractor_hash("digits")
        assert row["architecture"] == "mlp"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rign"], ["unknown dataset 'rign'", "did you mean 'ring'?"]),
        (["ring", "--architecture", "dcgna"], ["unknown architecture 'dcgna'", "did you mean 'dcgan'?"]),
        (["ring", "--architecture", "dcgan"], ["architecture 'dcgan' makes square images", "dataset 'ring'"]),
        (["mnist"], ["dataset 'mnist' not found"]),
        (["digits", "--device", "cuda:99"], ["--device cuda:99"]),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("ganbench: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr

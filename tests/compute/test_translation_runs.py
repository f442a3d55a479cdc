"""Runs of translators from plan to record: interrupted or not, what records hold, and whether the answer is found."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import train_suite
from interrupted_runs import check_stopped_packs, train_alone

from bench import generator
from bench.command import main
from bench.compute.evaluated_samples import evaluation_latents, inputs_of
from bench.compute.execution import execute
from bench.compute.settings import Settings
from bench.compute.training.players import generate
from bench.compute.training.real_data import cached_dataset
from bench.errors import ResultsError
from bench.evidence.outcomes import load
from bench.evidence.results import read_evidence
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run
from bench.records.listing import record_paths
from bench.records.pairs import pairs_of
from bench.records.record import read_metadata, read_record

SUITE = """
name = "translations"
seeds = 2
[matrix]
family = ["cyclegan", "pix2pix"]
dataset = ["moved-points", "inverted-digits"]
loss = ["least-squares"]
[training]
architecture = { name = "mlp", width = 16, depth = 1 }
penalty = { name = "r1", weight = 0.1 }
batch_size = 32
steps = 60
ema = 0.9
[evaluation]
every = 30
samples = 700
metrics = ["modes", "frechet", "neighbours", "translation"]
"""
BACK = {"back_error", "back_fd", "cycle_error", "back_cycle_error"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Settings]:
    """The runs of the suite, each trained alone."""
    return train_alone(SUITE, tmp_path_factory.mktemp("translations"))


def test_stopped_packs_have_the_records_of_runs_alone(trained: tuple[list[Run], Settings], tmp_path: Path) -> None:
    check_stopped_packs(*trained, tmp_path)


def test_records_hold_the_measures_of_their_family(trained: tuple[list[Run], Settings]) -> None:
    runs, settings = trained
    for run in runs:
        record = read_record(settings.record(run))
        measured = {"answer_error", "variety", *(BACK if run.training.family.name == "cyclegan" else ())}
        assert measured | {f"{name}_ema" for name in measured} <= record.trace.keys()
        assert not (BACK - measured) & record.trace.keys()
        for name in measured | {"critic_loss", "generator_loss", "gap", "slope_real", "penalty_r1"}:
            assert np.isfinite(record.trace[name][1:]).all(), name
        real = record.metadata.real
        assert real["answer_error"] == real["back_error"] == real["cycle_error"] == real["back_cycle_error"] == 0
        assert real["variety"] == 1
        assert record.metadata.again["answer_error"] != record.trace["answer_error"][-1]
        assert record.metadata.protocol["samples"] == min(700, len(cached_dataset(run.training.dataset).test))
        assert rebuild(record.metadata.model_dump(mode="json"), run.seed).id == run.id


def test_records_keep_the_first_sources_and_answers(trained: tuple[list[Run], Settings]) -> None:
    runs, settings = trained
    for run in runs:
        data, pairs = cached_dataset(run.training.dataset), pairs_of(read_metadata(settings.record(run)))
        assert pairs is not None
        assert data.sources is not None
        kept = 60 if data.train.ndim == 2 else 12
        assert np.array_equal(pairs.answers, data.test[:kept])
        assert np.array_equal(pairs.sources, data.sources.test[:kept])


def test_evaluations_translate_sources_that_no_step_has_seen(trained: tuple[list[Run], Settings]) -> None:
    run = trained[0][0]
    data = cached_dataset(run.training.dataset)
    assert data.sources is not None
    latents = evaluation_latents(run.training, (2,), 500, 0, data=data)
    assert torch.equal(latents, torch.from_numpy(data.sources.test[:500]))
    others = evaluation_latents(run.training, (2,), 500, 0, "evaluation again", data)
    inputs = inputs_of(others, run.training, data, 0, "evaluation again")
    assert inputs.places is not None
    assert torch.equal(others, torch.from_numpy(data.sources.test[inputs.places.numpy()]))
    assert len(set(inputs.places.tolist())) > 400


def test_kept_translators_translate_again(trained: tuple[list[Run], Settings]) -> None:
    runs, settings = trained
    for run in runs[::2]:
        data = cached_dataset(run.training.dataset)
        assert data.sources is not None
        made = generator(settings.weights(run))
        translations = made.translate(data.sources.test)
        assert (translations.shape, translations.dtype) == (data.test.shape, data.test.dtype)
        scale = 255 if data.test.dtype == np.uint8 else 1
        error = np.abs(translations[:700].astype(float) - data.test[:700]).mean() / scale
        assert error == pytest.approx(read_record(settings.record(run)).trace["answer_error"][-1], rel=1e-5)
        if run.training.family.name == "cyclegan":
            assert made.translate(data.test[:5], back=True).shape == data.test[:5].shape
        else:
            with pytest.raises(ResultsError, match="family 'pix2pix' has no way back"):
                made.translate(data.test[:5], back=True)
        with pytest.raises(ResultsError, match=r"sources: expected .* not float64"):
            made.translate(np.zeros((2, 3)))
        with pytest.raises(ResultsError, match="translates sources, so there is nothing to sample"):
            made.sample(3)
        with pytest.raises(ResultsError, match="translates sources, so there is nothing to export"):
            made.export("x.pth")


def test_outcomes_are_judged_by_the_error(trained: tuple[list[Run], Settings]) -> None:
    _, settings = trained
    assert set(load(settings.folder)["primary"]) == {"answer_error"}
    assert len(read_evidence(settings.folder).runs) == 8


class Constant(torch.nn.Module):
    """A translator that has collapsed: it returns the same sample for all sources."""

    def __init__(self, sample: torch.Tensor):
        super().__init__()
        self.sample = torch.nn.Parameter(sample)

    def forward(self, sources: torch.Tensor) -> torch.Tensor:
        return self.sample.expand_as(sources)


def test_a_translator_that_maps_all_to_one_image_collapses(
    trained: tuple[list[Run], Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the evaluation before training, of generator and average, a constant translator is measured."""
    run = next(run for run in trained[0] if str(run.training.dataset) == "inverted-digits")
    constant = Constant(torch.from_numpy(cached_dataset(run.training.dataset).test[3] / 127.5 - 1).float())
    calls = count()

    def planted(network: torch.nn.Module, sources: torch.Tensor) -> torch.Tensor:
        return generate(network if next(calls) < 2 else constant, sources)

    monkeypatch.setattr("bench.compute.evaluation.generate", planted)
    settings = Settings(folder=tmp_path / "results" / "translations")
    assert {event.state for event in execute([run], settings, lambda: False)} == {"progress", "recorded"}
    (row,) = load(settings.folder).to_dict("records")
    assert (row["outcome"], row["outcome_step"]) == ("collapsed", 30)
    assert "nearly the same translation of all sources from step 30 on: variety 0," in row["outcome_reason"]


@pytest.mark.parametrize("name", ["translation", "moved-points"])
def test_entries_of_translation_keep_their_contracts(name: str) -> None:
    kind = "metric" if name == "translation" else "dataset"
    outcome = CliRunner().invoke(main, ["check", name, "--kind", kind])
    assert outcome.exit_code == 0, outcome.output
    assert "failed" not in outcome.output
    assert outcome.output.count("ok") >= 3


FINDS = """
name = "finds"
seeds = 3
[matrix]
family = [{ name = "cyclegan", identity = 0.1 }]
dataset = ["moved-points"]
loss = ["non-saturating", "least-squares"]
[training]
architecture = { name = "mlp", width = 64, depth = 2 }
optimizer = { name = "adam", lr = 1e-3, betas = [0.5, 0.999] }
batch_size = 64
steps = 800
schedule = "linear"
[evaluation]
every = 400
samples = 1000
metrics = ["modes", "translation"]
"""


@pytest.mark.slow
def test_cyclegan_finds_the_answer_where_there_is_only_one(tmp_path: Path) -> None:
    """The error is below σ = 0.05, while a wrong assignment of modes, or none, costs more than ten times as much."""
    folder = train_suite(FINDS, tmp_path)
    frame = load(folder)
    assert list(frame["outcome"]) == ["stable"] * 6
    for path in record_paths(folder):
        trace = read_record(path).trace
        assert trace["answer_error"][0] > 0.5
        assert trace["answer_error"][-1] < 0.05
        assert trace["back_error"][-1] < 0.06
        assert trace["cycle_error"][-1] < 0.03

"""A run on few examples, from its suite to its record: classifiers learn from its own examples and samples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import train_suite

import bench
from bench.catalogue.metrics.classifier_options import ClassifierOptions
from bench.catalogue.metrics.context import Context
from bench.catalogue.metrics.small_classifier import accuracy_of_classifier, training_samples
from bench.compute.training.real_data import cached_dataset
from bench.evidence.results import read_evidence
from bench.plan.specification import choose
from bench.report.definitions import definitions
from bench.report.explanations import note

SUITE = """
name = "few"
seeds = [3, 8]
[matrix]
loss = ["hinge"]
dataset = [{ name = "digits", examples_per_class = 4, label = "few" }]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
[training]
steps = 2
batch_size = 8
latent = 4
ema = 0.5
conditional = true
[evaluation]
every = 2
samples = 40
metrics = [{ name = "classification-accuracy", steps = 15 }, { name = "usefulness", steps = 15 }]
"""
RECORDED = Path(__file__).parents[2] / "results" / "quick"
STEPS = ClassifierOptions(steps=15)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_suite(SUITE, tmp_path_factory.mktemp("few"))


def test_each_run_is_measured_with_its_own_examples_and_seed(results: Path) -> None:
    data = cached_dataset(choose("dataset", {"name": "digits", "examples_per_class": 4}))
    context = Context(data, "digits", lambda samples: (samples, None))
    frame = bench.load(results).set_index("seed")
    for seed in (3, 8):
        positions = data.examples(seed)
        assert positions is not None
        examples = training_samples(context, torch.from_numpy(positions))
        alone = accuracy_of_classifier(context, [examples], STEPS, seed)
        run = frame.loc[seed]
        assert run["examples_accuracy_final"] == run["examples_accuracy_ema_final"] == alone
        assert run["gain_final"] == pytest.approx(run["generated_accuracy_final"] - alone, abs=1e-12)
    assert frame["cas_final"].nunique() == 2


def test_real_data_are_a_run_whose_examples_and_samples_are_training_samples(results: Path) -> None:
    data = cached_dataset(choose("dataset", "digits"))
    context = Context(data, "digits", lambda samples: (samples, None))
    frame = bench.load(results)
    whole = accuracy_of_classifier(context, [training_samples(context)], STEPS, None)
    assert set(frame["examples_accuracy_real"]) == {whole}
    assert frame["cas_real"].nunique() == 1


def test_tables_say_what_real_data_are_for_classifiers(results: Path) -> None:
    evidence = read_evidence(results)
    assert "real data are training samples, as many as generated ones" in note(evidence)
    assert "real data are training samples" not in note(read_evidence(RECORDED))
    defined = dict(definitions(evidence, ["gain", "cas", "both_accuracy"]))
    assert defined.keys() == {"gain (points)", "CAS %", "with both %"}

"""One evaluation by every metric of samples, of points and of images with the extractor that comes with the package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from bench.catalogue import find
from bench.catalogue.extractors import extractor_hash
from bench.catalogue.metrics import METRICS
from bench.compute.evaluation import build_evaluator
from bench.compute.training.real_data import cached_dataset
from bench.compute.translated import perfectly_translated
from bench.plan.specification import Evaluation, choose

SAMPLES = 500
DATASETS = {name: choose("dataset", name) for name in ("ring", "digits", "strings", "moved-points", "inverted-digits")}
WITH_MODES = ("ring", "strings", "moved-points")
PAIRS = [
    (dataset, metric)
    for dataset in DATASETS
    for metric, entry in METRICS.items()
    if entry.of == "samples"
    and entry.needs_answers == find("dataset", dataset).translates
    and not entry.needs(find("dataset", dataset).extractor, dataset in WITH_MODES)
]


@pytest.mark.parametrize(("dataset", "metric"), PAIRS)
def test_evaluation(benchmark: BenchmarkFixture, dataset: str, metric: str) -> None:
    """Reference features are computed once a process, before the clock."""
    chosen = DATASETS[dataset]
    asked = Evaluation(metrics=(choose("metric", metric),), samples=SAMPLES)
    evaluator = build_evaluator(
        chosen, asked, extractor_hash(find("dataset", dataset).extractor, None), None, torch.device("cpu")
    )
    data = cached_dataset(chosen)
    places = np.arange(SAMPLES) % len(data.test)
    samples = torch.from_numpy(data.test[places])
    labels = None if data.labels is None else torch.from_numpy(data.labels.test[places])
    answers = perfectly_translated(data, places, "test")
    assert benchmark(lambda: evaluator.measure(samples, labels, translated=answers)).keys() == evaluator.real.keys()


def test_every_metric_of_samples_is_here() -> None:
    assert {metric for _, metric in PAIRS} == {name for name, entry in METRICS.items() if entry.of == "samples"}

"""Features are extracted once: of samples for all metrics, of the training split for all evaluations of a dataset."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from bench.catalogue.extractors import extractor_hash, networks
from bench.compute import evaluation
from bench.compute.evaluation import Evaluator, evaluator
from bench.compute.training.reals import load_data
from bench.plan.specification import Evaluation, choose

DIGITS = choose("dataset", "digits")
CPU = torch.device("cpu")


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many images each extraction was of; no evaluator that was made before is known."""
    counts: list[int] = []
    extract = networks.extract

    def counting(extractor: object, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        counts.append(len(images))
        return extract(extractor, images)  # type: ignore[arg-type]

    monkeypatch.setattr(networks, "extract", counting)
    for cached in (evaluator, evaluation._context):
        cached.cache_clear()
    yield counts
    for cached in (evaluator, evaluation._context):
        cached.cache_clear()


def judge(*metrics: str) -> Evaluator:
    asked = Evaluation(metrics=tuple(choose("metric", name) for name in metrics), samples=100)
    return evaluator(DIGITS, asked, extractor_hash("digits"), None, CPU)


def test_samples_are_extracted_once_for_all_metrics(extracted: list[int]) -> None:
    measured = judge("modes", "frechet", "kid", "neighbours", "birthday")
    samples = torch.from_numpy(load_data(DIGITS).test[:100])
    for _ in range(2):
        extracted.clear()
        assert measured.measure(samples) == measured.real
        assert extracted == [100]


def test_the_training_split_is_extracted_once_for_all_metrics_and_evaluations(extracted: list[int]) -> None:
    train, real = len(load_data(DIGITS).train), 100
    judge("frechet")
    assert extracted == [train, real]
    judge("frechet", "kid")
    assert extracted == [train, real, real]
    judge("neighbours", "birthday")  # as many of the training split as there are samples
    assert extracted == [train, real, real, 100, real]
    judge("kid", "birthday", "neighbours")
    assert extracted == [train, real, real, 100, real, real]

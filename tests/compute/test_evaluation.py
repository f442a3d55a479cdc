"""Features are extracted once: of samples per evaluation, of the training split per dataset."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from bench.catalogue.extractors import extractor_hash, networks
from bench.compute import contexts
from bench.compute.evaluation import Evaluator, build_evaluator
from bench.compute.training.real_data import cached_dataset
from bench.plan.specification import Evaluation, choose

DIGITS = choose("dataset", "digits")
CPU = torch.device("cpu")


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Record the number of images of each extraction, with empty caches of evaluators."""
    counts: list[int] = []
    extract = networks.extract

    def counting(extractor: object, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        counts.append(len(images))
        return extract(extractor, images)  # type: ignore[arg-type]

    monkeypatch.setattr(networks, "extract", counting)
    for cached in (build_evaluator, contexts.context_of):
        cached.cache_clear()
    yield counts
    for cached in (build_evaluator, contexts.context_of):
        cached.cache_clear()


def evaluator(*metrics: str) -> Evaluator:
    asked = Evaluation(metrics=tuple(choose("metric", name) for name in metrics), samples=100)
    return build_evaluator(DIGITS, asked, extractor_hash("digits"), None, CPU)


def test_samples_are_extracted_once_for_all_metrics(extracted: list[int]) -> None:
    measured = evaluator("modes", "frechet", "kid", "neighbours", "birthday")
    samples = torch.from_numpy(cached_dataset(DIGITS).test[:100])
    for _ in range(2):
        extracted.clear()
        assert measured.measure(samples) == measured.real
        assert extracted == [100]


def test_the_training_split_is_extracted_once_for_all_metrics_and_evaluations(extracted: list[int]) -> None:
    train, real = len(cached_dataset(DIGITS).train), 100
    evaluator("frechet")
    assert extracted == [train, real]
    evaluator("frechet", "kid")
    assert extracted == [train, real, real]
    evaluator("neighbours", "birthday")  # as many of the training split as there are samples
    assert extracted == [train, real, real, 100, real]
    evaluator("kid", "birthday", "neighbours")
    assert extracted == [train, real, real, 100, real, real]

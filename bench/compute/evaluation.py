"""What a run is measured with: reference features and statistics, computed once and shared by runs and metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue import find, resolve
from bench.catalogue.metrics.context import Context, GameView, Sampled
from bench.compute.training.reals import load_data
from bench.plan.specification import Choice, Evaluation


@dataclass(frozen=True)
class Evaluator:
    """Measures samples of one dataset under one protocol.

    Attributes:
        real: The measures of real data: as many samples of the test split as of a generator, or all there are.
        protocol: What two values must share to be compared.
    """

    extract: Callable[[Tensor], tuple[Tensor, Tensor | None]]
    metrics: tuple[Callable[[Sampled], dict[str, float]], ...]
    game_metrics: tuple[Callable[[GameView], dict[str, float]], ...]
    real: dict[str, float]
    protocol: dict[str, object]

    def measure(self, samples: Tensor) -> dict[str, float]:
        """All measures of points [n, d] or of images as ``quantised`` gives them."""
        return _measure(samples, self.extract, self.metrics)

    def measure_game(self, view: GameView) -> dict[str, float]:
        """All measures of the game between the players."""
        return {name: value for metric in self.game_metrics for name, value in metric(view).items()}


def _measure(
    samples: Tensor,
    extract: Callable[[Tensor], tuple[Tensor, Tensor | None]],
    metrics: tuple[Callable[[Sampled], dict[str, float]], ...],
) -> dict[str, float]:
    if not metrics:
        return {}
    sampled = Sampled(samples, *extract(samples))
    return {name: value for metric in metrics for name, value in metric(sampled).items()}


@cache
def _context(dataset: Choice, extractor_hash: str, weights: Path | None, device: torch.device) -> Context:
    """What all evaluations of a dataset share; the hash tells weights apart that were trained anew meanwhile."""
    data = load_data(dataset)
    name = find("dataset", dataset.name).extractor
    if name == "coordinates":
        return Context(data, name, lambda points: (points, None))
    from bench.catalogue.extractors.networks import extract, load_extractor

    extractor = load_extractor(name, weights, device)
    return Context(data, name, lambda images: extract(extractor, images))


@cache
def evaluator(
    dataset: Choice, evaluation: Evaluation, extractor_hash: str, weights: Path | None, device: torch.device
) -> Evaluator:
    """The evaluator of a dataset, made once a process: features of real data are costly."""
    context = _context(dataset, extractor_hash, weights, device)
    data = context.data
    found = [(find("metric", each.name), each.options) for each in evaluation.metrics]
    metrics = tuple(resolve(entry.prepare)(context, options) for entry, options in found if entry.of == "samples")
    test = np.asarray(data.test[: evaluation.samples])
    return Evaluator(
        extract=context.extract,
        metrics=metrics,
        game_metrics=tuple(resolve(entry.prepare)(options) for entry, options in found if entry.of == "game"),
        real=_measure(torch.from_numpy(test.copy()), context.extract, metrics),
        protocol={
            "extractor": context.extractor,
            "extractor_sha256": extractor_hash,
            "samples": evaluation.samples,
            "reference_split": "train",
            "reference_samples": len(data.train),
            "real_split": "test",
            "real_samples": len(test),
            "quantised": data.train.dtype == np.uint8,
            "resize": "bilinear to 299×299, as TensorFlow 1" if context.extractor == "inception" else "none",
            "generator_mode": "eval",
        },
    )


def quantised(samples: Tensor, like: NDArray[np.generic]) -> Tensor:
    """Generated images [−1, 1] as uint8, the way real ones are kept; points as they are."""
    if like.dtype != np.uint8:
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)

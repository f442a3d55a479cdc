"""Errors of translations against the known answers, of the way back, and of both cycles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue import Options
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics.context import BATCH, Context, Sampled
from bench.catalogue.metrics.frechet import FeatureStatistics, distance_to_statistics, feature_statistics

PER_UNIT = 127.5  # grey levels of 8 bits in one unit of the values that networks see


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric. Distances of the way back are to the sources of the training split."""
    name = f"back_{EXTRACTORS[context.extractor].distance}"

    def measure(sampled: Sampled) -> dict[str, float]:
        given = sampled.translated
        if given is None:
            raise ValueError("samples without sources are no translations")
        measures = {
            "answer_error": mean_error(sampled.samples, given.answers),
            "variety": variety(sampled.samples, given.answers),
        }
        if given.back is None or given.cycle is None or given.back_cycle is None:
            return measures
        returned = rounded_like(given.back, given.sources)
        features = context.extract(returned)[0]
        return {
            **measures,
            "back_error": mean_error(returned, given.sources),
            name: distance_to_statistics(_source_statistics(context), features),
            "cycle_error": mean_error(rounded_like(given.cycle, given.sources), given.sources),
            "back_cycle_error": mean_error(rounded_like(given.back_cycle, given.answers), given.answers),
        }

    return measure


def mean_error(samples: Tensor, answers: Tensor) -> float:
    """Return the mean of |a − b| over all numbers; of 8-bit images, where black is 0 and white is 1."""
    scale = 255.0 if answers.dtype == torch.uint8 else 1.0
    return float((samples.double() - answers.double()).abs().mean() / scale)


def variety(samples: Tensor, answers: Tensor) -> float:
    """Return the variance of samples, summed over their numbers, divided by that of the answers.

    It is 0 if all sources get the same translation.
    """
    ours, wanted = (each.double().flatten(1).var(dim=0).sum().item() for each in (samples, answers))
    return ours / wanted if wanted else float(ours == 0)


def rounded_like(samples: Tensor, like: Tensor) -> Tensor:
    """Return samples in [−1, 1] as 8-bit images if others are such, else as they are."""
    if like.dtype != torch.uint8:
        return samples
    return ((samples + 1) * PER_UNIT).round().clamp(0, 255).to(torch.uint8)


@cache
def _source_statistics(context: Context) -> FeatureStatistics:
    assert context.data.sources is not None
    sources = context.data.sources.train
    batches = (np.array(sources[start : start + BATCH]) for start in range(0, len(sources), BATCH))
    return feature_statistics(torch.cat([context.extract(torch.from_numpy(batch))[0] for batch in batches]))

"""Measures of real data, which tables show as a reference: of test samples, or of training samples for classifiers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from bench.catalogue import find
from bench.catalogue.metrics.context import Context, Sampled
from bench.compute.metric_results import PreparedMetric, combine
from bench.compute.translated import perfectly_translated


def measure_real(context: Context, metrics: Iterable[PreparedMetric], samples: int) -> dict[str, float]:
    """Return all measures of real samples, as many as are generated, or all if the split is smaller.

    A metric that trains a classifier and tests it on the test split gets training samples, chosen at random.

    Args:
        context: The real data and their extractor.
        metrics: The metrics of samples.
        samples: Generated samples per evaluation.
    """
    data, metrics = context.data, list(metrics)
    count = min(samples, len(data.train))
    places = {
        "test": np.arange(min(samples, len(data.test))),
        "train": np.sort(np.random.default_rng(0).choice(len(data.train), count, replace=False)),
    }
    measures: dict[str, float] = {}
    for split in places:
        chosen = [metric for metric in metrics if find("metric", metric.name).real_split == split]
        if chosen:
            real = torch.from_numpy(np.array(getattr(data, split)[places[split]]))
            labels = None if data.labels is None else torch.from_numpy(getattr(data.labels, split)[places[split]])
            answers = perfectly_translated(data, places[split], split)
            sampled = Sampled.extracted_by(context.extract, real, labels, translated=answers)
            measures |= combine(chosen, sampled)
    return measures

"""Measures on the features of the extractors that a suite names after the first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor

from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.further_features import further_names
from bench.compute.metric_results import PreparedMetric
from bench.plan.specification import Choice


class FurtherFeatures:
    """The metrics of features on one further extractor, ready to use.

    Args:
        context: The real data with this extractor.
        metrics: All metrics of the run; those that do not look at features are left out.
    """

    def __init__(self, context: Context, metrics: Iterable[Choice]):
        self._context = context
        self._metrics = [
            (names, PreparedMetric(metric, context))
            for metric in metrics
            if (names := further_names(metric.name, context.extractor))
        ]

    def measure(self, samples: Tensor) -> dict[str, float]:
        """Return the measures of samples, by names that end in the name of the extractor."""
        sampled = Sampled.extracted_by(self._context.extract, samples)
        return {names[name]: value for names, metric in self._metrics for name, value in metric(sampled).items()}


def describe_further(contexts: Sequence[Context], hashes: Sequence[str]) -> dict[str, object]:
    """Return the key of the protocol that names further extractors with their hashes; none without any."""
    named = [f"{context.extractor} ({sha256})" for context, sha256 in zip(contexts, hashes, strict=True)]
    return {"further_extractors": ", ".join(named)} if named else {}

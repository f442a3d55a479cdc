"""The classification accuracy score: a classifier is trained on generated samples and tested on held-out real ones."""

from __future__ import annotations

from collections.abc import Callable

from bench.catalogue.metrics.classifier_options import ClassifierOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.small_classifier import Labelled, accuracy_of_classifier


def prepare(context: Context, options: ClassifierOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric, the share of all test samples that the classifier assigns to their class.

    Source: Ravuri & Vinyals 2019 (Classification accuracy score for conditional generative models).
    """

    def measure(sampled: Sampled) -> dict[str, float]:
        if sampled.labels is None:
            raise ValueError("the samples have no labels")
        generated = Labelled(sampled.samples, sampled.labels)
        return {"cas": accuracy_of_classifier(context, [generated], options, sampled.seed)}

    return measure

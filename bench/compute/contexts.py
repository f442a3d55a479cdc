"""What the evaluators of a dataset share: its arrays and the extractor, loaded when features are first needed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from bench.catalogue.extractors import ExtractorChoice
from bench.catalogue.extractors.sample_kinds import samples_of
from bench.catalogue.extractors.signal_features import EXTRACTS
from bench.catalogue.metrics.context import Context
from bench.compute.training.real_data import cached_dataset
from bench.plan.specification import Choice


@cache
def context_of(
    dataset: Choice, chosen: ExtractorChoice, extractor_hash: str, weights: Path | None, device: torch.device
) -> Context:
    """Return what all evaluators of a dataset share; the hash is part of the key because weights may be retrained.

    The extractor is loaded when a metric first asks for features, and never if none does.
    """
    data = cached_dataset(dataset)
    place = device if device.type == "cuda" else torch.device("cpu")  # MPS has no double precision
    if samples_of(chosen.name) != "images":
        features = EXTRACTS[chosen.name]
        return Context(data, chosen.name, lambda samples: (features(samples), None), place)
    from bench.catalogue.extractors.class_names import class_names
    from bench.catalogue.extractors.networks import extract
    from bench.catalogue.extractors.own_networks import load_chosen

    load = cache(lambda: load_chosen(chosen, weights, device))
    return Context(data, chosen.name, lambda images: extract(load(), images), place, class_names(chosen))

"""What translation needs of a dataset, of the networks and of the metrics, and what means nothing to translators."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalogue import entries, find, naming, suggestion
from bench.plan.datasets import declared_shape
from bench.plan.specification import Evaluation, Training


def check_translation(training: Training, evaluation: Evaluation) -> str:
    """Return why family and dataset, networks or metrics do not go together where one of them translates, or ""."""
    return next(_problems(training, evaluation), "")


def _problems(training: Training, evaluation: Evaluation) -> Iterator[str]:
    name, dataset = training.family.name, training.dataset.name
    if training.translates != find("dataset", dataset).translates:
        wanted = [each for each, entry in entries("dataset").items() if entry.translates]
        if training.translates:
            yield f"family {name!r} translates, but dataset {dataset!r} has no sources; these have: {', '.join(wanted)}"
            return
        able = " or ".join(repr(each) for each, entry in entries("family").items() if entry.translates)
        yield f"dataset {dataset!r} has translations of sources, so it needs family {able}, not {name!r}"
        return
    if not training.translates:
        return
    known = find("family", name).architectures
    if training.architecture.name not in known:
        nearest = suggestion(training.architecture.name, known)
        yield f"family {name!r} cannot be built with architecture {training.architecture.name!r}{nearest}"
    shape, critic = declared_shape(training.dataset), training.critic.name
    if training.paired and len(shape) == 1:  # images are joined as channels, of which critics take any number
        with naming("architecture", critic, "fits"):
            limitation = find("architecture", critic).fits((2 * training.pac * shape[0],))
        if limitation:
            yield f"critic {critic!r} judges {limitation}, so it cannot judge pairs of a source and its translation"
    for metric in evaluation.metrics:
        if find("metric", metric.name).sees_features:
            yield f"metric {metric.name!r} walks between latents, but family {name!r} translates sources"

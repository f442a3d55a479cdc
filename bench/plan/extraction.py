"""The feature extractor of a run: that of its dataset, or the one that the suite names; and whether it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.catalogue import entries, find, is_added, naming
from bench.catalogue.extractors import (
    TRAIN_YOUR_OWN,
    ExtractorChoice,
    extractor_hash,
    is_made_by_user,
)
from bench.catalogue.extractors.sample_kinds import limitation, samples_of
from bench.errors import SuiteError
from bench.plan.mistakes import Mistakes
from bench.plan.specification import Choice, Evaluation, choose

UNANSWERED = "needs known answers, which only families that translate are compared with: cyclegan and pix2pix"
UNLABELLED = "needs labels of generated samples, which only runs with conditional = true have"


def extractor_of(dataset: Choice, evaluation: Evaluation) -> ExtractorChoice:
    """Return the extractor of samples of a dataset: the suite's for images if it names one, else the dataset's."""
    own: str = find("dataset", dataset.name).extractor
    if samples_of(own) != "images" or evaluation.extractor is None:
        return ExtractorChoice(name=own)
    return evaluation.extractor


def hash_of_extractor(dataset: Choice, evaluation: Evaluation, inception_weights: Path | None) -> str:
    """Return what stands for the extractor in the identity of a run; of several, all joined by ``+``.

    Metrics of the game need no features. Where only these are asked for, weights that the user would have to train
    first are not required; the hashes of all others are part of the identity even so, as they have always been.

    Raises:
        DataError: The weights are needed and missing.
    """
    return "+".join(_hash(each, evaluation, inception_weights) for each in extractor_of(dataset, evaluation).all)


def _hash(chosen: ExtractorChoice, evaluation: Evaluation, inception_weights: Path | None) -> str:
    if not needs_features(evaluation) and is_made_by_user(chosen.name):
        return f"{chosen.name}, not used"
    return extractor_hash(chosen.name, inception_weights, chosen.weights)


def needs_features(evaluation: Evaluation) -> bool:
    """Return whether a metric looks at samples or their features."""
    metrics = [find("metric", metric.name) for metric in evaluation.metrics]
    return any(metric.of == "samples" or metric.sees_features for metric in metrics)


def metrics_of_samples(extractor: str, modes_known: bool) -> tuple[list[Choice], dict[str, str]]:
    """Return all metrics of samples that can be computed, and for each of the others what it needs.

    Args:
        extractor: The name of the extractor.
        modes_known: Whether the true modes of the dataset are known.
    """
    refused: dict[str, str] = {}
    metrics = []
    for name, entry in entries("metric").items():
        if entry.of == "game":
            continue
        missing = entry.needs(extractor, modes_known)
        for needed, text in ((entry.needs_labels, UNLABELLED), (entry.needs_answers, UNANSWERED)):
            missing = text.removeprefix("needs ") if needed else missing
        if missing:
            refused[name] = missing
        else:
            metrics.append(choose("metric", name))
    return metrics, refused


def check_extractor_applies(datasets: Iterable[Choice], chosen: ExtractorChoice | None, where: str) -> None:
    """Check that an extractor, if one is chosen, is used for at least one of the datasets.

    Raises:
        SuiteError: No dataset has images; the message begins with ``where``.
    """
    kinds = {samples_of(find("dataset", each.name).extractor) for each in datasets}
    if chosen is not None and "images" not in kinds:
        only = " and ".join(sorted(kinds))
        raise SuiteError(f"{where}: extractor {chosen.name!r} is for images, but there are only {only}")


def check_extraction(
    dataset: Choice,
    evaluation: Evaluation,
    modes_known: bool,
    where: str,
    *,
    labelled: bool = False,
    answered: bool = False,
) -> None:
    """Check that the extractor takes samples of the dataset, and that each metric gets what it needs.

    Args:
        dataset: The dataset.
        evaluation: The metrics and the extractor.
        modes_known: Whether the true modes of the dataset are known.
        where: The place, with which messages begin.
        labelled: Whether generated samples have labels.
        answered: Whether generated samples are translations, whose answers are known.

    Raises:
        SuiteError: It is not so; the message begins with ``where``.
        DataError: The weights of the extractor are missing or not valid.
    """
    chosen, shape = extractor_of(dataset, evaluation), find("dataset", dataset.name).shape(dataset.options)
    if not needs_features(evaluation):
        return
    for each in chosen.all if evaluation.extractor or _is_sure_to_extract(evaluation) else ():
        if only := limitation(each, tuple(shape)):
            raise SuiteError(
                f"{where}: extractor {each.name!r} takes {only}, "
                f"but dataset {dataset.name!r} has samples of shape {shape}"
            )
    mistakes = Mistakes()
    for metric in evaluation.metrics:
        if find("metric", metric.name).needs_labels and not labelled:
            raise SuiteError(f"{where}: metric {metric.name!r} {UNLABELLED}")
        if find("metric", metric.name).needs_answers and not answered:
            raise SuiteError(f"{where}: metric {metric.name!r} {UNANSWERED}")
        needs = find("metric", metric.name).needs
        with naming("metric", metric.name, "needs"):
            missing = needs(chosen.name, modes_known)
        if missing:
            provider = f"extractor {chosen.name!r}" if evaluation.extractor else f"dataset {dataset.name!r}"
            is_image = len(shape) == 3 and needs("trained", modes_known) is None
            hint = f"; train one on classes of your own images with {TRAIN_YOUR_OWN}" if is_image else ""
            mistakes.note(f"{where}: metric {metric.name!r} needs {missing}, which {provider} does not provide{hint}")
    mistakes.check()


def _is_sure_to_extract(evaluation: Evaluation) -> bool:
    """Return whether a metric of ganbench needs features; those of other packages may look at samples alone."""
    own = [find("metric", metric.name) for metric in evaluation.metrics if not is_added("metric", metric.name)]
    return any(metric.of == "samples" or metric.sees_features for metric in own)

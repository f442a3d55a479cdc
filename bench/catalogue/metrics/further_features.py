"""The measures on the features of further extractors, which a suite names after the first: ``fd_vgg16``."""

from __future__ import annotations

from collections.abc import Iterable

from bench.catalogue.extractors import EXTRACTORS, ExtractorChoice
from bench.catalogue.metrics import name_of_score
from bench.catalogue.metrics.measures import MEASURES, Measure

OF_NEIGHBOURS = ("precision", "recall", "density", "coverage")


def further_names(metric: str, extractor: str) -> dict[str, str]:
    """Return the names of a metric's measures on a further extractor: name on the first one → name on this one.

    Args:
        metric: Name of a metric; those that do not look at features have no such measures.
        extractor: Name of the further extractor.
    """
    entry = EXTRACTORS[extractor]
    inception = entry.distance == "fid"
    measures: dict[str, tuple[str, ...]] = {
        "frechet": (entry.distance,),
        "kid": ("kid" if inception else "kd",),
        "neighbours": OF_NEIGHBOURS,
        "inception-score": (name_of_score(extractor),) if entry.gives_probabilities else (),
    }
    suffix = extractor.replace("-", "_")
    return {name: f"{name}_{suffix}" for name in measures.get(metric, ())}


def further_measures(metrics: Iterable[str], chosen: ExtractorChoice | None) -> dict[str, Measure]:
    """Return the measures on all further extractors, by name; they never classify runs before those on the first.

    Args:
        metrics: Names of the metrics.
        chosen: The extractors.
    """
    known = list(metrics)
    return {
        name: MEASURES[base]._replace(
            label=f"{MEASURES[base].label} ({each.name})", primary_rank=None, coverage_rank=None, table="details"
        )
        for each in (chosen.further if chosen else ())
        for metric in known
        for base, name in further_names(metric, each.name).items()
    }

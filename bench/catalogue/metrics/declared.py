"""The measures that metrics of other packages declare, and checks of these declarations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from bench.catalogue import entries, find, title
from bench.catalogue.metrics.measures import MEASURES, PROBES, Measure
from bench.errors import ContractError

COLUMNS = {"step", "seconds", "samples", "critic_loss", "generator_loss", *PROBES}  # of every trace
RESERVED = {  # columns of the frames of runs and of traces
    *("suite", "version", "seed", "run", "ending", "reason", "steps_done", "critic_step", "images", "measure", "value"),
    *("record", "device", "threads", "workers", "pack", "setting", "outcome", "primary"),
    *("dataset", "architecture", "loss", "penalty"),
}
SUFFIXES = ("_ema", "_final", "_best", "_real", "_final_over_best", "_mean_log10")


def declared_measures(metrics: Iterable[str] | None = None) -> dict[str, Measure]:
    """Return the measures that metrics declare and ganbench does not define, by name.

    Args:
        metrics: Names of metrics. [default: all that are installed]

    Raises:
        ContractError: A declaration is not valid, or two metrics declare a measure differently.
    """
    declared: dict[str, Measure] = {}
    by: dict[str, str] = {}
    for metric in entries("metric") if metrics is None else metrics:
        for name, measure in checked_declarations(metric).items():
            twin = next((other for other, each in declared.items() if each.label == measure.label), name)
            if declared.get(name, measure) != measure or twin != name:
                raise ContractError(
                    f"{title('metric', metric)} and {title('metric', by[twin])} declare the measure {twin!r} "
                    f"differently; use one of them, or rename the measure"
                )
            if name not in MEASURES:
                declared[name], by[name] = measure, metric
    return declared


def checked_declarations(metric: str) -> Mapping[str, Measure]:
    """Return the measures that a metric declares.

    Raises:
        ContractError: A declaration is not valid, or contradicts ganbench's own measure of this name.
    """
    measures = find("metric", metric).measures
    if not isinstance(measures, Mapping):
        raise ContractError(f"{title('metric', metric)}: measures is a {type(measures).__name__}, expected a table")
    for name, measure in measures.items():
        problem = _problem(name, measure) or _problem_of_label(name, measure, measures)
        if problem:
            raise ContractError(f"{title('metric', metric)}: measure {name!r}: {problem}")
    return measures


def _problem(name: object, measure: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        return "its name must be a word of letters, digits and underscores"
    if name in COLUMNS | RESERVED or name.startswith("penalty_") or name.endswith(SUFFIXES):
        return "this name has another meaning in records; choose another one"
    if not isinstance(measure, Measure):
        return f"expected a bench.Measure, not {measure!r}"
    if name in MEASURES:
        return "" if measure == MEASURES[name] else f"ganbench already defines it, as {_in_words(MEASURES[name])}"
    return _problem_of_fields(measure)


def _problem_of_label(name: str, measure: Measure, declared: Mapping[str, Measure]) -> str:
    """Return the problem of a label that another measure already has, because their columns would look alike."""
    for other, known in {**MEASURES, **declared}.items():
        if other != name and isinstance(known, Measure) and str(known.label).casefold() == measure.label.casefold():
            return f"label: {measure.label!r} is the label of {other!r} already"
    return ""


# Long: one line per field.
def _problem_of_fields(measure: Measure) -> str:
    if not isinstance(measure.label, str) or not measure.label.strip() or not measure.label.isprintable():
        return f"label: expected a line of text, not {measure.label!r}"
    if not (measure.higher_is_better is None or isinstance(measure.higher_is_better, bool)):
        return f"higher_is_better: expected True, False or None, not {measure.higher_is_better!r}"
    if not isinstance(measure.scale, int | float) or not math.isfinite(measure.scale) or not measure.scale > 0:
        return f"scale: expected a number above 0, not {measure.scale!r}"
    for rank in ("primary_rank", "coverage_rank"):
        value = getattr(measure, rank)
        if not (value is None or (isinstance(value, int | float) and math.isfinite(value))):
            return f"{rank}: expected a number or None, not {value!r}"
    if measure.primary_rank is not None and measure.higher_is_better is None:
        return "primary_rank: a measure can only classify runs if higher or lower values are better"
    if measure.coverage_rank is not None and measure.higher_is_better is not True:
        return "coverage_rank: of a coverage, more must be better"
    if measure.table not in ("main", "details"):
        return f"table: expected 'main' or 'details', not {measure.table!r}"
    if not _is_range(measure.range):
        return f"range: expected the smallest and the largest value, such as (0, 1), not {measure.range!r}"
    try:
        format(0.5, measure.spec)
    except (ValueError, TypeError):
        return f"spec: {measure.spec!r} is not a number format, such as '.3g'"
    return ""


def _is_range(given: object) -> bool:
    if not isinstance(given, tuple) or len(given) < 2:
        return False
    least, most = given[:2]
    return isinstance(least, int | float) and isinstance(most, int | float) and least < most


def _in_words(measure: Measure) -> str:
    direction = {True: "higher is better", False: "lower is better", None: "neither direction is better"}
    return f"{measure.label!r} ({direction[measure.higher_is_better]}); choose another name"

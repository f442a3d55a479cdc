"""Which style each label has: known losses and other entries of the catalogue keep theirs from suite to suite."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from bench.catalogue import TABLES, entries
from bench.evidence.results import Evidence
from bench.records.schema import Metadata
from bench.report.figures.style import COLOURS

# The most usual ones, which are often drawn together, have the colours that differ most.
FIRST = {"loss": ("minimax", "non-saturating", "wgan-gp", "hinge"), "penalty": ("none",)}


def style_numbers(evidence: Evidence, axis: str) -> dict[str, int]:
    """Return the number of the style of each label on an axis, for ``series_style``.

    The first entries of the catalogue, as many as there are colours, have a place of their own, whatever else a suite
    compares: all losses of ganbench, for example. Everything else (labels that several techniques share an entry with,
    numbers, plug-ins) takes what is left, in the order of the suite.
    """
    labels = list(dict.fromkeys(evidence.runs[axis].astype(str)))
    places = _places(axis)
    chosen = {str(row[axis]): _chosen(evidence.metadata[str(row["run"])], axis) for _, row in evidence.runs.iterrows()}
    named: dict[str, list[str]] = {}
    for label in labels:
        named.setdefault(chosen[label][0], []).append(label)
    numbers: dict[str, int] = {}
    for name, of_name in named.items():
        own = [label for label in of_name if len(of_name) == 1 or chosen[label][1] == name]
        if name in places and len(own) == 1:
            numbers[own[0]] = places[name]
    taken = set(numbers.values())
    free: Iterator[int] = (number for number in count() if number not in taken)
    return {label: numbers[label] if label in numbers else next(free) for label in labels}


def _places(axis: str) -> dict[str, int]:
    if axis not in TABLES:
        return {}
    names = list(dict.fromkeys([*FIRST.get(axis, ()), *entries(axis)]))
    return {name: number for number, name in enumerate(names[: len(COLOURS)])}


def _chosen(metadata: Metadata, axis: str) -> tuple[str, str]:
    """The name in the catalogue of what a run has on an axis, and its label in the suite; empty if it is no entry."""
    value = metadata.training.settings.get(axis)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None if value else {"name": "none", "label": "none"}
    return (str(value["name"]), str(value["label"])) if isinstance(value, dict) and "name" in value else ("", "")

"""Finds the setting in which two records differ."""

from __future__ import annotations

from typing import Any

from bench.records.schema import Metadata

SECTIONS = ("training", "evaluation", "protocol", "data")


def first_difference(
    one: Metadata,
    other: Metadata,
    sections: tuple[str, ...] = SECTIONS,
    names: tuple[str, str] = ("one record", "another"),
) -> str:
    """Return a sentence with the first setting in which two records differ."""
    sides = [_flatten(each.model_dump(mode="json", include=set(sections), exclude_unset=True)) for each in (one, other)]
    for key in sides[0] | sides[1]:
        left, right = (side.get(key) for side in sides)
        if left != right and not key.endswith(("label", "extractor.weights")):
            return f"{key} is {left} in {names[0]} and {right} in {names[1]}"
    return "they were made by versions of the code that give different numbers"


def describe_disagreement(measure: str, one: bool | None, other: bool | None, *names: str) -> str:
    """Return a sentence that two sides disagree on whether higher values of a measure are better."""
    words = {True: "higher is better", False: "lower is better", None: "neither higher nor lower is better"}
    return f"of {measure}, {words[one]} in {names[0]} and {words[other]} in {names[1]}"


def _flatten(value: Any, key: str = "") -> dict[str, Any]:
    """Return nested tables as one, with dotted keys."""
    if not isinstance(value, dict):
        return {key: value}
    return {
        path: leaf for name, item in value.items() for path, leaf in _flatten(item, f"{key}.{name}".strip(".")).items()
    }

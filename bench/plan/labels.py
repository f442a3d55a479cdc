"""The labels of cells on the axes of a matrix: names, values, and entries with their options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.catalogue import find, known_names
from bench.catalogue.families import GAN
from bench.plan.identity import MAIN_AXES, Label
from bench.plan.specification import TomlTable
from bench.plan.tables import as_table


def axis_label(key: str, raw: TomlTable) -> Label:
    """Return the label of a cell on an axis, from its training table."""
    value: Any = raw
    for part in key.split("."):
        value = as_table(value)[part]
    if key == "penalty":
        return penalty_label(value if isinstance(value, list | tuple) else [value])
    return value if isinstance(value, str | int | float | bool) else str(choice_label(value))


def further_axes(axes: Mapping[str, Label], raw: TomlTable) -> dict[str, Label]:
    """Return the main axes that are not in the matrix, from the training table after all overrides."""
    family = as_table(raw.get("family", GAN)).get("name")
    is_known = isinstance(family, str) and family in known_names("family")  # otherwise this is reported later
    own = find("family", f"{family}").loss if is_known else ""
    with_loss = {**raw, "loss": own} if own else raw
    return {key: axis_label(key, with_loss) for key in MAIN_AXES if key in with_loss and key not in axes}


def relabelled(raw: TomlTable, before: TomlTable, axes: Iterable[str]) -> dict[str, Any]:
    """Return a training table whose entries outside the matrix have the labels of their options after all overrides.

    Args:
        raw: The table after the overrides, in which entries of the catalogue have labels.
        before: The table before them. A label that was chosen, not made of name and options, is kept.
        axes: The axes of the matrix.
    """
    changed = {}
    for key, value in raw.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping) and value != old and key not in axes:
            label = value.get("label")
            if label is not None and label == old.get("label") == _automatic_label(old):
                changed[key] = {**value, "label": _automatic_label(value)}
    return {**raw, **changed}


def _automatic_label(table: TomlTable) -> object:
    return choice_label({key: value for key, value in table.items() if key != "label"})


def penalty_label(penalties: Sequence[object]) -> str:
    """Return the label of several penalties together."""
    return " + ".join(str(choice_label(penalty)) for penalty in penalties) or "none"


def choice_label(value: object) -> object:
    """Return the label of an entry of the catalogue that a name or a table stands for."""
    if not isinstance(value, Mapping):
        return value
    options = ", ".join(f"{key}={option}" for key, option in value.items() if key not in ("name", "label"))
    return value.get("label") or " ".join([*filter(None, [value.get("name")]), *([f"({options})"] if options else [])])

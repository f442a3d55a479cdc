"""The keys and names in the tables of a suite that cells are made of, checked before any cell is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench.catalogue import Options
from bench.errors import SuiteError
from bench.plan.identity import MAIN_AXES
from bench.plan.mistakes import Mistakes
from bench.plan.specification import TRAINING_KEYS, TomlTable, changes_options, check_key, choose


class Override(Options):
    """Training keys to ``set`` in the cells that match ``when``."""

    when: dict[str, Any]
    set: dict[str, Any]


def note_override_keys(
    where: str, matrix: TomlTable, overrides: Iterable[Override], exclusions: Iterable[TomlTable], mistakes: Mistakes
) -> None:
    """Note unknown keys of overrides and exclusions, and overrides that set an axis of the matrix."""
    for number, override in enumerate(overrides, 1):
        place = f"{where}: [[override]] {number}"
        note_unknown_keys((*override.when, *override.set), place, mistakes)
        for key in [key for key in matrix if key in override.set and not changes_options(override.set[key])]:
            mistakes.note(f"{place} sets {key!r}, which is an axis of the matrix")
    for number, excluded in enumerate(exclusions, 1):
        note_unknown_keys(excluded, f"{where}: [[exclude]] {number}", mistakes)


def note_unknown_keys(keys: Iterable[str], place: str, mistakes: Mistakes) -> None:
    """Note those keys that are no training keys."""
    for key in keys:
        with mistakes.noted():
            check_key(key, TRAINING_KEYS, place)


def note_unknown_names(content: TomlTable, where: str, mistakes: Mistakes) -> None:
    """Note losses, datasets and other entries that do not exist, or options that they do not have.

    A suite without other mistakes need not be checked for them: they are found when its cells are made.
    """
    for section in ("matrix", "training"):
        table = content.get(section)
        if not isinstance(table, Mapping):
            continue
        for key in (*MAIN_AXES, "optimizer"):
            values = table.get(key)
            for value in values if isinstance(values, list) else [values]:
                name = value.get("name") if isinstance(value, Mapping) else value
                if isinstance(name, str) and (key, name) != ("penalty", "none"):
                    _note_choice(key, value, where, mistakes)


def _note_choice(key: str, value: object, where: str, mistakes: Mistakes) -> None:
    try:
        choose(key, value)
    except SuiteError as error:
        mistakes.note(f"{where}: {error}")

"""The keys and names in the tables of a suite that cells are made of, checked before any cell is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from bench.catalogue import Options
from bench.plan.identity import MAIN_AXES
from bench.plan.mistakes import Mistakes
from bench.plan.specification import TRAINING_KEYS, TomlTable, choose
from bench.plan.tables import changes_options, check_key


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
    given = content.get("override")
    overrides = [dict(each) for each in given if isinstance(each, Mapping | Override)] if _is_list(given) else []
    for table in (content.get("matrix"), content.get("training"), *(each.get("set") for each in overrides)):
        if not isinstance(table, Mapping):
            continue
        for key in (*MAIN_AXES, "optimizer", "penalty"):
            for value in _all_choices(table.get(key)):
                name = value.get("name") if isinstance(value, Mapping) else value
                if isinstance(name, str) and (key, name) != ("penalty", "none"):
                    with mistakes.noted(where):
                        choose(key, value)


def _all_choices(given: object) -> Iterator[object]:
    """Yield the choices of an axis or a key; an item of an axis of penalties can be a list."""
    if not _is_list(given):
        yield given
        return
    for each in given:
        yield from _all_choices(each)


def _is_list(given: object) -> TypeGuard[Sequence[object]]:
    return isinstance(given, list | tuple)

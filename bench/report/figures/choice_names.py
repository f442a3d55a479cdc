"""Short names of the choices of a drawn parameter, for the ticks of an axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.plan.setting_words import value_in_words
from bench.report.figures.style import SMALL, escape_dollars, text_width, wrap_text

MAX_LINES = 3


def name_choices(values: Sequence[Any]) -> dict[str, str]:
    """Return the words of each distinct value → a name, in order.

    Tables that one of their options tells apart are named by it: ``weight 0.03``, not ``r1 (weight 0.03, ...) + ...``.
    """
    distinct = {value_in_words(value): value for value in values}
    options = [dict(_options(value)) for value in distinct.values()]
    for key in options[0] if options else ():
        chosen: list[Any] = [each.get(key) for each in options]
        if None not in chosen and len(set(map(value_in_words, chosen))) == len(chosen):
            is_number = all(isinstance(value, int | float) for value in chosen)
            named = sorted(zip(chosen, distinct, strict=True), key=lambda pair: pair[0] if is_number else str(pair[0]))
            return {words: f"{key[-1]} {value_in_words(value)}" for value, words in named}
    return {words: words for words in sorted(distinct)}


def fit_name(name: str, width: float) -> str:
    """Return a name in a few lines of at most ``width`` inches; what does not fit is cut."""
    lines = wrap_text(name, width, SMALL).split("\n")
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"{lines[MAX_LINES - 1]}…"]
    return escape_dollars("\n".join(_cut(line, width) for line in lines))


def _options(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the place and the value of every option of a table, or of several tables in a list."""
    if isinstance(value, Mapping):
        if "label" in value:
            return
        for key, option in value.items():
            yield (*place, key), option
    elif isinstance(value, list | tuple) and all(isinstance(part, Mapping) for part in value):
        for index, part in enumerate(value):
            yield from _options(part, (*place, index))


def _cut(line: str, width: float) -> str:
    while len(line) > 2 and text_width(line, SMALL) > width:
        line = f"{line.removesuffix('…')[:-1]}…"
    return line

"""The mistakes of a suite, collected so that one message tells all of them, the telling ones first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.escaping import quote

TOLD = 10  # at most in one message
CELL = re.compile(r"cell \(.*\): ")


class SeveralMistakesError(SuiteError):
    """Several mistakes, in one message on one line.

    Args:
        mistakes: The message of each, which begins with the path of the suite.
    """

    def __init__(self, mistakes: Sequence[str]):
        self.mistakes = tuple(mistakes)
        super().__init__(_joined(self.mistakes))


class Mistakes:
    """The mistakes found so far. A mistake of many cells is kept once."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    @contextmanager
    def noted(self, where: str = "") -> Iterator[None]:
        """Note a SuiteError of the block, with its place if its message does not begin with it, and go on after it."""
        try:
            yield
        except SuiteError as error:
            for text in getattr(error, "mistakes", [str(error)]):
                self.note(f"{where}: {text}" if where else text)

    def note(self, mistake: str) -> None:
        """Note a mistake, by its message."""
        self._found.setdefault(CELL.sub("", mistake), mistake)

    def __bool__(self) -> bool:
        """Return whether there are mistakes."""
        return bool(self._found)

    def check(self) -> None:
        """Check that there are no mistakes.

        Raises:
            SuiteError: There are; the message tells all of them, as ``ordered`` sorts them.
        """
        found = ordered(self._found.values())
        if len(found) == 1:
            raise SuiteError(found[0])
        if found:
            raise SeveralMistakesError(found)


def ordered(mistakes: Iterable[str]) -> list[str]:
    """Return mistakes with unknown names first, because they explain others, and what is missing last."""
    return sorted(mistakes, key=_place)


def explanations(model: type[Options], error: ValidationError) -> list[str]:
    """Return one text for each key or item of a list; the alternatives of a type are several errors."""
    first: dict[tuple[int | str, ...], str] = {}
    for each in error.errors(include_url=False):
        place = each["loc"][: 2 if len(each["loc"]) > 1 and isinstance(each["loc"][1], int) else 1]
        first.setdefault(place, _explanation(model, each))
    return list(first.values())


def _explanation(model: type[Options], first: ErrorDetails) -> str:
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {quote(key)}{suggestion(key, model.model_fields) or '; it has no options'}"
    if first["type"] == "missing":
        return f"{key} is missing"
    message = first["msg"].removeprefix("Value error, ").partition(" after validation")[0]
    message = (message[0].lower() + message[1:]).replace("tuple", "list").replace("dictionary", "table")
    return f"{key}: {message}" + ("" if isinstance(first["input"], Mapping) else f", not {quote(first['input'])}")


def _place(mistake: str) -> int:
    if ": unknown " in mistake:
        return 0
    return 2 if re.search(r" is missing\b|: no axis: ", mistake) else 1


def _joined(mistakes: Sequence[str]) -> str:
    """Return one text; the path with which all of them begin stands once."""
    where = mistakes[0].partition(": ")[0]
    shared = f"{where}: " if all(mistake.startswith(f"{where}: ") for mistake in mistakes) else ""
    numbered = [f"({n}) {mistake.removeprefix(shared)}" for n, mistake in enumerate(mistakes[:TOLD], 1)]
    more = f" and {len(mistakes) - TOLD} more" if len(mistakes) > TOLD else ""
    return f"{shared}{len(mistakes)} mistakes: {' '.join(numbered)}{more}"

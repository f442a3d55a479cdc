"""Tables in JSON: a list of objects, an object of lists, or one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from bench.records.external.spreadsheet import PIECE, open_text, reading

FORMS = (
    'a .json file holds a list of objects, [{"step": 0, "fid": 398.1}, …], an object of lists, '
    '{"step": [0], "fid": [398.1]}, or one object per line'
)
BLANKS = " \t\r\n,"


class JsonTable:
    """A table in JSON. Names of columns are the keys of its objects; a key that an object lacks is an empty cell."""

    def __init__(self, path: Path, *, is_lines: bool) -> None:
        """Read the names of the columns; ``is_lines`` says that each line is one object."""
        self.path, self.name = path, path.name
        self._lists: dict[str, list[Any]] | None = None
        self._form = "line"
        if not is_lines:
            self._find_form()
        names = self._lists or dict.fromkeys(name for _, row in self._objects() for name in row)
        self.columns: Sequence[str] = list(names)
        if not self.columns:
            raise ValueError("it has no rows")

    def _find_form(self) -> None:
        with open_text(self.path) as file:
            first = next((character for character in iter(lambda: file.read(1), "") if not character.isspace()), "")
        if first == "[":
            self._form = "object"
        elif first != "{":
            raise ValueError(f"it begins with {first!r}; {FORMS}" if first else f"it is empty; {FORMS}")
        else:
            with open_text(self.path) as file:
                try:
                    whole = _decoded(file.read(), "the file")
                except json.JSONDecodeError as error:
                    if error.msg == "Extra data":  # one object per line
                        return
                    raise
            if all(isinstance(cells, list) for cells in whole.values()):
                lengths = {name: len(cells) for name, cells in whole.items()}
                if len(set(lengths.values())) > 1:
                    longest, shortest = max(lengths, key=lengths.__getitem__), min(lengths, key=lengths.__getitem__)
                    raise ValueError(
                        f"{longest!r} has {lengths[longest]} values, but {shortest!r} has {lengths[shortest]}"
                    )
                self._lists, self._form = whole, "row"
            elif any(isinstance(cells, list | dict) for cells in whole.values()):
                name = next(name for name, cells in whole.items() if isinstance(cells, list | dict))
                raise ValueError(f"it is an object whose {name!r} is no list of cells; {FORMS}")

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number of each line or object, and its cells."""
        with open_text(self.path) as file:
            pieces = _elements(file.read()) if self._form == "object" else _lines(file)
            for number, row in pieces:
                if not isinstance(row, dict):
                    kinds = {list: "a list", str: "text", type(None): "null"}
                    found = kinds.get(type(row), f"a {type(row).__name__}")
                    raise ValueError(f"{self._form} {number} is {found}, not an object; {FORMS}")
                yield number, row

    def pieces(self, names: Sequence[str]) -> Iterator[list[Sequence[Any]]]:
        """Yield the cells of some columns, a few rows at a time."""
        with reading(self.path):
            if self._lists is not None:
                yield [self._lists[name] for name in names]
                return
            rows = (row for _, row in self._objects())
            while piece := list(islice(rows, PIECE // len(names) + 1)):
                yield [[row.get(name) for row in piece] for name in names]

    def place(self, row: int) -> str:
        """Return the line, or the number of the object."""
        if self._lists is not None:
            return f"row {row + 1}"
        return f"{self._form} {next(islice(self._objects(), row, None))[0]}"

    def hint(self) -> str:
        """Return nothing: the format leaves no doubt."""
        return ""


def _lines(lines: Iterator[str] | Any) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, _decoded(line, f"line {number}")
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} is not JSON: {error.msg} (character {error.pos + 1})") from None


def _elements(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the elements of a JSON list one by one: all at once would take ten times the memory of the text."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    place, number = text.index("[") + 1, 0
    while True:
        while place < len(text) and text[place] in BLANKS:
            place += 1
        if place < len(text) and text[place] == "]":
            break
        number += 1
        try:
            element, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {error.lineno} is not JSON: {error.msg}") from None
        except RecursionError:
            raise ValueError(f"object {number} is nested too deeply") from None
        yield number, element
    if text[place + 1 :].strip():
        raise ValueError(f"there is more after the list; {FORMS}")


def _decoded(text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object has the key {next(name for name in names if names.count(name) > 1)!r} twice")
    return row

"""The section ``[search]`` of a suite: which settings are drawn, and on which seeds they are tuned and confirmed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.escaping import quote
from bench.plan.seeds import seeds_at
from bench.plan.setting_words import value_in_words
from bench.plan.specification import TRAINING_KEYS, TomlTable, validated
from bench.plan.tables import check_key

FIRST_TUNING_SEED = 1000  # of the tuning seeds, if [search] says only how many; suites begin at 0
CONFIRM = 10  # fresh seeds of each best setting, unless the suite says otherwise
MAX_DRAWS = 2**16
DRAW = "draw"  # the axis of tuning runs
KINDS = ("uniform", "log_uniform", "integer", "log_integer", "choice")
Phase = Literal["tuning", "confirmation"]
Range = Literal["uniform", "log_uniform", "integer", "log_integer", "choice"]


class Parameter(Options):
    """A parameter of the search.

    Attributes:
        key: A training key or the path of an option, such as ``optimizer.lr``.
        kind: How it is drawn.
        values: The two ends of its range, both included, or its choices.
        when: The cells that have it, as in ``[[override]]``.
    """

    key: str
    kind: Range
    values: tuple[Any, ...]
    when: dict[str, Any] = {}

    def __str__(self) -> str:
        if self.kind == "choice":
            return f"one of {', '.join(map(value_in_words, self.values))}"
        low, high = (f"{end:g}" for end in self.values)
        number = "integer" if "integer" in self.kind else "number"
        return f"{number} from {low} to {high}" + (", uniform in its logarithm" if "log" in self.kind else "")


class Search(Options):
    """The search of a suite.

    Attributes:
        space: The parameters. Several with the same key share their coordinate; the first that applies counts.
        draws: Number of settings drawn from the space.
        seeds: The seeds on which every setting is trained. They are distinct from the suite's, which confirm.
        scramble: Selects another scrambling of the sequence, and so other settings.
    """

    space: tuple[Parameter, ...]
    draws: Annotated[int, Field(gt=0, le=MAX_DRAWS)] = 32
    seeds: tuple[NonNegativeInt, ...]
    scramble: NonNegativeInt = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the space, in its order."""
        return tuple(dict.fromkeys(parameter.key for parameter in self.space))


class Place(Options):
    """The place of a run in a search; it changes no number of the run.

    Attributes:
        phase: Whether the run chooses the best setting of its technique, or confirms it on a fresh seed.
        draw: Number of the setting, from 0.
        setting: The drawn values that its cell has: key → value.
    """

    phase: Phase
    draw: int
    setting: dict[str, Any]


def parse_search(
    section: TomlTable, matrix: Mapping[str, Any], seeds: object, where: str
) -> tuple[Search, tuple[int, ...]]:
    """Return the section ``[search]``, and the seeds that confirm: those of the suite, or ``confirm``.

    Args:
        section: Its content.
        matrix: The axes of the suite, none of which may be drawn as well.
        seeds: What the suite says of its seeds, or None.
        where: The place, with which messages begin.

    Raises:
        SuiteError: It is not valid; the message names the key, what is wrong and the closest valid name.
    """
    section, place = dict(section), f"{where.removesuffix(']')}.space]"
    confirm = section.pop("confirm", None)
    if confirm is not None and seeds is not None:
        raise SuiteError(f"{where}: confirm: the suite sets its seeds already; set only one of the two")
    fresh = seeds_at(CONFIRM if confirm is None else confirm, f"{where}: confirm")
    given = section.get("seeds", 1)
    if type(given) is int and given > 0:
        given = range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + given)
    section["seeds"] = seeds_at(given, f"{where}: seeds")
    space = section.get("space")
    if not isinstance(space, Mapping) or not space:
        raise SuiteError(f"{where}: a table [search.space] with at least one parameter is required")
    section["space"] = tuple(_parameters(space, place))
    for parameter in section["space"]:
        _check_key(parameter, matrix, place)
    return validated(Search, section, where), fresh if seeds is None else seeds_at(seeds, where)


def _parameters(table: TomlTable, where: str, prefix: str = "") -> Iterator[Parameter]:
    """Yield the parameters; TOML reads ``optimizer.lr = {...}`` as a table within a table."""
    for name, given in table.items():
        key = f"{prefix}{name}"
        variants = given if isinstance(given, list) and given else [given]
        if not all(isinstance(variant, Mapping) for variant in variants):
            raise SuiteError(f"{where}: {key}: expected a table such as {{ uniform = [0, 1] }}, not {quote(given)}")
        if isinstance(given, Mapping) and given and all(isinstance(value, Mapping) for value in given.values()):
            yield from _parameters(given, where, f"{key}.")
            continue
        for variant in variants:
            yield _parameter(key, variant, f"{where}: {key}")


def _parameter(key: str, table: TomlTable, where: str) -> Parameter:
    for name in table:
        if name not in (*KINDS, "when"):
            raise SuiteError(f"{where}: unknown key {quote(name)}{suggestion(name, KINDS)}")
    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        raise SuiteError(f"{where}: expected one of {', '.join(KINDS)}")
    kind, when = kinds[0], table.get("when", {})
    if not isinstance(when, Mapping):
        raise SuiteError(f"{where}: when: expected a table, not {quote(when)}")
    for name in when:
        check_key(name, TRAINING_KEYS, f"{where}: when")
    values = table[kind]
    if not isinstance(values, list | tuple) or not values:
        raise SuiteError(f"{where}: {kind}: expected a list that is not empty, not {quote(values)}")
    if kind != "choice":
        _check_range(kind, list(values), f"{where}: {kind}")
    elif len({repr(value) for value in values}) < len(values):
        raise SuiteError(f"{where}: {kind}: a value is listed twice")
    return Parameter(key=key, kind=kind, values=tuple(values), when=dict(when))  # type: ignore[arg-type]


def _check_range(kind: str, ends: list[Any], where: str) -> None:
    types = (int,) if "integer" in kind else (int, float)
    if len(ends) != 2 or not all(type(end) in types and math.isfinite(end) for end in ends):
        what = "whole numbers" if "integer" in kind else "finite numbers"
        raise SuiteError(f"{where}: expected two {what}, [lowest, highest], not {quote(ends)}")
    if ends[0] >= ends[1]:
        raise SuiteError(f"{where}: the range {quote(ends)} is empty; the first number must be below the second")
    if "log" in kind and ends[0] <= 0:
        raise SuiteError(f"{where}: the logarithm of {ends[0]} does not exist; the range must begin above 0")


def _check_key(parameter: Parameter, matrix: Mapping[str, Any], where: str) -> None:
    key, head = parameter.key, parameter.key.partition(".")[0]
    check_key(head, TRAINING_KEYS, where)
    if head == "dataset":
        raise SuiteError(f"{where}: {key}: the dataset cannot be drawn; each dataset has a best setting of its own")
    for axis in matrix:
        if axis == key or axis.startswith(f"{key}."):
            raise SuiteError(f"{where}: {key}: {axis!r} is an axis of the matrix, so it cannot be drawn as well")

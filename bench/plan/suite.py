"""Suites: a TOML file in, validated runs out. Nothing here imports torch or trains."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, PrivateAttr

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.files import told
from bench.plan.rules import Gate, Reference, Rules, check_measure
from bench.plan.specification import (
    TRAINING_KEYS,
    Evaluation,
    Table,
    changes_options,
    check_key,
    validated,
)

PACKAGED = Path(__file__).parents[1] / "suites"
CHECKOUT = Path(__file__).parents[2] / "suites"


def as_seeds(given: object) -> tuple[int, ...]:
    """3 → (0, 1, 2); a list as it is.

    Raises:
        ValueError: no seed, a negative one, or one twice.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        given = range(given)
    seeds = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
    if seeds is None or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError("expected a number of seeds, or a list of seeds, whole numbers from 0")
    if not seeds:
        raise ValueError("at least one seed is needed")
    twice = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
    if twice:
        raise ValueError(f"seed {', '.join(map(str, twice))} stands there twice")
    return seeds


class Override(Options):
    """What is set differently where ``when`` holds."""

    when: dict[str, Any]
    set: dict[str, Any]


class Suite(Options):
    """A suite file; ``matrix`` maps training keys (``loss``, ``optimizer.lr``) to the values of the axis."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: PositiveInt = 1
    title: str = ""
    seeds: Annotated[tuple[NonNegativeInt, ...], BeforeValidator(as_seeds)]
    matrix: dict[str, tuple[Any, ...]]
    training: dict[str, Any] = {}
    override: Annotated[tuple[Override, ...], Field(strict=False)] = ()
    exclude: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] = ()
    evaluation: Evaluation
    outcome: Rules = Rules()
    compare: Gate = Gate()
    reference: Annotated[tuple[Reference, ...], Field(strict=False)] = ()
    _where: str = PrivateAttr(default="")

    @property
    def where(self) -> str:
        """What messages about it begin with: its file."""
        return self._where or f"suite {self.name!r}"


def suite_folder() -> Path:
    """Where the suites that come with the package are: inside it, or beside it in a checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


def suite_files() -> dict[str, Path]:
    """The suites that come with the package, by name."""
    return {path.stem: path for path in sorted(suite_folder().glob("*.toml"))}


def load_suite(name_or_path: str) -> Suite:
    """A suite by its name or by the path of its file.

    Raises:
        SuiteError: there is no such suite, or its file is not valid.
    """
    known = suite_files()
    path = known.get(name_or_path, Path(name_or_path))
    try:
        return parse_suite(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (FileNotFoundError, NotADirectoryError):
        near = suggestion(name_or_path, known)
        raise SuiteError(f"there is no suite and no file {name_or_path!r}{near}") from None
    except OSError as error:
        raise SuiteError(f"{name_or_path} cannot be read: {told(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: not a TOML file: {error}") from None


def parse_suite(content: Table, where: str) -> Suite:
    """A suite from the content of its file; what its cells come down to is found out by ``bench.plan.matrix.cells``.

    Raises:
        SuiteError: names file, key, what was expected and the nearest valid name.
    """
    content = dict(content)
    evaluation = validated(Evaluation, _section(content, "evaluation", where), f"{where}: [evaluation]")
    matrix = dict(_axes(_section(content, "matrix", where), f"{where}: [matrix]"))
    outcome = validated(Rules, _section(content, "outcome", where), f"{where}: [outcome]")
    gate = validated(Gate, _section(content, "compare", where), f"{where}: [compare]")
    if gate.metric is not None:
        check_measure(gate.metric, f"{where}: [compare]: metric")
    given = {"evaluation": evaluation, "matrix": matrix, "outcome": outcome, "compare": gate}
    given["reference"] = _references(content, where)
    suite = validated(Suite, {**content, **given}, where)
    suite._where = where
    for key in suite.training:
        check_key(key, TRAINING_KEYS, f"{where}: [training]")
    for number, override in enumerate(suite.override, 1):
        for key in (*override.when, *override.set):
            check_key(key, TRAINING_KEYS, f"{where}: [[override]] {number}")
        for key in [key for key in matrix if key in override.set and not changes_options(override.set[key])]:
            raise SuiteError(f"{where}: [[override]] {number} sets {key!r}, which is an axis of the matrix")
    for number, excluded in enumerate(suite.exclude, 1):
        for key in excluded:
            check_key(key, TRAINING_KEYS, f"{where}: [[exclude]] {number}")
    return suite


def _section(content: Table, name: str, where: str) -> Table:
    section = content.get(name, {})
    if not isinstance(section, Mapping):
        raise SuiteError(f"{where}: {name}: expected a table [{name}], not {section!r}")
    return section


def _references(content: Table, where: str) -> tuple[Reference, ...]:
    tables = content.get("reference", ())
    if not isinstance(tables, list | tuple) or not all(isinstance(table, Mapping) for table in tables):
        raise SuiteError(f"{where}: reference: expected tables [[reference]], not {tables!r}")
    found = []
    for number, table in enumerate(tables, 1):
        found.append(validated(Reference, table, f"{where}: [[reference]] {number}"))
        for key in found[-1].when:
            check_key(key.partition(".")[0], TRAINING_KEYS, f"{where}: [[reference]] {number}: when")
    return tuple(found)


def _axes(table: Table, where: str, prefix: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The axes of a matrix; ``optimizer.lr = [...]`` stands in TOML as a table in a table."""
    if not table and not prefix:
        raise SuiteError(f"{where}: no axis; at least one training key with a list of values is needed")
    for key, values in table.items():
        if not prefix:
            check_key(key, TRAINING_KEYS, where)
        if isinstance(values, Mapping):
            yield from _axes(values, where, f"{prefix}{key}.")
        elif not isinstance(values, list | tuple):
            raise SuiteError(f"{where}: {prefix}{key}: expected a list of values, not {values!r}")
        elif not values:
            raise SuiteError(f"{where}: {prefix}{key}: the axis is empty")
        else:
            yield f"{prefix}{key}", tuple(values)

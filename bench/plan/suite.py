"""Suite files: read and validated. Nothing here imports torch."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, PrivateAttr

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.files import describe_error
from bench.plan.rules import GateOptions, PublishedResult, Rules, check_measure
from bench.plan.specification import (
    TRAINING_KEYS,
    Evaluation,
    TomlTable,
    changes_options,
    check_key,
    validated,
)

PACKAGED = Path(__file__).parents[1] / "suites"
CHECKOUT = Path(__file__).parents[2] / "suites"


def as_seeds(given: object) -> tuple[int, ...]:
    """Return seeds from a number of seeds (3 → 0, 1, 2) or a list.

    Raises:
        ValueError: There is no seed, a negative one, or one is listed twice.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        given = range(given)
    seeds = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else None
    if seeds is None or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError("expected a number of seeds, or a list of integers ≥ 0")
    if not seeds:
        raise ValueError("at least one seed is needed")
    repeated = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
    if repeated:
        raise ValueError(f"seed {', '.join(map(str, repeated))} is listed twice")
    return seeds


class Override(Options):
    """Training keys to ``set`` in the cells that match ``when``."""

    when: dict[str, Any]
    set: dict[str, Any]


class Suite(Options):
    """A suite file. ``matrix`` maps training keys (``loss``, ``optimizer.lr``) to the values of an axis."""

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
    compare: GateOptions = GateOptions()
    reference: Annotated[tuple[PublishedResult, ...], Field(strict=False)] = ()
    _where: str = PrivateAttr(default="")

    @property
    def where(self) -> str:
        """The path of its file, with which messages begin."""
        return self._where or f"suite {self.name!r}"


def suite_folder() -> Path:
    """Return the folder of the packaged suites: inside the package, or next to it in a checkout."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


def suite_files() -> dict[str, Path]:
    """Return the packaged suites: name → path."""
    return {path.stem: path for path in sorted(suite_folder().glob("*.toml"))}


def load_suite(name_or_path: str) -> Suite:
    """Load a suite by name or path.

    Raises:
        SuiteError: There is no such suite, or its file is not valid.
    """
    known = suite_files()
    path = known.get(name_or_path, Path(name_or_path))
    try:
        return parse_suite(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
    except (FileNotFoundError, NotADirectoryError):
        near = suggestion(name_or_path, known)
        raise SuiteError(f"there is no suite or file {name_or_path!r}{near}") from None
    except OSError as error:
        raise SuiteError(f"{name_or_path} cannot be read: {describe_error(error)}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{path}: not a valid TOML file: {error}") from None


def parse_suite(content: TomlTable, where: str) -> Suite:
    """Validate the content of a suite file; ``bench.plan.matrix.cells`` validates its cells.

    Args:
        content: The content.
        where: The path of the file, for messages.

    Raises:
        SuiteError: It is not valid. The message names the file, the key, what was expected and the closest valid name.
    """
    content = dict(content)
    evaluation = validated(Evaluation, _section(content, "evaluation", where), f"{where}: [evaluation]")
    matrix = dict(_axes(_section(content, "matrix", where), f"{where}: [matrix]"))
    outcome = validated(Rules, _section(content, "outcome", where), f"{where}: [outcome]")
    gate = validated(GateOptions, _section(content, "compare", where), f"{where}: [compare]")
    if gate.metric is not None:
        check_measure(gate.metric, f"{where}: [compare]: metric")
    sections = {"evaluation": evaluation, "matrix": matrix, "outcome": outcome, "compare": gate}
    sections["reference"] = _references(content, where)
    suite = validated(Suite, {**content, **sections}, where)
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


def _section(content: TomlTable, name: str, where: str) -> TomlTable:
    section = content.get(name, {})
    if not isinstance(section, Mapping):
        raise SuiteError(f"{where}: {name}: expected a table [{name}], not {section!r}")
    return section


def _references(content: TomlTable, where: str) -> tuple[PublishedResult, ...]:
    tables = content.get("reference", ())
    if not isinstance(tables, list | tuple) or not all(isinstance(table, Mapping) for table in tables):
        raise SuiteError(f"{where}: reference: expected tables [[reference]], not {tables!r}")
    references = []
    for number, table in enumerate(tables, 1):
        references.append(validated(PublishedResult, table, f"{where}: [[reference]] {number}"))
        for key in references[-1].when:
            check_key(key.partition(".")[0], TRAINING_KEYS, f"{where}: [[reference]] {number}: when")
    return tuple(references)


def _axes(table: TomlTable, where: str, prefix: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the axes of a matrix; TOML reads ``optimizer.lr = [...]`` as a table within a table."""
    if not table and not prefix:
        raise SuiteError(f"{where}: no axis: at least one training key with a list of values is required")
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

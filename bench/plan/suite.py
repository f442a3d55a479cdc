"""Suite files: read and validated. Nothing here imports torch."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, PrivateAttr

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.escaping import as_label, quote
from bench.files import describe_error
from bench.plan.identity import MAX_NAME, SUITE_NAME, Title
from bench.plan.limits import LARGEST_SEED, MAX_DOTS, MAX_SEEDS, MAX_SUITE_BYTES, check_content, check_count
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
        ValueError: There is no seed, one that is negative or above ``LARGEST_SEED``, one is listed twice, or there are
            more than ``MAX_SEEDS``.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        check_count(given, MAX_SEEDS, "seeds")
        given = range(given)
    # one more than allowed is enough to know: the rest of a generator, or of a range of 10⁹, is never made
    listed = given if isinstance(given, Iterable) and not isinstance(given, str) else None
    seeds = None if listed is None else tuple(islice(listed, MAX_SEEDS + 1))
    if seeds is None or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise ValueError("expected a number of seeds, or a list of integers ≥ 0")
    if not seeds:
        raise ValueError("at least one seed is needed")
    if len(seeds) > MAX_SEEDS:
        raise ValueError(f"more seeds are listed than the {MAX_SEEDS:,} that a plan can have")
    if max(seeds) > LARGEST_SEED:
        raise ValueError(f"seed {quote(max(seeds), 30)} is above {LARGEST_SEED}, the largest that tables keep exactly")
    repeated = sorted(seed for seed, count in Counter(seeds).items() if count > 1)
    if repeated:
        more = f" and {len(repeated) - 5:,} more" if len(repeated) > 5 else ""
        raise ValueError(f"seed {', '.join(map(str, repeated[:5]))}{more} is listed twice")
    return seeds


class Override(Options):
    """Training keys to ``set`` in the cells that match ``when``."""

    when: dict[str, Any]
    set: dict[str, Any]


class Suite(Options):
    """A suite file. ``matrix`` maps training keys (``loss``, ``optimizer.lr``) to the values of an axis."""

    name: Annotated[str, Field(pattern=SUITE_NAME, max_length=MAX_NAME)]
    version: PositiveInt = 1
    title: Title = ""
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
    name = as_label(name_or_path)
    try:
        path = known.get(name_or_path, Path(name_or_path))
        return parse_suite(_read_toml(path), as_label(path))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a null character
        near = suggestion(name, known)
        raise SuiteError(f"there is no suite or file '{name}'{near}") from None
    except OSError as error:
        raise SuiteError(f"{name} cannot be read: {describe_error(error)}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a suite file, which may begin with a byte order mark.

    Raises:
        SuiteError: It is too large, not encoded as UTF-8, or not valid TOML.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MAX_SUITE_BYTES + 1)
    if len(content) > MAX_SUITE_BYTES:
        raise SuiteError(f"{as_label(path)}: larger than the {MAX_SUITE_BYTES:,} bytes that a suite file can have")
    if any(part.count(b".") > MAX_DOTS for part in re.split(b"[=,\n]", content)):
        raise SuiteError(f"{as_label(path)}: a key has more than {MAX_DOTS} dots")
    try:
        table = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SuiteError(f"{as_label(path)}: line {line} is not encoded as UTF-8; save the file as UTF-8") from None
    except ValueError as error:  # also of an integer with thousands of digits, which is no error of TOML
        reason = "a whole number has thousands of digits" if "integer string" in str(error) else error
        raise SuiteError(f"{as_label(path)}: not a valid TOML file: {reason}") from None
    except RecursionError:
        raise SuiteError(f"{as_label(path)}: lists or tables are nested too deeply") from None
    return table


def parse_suite(content: TomlTable, where: str) -> Suite:
    """Validate the content of a suite file; ``bench.plan.matrix.cells`` validates its cells.

    Args:
        content: The content.
        where: The path of the file, for messages.

    Raises:
        SuiteError: It is not valid. The message names the file, the key, what was expected and the closest valid name.
    """
    try:
        check_content(content)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from None
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
        raise SuiteError(f"{where}: {name}: expected a table [{name}], not {quote(section)}")
    return section


def _references(content: TomlTable, where: str) -> tuple[PublishedResult, ...]:
    tables = content.get("reference", ())
    if not isinstance(tables, list | tuple) or not all(isinstance(table, Mapping) for table in tables):
        raise SuiteError(f"{where}: reference: expected tables [[reference]], not {quote(tables)}")
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
            raise SuiteError(f"{where}: {prefix}{key}: expected a list of values, not {quote(values)}")
        elif not values:
            raise SuiteError(f"{where}: {prefix}{key}: the axis is empty")
        else:
            yield f"{prefix}{key}", tuple(values)

"""Suite files: read and validated. Nothing here imports torch."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, PrivateAttr

from bench.catalogue import Options, suggestion
from bench.errors import SuiteError
from bench.escaping import as_label, quote
from bench.files import describe_error
from bench.plan.default_evaluation import DefaultEvaluation, parse_evaluation
from bench.plan.identity import MAX_NAME, SUITE_NAME, Title
from bench.plan.kept import as_kept
from bench.plan.limits import MAX_DOTS, MAX_SUITE_BYTES, check_content
from bench.plan.mistakes import Mistakes
from bench.plan.published import PublishedResult
from bench.plan.rules import GateOptions, Rules, check_measure
from bench.plan.search import Search, parse_search
from bench.plan.seeds import as_seeds
from bench.plan.specification import (
    TRAINING_KEYS,
    Evaluation,
    TomlTable,
    validated,
)
from bench.plan.suite_keys import Override, note_override_keys, note_unknown_keys, note_unknown_names
from bench.plan.tables import check_key

PACKAGED = Path(__file__).parents[1] / "suites"
CHECKOUT = Path(__file__).parents[2] / "suites"


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
    evaluation: Evaluation | DefaultEvaluation = DefaultEvaluation()
    search: Search | None = None
    keep: Annotated[tuple[str, ...], BeforeValidator(as_kept)] = ()
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


def describe_namesake(suite: Suite) -> list[str]:
    """Return a notice if a suite of ganbench has the same name and other thresholds, which would apply instead."""
    path = suite_files().get(suite.name)
    if path is None or suite.where == as_label(path):
        return []
    own = load_suite(suite.name)
    if (own.outcome, own.compare, own.reference) == (suite.outcome, suite.compare, suite.reference):
        return []
    return [
        f"{suite.where}: ganbench has a suite {suite.name!r} of its own, whose [outcome], [compare] and [[reference]] "
        f"apply to all results of this name; choose another name"
    ]


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
        SuiteError: It is not valid. The message names the file, and of every mistake the key, what was expected and the
            closest valid name.
    """
    try:
        check_content(content)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from None
    content, mistakes = dict(content), Mistakes()
    sections: dict[str, Any] = {  # what stands in for a section with a mistake
        **{"evaluation": DefaultEvaluation(), "matrix": {}, "outcome": Rules(), "compare": GateOptions()},
        "reference": (),
    }
    with mistakes.noted():
        sections["evaluation"] = parse_evaluation(_section(content, "evaluation", where), f"{where}: [evaluation]")
    with mistakes.noted():
        sections["matrix"] = dict(_axes(_section(content, "matrix", where), f"{where}: [matrix]"))
    with mistakes.noted():
        sections["outcome"] = validated(Rules, _section(content, "outcome", where), f"{where}: [outcome]")
    with mistakes.noted():
        sections["compare"] = _gate(_section(content, "compare", where), f"{where}: [compare]")
    with mistakes.noted():
        sections["reference"] = _references(content, where)
    if "search" in content:
        sections |= {"search": None, "seeds": (0,)}
        with mistakes.noted():
            table = _section(content, "search", where)
            search, seeds = parse_search(table, sections["matrix"], content.get("seeds"), f"{where}: [search]")
            sections |= {"search": search, "seeds": seeds}
    with mistakes.noted():
        suite = validated(Suite, {**content, **sections}, where)
        suite._where = where
        check_tuning_seeds(suite, suite.seeds)
        note_override_keys(suite.where, suite.matrix, suite.override, suite.exclude, mistakes)
    if isinstance(content.get("training"), Mapping):
        note_unknown_keys(content["training"], f"{where}: [training]", mistakes)
    if mistakes:
        note_unknown_names(content, where, mistakes)
    mistakes.check()
    return suite


def _gate(table: TomlTable, where: str) -> GateOptions:
    gate = validated(GateOptions, table, where)
    if gate.metric is not None:
        check_measure(gate.metric, f"{where}: metric")
    return gate


def _section(content: TomlTable, name: str, where: str) -> TomlTable:
    section = content.get(name, {})
    if not isinstance(section, Mapping):
        raise SuiteError(f"{where}: {name}: expected a table [{name}], not {quote(section)}")
    return section


def check_tuning_seeds(suite: Suite, seeds: Iterable[int]) -> None:
    """Check that no seed both tunes and confirms.

    Raises:
        SuiteError: One does.
    """
    shared = sorted({*suite.search.seeds} & {*seeds}) if suite.search else []
    if shared:
        raise SuiteError(f"{suite.where}: seed {shared[0]} both tunes and confirms; confirm on fresh seeds")


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
        first, _, option = key.partition(".")
        if not prefix:
            check_key(first, TRAINING_KEYS, where)
        if not prefix and option:  # the key was quoted, as in [search.space]
            yield from _axes({option: values}, where, f"{first}.")
            continue
        if isinstance(values, Mapping):
            yield from _axes(values, where, f"{prefix}{key}.")
        elif not isinstance(values, list | tuple):
            raise SuiteError(f"{where}: {prefix}{key}: expected a list of values, not {quote(values)}")
        elif not values:
            raise SuiteError(f"{where}: {prefix}{key}: the axis is empty")
        else:
            yield f"{prefix}{key}", tuple(values)

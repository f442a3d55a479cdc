"""Tables of runs of other code become records: all of a table or nothing."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import ResultsError
from bench.files import told
from bench.plan.rules import Rules
from bench.plan.specification import validated
from bench.records.external.column_roles import assign_roles
from bench.records.external.external_run import ForeignRun, Row, completed, describe_record
from bench.records.external.spreadsheet import read_table
from bench.records.external.table_runs import TableRun, runs_of
from bench.records.record import publish
from bench.records.schema import Ending, Label, Metadata


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What was recorded: the folder, the runs, and how each ended."""

    folder: Path
    runs: tuple[ForeignRun, ...]
    endings: tuple[Ending, ...]

    @property
    def cells(self) -> int:
        """How many cells the runs are of."""
        return len({run.cell for run in self.runs})

    @property
    def diverged(self) -> int:
        """How many runs failed."""
        return sum(bool(ending.reason) for ending in self.endings)


def import_table(
    path: str | Path,
    *,
    suite: str,
    mapped: Iterable[tuple[str, str]],
    fixed: Mapping[str, Label] | None = None,
    results: str | Path = "results",
    lower: Iterable[str] = (),
    higher: Iterable[str] = (),
    protocol: Mapping[str, Label] | None = None,
    real: Mapping[str, float] | None = None,
    outcome: Mapping[str, Any] | None = None,
    version: int = 1,
    title: str = "",
    separator: str | None = None,
    replace: bool = False,
) -> Imported:
    """Records of all runs of a table.

    Args:
        path: Of the table: text with separators, .jsonl or .parquet.
        suite: Name of what belongs together in one report.
        mapped: Pairs of column and role, as ``bench.records.external.column_roles`` has them.
        fixed: Role → value, of what has no column.
        results: Folder for results; the records go to ``<results>/<suite>/records``.
        lower: Measures that ganbench does not have, of which less is better.
        higher: The same of which more is better.
        protocol: What two values must share to be compared.
        real: Measures of real data under the same protocol.
        outcome: Thresholds, as the section ``[outcome]`` of a suite.
        version: Of the experiment.
        title: Of the report.
        separator: Of the cells of a text.
        replace: Whether records of the same runs are replaced.

    Raises:
        TableError: the table, or what its columns are said to be; nothing is written.
        SuiteError: a name, a threshold or another option is not valid; nothing is written.
        ResultsError: a run is recorded already, or the folder cannot be written; nothing of it stays.
    """
    path = Path(path)
    table = read_table(path, separator)
    roles = assign_roles(table, tuple(mapped), fixed or {}, tuple(lower), tuple(higher))
    common = {
        **{"suite": suite, "version": version, "title": title, "ways": dict(roles.ways)},
        **{"protocol": dict(protocol or {}), "real": dict(real or {})},
        "rules": validated(Rules, outcome or {}, "outcome"),
    }
    found = runs_of(table, roles)
    runs = [validated(ForeignRun, {**common, **each.known}, f"{path.name}: row {each.rows[0] + 1}") for each in found]
    targets = [run.record(Path(results)) for run in runs]
    there = [target for target in targets if target.exists()]
    if there and not replace:
        are = f"{len(there)} of {len(runs)} runs are recorded already"
        raise ResultsError(f"{are}, the first as {there[0]}; --replace takes their place")
    origin = {"kind": "import", "table": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    contents = [_content(run, each, origin) for run, each in zip(runs, found, strict=True)]
    folder = Path(results) / suite
    _publish_all(folder, dict(zip(targets, contents, strict=True)))
    return Imported(folder=folder, runs=tuple(runs), endings=tuple(each.ending for each in found))


def _content(run: ForeignRun, of: TableRun, origin: Mapping[str, Any]) -> tuple[Metadata, list[Row]]:
    trace = completed(of.trace)
    return describe_record(run, trace, of.ending, origin), trace


def _publish_all(folder: Path, contents: Mapping[Path, tuple[Metadata, list[Row]]]) -> None:
    """Writes all records beside their places, then moves them there; what comes in between is undone."""
    try:
        (folder / "records").mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
    except OSError as error:
        raise ResultsError(f"results folder {folder} cannot be written: {told(error)}") from None
    before: list[tuple[Path, Path | None]] = []
    try:
        for target, (metadata, trace) in contents.items():
            publish(staging / target.name, metadata, trace)
        for target in contents:
            kept = target.replace(staging / f"{target.name}.before") if target.exists() else None
            before.append((target, kept))
            (staging / target.name).replace(target)
    except BaseException as error:
        for target, kept in before:
            target.unlink(missing_ok=True)
            if kept is not None:
                kept.replace(target)
        if isinstance(error, OSError):
            raise ResultsError(f"results folder {folder} cannot be written: {told(error)}") from None
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)

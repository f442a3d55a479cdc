"""Import of tables of results of other code: either all runs of a table are recorded, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.errors import ResultsError
from bench.plan.identity import Label
from bench.plan.rules import Rules
from bench.plan.specification import validated
from bench.records.external.column_roles import assign_roles
from bench.records.external.external_run import ExternalRun, Row, complete_rows, describe_record
from bench.records.external.possible_values import check_trace
from bench.records.external.spreadsheet import read_table
from bench.records.external.staging import publish_all
from bench.records.external.table_runs import TableRun, runs_of
from bench.records.schema import Ending, Metadata


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The runs that were imported.

    Attributes:
        folder: Their results folder.
        runs: The runs.
        endings: How each of them ended.
    """

    folder: Path
    runs: tuple[ExternalRun, ...]
    endings: tuple[Ending, ...]

    @property
    def cells(self) -> int:
        """The number of cells."""
        return len({run.cell for run in self.runs})

    @property
    def diverged(self) -> int:
        """The number of runs that failed by themselves, whatever the others of their cell show."""
        return sum(bool(ending.reason) for ending in self.endings)


# Long: half is the signature and its docstring.
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
    """Record all runs of a table.

    Args:
        path: A .parquet or .jsonl file, or text with a separator.
        suite: Name of the results folder and the report that the runs belong to.
        mapped: Pairs of column and role (``bench.records.external.column_roles``).
        fixed: Role → value, for roles without a column.
        results: Folder for results. The records are written to ``<results>/<suite>/records``.
        lower: Measures that ganbench does not define and for which lower is better.
        higher: The same for which higher is better.
        protocol: Settings of the evaluation that values must share to be compared.
        real: Measures of real data under the same protocol.
        outcome: Outcome thresholds, like the section ``[outcome]`` of a suite.
        version: Version of the experiment.
        title: Title of the report.
        separator: Separator of a text file. [default: a tab for .tsv and .tab, else a comma]
        replace: Whether to replace existing records of the same runs.

    Raises:
        TableError: The table or the roles of its columns are not valid. Nothing is written.
        SuiteError: A name, a threshold or another option is not valid. Nothing is written.
        ResultsError: A run is already recorded, or the folder cannot be written. Nothing is changed.
    """
    path = Path(path)
    table = read_table(path, separator)
    roles = assign_roles(table, tuple(mapped), fixed or {}, tuple(lower), tuple(higher))
    common = {
        **{"suite": suite, "version": version, "title": title, "higher_is_better": dict(roles.directions)},
        **{"protocol": dict(protocol or {}), "real": dict(real or {})},
        "rules": validated(Rules, outcome or {}, "outcome"),
    }
    table_runs = runs_of(table, roles)
    for run in table_runs:
        check_trace(run.trace, run.name, path.name, roles.columns)
    runs = [
        validated(ExternalRun, {**common, **run.fields}, f"{path.name}: row {run.rows[0] + 1}") for run in table_runs
    ]
    targets = [run.record_path(Path(results)) for run in runs]
    existing = [target for target in targets if target.exists()]
    if existing and not replace:
        count = f"{len(existing)} of {len(runs)} runs are already recorded"
        raise ResultsError(f"{count}, the first as {existing[0]}; use --replace to replace them")
    origin = {"kind": "import", "table": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    contents = {
        target: partial(_content, run, table_run, origin)
        for target, run, table_run in zip(targets, runs, table_runs, strict=True)
    }
    folder = Path(results) / suite
    publish_all(folder, contents, replace=replace)
    return Imported(folder=folder, runs=tuple(runs), endings=tuple(run.ending for run in table_runs))


def _content(run: ExternalRun, table_run: TableRun, origin: Mapping[str, Any]) -> tuple[Metadata, list[Row]]:
    trace = complete_rows(table_run.trace)
    return describe_record(run, trace, table_run.ending, {**origin, "outcome": table_run.said}), trace

"""Import of tables of results of other code: either all runs of a table are recorded, or none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.errors import ResultsError
from bench.plan.identity import Label
from bench.plan.rules import Rules
from bench.plan.specification import validated
from bench.records.addresses import place_of, suite_folder_in
from bench.records.external.column_groups import unused_columns
from bench.records.external.column_roles import assign_roles
from bench.records.external.external_run import ExternalRun, describe_record
from bench.records.external.number_format import NumberFormat
from bench.records.external.staging import publish_all
from bench.records.external.table_files import find_files
from bench.records.external.table_parts import check_measures, check_percent, read_parts
from bench.records.external.table_runs import TableRun, runs_of
from bench.records.external.table_sources import describe_sources, open_tables, origin_of
from bench.records.listing import paths_in
from bench.records.mirror import Mirror
from bench.records.schema import Ending, Metadata


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The runs that were imported.

    Attributes:
        folder: Their results folder, or its copy on this machine if it is at an address.
        runs: The runs.
        endings: How each of them ended.
        notices: What was left out.
    """

    folder: Path
    runs: tuple[ExternalRun, ...]
    endings: tuple[Ending, ...]
    notices: tuple[str, ...] = ()

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
    path: str | Path | Sequence[str | Path],
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
    decimal: str = ".",
    thousands: str = "",
    percent: Collection[str] = (),
    repeated_steps: str = "error",
    replace: bool = False,
) -> Imported:
    """Record all runs of one or more tables. Rows of the same run and step are joined across tables.

    Args:
        path: Files, folders and patterns (``bench.records.external.table_files``). A file is .parquet, .json, .jsonl,
            or text with a separator.
        suite: Name of the results folder and the report that the runs belong to.
        mapped: Pairs of column and role (``bench.records.external.column_roles``).
        fixed: Role → value, for roles without a column.
        results: Folder or address for results. The records are written to ``<results>/<suite>/records``.
        lower: Measures that ganbench does not define and for which lower is better.
        higher: The same for which higher is better.
        protocol: Settings of the evaluation that values must share to be compared.
        real: Measures of real data under the same protocol.
        outcome: Outcome thresholds, like the section ``[outcome]`` of a suite.
        version: Version of the experiment.
        title: Title of the report.
        separator: Separator of a text file. [default: a tab for .tsv and .tab, else a comma]
        decimal: Decimal mark of numbers in text.
        thousands: Mark between groups of three digits; "" for none.
        percent: Columns or measures that are percentages; they are divided by 100.
        repeated_steps: "last" keeps the last value where a measure has several at a step; "error" refuses the table.
        replace: Whether to replace existing records of the same runs.

    Raises:
        TableError: A table or the roles of its columns are not valid. Nothing is written.
        SuiteError: A name, a threshold or another option is not valid. Nothing is written.
        ResultsError: A run is already recorded, or the folder cannot be written. Nothing is changed. If a server fails
            while records are sent to it, the message says how many it has.
    """
    mapped, given = tuple(mapped), [path] if isinstance(path, str | Path) else list(path)
    written = NumberFormat(decimal=decimal, thousands=thousands, percent=tuple(percent))
    tables = open_tables(find_files(given), separator, mapped)
    roles = assign_roles(tables, mapped, fixed or {}, tuple(lower), tuple(higher))
    if not any(each.is_long for each in roles):  # otherwise, only the cells tell which measures there are
        check_percent(roles, written, ())
    common = {
        **{"suite": suite, "version": version, "title": title, "higher_is_better": dict(roles[0].directions)},
        **{"protocol": dict(protocol or {}), "real": dict(real or {})},
        "rules": validated(Rules, outcome or {}, "outcome"),
    }
    parts = list(read_parts(roles, written))
    check_measures(parts)
    table_runs = runs_of(parts, repeated_steps=repeated_steps)
    runs = [validated(ExternalRun, {**common, **run.fields}, run.name) for run in table_runs]
    folder = suite_folder_in(results, suite)
    targets = [run.record_path(results) for run in runs]
    mirror = Mirror.at(folder)
    recorded = set(mirror.paths(folder / "records") if mirror.address else paths_in(folder))
    existing = [target for target in targets if target in recorded]
    if existing and not replace:
        count = f"{len(existing)} of {len(runs)} runs are already recorded"
        raise ResultsError(f"{count}, the first as {place_of(existing[0])}; use --replace to replace them")
    sources = describe_sources(table for table, _ in tables)
    contents = {
        target: partial(_content, run, table_run, sources)
        for target, run, table_run in zip(targets, runs, table_runs, strict=True)
    }
    publish_all(folder, contents, replace=replace)
    endings = tuple(run.ending for run in table_runs)
    return Imported(folder=folder, runs=tuple(runs), endings=endings, notices=tuple(unused_columns(roles)))


def _content(run: ExternalRun, table_run: TableRun, sources: Mapping[str, dict[str, Any]]) -> tuple[Metadata, pa.Table]:
    trace = table_run.trace
    origin = {**origin_of(table_run.sources, sources), "outcome": table_run.said}
    return describe_record(run, trace, table_run.ending, origin), trace

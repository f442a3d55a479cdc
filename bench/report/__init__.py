"""Reports: tables, figures and a page, computed from records without torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.catalogue.metrics.measures import known_name, plain_name
from bench.errors import ResultsError
from bench.files import describe_error

if TYPE_CHECKING:
    import pandas as pd

    from bench.evidence.results import Evidence
    from bench.plan.suite import Suite
    from bench.report.tables.model import Layout

PAGE = "report.html"
Extent = Literal["none", "tables", "all"]  # how much of a report to write


@dataclass(frozen=True)
class Report:
    """The paths of a report, and its formatted tables by title.

    Attributes:
        page: The path of the page; None if only tables were written.
        anew: Whether the report was written; False if it was up to date.
        details: Labels of measures that narrow terminals leave out first.
        primary: Labels of the measures by which runs are classified, which they leave out last.
        notices: What a reader should know and what could not be drawn, as sentences.
    """

    tables: list[Path]
    figures: list[Path]
    page: Path | None
    formatted: dict[str, pd.DataFrame]
    anew: bool = True
    details: tuple[str, ...] = ()
    primary: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def check_output(results: str | Path, output: str | Path | None) -> None:
    """Check that a report has a folder of this machine to be written to.

    Raises:
        ResultsError: Results are at an address, and no folder is given.
    """
    from bench.records.addresses import is_address

    if output is None and is_address(results):
        raise ResultsError(f"{results} is an address; choose a folder of this machine for its report with --output DIR")


# Long: half is the public signature and its docstring.
def write_report(
    results: str | Path,
    preferred: Collection[str] = (),
    suite: Suite | None = None,
    *,
    extent: Extent = "all",
    output: str | Path | None = None,
    layout: Layout | None = None,
    formats: Collection[str] = ("png", "pdf", "svg"),
    width: str = "two-column",
    x: str = "steps",
    titles: bool | None = None,
    labels: Sequence[str] = (),
    only: Mapping[str, Collection[str]] | None = None,
    title: str | None = None,
    label_prefix: str = "",
) -> Report:
    """Write tables, ``figures/`` and ``report.html`` of a suite's results.

    The tables are ``table.md``, ``table.csv``, ``table.tex`` with ``notes.tex`` for an appendix, and ``table.json``
    with the runs behind every entry. If there are several LaTeX tables, each is also in a file ``table-….tex`` of its
    own. For Dirac-GANs there is also ``theory.md``, for timings ``speed.md``, ``speed.csv`` and ``speed.tex``, for a
    search ``search.md``, ``search.csv`` and ``search.tex``, for published numbers ``reproduction.md`` and
    ``reproduction.csv``.

    Args:
        results: The suite's results folder, or its address.
        preferred: Cells (``Run.cell``) to report if several experiments have the same values on all axes.
        suite: The suite whose thresholds and published numbers apply; None means those that
            ``bench.evidence.suite_rules.suite_rules`` finds.
        extent: "all", or "tables" to write neither a page nor figures.
        output: The folder to write to; None means the results folder, which has no default for an address.
        layout: Rows, columns, measures and values of the tables; its measures also select the curves.
        formats: The formats of figures; if empty, no figures are drawn.
        width: The width of figures and of the LaTeX tables, a name in ``bench.report.venues.WIDTHS`` or in inches.
        x: The horizontal axis of curves, a key of ``bench.report.figures.X``.
        titles: Whether figures have titles; None means unless the width is that of a venue.
        labels: Names for this report, as in ``bench.evidence.renaming.renamed``.
        only: The runs to report, as in ``bench.evidence.selection.selected``; None means all.
        title: Another title than that of the suite.
        label_prefix: What the LaTeX labels of tables begin with, after ``tab:``.

    Raises:
        ResultsError: There are no records, a record cannot be read, there is nothing to rename, no run is selected, the
            title is empty, or the folder cannot be written.
    """
    from bench.evidence.renaming import renamed
    from bench.evidence.results import read_evidence
    from bench.evidence.selection import selected
    from bench.records.addresses import readable_folder
    from bench.report.figures import CAPTIONS, check_choices, draw_figures
    from bench.report.page import write_page
    from bench.report.sample_views import not_shown, plane_of
    from bench.report.vega import bundle

    check_output(results, output)
    results = readable_folder(results)
    complete = extent == "all"
    if complete:
        bundle()
    if title is not None and not title.strip():
        raise ResultsError("the title of a report must not be empty")
    chosen = selected(read_evidence(results, preferred, suite), only or {})
    evidence = replace(renamed(chosen, labels), chosen_title=(title or "").strip(), label_prefix=label_prefix)
    folder = Path(results if output is None else output)
    shown = {name: evidence.describe(name) for dataset in evidence.datasets() for name in evidence.measures(dataset)}
    if layout and layout.measures:
        layout = replace(layout, measures=tuple(known_name(name, shown) for name in layout.measures))
    measures = {plain_name(name) for name in layout.measures} if layout and layout.measures else None
    check_choices(evidence, formats, width, x, measures)
    try:
        timed: dict[str, Any] = {"only": {axis: set(chosen.runs[axis].astype(str)) for axis in only or ()}}
        timed |= {"labels": _new_labels(chosen, evidence), "names": evidence.names}
        tables, formatted = _write_tables(results, evidence, folder, layout, width, timed)
        drawn = complete and bool(formats)
        figures = draw_figures(evidence, folder / "figures", formats, width, x, measures, titles) if drawn else []
        tables += [folder / "figures" / CAPTIONS] if figures else []
        page = write_page(evidence, folder / PAGE) if complete else None
    except OSError as error:
        raise ResultsError(f"report in {folder} cannot be written: {describe_error(error)}") from None
    details = tuple(shown[name].label for name in sorted(shown) if shown[name].table == "details")
    deciding = {evidence.primary(name) for name in evidence.datasets()} - {None}
    primary = tuple(shown[str(name)].label for name in sorted(deciding, key=str) if name in shown)
    notices = list(evidence.notices)
    notices += [not_shown(evidence, name, plane_of(evidence, name)) for name in evidence.datasets()] if complete else []
    return Report(
        tables, figures, page, formatted, details=details, primary=primary, notices=tuple(filter(None, notices))
    )


def _write_tables(
    results: str | Path,
    evidence: Evidence,
    folder: Path,
    layout: Layout | None,
    width: str,
    timed: Mapping[str, Any],
) -> tuple[list[Path], dict[str, pd.DataFrame]]:
    """Write tables of every kind; return their paths, and the formatted tables by title.

    Args:
        results: The folder whose timings to show.
        evidence: The records.
        folder: The folder to write to.
        layout: Rows, columns, measures and values of the tables.
        width: As for ``write_report``.
        timed: Which timings to show, and under which names: keywords of ``write_speed_table``.
    """
    from bench.records.timing_results import timings_path
    from bench.report.dirac import write_theory
    from bench.report.reproduction import write_reproduction
    from bench.report.search import write_search
    from bench.report.speed import write_speed_table
    from bench.report.tables import write_tables

    tables, formatted = write_tables(evidence, folder, layout, width)
    tables += write_theory(evidence, folder)
    tables += write_search(evidence, folder, width)
    tables += write_reproduction(evidence, folder)
    if timings_path(Path(results)).is_file():
        title, prefix = evidence.chosen_title, evidence.label_prefix
        tables += write_speed_table(results, folder, width, title=title, label_prefix=prefix, **timed)
    return tables, formatted


def _new_labels(recorded: Evidence, shown: Evidence) -> dict[str, dict[str, str]]:
    """Return axis → recorded label → the name that was chosen for it, where they differ."""
    pairs = {axis: zip(recorded.runs[axis], shown.runs[axis], strict=True) for axis in ("dataset", *recorded.axes)}
    return {axis: {str(old): str(new) for old, new in both if str(old) != str(new)} for axis, both in pairs.items()}

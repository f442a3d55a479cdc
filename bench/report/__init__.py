"""Evidence: tables and figures, derived from records alone. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ResultsError
from bench.files import told

if TYPE_CHECKING:
    import pandas as pd

    from bench.suite import Suite


@dataclass(frozen=True)
class Report:
    """The paths of what was written, and the formatted table of every dataset."""

    tables: list[Path]
    figures: list[Path]
    formatted: dict[str, pd.DataFrame]


def write_report(results: str | Path, preferred: Collection[str] = (), suite: Suite | None = None) -> Report:
    """Writes ``table.md``, ``table.csv``, ``table.tex`` and ``figures/`` into a suite's results folder.

    Of Dirac-GANs also ``theory.md``: closed forms beside what was measured.

    Args:
        results: The folder.
        preferred: Cells (``Run.cell``) that are reported where records of several experiments have the same place.
        suite: Whose thresholds and published numbers hold; else those that ``bench.outcomes.judging`` finds.

    Raises:
        ResultsError: no records there, a record that cannot be read, or the folder cannot be written.
    """
    from bench.report.dirac import write_theory
    from bench.report.evidence import read_evidence
    from bench.report.figures import draw_figures
    from bench.report.tables import write_tables

    evidence = read_evidence(results, preferred, suite)
    try:
        tables, formatted = write_tables(evidence, Path(results))
        tables += write_theory(evidence, Path(results))
        figures = draw_figures(evidence, Path(results) / "figures")
    except OSError as error:
        raise ResultsError(f"report in {results} cannot be written: {told(error)}") from None
    return Report(tables, figures, formatted)

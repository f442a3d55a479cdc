"""Figures ready for a paper: as wide as a column, with every run in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from bench.catalogue import suggestion
from bench.catalogue.metrics.measures import plain_name
from bench.errors import GanbenchError
from bench.escaping import as_label
from bench.evidence.results import Evidence
from bench.files import atomic_write
from bench.plan.identity import MAX_TITLE
from bench.report.dirac import has_dirac
from bench.report.figures.budget import draw_budget
from bench.report.figures.caption_macros import caption_macros
from bench.report.figures.contact_sheets import draw_contact_sheets
from bench.report.figures.curves import draw_curves
from bench.report.figures.heat_map import draw_means, draw_modes
from bench.report.figures.palette import save_png
from bench.report.figures.profile import draw_profile
from bench.report.figures.quality_time import draw_quality_time, draw_threshold
from bench.report.figures.ranking import draw_ranking
from bench.report.figures.response import draw_response
from bench.report.figures.run_curves import X
from bench.report.figures.search import draw_search
from bench.report.figures.sheet import Drawing, Sheet
from bench.report.figures.style import COLOURS, DPI, LINES, styled
from bench.report.figures.tick_labels import separate_tick_labels
from bench.report.figures.timelines import draw_timeline
from bench.report.figures.trajectories import draw_trajectories
from bench.report.file_names import distinct
from bench.report.venues import WIDTHS, implies_captions, width_in_inches

__all__ = [
    "CAPTIONS",
    "COLOURS",
    "FORMATS",
    "LINES",
    "WIDTHS",
    "Drawing",
    "X",
    "check_choices",
    "draw_all",
    "draw_figures",
]

FORMATS = ("png", "pdf", "svg")
CAPTIONS = "captions.tex"


def check_choices(
    evidence: Evidence, formats: Collection[str], width: str | float, x: str, measures: Collection[str] | None
) -> None:
    """Check the arguments of ``draw_figures`` before anything is written.

    Raises:
        GanbenchError: There is no such format, width, x or measure.
    """
    known = {plain_name(name) for dataset in evidence.datasets() for name in evidence.measures(dataset)}
    _check("format", formats, FORMATS)
    _check("x", [x], X)
    _check("measure", measures or (), known)
    width_in_inches(width)


def draw_figures(
    evidence: Evidence,
    folder: Path,
    formats: Collection[str] = FORMATS,
    width: str | float = "two-column",
    x: str = "steps",
    measures: Collection[str] | None = None,
    titles: bool | None = None,
) -> list[Path]:
    """Write all figures of a suite and return their paths, and ``captions.tex`` with a macro for what each shows.

    The same evidence gives the same bytes. PDF files embed fonts as TrueType; SVG files hold text as paths.

    Args:
        evidence: The records.
        folder: The folder to write to.
        formats: A selection of ``FORMATS``.
        width: The width of all figures, a name in ``WIDTHS`` or in inches.
        x: The horizontal axis of curves, a key of ``X``.
        measures: The measures that get curves; None means all.
        titles: Whether figures have their description as a title; None means unless the width is that of a venue.

    Raises:
        GanbenchError: There is no such format, width, x or measure.
        OSError: The folder cannot be written.
    """
    check_choices(evidence, formats, width, x, measures)
    sheet = Sheet(width=width_in_inches(width), titles=not implies_captions(width) if titles is None else titles)
    paths: list[Path] = []
    captions: dict[str, str] = {}
    with styled():
        for drawing in draw_all(evidence, sheet, x, measures):
            _fix_layout(drawing)
            name = distinct([*captions, drawing.name])[-1]  # labels that differ may have the same slug
            captions[name] = drawing.description
            for suffix in formats:
                path = folder / f"{name}.{suffix}"
                with atomic_write(path) as partial:
                    _save(drawing, partial, suffix)
                paths.append(path)
    with atomic_write(folder / CAPTIONS) as partial:
        text = caption_macros(str(evidence.runs["suite"].iloc[0]), captions)
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return paths


def draw_all(
    evidence: Evidence, sheet: Sheet, x: str = "steps", measures: Collection[str] | None = None
) -> Iterator[Drawing]:
    """Yield every figure that these records allow."""
    datasets = [dataset for dataset in evidence.datasets() if not has_dirac(evidence, dataset)]
    for dataset in evidence.datasets():
        if dataset not in datasets:
            yield from draw_trajectories(evidence, dataset, sheet)
            continue
        yield from draw_curves(evidence, dataset, sheet, x, measures)
        yield from draw_timeline(evidence, dataset, sheet)
        yield from draw_ranking(evidence, dataset, sheet)
        yield from draw_response(evidence, dataset, sheet)
        yield from draw_threshold(evidence, dataset, sheet)
        yield from draw_contact_sheets(evidence, dataset, sheet)
        yield from draw_search(evidence, dataset, sheet)
    yield from draw_quality_time(evidence, datasets, sheet)
    yield from draw_profile(evidence, datasets, sheet)
    yield from draw_budget(evidence, datasets, sheet)
    yield from draw_modes(evidence, sheet)
    yield from draw_means(evidence, datasets, sheet)


def _check(kind: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise GanbenchError(f"unknown {kind} {name!r}{suggestion(name, known)}")


def _fix_layout(drawing: Drawing) -> None:
    """Compute the constrained layout once, for all formats, and leave out tick labels that would touch."""
    engine = drawing.figure.get_layout_engine()
    if engine is not None:
        engine.execute(drawing.figure)
        if separate_tick_labels(drawing.figure):
            engine.execute(drawing.figure)
        drawing.figure.set_layout_engine("none")


def _save(drawing: Drawing, path: Path, suffix: str) -> None:
    """Write one file, with metadata that hold no date and no version of a library, so that the bytes do not change."""
    title = as_label(drawing.description, 3 * MAX_TITLE)
    if suffix == "png":
        save_png(drawing.figure, path, title)
        return
    date = {"pdf": "CreationDate", "svg": "Date"}[suffix]
    metadata = {"Title": title, "Creator": "ganbench", date: None}
    drawing.figure.savefig(path, format=suffix, dpi=DPI, metadata=metadata)

"""Ranking: the cells of a dataset by failure rate, with the quality of every run and samples of the median run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from bench.evidence.ranking import Ranked, rank_cells
from bench.evidence.results import Evidence
from bench.evidence.states import IMPROVING, State, count_failed, count_improving, count_outcomes, count_unresolved
from bench.evidence.statistics import wilson_interval
from bench.records.record import read_all_samples
from bench.report.figures.final_quality import DOT, draw_quality, has_cut, quality_keys
from bench.report.figures.sample_square import MISSED, draw_samples, missed_key, missed_modes
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import MAX_HEIGHT, SMALL, escape_dollars, wrap_text
from bench.report.file_names import slug
from bench.report.outcome_styles import IMPROVING_STYLE, OUTCOMES, OutcomeStyle
from bench.report.row_names import REAL
from bench.report.sample_views import Plane, can_be_shown, plane_of, real_samples_of
from bench.report.signal_views import as_shown

MAX_ROW, MIN_ROW = 0.55, 0.32  # inches
MAX_SIDE, FEW = 0.8, 4.5  # inches: of a picture, and the height of a figure with few rows, which are higher
BAR = 0.5  # height of the bar as a share of the row; the interval is drawn below it
WORDS = 0.74  # inches of "10/10 failed"
NOT_YET = f"{State.NEVER_LEARNED}, {IMPROVING}"
STYLES = {  # of the parts of a bar
    name: IMPROVING_STYLE if name == NOT_YET else style
    for state, style in OUTCOMES.items()
    for name in ((state.value, NOT_YET) if state == State.NEVER_LEARNED else (state.value,))
}
WIDE = 5.0  # inches; narrower figures leave out the quality of the runs


class Pictures(NamedTuple):
    """The last samples of every cell's median run, by run, the plane in which points are drawn, and real samples."""

    samples: dict[str, NDArray[Any]]
    plane: Plane | None
    real: NDArray[Any] | None = None

    @property
    def further_rows(self) -> int:
        """The number of rows without a cell."""
        return 0 if self.real is None else 1


def draw_ranking(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw one row per cell: its outcomes with the failure rate, the final quality of its runs, samples of one run.

    Real images come last. Runs that cannot be judged end a bar; the failure rate leaves them out. Nothing is drawn if
    no cell has two runs.
    """
    ranked = rank_cells(evidence, dataset)
    measure = evidence.primary(dataset)
    if max(len(cell.runs) for cell in ranked) < 2:
        return
    pictures = _pictures(evidence, dataset, ranked)
    rows = len(ranked) + pictures.further_rows
    row = min(MAX_ROW, max(MIN_ROW, (MAX_HEIGHT - 0.9) / rows))
    if pictures.samples:
        row = max(row, min(MAX_SIDE, FEW / rows))
    quality = f", then by median final {evidence.describe(measure).label}" if measure else ""
    shows_cut = measure is not None and sheet.width >= WIDE and has_cut(evidence, ranked)
    title = f"{dataset}: cells by failure rate{quality}"
    description = f"{title}. {_explain(shows_cut, pictures)}"
    for page, part in enumerate(split_evenly(ranked, int((MAX_HEIGHT - 0.85) / row) - pictures.further_rows)):
        figure = _draw(evidence, sheet, part, row, title, measure, pictures)
        yield Drawing(page_name(f"ranking-{slug(dataset)}", page), description, figure)


def _draw(
    evidence: Evidence,
    sheet: Sheet,
    ranked: list[Ranked],
    row: float,
    title: str,
    measure: str | None,
    pictures: Pictures,
) -> Figure:
    parts = [_parts(cell.runs) for cell in ranked]
    measure = measure if sheet.width >= WIDE else None
    keys = [
        *(Patch(**_fill(style), label=name) for name, style in STYLES.items() if any(part[name] for part in parts)),
        Line2D([], [], color="black", marker="o", markersize=3, linewidth=1, label="failure rate, 95% CI"),
        *(quality_keys(evidence, ranked) if measure else ()),
        *([missed_key()] if any(_misses_modes(pictures, cell) for cell in ranked) else ()),
    ]
    below, above = 0.4 + sheet.legend_height(keys), sheet.title_height(title) + 0.05
    rows = len(ranked) + pictures.further_rows
    height = below + row * rows + above
    figure = Figure(figsize=(sheet.width, height))
    names, side = sheet.width * (0.21 if measure else 0.25), row - 0.04 if pictures.samples else 0.0
    free = sheet.width - names - WORDS - side - 0.3
    bars = free * 0.58 if measure else free + 0.15

    def add_panel(left: float, width: float) -> Axes:
        shares = left / sheet.width, below / height, width / sheet.width, row * rows / height
        panel = figure.add_axes(shares)
        panel.set(ylim=(rows - 0.5, -0.5))
        panel.tick_params(axis="y", length=0)
        panel.grid(visible=False, axis="y")
        panel.set_axisbelow(True)
        panel.spines["left"].set_visible(False)
        return panel

    rates = add_panel(names, bars)
    for y, (cell, part) in enumerate(zip(ranked, parts, strict=True)):
        _draw_outcomes(rates, y, cell.runs, part)
    rates.set(xlim=(0, 1), xlabel="share of runs")
    rates.xaxis.set_major_formatter(PercentFormatter(1))
    labels = [escape_dollars(wrap_text(cell.name, names - 0.1, SMALL)) for cell in ranked]
    rates.set_yticks(range(rows), [*labels, REAL][:rows])
    if measure:
        draw_quality(evidence, add_panel(names + bars + WORDS, free - bars), ranked, measure)
    if pictures.samples:
        _draw_pictures(pictures, figure, ranked, (sheet.width - side - 0.08, below), side, row)
    figure.suptitle(sheet.wrap_title(title), y=1 - 0.05 / height, va="top")
    sheet.legend(figure, keys)
    return figure


def _explain(shows_cut: bool, pictures: Pictures) -> str:
    """Return the sentences of the caption about intervals, and what is drawn on the right."""
    sentences = ["Intervals: 95% CI of the failure rate (Wilson)."]
    if shows_cut:
        sentences.append("A run counts as learned if its best evaluation reaches the dashed line.")
    if pictures.samples:
        most = max(len(samples) for samples in pictures.samples.values())
        sentences.append(f"Right: {most:,} final samples of the median run, or of the worse of the two in the middle.")
    if pictures.real is not None:
        sentences.append("Bottom right: images of the test split.")
    if pictures.plane is not None and pictures.samples and len(pictures.plane.centres):
        sentences.append("Circles: real samples." if pictures.plane.of_real else MISSED)
    return " ".join(sentences)


def _misses_modes(pictures: Pictures, cell: Ranked) -> bool:
    """Return whether circles around modes are drawn in the picture of a cell."""
    samples, plane = pictures.samples.get(cell.shown["run"]), pictures.plane
    if samples is None or plane is None or plane.of_real:
        return False
    return len(missed_modes(plane.place(samples), plane)) > 0


def _pictures(evidence: Evidence, dataset: str, ranked: list[Ranked]) -> Pictures:
    """Return what is drawn at the end of each row; strings are left out, because they are too small to read there."""
    plane, samples = plane_of(evidence, dataset), dict[str, NDArray[Any]]()
    for cell in ranked:
        run = cell.shown["run"]
        if can_be_shown(evidence.metadata[run], plane):
            frames = read_all_samples(Path(cell.shown["record"]))[1]
            if len(frames):
                shown = as_shown(frames[-1], evidence.metadata[run])
                samples |= {} if isinstance(shown, list) else {run: shown}
    real = real_samples_of(evidence, dataset) if samples else None
    return Pictures(samples, plane, None if isinstance(real, list) else real)


def _draw_pictures(
    pictures: Pictures, figure: Figure, ranked: list[Ranked], corner: tuple[float, float], side: float, row: float
) -> None:
    """Draw the samples of every cell's median run at the end of its row; ``corner`` is that of the lowest row."""
    canvas = figure.add_axes((0, 0, 1, 1))
    width, height = figure.get_size_inches()
    canvas.set(xlim=(0, width), ylim=(0, height))
    canvas.set_axis_off()
    points = []
    shown = [*(pictures.samples.get(cell.shown["run"]) for cell in ranked), pictures.real]
    for y, samples in enumerate(reversed(shown[: len(ranked) + pictures.further_rows])):
        if samples is not None:
            place = corner[0], corner[1] + y * row + (row - side) / 2
            points += draw_samples(canvas, samples, pictures.plane, place, side)
    if points:  # rasterised together: thousands of points would make vector files huge
        x, y = np.concatenate(points).T
        canvas.scatter(x, y, s=0.5, color=DOT, alpha=0.5, linewidths=0, zorder=2, rasterized=True)


def _parts(runs: pd.DataFrame) -> dict[str, int]:
    """Return the number of runs in each part of a bar; those that never learned but were improving have their own."""
    counts, improving = {state.value: count for state, count in count_outcomes(runs).items()}, count_improving(runs)
    return {**counts, State.NEVER_LEARNED: counts[State.NEVER_LEARNED] - improving, NOT_YET: improving}


def _draw_outcomes(panel: Axes, y: int, runs: pd.DataFrame, parts: dict[str, int]) -> None:
    """Draw the outcomes of one cell as a bar at height y, its failure rate below it, and both in words beside it."""
    n, left = len(runs), 0
    for name, style in STYLES.items():
        if parts[name]:
            panel.barh(y - 0.15, parts[name] / n, BAR, left=left / n, **_fill(style))
            left += parts[name]
    failed, unresolved = count_failed(runs), count_unresolved(runs)
    words = [f"{unresolved} {State.UNRESOLVED}"] if unresolved else []
    if n > unresolved:
        words.insert(0, f"{failed}/{n - unresolved} failed")
        interval = wilson_interval(failed, n - unresolved)
        panel.plot(interval, [y + 0.24] * 2, color="black", linewidth=1, clip_on=False, zorder=4)
        panel.plot(failed / (n - unresolved), y + 0.24, "o", color="black", markersize=3, clip_on=False, zorder=4)
    panel.annotate(
        "\n".join(words),
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        annotation_clip=False,
    )


def _fill(style: OutcomeStyle) -> dict[str, Any]:
    """Return how a part of a bar is filled."""
    return {
        "facecolor": style.colour,
        "hatch": style.hatch,
        "hatchcolor": "white",
        "edgecolor": "0.3",
        "linewidth": 0.4,
    }

"""Trajectories of Dirac-GANs in the (θ, ψ) plane, over the closed-form vector field of continuous time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.evidence.statistics.intervals import Array
from bench.records.record import Record
from bench.report.dirac import other_axes, penalties_of, with_labels
from bench.report.dirac_theory import is_known, vector_field
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import SMALL, escape_dollars, text_width, wrap_text
from bench.report.file_names import slug

FAILED = "failed"
STYLES: dict[str, tuple[str, Any]] = {  # colours and lines
    State.STABLE: ("#0072B2", "-"),
    FAILED: ("#D55E00", "--"),
    State.UNRESOLVED: ("0.5", ":"),
}
MIN_SIDE, MAX_SIDE = 0.54, 1.15  # inches of a square
GAP = 0.05  # inches between squares
LABEL_WIDTH = 0.8  # inches at which the name of a loss is wrapped
LINE_HEIGHT = 0.12  # inches of a line of a heading
ARROWS = 9  # along a side of a square


class Square(NamedTuple):
    """The square of a run: its lower left corner and its side, in inches."""

    left: float
    bottom: float
    side: float

    def transform(self, points: Array, reach: float) -> Array:
        """Return the positions on the canvas of points [n, 2] within ±reach."""
        return np.array([self.left, self.bottom]) + self.side * (points / reach + 1) / 2


def draw_trajectories(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw one figure per update scheme and value of any other axis: one row per loss, one column per penalty.

    θ is horizontal, ψ vertical. Arrows are the closed-form vector field of continuous time. The line is the run of the
    first seed, from the ring to the disc: solid if it was stable, dashed if it failed, dotted if it cannot be judged.
    """
    runs = with_labels(evidence, dataset)
    runs = runs[runs["seed"] == runs["seed"].min()]
    others = other_axes(evidence, runs)
    for values, group in runs.groupby(["scheme", *others], sort=False, dropna=False):
        setting = [str(values[0]), *(f"{axis} {value}" for axis, value in zip(others, values[1:], strict=True))]
        title = f"{dataset}, {', '.join(setting)}"
        description = f"{title}: θ (horizontal) and ψ (vertical), starting at (1, 1); + is the equilibrium"
        labels = [line for loss in group["loss"] for line in wrap_text(str(loss), LABEL_WIDTH, SMALL).split("\n")]
        left = max(text_width(label, SMALL) for label in labels) + 0.12
        per_row = max(1, int((sheet.width - left) / (MIN_SIDE + GAP)))
        for page, penalties in enumerate(split_evenly(list(dict.fromkeys(group["penalties"])), per_row)):
            part = group[group["penalties"].isin(penalties)]
            name = page_name(f"trajectories-{slug(title)}", page)
            yield Drawing(name, description, _draw(evidence, part, penalties, sheet, left, description))


def _draw(
    evidence: Evidence, runs: pd.DataFrame, penalties: list[str], sheet: Sheet, left: float, description: str
) -> Figure:
    losses = list(dict.fromkeys(runs["loss"]))
    side = min(MAX_SIDE, (sheet.width - left) / len(penalties) - GAP)
    headings = [escape_dollars(wrap_text(str(penalty), side, SMALL)) for penalty in penalties]
    above = sheet.title_height(description)
    heading = LINE_HEIGHT * max(text.count("\n") + 1 for text in headings) + 0.04
    height = above + heading + len(losses) * (side + GAP) + 0.25
    figure, canvas = sheet.canvas(height)
    arrows: list[Array] = []
    for run in runs.itertuples():
        column, row = penalties.index(run.penalties), losses.index(run.loss)
        bottom = height - above - heading - (row + 1) * (side + GAP)
        square = Square(left + column * (side + GAP), bottom, side)
        arrows += _draw_run(canvas, square, _verdict(run.outcome), evidence.records[run.run])
    if arrows:
        x, y, u, v = np.concatenate(arrows).T
        size: dict[str, Any] = {"scale": 1, "scale_units": "xy", "units": "xy", "width": 0.008, "headwidth": 4}
        canvas.quiver(x, y, u, v, color="0.72", zorder=1, rasterized=True, **size)
    for column, text in enumerate(headings):
        x = left + column * (side + GAP) + side / 2
        canvas.text(x, height - above - heading / 2, text, ha="center", va="center", fontsize=SMALL)
    for row, loss in enumerate(losses):
        y = height - above - heading - row * (side + GAP) - GAP - side / 2
        label = escape_dollars(wrap_text(str(loss), LABEL_WIDTH, SMALL))
        canvas.text(left - 0.06, y, label, ha="right", va="center", fontsize=SMALL)
    canvas.text(sheet.width / 2, height - 0.05, sheet.wrap_title(description), ha="center", va="top")
    shown = set(map(_verdict, runs["outcome"]))
    keys = [
        Line2D([], [], color=colour, linewidth=1, linestyle=line, label=str(verdict))
        for verdict, (colour, line) in STYLES.items()
        if verdict in shown
    ]
    figure.legend(handles=keys, loc="lower center", ncols=len(keys), borderaxespad=0.1)
    return figure


def _verdict(outcome: str) -> str:
    return outcome if outcome in STYLES else FAILED


def _draw_run(canvas: Axes, square: Square, verdict: str, record: Record) -> list[Array]:
    """Draw a run, and return the arrows of its vector field, [n, 4]: their starts and their lengths in x and y."""
    metadata = record.metadata
    path = np.stack([record.trace["theta"], record.trace["psi"]], axis=1).astype(float)
    path = path[np.isfinite(path).all(axis=1)]
    reach = float(np.clip(1.15 * np.abs(path).max(), 1.6, 3.0)) if len(path) else 1.6
    frame = square.transform(reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]), reach)
    (border,) = canvas.plot(*frame.T, color="0.4", linewidth=0.4, zorder=4)
    colour, style = STYLES[verdict]
    positions = square.transform(path, reach)
    line = LineCollection([positions], colors=colour, linestyles=style, linewidths=0.8, zorder=2)
    canvas.add_collection(line)
    line.set_clip_path(border.get_path(), canvas.transData)
    for end, fill in zip(positions[[0, -1]] if len(positions) else (), ("white", colour), strict=False):
        is_inside = (end >= frame.min(axis=0)).all() and (end <= frame.max(axis=0)).all()
        if is_inside:
            canvas.plot(*end, "o", color=colour, markerfacecolor=fill, markersize=2.5, zorder=5)
    canvas.plot(*square.transform(np.zeros((1, 2)), reach).T, "+", color="black", markersize=4, zorder=5)
    loss = metadata.training.loss.name
    if not is_known(loss, penalties_of(metadata)):
        return []
    ticks = np.linspace(-0.92, 0.92, ARROWS) * reach
    theta, psi = (grid.ravel() for grid in np.meshgrid(ticks, ticks))
    direction = np.stack(vector_field(loss, penalties_of(metadata), theta, psi))
    length = np.linalg.norm(direction, axis=0)
    arrow = direction / np.where(length > 0, length, 1) * 0.8 * square.side / ARROWS
    start = square.transform(np.stack([theta, psi], axis=1), reach) - arrow.T / 2
    return [np.concatenate([start, arrow.T], axis=1)]

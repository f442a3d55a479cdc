"""Trajectories of Dirac-GANs in the plane of θ and ψ, over the field of continuous time in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.records.record import Record
from bench.report.dirac import other_axes, penalties_of, with_ways
from bench.report.dirac_theory import field, is_known
from bench.report.figures.sheet import Drawing, Sheet, even, paged, slug
from bench.report.figures.style import SMALL, fold, plain, text_width

Array = NDArray[np.float64]
CONVERGED, FAILED = "#0072B2", "#D55E00"
LEAST, MOST = 0.54, 1.15  # inches of a square
BETWEEN = 0.05
WIDE = 0.8  # inches of the name of a loss
LINE = 0.12  # inches of a line of a heading
ARROWS = 9  # along a side of the field


class Square(NamedTuple):
    """Where a run is drawn: the lower left corner and the side, in inches."""

    left: float
    bottom: float
    side: float

    def at(self, points: Array, reach: float) -> Array:
        """Points [n, 2] within ±reach → places on the canvas."""
        return np.array([self.left, self.bottom]) + self.side * (points / reach + 1) / 2


def draw_trajectories(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """One figure per way to update and value of any other axis: a row of squares per loss, a column per penalty.

    θ to the right and ψ upwards. Arrows are the field of continuous time in closed form; the line is the first seed's
    run, from the ring to the disc; it is full where it converged, and dashed where it failed.
    """
    here = with_ways(evidence, dataset)
    here = here[here["seed"] == here["seed"].min()]
    others = other_axes(evidence, here)
    for place, runs in here.groupby(["way", *others], sort=False, dropna=False):
        where = ", ".join([str(place[0]), *(f"{axis} {value}" for axis, value in zip(others, place[1:], strict=True))])
        name = f"trajectories-{slug(f'{dataset}-{where}')}"
        shows = f"{dataset}, {where}: θ to the right, ψ upwards, from (1, 1); + is the equilibrium"
        names = [line for loss in runs["loss"] for line in fold(str(loss), WIDE, SMALL).split("\n")]
        left = max(text_width(name, SMALL) for name in names) + 0.12
        most = max(1, int((sheet.width - left) / (LEAST + BETWEEN)))
        for number, penalties in enumerate(even(list(dict.fromkeys(runs["technique"])), most)):
            part = runs[runs["technique"].isin(penalties)]
            yield Drawing(paged(name, number), shows, _draw(evidence, part, penalties, sheet, left, shows))


def _draw(
    evidence: Evidence, runs: pd.DataFrame, penalties: list[str], sheet: Sheet, left: float, shows: str
) -> Figure:
    losses = list(dict.fromkeys(runs["loss"]))
    side = min(MOST, (sheet.width - left) / len(penalties) - BETWEEN)
    headings = [plain(fold(str(penalty), side, SMALL)) for penalty in penalties]
    above = sheet.title_height(shows)
    heading = LINE * max(text.count("\n") + 1 for text in headings) + 0.04
    height = above + heading + len(losses) * (side + BETWEEN) + 0.25
    figure, canvas = sheet.canvas(height)
    arrows: list[Array] = []
    for run in runs.itertuples():
        column, row = penalties.index(run.technique), losses.index(run.loss)
        bottom = height - above - heading - (row + 1) * (side + BETWEEN)
        square = Square(left + column * (side + BETWEEN), bottom, side)
        arrows += _draw_run(canvas, square, run.outcome == State.CONVERGED, evidence.records[run.run])
    if arrows:
        x, y, u, v = np.concatenate(arrows).T
        size: dict[str, Any] = {"scale": 1, "scale_units": "xy", "units": "xy", "width": 0.008, "headwidth": 4}
        canvas.quiver(x, y, u, v, color="0.72", zorder=1, rasterized=True, **size)
    for column, text in enumerate(headings):
        x = left + column * (side + BETWEEN) + side / 2
        canvas.text(x, height - above - heading / 2, text, ha="center", va="center", fontsize=SMALL)
    for row, loss in enumerate(losses):
        y = height - above - heading - row * (side + BETWEEN) - BETWEEN - side / 2
        canvas.text(left - 0.06, y, plain(fold(str(loss), WIDE, SMALL)), ha="right", va="center", fontsize=SMALL)
    if sheet.titles:
        canvas.text(sheet.width / 2, height - 0.05, sheet.folded(shows), ha="center", va="top")
    keys = [
        Line2D([], [], color=CONVERGED, linewidth=1, label="converged"),
        Line2D([], [], color=FAILED, linewidth=1, linestyle="--", label="failed"),
    ]
    figure.legend(handles=keys, loc="lower center", ncols=2, borderaxespad=0.1)
    return figure


def _draw_run(canvas: Axes, square: Square, converged: bool, record: Record) -> list[Array]:
    """Draws a run, and gives the arrows of its field [n, 4]: where they start, and how far they go."""
    metadata = record.metadata
    path = np.stack([record.trace["theta"], record.trace["psi"]], axis=1).astype(float)
    path = path[np.isfinite(path).all(axis=1)]
    reach = float(np.clip(1.15 * np.abs(path).max(), 1.6, 3.0)) if len(path) else 1.6
    frame = square.at(reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]), reach)
    (border,) = canvas.plot(*frame.T, color="0.4", linewidth=0.4, zorder=4)
    colour, style = (CONVERGED, "-") if converged else (FAILED, "--")
    places = square.at(path, reach)
    line = LineCollection([places], colors=colour, linestyles=style, linewidths=0.8, zorder=2)
    canvas.add_collection(line)
    line.set_clip_path(border.get_path(), canvas.transData)
    for place, fill in zip(places[[0, -1]] if len(places) else (), ("white", colour), strict=False):
        inside = (place >= frame.min(axis=0)).all() and (place <= frame.max(axis=0)).all()
        if inside:
            canvas.plot(*place, "o", color=colour, markerfacecolor=fill, markersize=2.5, zorder=5)
    canvas.plot(*square.at(np.zeros((1, 2)), reach).T, "+", color="black", markersize=4, zorder=5)
    loss = metadata.training.loss.name
    if not is_known(loss, penalties_of(metadata)):
        return []
    ticks = np.linspace(-0.92, 0.92, ARROWS) * reach
    theta, psi = (each.ravel() for each in np.meshgrid(ticks, ticks))
    along = np.stack(field(loss, penalties_of(metadata), theta, psi))
    length = np.linalg.norm(along, axis=0)
    along = along / np.where(length > 0, length, 1) * 0.8 * square.side / ARROWS
    start = square.at(np.stack([theta, psi], axis=1), reach) - along.T / 2
    return [np.concatenate([start, along.T], axis=1)]

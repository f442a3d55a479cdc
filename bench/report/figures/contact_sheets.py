"""Contact sheets: the samples after the last step, a strip per cell, in it a square per seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from numpy.typing import NDArray

from bench.evidence.results import Evidence, cells
from bench.evidence.states import State
from bench.records.record import read_samples
from bench.records.schema import Metadata
from bench.report.figures.contact import image_grid
from bench.report.figures.sheet import Drawing, Sheet, even, paged, slug
from bench.report.figures.style import HEIGHT, SIZE, TINY, plain, text_width

SEEDS = 20  # shown of a cell at the most: a sheet is to be read
LEAST, MOST = 0.58, 1.3  # inches of a square
BETWEEN = 0.08  # squares
NAME, SEED = 0.2, 0.12  # inches of a line with the name of a cell, with the seeds
REACH = 1.35  # of the modes' furthest coordinate that is seen


class Strip(NamedTuple):
    """A cell: its name, and its runs by seed."""

    name: str
    runs: pd.DataFrame


class Grid(NamedTuple):
    """Of squares: their side in inches, how many in a row of a strip, how many strips beside each other."""

    side: float
    squares: int
    strips: int


def draw_contact_sheets(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Samples of every cell and seed of a dataset, a figure per architecture, on as many pages as it needs.

    Points with circles of 3σ around the true modes; images as grids. A run that diverged shows what it last made, and
    when it ended. Nothing where no record holds samples that can be seen.
    """
    everything = [Strip(name, runs) for name, runs in cells(evidence, dataset)]
    for architecture in dict.fromkeys(evidence.runs_of(dataset)["architecture"]):
        strips = [strip for strip in everything if (strip.runs["architecture"] == architecture).any()]
        strips = [strip for strip in strips if any(can_be_seen(evidence.metadata[run]) for run in strip.runs["run"])]
        if not strips:
            continue
        everyone = sorted({int(seed) for strip in strips for seed in strip.runs["seed"]})
        seeds = everyone[:SEEDS]
        shown = "" if seeds == everyone else f", first {len(seeds)} seeds"
        shows = f"{dataset}, {architecture}: samples after the last step of every run{shown}"
        grid = _grid(sheet.width - 0.1, len(seeds), len(strips))
        for number, page in enumerate(_pages(strips, grid, len(seeds))):
            name = paged(f"samples-{slug(f'{dataset}-{architecture}')}", number)
            yield Drawing(name, shows, _draw(evidence, sheet, page, seeds, grid, shows))


def can_be_seen(metadata: Metadata) -> bool:
    """Whether samples are images, or points in a plane with known modes; those of the Dirac-GAN are neither."""
    dtype = metadata.samples.dtype
    return dtype == "uint8" or bool(dtype and metadata.data.modes)


def _grid(width: float, seeds: int, strips: int) -> Grid:
    """Squares as large as fit, and strips of few seeds beside each other."""
    squares = min(seeds, max(1, int((width + BETWEEN) / (LEAST + BETWEEN))))
    squares = -(-seeds // -(-seeds // squares))
    beside = min(strips, max(1, int((width + 3 * BETWEEN) / (squares * (0.9 + BETWEEN) + 3 * BETWEEN))))
    side = (width - 3 * BETWEEN * (beside - 1)) / (beside * squares) - BETWEEN
    return Grid(min(MOST, side), squares, beside)


def _tall(grid: Grid, seeds: int) -> float:
    return NAME + -(-seeds // grid.squares) * (SEED + grid.side) + BETWEEN


def _pages(strips: list[Strip], grid: Grid, seeds: int) -> list[list[Strip]]:
    return even(strips, grid.strips * max(1, int((HEIGHT - 0.3) / _tall(grid, seeds))))


def _draw(evidence: Evidence, sheet: Sheet, page: list[Strip], seeds: list[int], grid: Grid, shows: str) -> Any:
    above, tall = sheet.title_height(shows), _tall(grid, len(seeds))
    rows = -(-len(page) // grid.strips)
    height = above + rows * tall + 0.04
    figure, canvas = sheet.canvas(height)
    strip_width = grid.squares * (grid.side + BETWEEN)
    points: list[NDArray[Any]] = []
    for number, strip in enumerate(page):
        row, column = divmod(number, grid.strips)
        left = 0.05 + column * (strip_width + 3 * BETWEEN)
        top = height - above - row * tall
        canvas.text(left, top - NAME + 0.03, plain(strip.name), fontsize=SIZE, va="bottom")
        for seed, run in zip(strip.runs["seed"], strip.runs.itertuples(), strict=True):
            if seed not in seeds:
                continue
            down, along = divmod(seeds.index(seed), grid.squares)
            corner = (left + along * (grid.side + BETWEEN), top - NAME - (down + 1) * (SEED + grid.side))
            canvas.text(
                corner[0] + grid.side / 2,
                corner[1] + grid.side + 0.02,
                f"seed {seed}",
                fontsize=TINY,
                ha="center",
                color="0.3",
            )
            metadata = evidence.metadata[run.run]
            if can_be_seen(metadata):
                points += draw_samples(canvas, read_samples(Path(run.record)), metadata, corner, grid.side)
            else:
                canvas.text(
                    corner[0] + grid.side / 2, corner[1] + grid.side / 2, "no samples", fontsize=TINY, ha="center"
                )
            if run.outcome == State.DIVERGED:
                _mark_diverged(canvas, corner, grid.side, run.outcome_step)
    if points:  # as one picture: of thousands of points a vector file would be huge
        x, y = np.concatenate(points).T
        canvas.scatter(x, y, s=1.2, color="#0072B2", alpha=0.5, linewidths=0, zorder=2, rasterized=True)
    if sheet.titles:
        canvas.text(sheet.width / 2, height - 0.05, sheet.folded(shows), ha="center", va="top")
    return figure


def draw_samples(
    canvas: Axes, samples: NDArray[Any], metadata: Metadata, corner: tuple[float, float], side: float
) -> list[NDArray[Any]]:
    """Images of one evaluation, drawn in a square; of points those within, [n, 2] on the canvas, still to be drawn."""
    left, bottom = corner
    if samples.dtype == np.uint8:
        extent = (left, left + side, bottom, bottom + side)
        limits = canvas.get_xlim(), canvas.get_ylim()
        canvas.imshow(
            image_grid(samples), cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent, aspect="auto"
        )
        canvas.set(xlim=limits[0], ylim=limits[1])
        return []
    modes = metadata.data.modes
    assert modes is not None  # can_be_seen
    centres = np.array(modes.centres)
    reach = np.abs(centres).max() * REACH
    unit = side / (2 * reach)
    middle = np.array(corner) + side / 2
    radius = max(3 * modes.sigma, 0.02 * reach)  # never smaller than can be seen
    rings = EllipseCollection(
        2 * radius * unit,
        2 * radius * unit,
        0,
        units="xy",
        offsets=middle + unit * centres,
        offset_transform=canvas.transData,
        facecolors="none",
        edgecolors="#D55E00",
        linewidths=0.5,
        zorder=3,
    )
    canvas.add_collection(rings)
    canvas.plot(
        [left, left, left + side, left + side, left],
        [bottom, bottom + side, bottom + side, bottom, bottom],
        color="0.8",
        linewidth=0.3,
        zorder=1,
    )
    within = middle + unit * samples[(np.abs(samples) <= reach).all(axis=1)]
    if not len(within):
        canvas.text(middle[0], middle[1], "all outside", fontsize=TINY, ha="center", va="center")
    return [within]


def _mark_diverged(canvas: Axes, corner: tuple[float, float], side: float, step: float) -> None:
    text = "diverged" if np.isnan(step) else f"diverged at {int(step):,}"
    text = text if text_width(text, TINY) <= side else text.replace(" at ", "\n")
    canvas.text(
        corner[0] + side / 2,
        corner[1] + 0.04,
        text,
        ha="center",
        va="bottom",
        fontsize=TINY,
        color="white",
        bbox={"facecolor": "#B00020", "edgecolor": "none", "pad": 1.0},
        zorder=5,
    )

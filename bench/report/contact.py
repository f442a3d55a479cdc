"""Contact sheets: the samples after the last step, a row per loss and a column per seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.records import Metadata, read_samples
from bench.report.evidence import Evidence
from bench.verdicts import State

COLUMNS = 8  # seeds shown at the most: a sheet is to be read
SIDE = 1.35  # inches


def draw_contact_sheet(evidence: Evidence, dataset: str, architecture: str) -> Figure:
    """Samples of every cell and seed of one dataset and architecture.

    Points with circles of 3σ around the true modes; images as grids. A run that diverged shows what it last made, and
    when it ended.
    """
    here = evidence.runs.loc[(evidence.runs["dataset"] == dataset) & (evidence.runs["architecture"] == architecture)]
    axes = [axis for axis in evidence.varying(here) if axis != "architecture"]
    cells = list(here.groupby(axes, sort=False, dropna=False))
    everyone = sorted(here["seed"].unique())
    seeds = everyone[:COLUMNS]
    figure = Figure(figsize=(0.9 + SIDE * len(seeds), 0.5 + SIDE * len(cells)), layout="constrained")
    panels = figure.subplots(len(cells), len(seeds), squeeze=False)
    for row, (cell, runs) in enumerate(cells):
        for panel in panels[row]:
            panel.set_axis_off()
        for run in runs.itertuples():
            if run.seed not in seeds:
                continue
            panel = panels[row, seeds.index(run.seed)]
            draw_samples(panel, read_samples(Path(run.record)), evidence.metadata[run.run])
            if run.outcome == State.DIVERGED:
                _mark_diverged(panel, int(run.outcome_step))
        panels[row, 0].set_axis_on()
        panels[row, 0].set_ylabel("\n".join(map(str, cell)))
        _bare(panels[row, 0])
    for panel, seed in zip(panels[0], seeds, strict=True):
        panel.set_title(f"seed {seed}")
    shown = "" if seeds == everyone else f", first {len(seeds)} seeds"
    figure.suptitle(f"{dataset}, {architecture}: samples after the last step{shown}", fontsize=9)
    return figure


def draw_samples(panel: Axes, samples: NDArray[Any], metadata: Metadata) -> None:
    """Samples of one evaluation in one panel."""
    if samples.dtype == np.uint8:
        panel.imshow(image_grid(samples), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        return
    modes = metadata["data"]["modes"]
    centres = np.array(modes["centres"])
    reach = np.abs(centres).max() * 1.35
    panel.scatter(samples[:, 0], samples[:, 1], s=1.5, color="#0072B2", alpha=0.5, linewidths=0, zorder=2)
    radius = max(3 * modes["sigma"], 0.02 * reach)  # never smaller than can be seen
    for centre in centres:
        panel.add_patch(_circle(centre, radius))
    panel.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    panel.grid(visible=False)


def _circle(centre: NDArray[Any], radius: float) -> Any:
    from matplotlib.patches import Circle

    return Circle(tuple(centre), radius, fill=False, edgecolor="#D55E00", linewidth=0.7, zorder=3)


def image_grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images [n, channels, h, w] side by side in the squarest grid, one pixel apart: [rows, columns(, 3)]."""
    count, channels, height, width = images.shape
    side = int(np.ceil(np.sqrt(count)))
    rows = int(np.ceil(count / side))
    grid = np.full((rows * (height + 1) - 1, side * (width + 1) - 1, channels), 255, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = (index // side) * (height + 1), (index % side) * (width + 1)
        grid[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return grid[..., 0] if channels == 1 else grid


def _bare(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)


def _mark_diverged(panel: Axes, step: int) -> None:
    panel.text(
        0.5,
        0.02,
        f"diverged at {step:,}",
        transform=panel.transAxes,
        ha="center",
        fontsize=7,
        color="white",
        bbox={"facecolor": "#B00020", "edgecolor": "none", "pad": 1.5},
    )

"""Figures of a suite: curves with every seed, heat map of mode coverage, contact sheets of samples; PNG and PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.files import written_whole
from bench.report.contact import draw_contact_sheet
from bench.report.dirac import draw_trajectories, has_dirac
from bench.report.evidence import Evidence, real
from bench.report.timeline import draw_timeline
from bench.verdicts import State

STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "ganbench",
    "savefig.dpi": 150,
}
# Okabe & Ito's palette, safe for colour blindness; lines differ by style too, for print in grey
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999933")
LINES: tuple[Any, ...] = (
    "-",
    "--",
    "-.",
    ":",
    (0, (5, 1)),
    (0, (3, 1, 1, 1)),
    (0, (1, 1)),
    (0, (7, 2, 2, 2)),
)
PANEL = 2.3  # inches
LARGE = 150  # square inches from which on a PNG has fewer dots an inch
COLUMNS = 6  # panels side by side, at the most
REAL_LOOK: dict[str, Any] = {"color": "0.55", "linewidth": 2.5, "alpha": 0.6}
UNTRAINED_LOOK: dict[str, Any] = {"color": "0.35", "linewidth": 0.8, "linestyle": (0, (1, 3))}
LOGARITHMIC = ("fd", "fid", "distance", "swd")


def draw_figures(evidence: Evidence, folder: Path) -> list[Path]:
    """Writes all figures of a suite and gives their paths, PNG and PDF."""
    paths: list[Path] = []
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)  # type: ignore[arg-type]
        for name, figure in _figures(evidence):
            dots = STYLE["savefig.dpi"] if figure.get_size_inches().prod() < LARGE else 100
            for suffix in (".png", ".pdf"):
                path = folder / f"{name}{suffix}"
                metadata = {"CreationDate": None} if suffix == ".pdf" else {"Software": None}
                with written_whole(path) as partial:
                    figure.savefig(partial, format=suffix[1:], bbox_inches="tight", metadata=metadata, dpi=dots)
                paths.append(path)
    return paths


def _figures(evidence: Evidence) -> Iterator[tuple[str, Figure]]:
    for dataset in evidence.datasets():
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", dataset).strip("-")
        if has_dirac(evidence, dataset):
            for way, figure in draw_trajectories(evidence, dataset):
                yield f"trajectories-{way}", figure
            continue
        averages = [name for name in evidence.measures(dataset) if name.endswith("_ema")]
        plain = [name for name in evidence.measures(dataset) if name not in averages]
        for number, settings in enumerate(_pages(list(evidence.of(dataset)["setting"].unique()))):
            page = f"-{number + 1}" if number else ""
            yield f"curves-{slug}{page}", draw_curves(evidence, dataset, plain, settings)
            if averages:
                yield f"curves-{slug}-ema{page}", draw_curves(evidence, dataset, averages, settings)
        yield f"timeline-{slug}", draw_timeline(evidence, dataset)
        for architecture in _values(evidence, dataset, "architecture") if _can_be_seen(evidence, dataset) else ():
            where = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dataset}-{architecture}").strip("-")
            yield f"samples-{where}", draw_contact_sheet(evidence, dataset, architecture)
    if any("modes" in evidence.measures(dataset) for dataset in evidence.datasets()):
        yield "modes", draw_heat_map(evidence)


def _pages(settings: list[str]) -> list[list[str]]:
    """As many columns side by side as can be read."""
    return [settings[start : start + COLUMNS] for start in range(0, len(settings), COLUMNS)]


def _can_be_seen(evidence: Evidence, dataset: str) -> bool:
    """Whether samples are images or points in a plane with known modes; those of the Dirac-GAN are neither."""
    each = next(each for each in evidence.metadata.values() if each["axes"]["dataset"] == dataset)
    return each["samples"]["dtype"] == "uint8" or bool(each["data"]["modes"])


def _values(evidence: Evidence, dataset: str, axis: str) -> list[Any]:
    return list(evidence.runs.loc[evidence.runs["dataset"] == dataset, axis].unique())


def draw_curves(evidence: Evidence, dataset: str, names: list[str], settings: list[str]) -> Figure:
    """Every run of a dataset as a line: a row of panels per measure, a colour per loss, a column per setting.

    The thick line is the median of the runs that are still going; those that diverged end in a cross where they were
    last measured. The thick grey line is real data, the thin one the untrained generators.
    """
    here = evidence.of(dataset)
    losses = list(evidence.runs["loss"].unique())
    figure = Figure(
        figsize=(1.2 + PANEL * 1.25 * len(settings), 0.6 + PANEL * 0.8 * len(names)),
        layout="constrained",
    )
    axes = figure.subplots(len(names), len(settings), squeeze=False, sharex="col", sharey="row")
    values = evidence.traces.set_index("measure").sort_index(kind="stable")
    for row, name in enumerate(names):
        about = evidence.about(name)
        for column, setting in enumerate(settings):
            panel: Axes = axes[row, column]
            in_panel = here.loc[here["setting"] == setting]
            for value, look in ((real(here, name), REAL_LOOK), (evidence.untrained(in_panel, name), UNTRAINED_LOOK)):
                if np.isfinite(value):
                    panel.axhline(value * about.scale, zorder=1, **look)
            for loss, runs in in_panel.groupby("loss", sort=False):
                place = losses.index(loss) % len(COLOURS)
                lines = values.loc[[name]].loc[lambda frame, runs=runs: frame["run"].isin(runs["run"])]
                _draw_runs(panel, lines, runs, COLOURS[place], LINES[place], about.scale)
            if name.removesuffix("_ema") in LOGARITHMIC:
                panel.set_yscale("log")
            if row == 0:
                panel.set_title(setting)
            if row == len(names) - 1:
                panel.set_xlabel("generator steps")
            if column == 0:
                panel.set_ylabel(about.label)
    figure.suptitle(f"{dataset}: every thin line is one run, thick the median", fontsize=9)
    handles = _legend(losses, bool((here["outcome"] == State.DIVERGED).any()))
    figure.legend(handles=handles, loc="outside lower center", ncols=2 * len(settings))
    return figure


def _draw_runs(panel: Axes, lines: pd.DataFrame, runs: pd.DataFrame, colour: str, style: Any, scale: float) -> None:
    table = lines.pivot(index="step", columns="run", values="value") * scale
    for run, line in table.items():
        known = line.dropna()
        panel.plot(known.index, known, color=colour, linestyle=style, linewidth=0.7, alpha=0.45, zorder=2)
        if (runs.loc[runs["run"] == run, "outcome"] == State.DIVERGED).any() and len(known):
            panel.plot(known.index[-1], known.iloc[-1], "x", color=colour, markersize=7, markeredgewidth=2)
    panel.plot(table.index, table.median(axis=1), color=colour, linestyle=style, linewidth=2, zorder=3)


def _legend(losses: list[str], diverged: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=COLOURS[place % len(COLOURS)], linestyle=LINES[place % len(LINES)], label=loss)
        for place, loss in enumerate(losses)
    ]
    handles.append(Line2D([], [], label="real data", **REAL_LOOK))
    handles.append(Line2D([], [], label="untrained", **UNTRAINED_LOOK))
    if diverged:
        handles.append(Line2D([], [], color="0.2", marker="x", linestyle="", markeredgewidth=2, label="diverged"))
    return handles


def draw_heat_map(evidence: Evidence) -> Figure:
    """Mode coverage, loss × architecture (and all else), a panel per dataset: mean over runs.

    A diverged run has no final samples and covers none: it counts as 0, and the number of such runs stands below.
    """
    datasets = [dataset for dataset in evidence.datasets() if "modes" in evidence.measures(dataset)]
    losses = list(evidence.runs["loss"].unique())
    widths = [evidence.of(dataset)["setting"].nunique() for dataset in datasets]
    figure = Figure(figsize=(1.9 + 0.95 * sum(widths), 0.9 + 0.42 * len(losses)), layout="constrained")
    panels = figure.subplots(1, len(datasets), squeeze=False, width_ratios=widths, sharey=True)[0]
    image = None
    for panel, dataset in zip(panels, datasets, strict=True):
        here = evidence.of(dataset)
        total = evidence.modes(dataset)
        settings = list(here["setting"].unique())
        shares = _pivot(here.assign(share=here["modes_final"].fillna(0) / total), losses, settings, "mean")
        failed = _pivot(here.assign(share=here["outcome"] == State.DIVERGED), losses, settings, "sum")
        image = panel.imshow(shares, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (row, column), share in np.ndenumerate(shares.to_numpy()):
            if not np.isnan(share):
                lost = int(failed.iat[row, column])
                text = f"{share * total:.1f} / {total:.0f}" + (f"\n{lost} diverged" if lost else "")
                panel.text(
                    column,
                    row,
                    text,
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white" if share < 0.55 else "black",
                )
        panel.set_xticks(range(len(settings)), settings, rotation=0 if max(map(len, settings)) < 12 else 20)
        panel.set_yticks(range(len(losses)), losses)
        panel.set_title(dataset)
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    if image is not None:
        figure.colorbar(image, ax=panels, label="share of modes covered", shrink=0.9)
    figure.suptitle("Modes covered after the last step, mean over seeds", fontsize=9)
    return figure


def _pivot(frame: pd.DataFrame, losses: list[str], settings: list[str], how: str) -> pd.DataFrame:
    table = frame.pivot_table(index="loss", columns="setting", values="share", aggfunc=how)
    return table.reindex(index=losses, columns=settings)

"""The panel of a ranking with the final primary measure of every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.evidence.learned import usual_learned_from
from bench.evidence.measure_bounds import measure_bounds
from bench.evidence.ranking import Ranked
from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import State
from bench.report.figures.style import REAL_LINE, escape_dollars, set_log_scale
from bench.report.row_names import REAL

DOT = "#0072B2"
NEAR = 0.8  # share of the bound of a measure from which on the axis shows it
LEARNED: dict[str, Any] = {"color": "0.2", "linewidth": 0.7, "linestyle": (0, (4, 2))}
OPEN: dict[str, Any] = {"marker": "o", "markerfacecolor": "white", "markeredgewidth": 0.7}


def quality_keys(evidence: Evidence, ranked: list[Ranked]) -> list[Line2D]:
    """Return the legend of the panel of these cells."""
    stable = pd.concat([_is_stable(cell.runs) for cell in ranked])
    dot: dict[str, Any] = {"color": DOT, "markersize": 2.5, "linestyle": ""}
    return [
        *([Line2D([], [], marker="o", label="stable run", **dot)] if stable.any() else []),
        *([Line2D([], [], label="run not stable", **dot, **OPEN)] if not stable.all() else []),
        Line2D([], [], color="black", marker="|", markersize=7, linestyle="", label="median"),
        *([Line2D([], [], label="threshold for having learned", **LEARNED)] if has_cut(evidence, ranked) else []),
        Line2D([], [], label=REAL, **REAL_LINE),
    ]


def _is_stable(runs: pd.DataFrame) -> pd.Series:
    return runs["outcome"] == State.STABLE


def draw_quality(evidence: Evidence, panel: Axes, ranked: list[Ranked], measure: str) -> None:
    """Draw the final value of every run, the median of every cell, and from where its runs count as learned."""
    about = evidence.describe(measure)
    shift = np.linspace(-0.25, 0.25, max(len(cell.runs) for cell in ranked))
    for y, cell in enumerate(ranked):
        values, places = cell.final * about.scale, y + shift[: len(cell.final)]
        stable = _is_stable(cell.runs).to_numpy()
        panel.plot(values[stable], places[stable], "o", color=DOT, markersize=2.5, alpha=0.7)
        panel.plot(values[~stable], places[~stable], color=DOT, markersize=2.5, linestyle="", **OPEN)
        panel.plot([cell.median * about.scale] * 2, [y - 0.3, y + 0.3], color="black", linewidth=1.2, zorder=4)
        panel.plot([_learned_from(evidence, cell) * about.scale] * 2, [y - 0.5, y + 0.5], zorder=1, **LEARNED)
    real = real_data_value(pd.concat([cell.runs for cell in ranked]), measure) * about.scale
    panel.axvline(real, zorder=1, **REAL_LINE)
    shown = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in panel.lines])
    shown = shown[np.isfinite(shown)]
    if not about.higher_is_better and len(shown) and (shown > 0).all():
        set_log_scale(panel, "x", float(shown.min()), float(shown.max()))
    elif len(shown):
        bounds = np.array(measure_bounds(evidence, pd.concat([cell.runs for cell in ranked]), measure)) * about.scale
        _set_linear_limits(panel, float(shown.min()), float(shown.max()), *bounds)
    panel.set_xlabel(escape_dollars(f"final {about.label}"))
    panel.set_yticks([])


def _set_linear_limits(panel: Axes, low: float, high: float, least: float, most: float) -> None:
    """Make the axis begin at 0 and end at the bound of the measure where values come near, with room for whole dots."""
    low = min(low, 0.0) if least >= 0 else low
    high = most if NEAR * most <= high <= most < np.inf else high
    margin = 0.03 * (high - low)
    panel.set_xlim(low - margin, high + margin)
    panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def has_cut(evidence: Evidence, ranked: list[Ranked]) -> bool:
    """Return whether a rule decides from where the runs of these cells count as learned."""
    return any(np.isfinite(_learned_from(evidence, cell)) for cell in ranked)


def _learned_from(evidence: Evidence, cell: Ranked) -> float:
    """Return from where the runs of a cell count as learned: the median, as untrained generators differ."""
    return usual_learned_from((evidence.records[run] for run in cell.runs["run"]), evidence.rules)

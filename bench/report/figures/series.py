"""Panels and series: one panel per setting with one series per loss; with a single loss, one series per setting.

Where each family of models has a loss of its own, series are families.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.lines import Line2D

from bench.escaping import for_figure
from bench.evidence.results import Evidence, cell_labels, leading_axis
from bench.report.figures.series_styles import style_numbers
from bench.report.figures.sheet import split_evenly
from bench.report.figures.style import COLOURS, SeriesStyle, series_style


class Series(NamedTuple):
    """The runs of one cell, with their name in the legend and their style."""

    name: str
    style: SeriesStyle
    runs: pd.DataFrame


class Panel(NamedTuple):
    """The series drawn in the same axes."""

    title: str
    series: list[Series]


def panels(evidence: Evidence, dataset: str) -> list[Panel]:
    """Return the panels of a dataset in the order of the matrix; see ``style_numbers`` for the styles."""
    runs = evidence.runs_of(dataset)
    axis = leading_axis(runs)
    runs = runs.assign(setting=cell_labels(evidence, runs, without=(axis,)))
    styles = style_numbers(evidence, axis)
    settings = list(runs.groupby("setting", sort=False))
    if runs[axis].nunique() == 1 and 1 < len(settings) <= len(COLOURS):
        numbers = _of_settings(evidence, runs)
        series = [
            Series(str(name), series_style(numbers.get(str(name), index)), group)
            for index, (name, group) in enumerate(settings)
        ]
        return [Panel(str(runs[axis].iloc[0]), series)]
    return [
        Panel(
            str(setting),
            [
                Series(str(name), series_style(styles[str(name)]), cell)
                for name, cell in group.groupby(axis, sort=False)
            ],
        )
        for setting, group in settings
    ]


def _of_settings(evidence: Evidence, runs: pd.DataFrame) -> dict[str, int]:
    """The numbers of styles by setting, if the settings of a dataset are the labels of one axis; empty if not."""
    axes = [axis for axis in evidence.axes if axis != "loss" and runs[axis].nunique(dropna=False) > 1]
    numbers = style_numbers(evidence, axes[0]) if len(axes) == 1 else {}
    return numbers if set(runs["setting"].astype(str)) <= numbers.keys() else {}


def few_at_once(shown: Sequence[Panel]) -> Iterator[list[Panel | None]]:
    """Yield the panels with at most as many series as there are colours at once; None for a panel with none of them."""
    names = list(dict.fromkeys(series.name for panel in shown for series in panel.series))
    for part in split_evenly(names, len(COLOURS)):
        few = [panel._replace(series=[each for each in panel.series if each.name in part]) for panel in shown]
        yield [panel if panel.series else None for panel in few]


def legend_handles(shown: Iterable[Panel], *, line: bool = True, marker: bool = False) -> list[Line2D]:
    """Return one legend handle per series name of the panels."""
    styles = {series.name: series.style for panel in shown for series in panel.series}
    return [
        Line2D(
            [],
            [],
            color=style.colour,
            linestyle=style.line if line else "",
            marker=style.marker if marker else "",
            markersize=4,
            label=for_figure(name),
        )
        for name, style in styles.items()
    ]

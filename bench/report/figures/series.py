"""What stands beside what: a panel per setting, and in it a series per loss; of one loss a series per setting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd
from matplotlib.lines import Line2D

from bench.evidence.results import Evidence, place_names
from bench.report.figures.style import COLOURS, Look, look, plain


class Series(NamedTuple):
    """The runs of one cell, their name in the legend and their look."""

    name: str
    look: Look
    runs: pd.DataFrame


class Panel(NamedTuple):
    """The series that are drawn over each other."""

    title: str
    series: list[Series]


def panels(evidence: Evidence, dataset: str) -> list[Panel]:
    """Of a dataset, in the order of the matrix; a loss has the same look for every dataset."""
    here = evidence.runs_of(dataset)
    settings = place_names(evidence, here, without=("loss",))
    here = here.assign(setting=settings)
    losses = list(evidence.runs["loss"].unique())
    groups = list(here.groupby("setting", sort=False))
    if here["loss"].nunique() == 1 and 1 < len(groups) <= len(COLOURS):
        series = [Series(str(setting), look(place), runs) for place, (setting, runs) in enumerate(groups)]
        return [Panel(str(here["loss"].iloc[0]), series)]
    return [
        Panel(
            str(setting),
            [Series(str(loss), look(losses.index(loss)), part) for loss, part in runs.groupby("loss", sort=False)],
        )
        for setting, runs in groups
    ]


def handles(shown: Iterable[Panel], *, line: bool = True, marker: bool = False) -> list[Line2D]:
    """What a legend says of the series of panels, each once."""
    looks = {series.name: series.look for panel in shown for series in panel.series}
    return [
        Line2D(
            [],
            [],
            color=each.colour,
            linestyle=each.line if line else "",
            marker=each.marker if marker else "",
            markersize=4,
            label=plain(name),
        )
        for name, each in looks.items()
    ]

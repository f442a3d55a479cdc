"""The runs that confirm the best setting of every technique on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from bench.plan.identity import Label
from bench.plan.runs import Run
from bench.plan.search import DRAW

Technique = tuple[str, ...]  # labels on the axes of the matrix


def technique_axes(axes: Mapping[str, Label | None]) -> dict[str, Label | None]:
    """Return the axes of a run without the number of its draw."""
    return {axis: label for axis, label in axes.items() if axis != DRAW}


def technique_of(axes: Mapping[str, Label | None]) -> Technique:
    """Return the technique of a run with these axes."""
    return tuple(map(str, technique_axes(axes).values()))


def by_technique(runs: Iterable[Run]) -> dict[Technique, list[Run]]:
    """Return runs by technique, in their order."""
    groups: dict[Technique, list[Run]] = {}
    for run in runs:
        groups.setdefault(technique_of(run.axes), []).append(run)
    return groups


def plan_confirmation(tuning: Iterable[Run], chosen: Mapping[Technique, int], seeds: Iterable[int]) -> list[Run]:
    """Return the runs of the chosen settings on fresh seeds.

    Args:
        tuning: The tuning runs.
        chosen: Technique → number of its best draw.
        seeds: The seeds.
    """
    seeds, confirming = tuple(seeds), []
    for technique, runs in by_technique(tuning).items():
        best = next((run for run in runs if run.search and run.search.draw == chosen.get(technique)), None)
        if best is not None and best.search is not None:
            place = best.search.model_copy(update={"phase": "confirmation"})
            axes = {axis: label for axis, label in best.axes.items() if axis != DRAW}
            confirming += [replace(best, axes=axes, seed=seed, search=place) for seed in seeds]
    return confirming

"""The search of a suite on the terminal: its space, and the runs that confirm the best settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.escaping import as_label
from bench.plan.confirmation import by_technique
from bench.plan.runs import Run
from bench.plan.search import Search
from bench.plan.setting_words import setting_in_words
from bench.plan.suite import Suite
from bench.records.record import paths_by_run


def describe_search(
    suite: Suite, tuning: list[Run], seeds: tuple[int, ...], folder: Path, estimate: Callable[[list[Run]], str]
) -> Iterator[str]:
    """Yield lines about the space, the repeated draws, and the confirmation with what is known of its cost.

    Args:
        suite: A suite with a search.
        tuning: Its tuning runs.
        seeds: The seeds that confirm.
        folder: The results folder.
        estimate: Returns the time that runs will take, in words.
    """
    search, techniques = suite.search, by_technique(tuning)
    assert search is not None
    yield from _space(search)
    settings = [len({run.search.draw for run in runs if run.search}) for runs in techniques.values()]
    fewer = [count for count in settings if count < search.draws]
    if fewer:
        numbers = f"{min(fewer)} to {max(fewer)}" if min(fewer) < max(fewer) else f"{fewer[0]}"
        yield (
            f"{len(fewer)} of {len(techniques)} techniques have {numbers} different settings in {search.draws} draws: "
            "repeated ones are not trained."
        )
    what = f"{len(techniques)} × {len(seeds)} = {len(techniques) * len(seeds)} runs on fresh seeds"
    recorded = paths_by_run(folder)
    if any(run.id not in recorded for run in tuning):
        sample = [runs[0] for runs in techniques.values() for _ in seeds]
        yield f"Confirmation of the best setting of every technique: {what}; on one worker: {estimate(sample)}."
        return
    from bench.evidence.confirmation import confirmation_of

    runs, chosen, _ = confirmation_of(tuning, folder, suite, seeds)
    missing = [run for run in runs if run.id not in recorded]
    cost = f"; estimated time on one worker: {estimate(missing)}" if missing else ""
    yield f"Confirmation of the best setting of every technique: {what}, {len(runs) - len(missing)} recorded{cost}."
    for name, result in chosen.items():
        label = " · ".join(as_label(part) for part in name)
        yield f"  {label}: draw {result.best.draw}, {as_label(setting_in_words(result.best.setting), 1000)}"


def _space(search: Search) -> Iterator[str]:
    seeds = ", ".join(map(str, search.seeds[:5])) + (", ..." if len(search.seeds) > 5 else "")
    on = "seed" if len(search.seeds) == 1 else "seeds"
    yield f"\nSearch: {search.draws} draws, the same for every technique, each tuned on {on} {seeds}:"
    for parameter in search.space:
        when = f" (when {', '.join(f'{key} = {value}' for key, value in parameter.when.items())})"
        yield f"  {parameter.key}: {as_label(parameter, 1000)}{as_label(when, 1000) if parameter.when else ''}"

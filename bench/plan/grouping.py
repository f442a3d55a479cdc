"""Which runs train as one pack: those of one kind, as many as pay, so that all workers have something to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from bench.catalogue import find, is_added
from bench.plan.runs import Run, hashed
from bench.plan.work import units_per_step

Pack = list[Run]


def kind(run: Run) -> str:
    """What runs must share to train as one pack: all but the seed, the loss, and the weights of penalties.

    A loss of another package keeps to itself, for its code may be one that no pack can run.
    """
    return hashed(
        {
            "program": program(run),
            "steps": run.training.steps,
            "evaluation": run.evaluation.model_dump(mode="json"),
            "data": run.data_fingerprint,
            "extractor": run.extractor_hash,
        }
    )


def program(run: Run) -> str:
    """What decides how long a step takes: the same, whatever the data, the number of steps, and how it is measured."""
    training = run.training.model_dump(mode="json", exclude={"loss", "penalty", "steps", "dataset"})
    loss = run.training.loss
    added = {"loss": loss.model_dump(mode="json")} if is_added("loss", loss.name) else {}
    return hashed(
        {
            **added,
            "training": {key: _without_label(value) for key, value in training.items()},
            "shape": find("dataset", run.training.dataset.name).shape(run.training.dataset.options),
            "penalty": [
                {"name": each.name, **each.options.model_dump(mode="json", exclude={"weight"})}
                for each in run.training.penalty
            ],
            "generator_needs_real": find("loss", loss.name).generator_needs_real,
        }
    )


def parts(run: Run) -> str:
    """The parts whose code decides whether runs can share a pack, for a reader."""
    training = run.training
    loss = [training.loss.name] if is_added("loss", training.loss.name) else []
    return " · ".join([str(training.architecture), *loss, *(each.name for each in training.penalty)])


def divide(runs: Iterable[Run], size: Callable[[Sequence[Run]], int], workers: int) -> list[Pack]:
    """Runs in packs, the longest work first, so that the workers end at about the same time.

    Args:
        runs: In the order of the plan.
        size: All runs of one kind → how many of them may share a pack at the most.
        workers: How many packs are executed beside each other: a kind gets a pack for each before one gets larger.
    """
    kinds: dict[str, Pack] = {}
    for run in runs:
        kinds.setdefault(kind(run), []).append(run)
    packs = [pack for alike in kinds.values() for pack in _evenly(_by_loss(alike), size(alike), workers)]
    return sorted(packs, key=_work, reverse=True)


def halves(runs: Sequence[Run]) -> list[Pack]:
    """The first and the second half; a run alone stays one."""
    return _parts(runs, min(2, len(runs))) if runs else []


def _evenly(runs: Pack, size: int, workers: int) -> list[Pack]:
    """Parts of at most ``size``, as many as workers or a multiple of them, which differ by one run at the most."""
    count = -(-len(runs) // size)
    return _parts(runs, min(len(runs), -(-count // workers) * workers))


def _parts(runs: Sequence[Run], count: int) -> list[Pack]:
    ends = [len(runs) * part // count for part in range(count + 1)]
    return [list(runs[begin:end]) for begin, end in pairwise(ends)]


def _by_loss(runs: Pack) -> Pack:
    """Runs of one loss beside each other: they share its evaluation."""
    return sorted(runs, key=lambda run: run.training.loss.name)


def _work(pack: Pack) -> float:
    return sum(units_per_step(run.training.model_dump()) * run.training.steps for run in pack)


def _without_label(value: Any) -> Any:
    return {key: each for key, each in value.items() if key != "label"} if isinstance(value, dict) else value

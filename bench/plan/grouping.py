"""Grouping of runs into packs: only runs with the same pack key, in packs that keep all workers busy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from bench.catalogue import find, is_added
from bench.catalogue.families import GAN
from bench.plan.identity import hash_content, without_labels
from bench.plan.runs import Run
from bench.plan.specification import Training
from bench.plan.updates import batches_per_update

Pack = list[Run]
Sizer = Callable[[Sequence[Run], int], int]

LOAD = 0.5  # a group that is less of the work of one worker is not spread: packs gain more than an even end


def pack_key(run: Run) -> str:
    """Return the key that runs must share to train in one pack.

    Such runs may differ only in their seed, loss (with its options), penalty weights (first and final) and the options
    of their optimisers. A loss from another package never shares a pack with other losses, because its code may not run
    under vmap; nor do runs with different options of an optimiser from another package, or with unrolled steps.
    """
    return hash_content(
        {
            "program": timing_key(run),
            "steps": run.training.steps,
            "evaluation": run.evaluation.model_dump(mode="json"),
            "data": run.data_fingerprint,
            "extractor": run.extractor_hash,
        }
    )


def timing_key(run: Run) -> str:
    """Return a key of what decides the time per step: not the data, the number of steps or the evaluation."""
    training = run.training.model_dump(mode="json", exclude={"loss", "penalty", "steps", "dataset"})
    if run.training.family.name == GAN:
        del training["family"]  # measured rates of earlier versions stay valid
    loss = run.training.loss
    for player in ("optimizer", "critic_optimizer"):
        if not run.training.unroll and not is_added("optimizer", training[player]["name"]):
            training[player] = training[player]["name"]
    added = {"loss": loss.model_dump(mode="json")} if run.training.is_gan and is_added("loss", loss.name) else {}
    return hash_content(
        {
            **added,
            "training": without_labels(training),
            "shape": find("dataset", run.training.dataset.name).shape(run.training.dataset.options),
            "penalty": [
                {
                    "name": penalty.name,
                    **penalty.options.model_dump(mode="json", exclude={"weight", "final_weight"}),
                    "annealed": getattr(penalty.options, "final_weight", None) is not None,
                }
                for penalty in run.training.penalty
            ],
            "generator_needs_real": run.training.is_gan and find("loss", loss.name).generator_needs_real,
        }
    )


def added_code(training: Training) -> list[tuple[str, str]]:
    """Return the parts of other packages that train a run, as (kind, name): their code may draw random numbers."""
    parts = [
        ("architecture", training.architecture.name),
        ("architecture", training.critic.name),
        *([("loss", training.loss.name)] if training.is_gan else [("family", training.family.name)]),
        *(("penalty", penalty.name) for penalty in training.penalty),
        ("optimizer", training.optimizer.name),
        ("optimizer", training.critic_optimizer.name),
    ]
    return [part for part in dict.fromkeys(parts) if is_added(*part)]


def pack_label(run: Run) -> str:
    """Return the names of the parts whose code decides whether runs can share a pack, for messages."""
    training = run.training
    loss = [training.loss.name] if training.is_gan and is_added("loss", training.loss.name) else []
    family = [] if training.family.name == GAN else [str(training.family)]
    return " · ".join([*family, str(training.architecture), *loss, *(penalty.name for penalty in training.penalty)])


def group_by_pack_key(runs: Iterable[Run]) -> list[list[Run]]:
    """Return the runs grouped by pack key, in the order of their first runs."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(pack_key(run), []).append(run)
    return list(groups.values())


def divide(runs: Iterable[Run], size: Sizer, workers: int) -> list[Pack]:
    """Divide runs into packs, the longest first, so that all workers finish at about the same time.

    Args:
        runs: The runs, in the order of the plan.
        size: A function from all runs with one pack key, and the number of workers to spread them over, to the maximum
            size of their packs.
        workers: The number of packs that train in parallel. A group of runs that is much of the work is spread over
            several of them before its packs grow.
    """
    groups = group_by_pack_key(runs)
    load = LOAD * sum(map(_work, groups)) / workers
    packs: list[Pack] = []
    for group in groups:
        spread = min(workers, math.ceil(_work(group) / load))
        packs += _split_evenly(_sort(group), size(group, spread), spread)
    return sorted(packs, key=_work, reverse=True)


def split_in_half(runs: Sequence[Run]) -> list[Pack]:
    """Return the first and the second half of the runs; a single run stays one pack."""
    return _split(runs, min(2, len(runs))) if runs else []


def units_per_step(training: Mapping[str, Any]) -> float:
    """Return the cost of one generator step, in samples that pass through a network.

    This does not depend on the machine. A pass with gradients counts 3, one without counts 1; the points of a penalty
    are differentiated twice and count 6. Each unrolled step counts 16, as measured with multilayer perceptrons. An
    extragradient step computes all gradients twice. A model without a critic takes as long as a generator and a critic
    that are updated once, on real samples only. A translator without pairs trains two generators and two critics, and
    each generator also on cycles and identities.
    """
    family = find("family", training.get("family", {}).get("name", GAN))
    if family.loss:
        return float(training["batch_size"] * 2 * 3)
    critic_step = 1 + 2 * 3 + len(training["penalty"]) * 6  # generate a batch, then real and generated samples
    per_sample = training["critic_steps"] * critic_step + 2 * 3 + 16 * training.get("unroll", 0)
    if family.translates and not family.paired:
        per_sample = 2 * (per_sample + 2 * 3)
    return float(batches_per_update(training.get("updates")) * training["batch_size"] * per_sample)


def _split_evenly(runs: Pack, size: int, spread: int) -> list[Pack]:
    """Return packs of at most ``size`` whose lengths differ by at most one, ``spread`` or a multiple of that."""
    count = -(-len(runs) // size)
    return _split(runs, min(len(runs), -(-count // spread) * spread))


def _split(runs: Sequence[Run], count: int) -> list[Pack]:
    ends = [len(runs) * part // count for part in range(count + 1)]
    return [list(runs[begin:end]) for begin, end in pairwise(ends)]


def _sort(runs: Pack) -> Pack:
    """Return the runs sorted by loss and optimisers: neighbours share the evaluation of a loss, and an optimiser."""

    def key(run: Run) -> tuple[str, ...]:
        training = run.training
        options = training.loss.options, training.optimizer.options, training.critic_optimizer.options
        return training.loss.name, *map(repr, options)

    return sorted(runs, key=key)


def _work(pack: Pack) -> float:
    return sum(units_per_step(run.training.model_dump()) * run.training.steps for run in pack)

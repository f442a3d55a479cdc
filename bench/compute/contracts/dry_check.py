"""The dry check: every combination of plug-ins is built, called and trained for one step before a suite trains.

It draws from random streams of its own, works on networks of its own, and takes about as long as a few steps. Suites
that use nothing of other packages are not checked, because the tests of ganbench cover its own entries.
"""

from __future__ import annotations

import random
from bdb import BdbQuit
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from bench.catalogue import find, is_added, is_fault_of_device, title
from bench.compute import environment
from bench.compute.contracts.metrics import added_metrics, check_metrics
from bench.compute.contracts.parts import check_architectures, check_loss, check_optimizer, check_penalty
from bench.compute.contracts.results import Plugin
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.compute.training.conditioning import classes_of
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack
from bench.compute.training.players import Players, build_players
from bench.compute.training.real_data import RealData, cached_dataset
from bench.errors import DataError, PluginError, summarise_error
from bench.plan.grouping import Sizer, added_code, pack_label, timing_key
from bench.plan.runs import Run
from bench.plan.specification import Training

GENERATORS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)


@dataclass
class Findings:
    """What the dry check of some runs found.

    Attributes:
        faults: Run identity → what is wrong with a plug-in that the run uses.
        drawing: Identities of the runs whose code draws from global random generators, so that each trains alone.
    """

    faults: dict[str, str] = field(default_factory=dict)
    drawing: set[str] = field(default_factory=set)

    def sound(self, runs: Iterable[Run]) -> list[Run]:
        """Return the runs whose plug-ins keep their contracts."""
        return [run for run in runs if run.id not in self.faults]

    def events(self, runs: Iterable[Run]) -> list[Event]:
        """Return the failures of the other runs."""
        return [Event(run, "failed", text=self.faults[run.id], fault=True) for run in runs if run.id in self.faults]

    def limited(self, size: Sizer, notify: Callable[[str], None]) -> Sizer:
        """Return a function that gives the sizes of packs as ``size`` does, but 1 for runs that train alone."""

        def limit(runs: Sequence[Run], spread: int) -> int:
            wanted = size(runs, spread)
            if wanted > 1 and runs[0].id in self.drawing:
                notify(f"{pack_label(runs[0])}: these runs draw random numbers of their own, so each trains alone")
                return 1
            return wanted

        return limit


def dry_check(runs: Iterable[Run], settings: Settings, notify: Callable[[str], None]) -> Findings:
    """Check the plug-ins of some runs.

    Args:
        runs: The runs to train.
        settings: The settings of a worker.
        notify: Called with messages for the user: what seems wrong but may be meant.
    """
    findings, where = Findings(), torch.device(settings.device)
    notices: dict[str, None] = {}
    checked: dict[str, tuple[str, bool]] = {}
    with environment.limited_threads(settings.threads):
        for run in runs:
            foreign = added_code(run.training)
            dataset = run.training.dataset
            metrics = added_metrics(run)
            if not foreign and not is_added("dataset", dataset.name) and not metrics:
                continue
            key = f"{timing_key(run)} {run.training.loss} {dataset.name} {dataset.options} {metrics!r}"
            if key not in checked:
                environment.set_up_device(where)
                with drawing_from(0, "dry check", where):
                    checked[key] = _check(run, foreign, where, settings.inception_weights, notices.setdefault)
            fault, draws = checked[key]
            if fault:
                findings.faults[run.id] = fault
            elif draws:
                findings.drawing.add(run.id)
    if checked:
        environment.release_memory(where)  # the workers are other processes
    for notice in notices:
        notify(notice)
    return findings


def _check(
    run: Run,
    foreign: list[tuple[str, str]],
    device: torch.device,
    weights: Path | None,
    notify: Callable[[str], None],
) -> tuple[str, bool]:
    """Return what is wrong with the plug-ins of a run, and whether they draw random numbers."""
    try:
        _check_reloading(run)
        draws = _check_parts(run, foreign, device, notify) if foreign else False
        check_metrics(run, weights, device)
        return "", draws
    except (PluginError, DataError) as error:
        return str(error), False
    except BdbQuit:
        raise
    except Exception as error:
        if is_fault_of_device(error) or not foreign:
            return "", False  # the pack is retried in halves, or the worker tells of the error
        names = " or ".join(title(*part) for part in foreign)
        return f"{names}: the first step raised {summarise_error(error)}", False


def _check_reloading(run: Run) -> None:
    dataset = run.training.dataset
    if (
        is_added("dataset", dataset.name)
        and cached_dataset(dataset).fingerprint_for(run.training.conditional) != run.data_fingerprint
    ):
        raise Plugin("dataset", dataset.name).fault(
            "its loader returns other data each time; draw from numpy.random.default_rng(0), for example"
        )


def _check_parts(run: Run, foreign: list[tuple[str, str]], device: torch.device, notify: Callable[[str], None]) -> bool:
    """Check each plug-in alone, so that the fault is its own, then one step of all; return whether anything drew."""
    training = run.training
    if training.translates:  # losses and regularisers are those of GANs, and so are the critics
        training = training.model_copy(update={"family": Training.model_fields["family"].default})
    shape = tuple(find("dataset", training.dataset.name).shape(training.dataset.options))
    if training.is_gan and is_added("loss", training.loss.name):
        check_loss(training.loss, training, device)
    for choice in {training.optimizer, training.critic_optimizer}:
        if is_added("optimizer", choice.name):
            check_optimizer(choice, device)
    if training.is_gan:
        players = check_architectures(training, shape, device, notify)
        if classes := classes_of(training, RealData.load(training.dataset, device).real_samples):
            check_architectures(training, shape, device, notify, classes)
    else:
        players = build_players(training, shape, 0, device)
    for choice in training.penalty:
        if is_added("penalty", choice.name):
            check_penalty(choice, training, shape, players, device)
    first = _first_step(run, device)
    own = [plugin for plugin in foreign if plugin[0] == "architecture" and _keeps_generator(players)]
    if own or (device.type == "cpu" and not _same_numbers(first, _first_step(run, device))):
        names = " or ".join(title(*part) for part in own or foreign)
        notify(
            f"{names} draws random numbers from a generator of its own, so a run cannot be repeated; draw from torch's "
            f"global generator, which continues a stream of the run"
        )
    return first.draws


def _first_step(run: Run, device: torch.device) -> Pack:
    """Return the pack of a run alone after its first step."""
    pack = RealData.load(run.training.dataset, device).start_pack([run.training], [run.seed])
    for _ in train(pack, 0, steps=1):
        pass
    return pack


def _same_numbers(one: Pack, other: Pack) -> bool:
    if not len(one) or not len(other):  # the run diverged in its first step
        return True
    stacks = ("generator", "critic") if one.training.is_gan else ("generator",)
    pairs = ((getattr(one, stack).flat, getattr(other, stack).flat) for stack in stacks)
    return all(torch.equal(a.detach().nan_to_num(), b.detach().nan_to_num()) for a, b in pairs)


def _keeps_generator(players: Players) -> bool:
    """Return whether a layer has a random generator, whose state no checkpoint keeps."""
    layers = [layer for network in players.networks for layer in network.modules()]
    return any(isinstance(value, GENERATORS) for layer in layers for value in vars(layer).values())

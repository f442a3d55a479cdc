"""What is checked of a dataset and of a metric: shapes, the same values again, samples all alike or far off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bench.catalogue import find, naming
from bench.catalogue.extractors import ExtractorChoice, extractor_hash
from bench.catalogue.extractors.sample_kinds import limitation
from bench.catalogue.metrics.context import Context, Sampled
from bench.compute.contexts import context_of
from bench.compute.contracts.checks import Checks, NotApplicable, not_applicable
from bench.compute.contracts.metrics import few_samples, labels_of_test
from bench.compute.contracts.results import Plugin
from bench.compute.contracts.trials import BATCH, CPU, LATENT, STEPS, Trial, check_packed, check_resumed
from bench.compute.metric_results import PreparedMetric
from bench.compute.training.game_state import GameState
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.real_data import RealData
from bench.compute.translated import perfectly_translated
from bench.errors import ContractError
from bench.plan.datasets import declared_shape, load_dataset
from bench.plan.specification import Choice, choose, complete_training

FAR = 1e4  # times the real samples
TRIED_TRANSLATIONS = {"moved-points": "mlp", "inverted-digits": "mlp"}  # for metrics that need answers
WITH_MODES = ("ring", "strings", "point", "moved-points")
TRIED = {"ring": "mlp", "digits": "mlp", "strings": "mlp", "point": "dirac"}  # dataset → architecture to try with
SMALL = {"mlp": {"width": 8, "depth": 1}}


def checks_of_dataset(choice: Choice) -> Checks:
    """Return the checks of a dataset."""
    plugin = Plugin("dataset", choice.name)

    def load() -> None:  # types, shapes and values are checked where data are loaded
        load_dataset(choice, download=False)

    def trial() -> Trial:
        real = torch.from_numpy(np.array(load_dataset(choice, download=False).train[:64]))
        table = {
            "dataset": {"name": choice.name, **choice.options.model_dump()},
            "architecture": {"name": "mlp", "width": 8, "depth": 1},
            "loss": "non-saturating",
            **{"batch_size": BATCH, "latent": LATENT, "steps": STEPS},
        }
        training = complete_training(table, "check")
        return Trial(training, real.float() / 127.5 - 1 if real.dtype == torch.uint8 else real)

    def extractor() -> None:
        only = limitation(ExtractorChoice(name=find("dataset", choice.name).extractor), declared_shape(choice))
        if only:
            raise plugin.fault(f"its extractor takes {only}, but its samples have shape {declared_shape(choice)}")

    def again() -> None:
        one, other = (load_dataset(choice, download=False).fingerprint for _ in range(2))
        if one != other:
            raise plugin.fault("its loader returns other data each time; draw from numpy.random.default_rng(0)")

    return {
        "shapes": load,
        "repetition": again,
        "extractor": extractor,
        "packs": lambda: check_packed(trial()),
        "resuming": lambda: check_resumed(trial()),
        "bad values": load,
    }


@dataclass
class Subject:
    """What a metric is tried on.

    Attributes:
        choice: The metric.
        dataset: A dataset that it supports.
        architecture: An architecture that it supports.
    """

    choice: Choice
    dataset: str
    architecture: str

    @property
    def context(self) -> Context:
        """A few real samples and their extractor."""
        chosen = ExtractorChoice(name=find("dataset", self.dataset).extractor)
        dataset = choose("dataset", self.dataset)
        context = context_of(dataset, chosen, extractor_hash(chosen.name), None, CPU)
        return Context(few_samples(context.data, 300), context.extractor, context.extract, CPU)

    def prepared(self) -> PreparedMetric:
        """Return the metric, ready to use."""
        entry = find("metric", self.choice.name)
        if entry.of == "game" and not entry.sees_features:
            return PreparedMetric(self.choice)
        return PreparedMetric(self.choice, self.context)

    def game(self) -> GameState:
        """Return the players before the first step."""
        training = complete_training(
            {
                "architecture": {"name": self.architecture, **SMALL.get(self.architecture, {})},
                **{
                    "dataset": self.dataset,
                    "loss": "non-saturating",
                    "penalty": "none",
                    "batch_size": BATCH,
                    "latent": LATENT,
                    "steps": STEPS,
                },
            },
            "check",
        )
        real = RealData.load(training.dataset, CPU)
        (players,) = real.start_pack([training], [0]).players
        shape, count = real.data.train.shape[1:], len(real.data.train)
        return GameState(training, players, 0, 0, shape, real.real_samples, count, CPU)


def checks_of_metric(choice: Choice) -> Checks:
    """Return the checks of a metric."""
    entry = find("metric", choice.name)
    subject = _subject(choice)
    if subject is None:
        tried = ", ".join(TRIED_TRANSLATIONS if entry.needs_answers else TRIED)
        return {"values": not_applicable(f"it supports none of the datasets that are tried: {tried}")}
    of_game = not_applicable("a metric of the game sees no samples")
    return {
        "values": partial(_check_values, subject),
        "repetition": partial(_check_repetition, subject),
        "samples all alike": of_game if entry.of == "game" else partial(_check_samples, subject, 0.0),
        "samples far off": of_game if entry.of == "game" else partial(_check_samples, subject, FAR),
    }


def _subject(choice: Choice) -> Subject | None:
    entry = find("metric", choice.name)
    for dataset, architecture in (TRIED_TRANSLATIONS if entry.needs_answers else TRIED).items():
        with naming("metric", choice.name, "needs"):
            missing = entry.needs(find("dataset", dataset).extractor, dataset in WITH_MODES)
        if missing is None and (entry.architecture or architecture) == architecture:
            return Subject(choice, dataset, architecture)
    return None


def _measures(subject: Subject, samples: Tensor | None = None) -> dict[str, float]:
    """Return the measures of samples, by default of real ones, or of a game, from a metric that is prepared anew."""
    with drawing_from(0, "check"):
        metric = subject.prepared()
        if find("metric", subject.choice.name).of == "game":
            return metric(subject.game())
        context = subject.context
        given = torch.from_numpy(np.array(context.data.test)) if samples is None else samples
        labels = labels_of_test(context.data, len(given))
        answers = perfectly_translated(context.data, np.arange(len(given)), "test")
        return metric(Sampled.extracted_by(context.extract, given, labels, translated=answers))


def _check_values(subject: Subject) -> None:
    values = _measures(subject)
    if find("metric", subject.choice.name).of == "samples":  # one of the game may compare with an earlier step
        _refuse_nan(values, "real samples")


def _refuse_nan(values: dict[str, float], of: str) -> None:
    missing = [name for name, value in values.items() if math.isnan(value)]
    if missing:
        raise ContractError(f"{', '.join(missing)} of {of} is NaN")


def _check_repetition(subject: Subject) -> None:
    one, other = _measures(subject), _measures(subject)
    for name in one.keys() | other.keys():
        if not (math.isnan(one.get(name, 0.0)) or one.get(name) == other.get(name)):
            raise ContractError(f"{name} of the same samples is {one.get(name)} and then {other.get(name)}")


def _check_samples(subject: Subject, scale: float) -> None:
    """Check that samples which are all alike, or ``scale`` times as far off, have values."""
    test = torch.from_numpy(np.array(subject.context.data.test))
    if not scale:
        _refuse_nan(
            _measures(subject, test[:1].repeat(len(test), *[1] * (test.dim() - 1))), "samples that are all alike"
        )
        return
    if test.dtype == torch.uint8:
        raise NotApplicable("images are never far off")
    _refuse_nan(_measures(subject, test * scale), f"samples {scale:,.0f} times as far off as real ones")

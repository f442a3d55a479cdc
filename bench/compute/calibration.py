"""The range of each measure on a dataset: its value on real data and for untrained generators."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import torch

from bench.catalogue import find
from bench.catalogue.metrics.declared import declared_measures
from bench.catalogue.metrics.further_features import further_measures
from bench.catalogue.metrics.measures import MEASURES, Measure
from bench.compute.evaluated_samples import evaluation_latents, quantised
from bench.compute.evaluation import build_evaluator
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.players import build_players, generate
from bench.compute.training.real_data import cached_dataset
from bench.plan.extraction import (
    check_extraction,
    check_extractor_applies,
    extractor_of,
    hash_of_extractor,
    metrics_of_samples,
)
from bench.plan.runs import check_architecture
from bench.plan.specification import Choice, Evaluation, Training, choose, complete_training, validated

WHERE = "calibrate"


class Level(NamedTuple):
    """The two ends of the scale of one measure.

    Attributes:
        name: The name of the measure.
        about: How it is displayed, and which direction is better.
        real: Its value on the test split.
        untrained: Its value for each untrained generator, one per seed.
    """

    name: str
    about: Measure
    real: float
    untrained: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the untrained generators."""
        return mean(self.untrained)

    @property
    def deviation(self) -> float:
        """The standard deviation over the untrained generators (with n − 1); NaN for a single one."""
        return stdev(self.untrained) if len(self.untrained) > 1 else float("nan")


@dataclass(frozen=True)
class Calibration:
    """The levels of all measures of a dataset under one protocol.

    Attributes:
        training: The settings with the dataset and the architecture of the untrained generators.
        levels: The levels, in the order of tables.
        refused: For each metric that cannot be computed, what it needs that the dataset does not provide.
        protocol: The settings that two values must share to be comparable.
    """

    training: Training
    levels: tuple[Level, ...]
    refused: dict[str, str]
    protocol: dict[str, object]


# Long: a third is the docstring; the rest fills in one specification and measures with it.
def calibrate(
    dataset: object,
    architecture: object = None,
    *,
    seeds: int = 3,
    samples: int = 2500,
    latent: int = 16,
    extractor: object = None,
    inception_weights: Path | None = None,
    device: str = "cpu",
) -> Calibration:
    """Measure real data and untrained generators with every metric of samples that the dataset supports.

    Args:
        dataset: A name, or a table with a name and options.
        architecture: A name, or a table with a name and options. [default: "dcgan" for images of a size that it
            supports, otherwise "mlp"]
        seeds: The number of untrained generators. They are those of runs with seeds 0, 1, ... before their first step.
        samples: The number of samples per generator, and of the test split if it has as many.
        latent: The dimension of the latent space.
        extractor: A name, or a table with a name. [default: the dataset's own]
        inception_weights: The file with Inception's weights.
        device: The device of generators and extractor.

    Raises:
        SuiteError: A name is unknown, or the architecture does not support the shape of the samples.
        DataError: The dataset, or the weights of its extractor, are not on this machine.
    """
    chosen = choose("dataset", dataset)
    training = complete_training(
        {
            "dataset": dataset,
            "architecture": architecture or default_architecture(chosen),
            "loss": "non-saturating",  # untrained generators are the same for every loss
            "latent": latent,
        },
        WHERE,
    )
    shape = check_architecture(training.architecture, training.dataset, WHERE)
    data = cached_dataset(chosen)
    features = validated(Evaluation, {"metrics": ["frechet"], "samples": samples, "extractor": extractor}, WHERE)
    check_extractor_applies([chosen], features.extractor, WHERE)
    check_extraction(chosen, features, data.modes is not None, WHERE)
    metrics, refused = metrics_of_samples(extractor_of(chosen, features).name, data.modes is not None)
    evaluation = features.model_copy(update={"metrics": tuple(metrics)})
    where, weights = torch.device(device), inception_weights
    evaluator = build_evaluator(chosen, evaluation, hash_of_extractor(chosen, evaluation, weights), weights, where)
    untrained = []
    for seed in range(seeds):
        generator = build_players(training, shape, seed, where).generator
        with drawing_from(seed, "evaluation layers", where):
            images = generate(generator, evaluation_latents(training, shape, samples, seed))
            untrained.append(evaluator.measure(quantised(images, data.train)))
    names = [metric.name for metric in metrics]
    known = MEASURES | declared_measures(names) | further_measures(names, evaluation.extractor)
    levels = tuple(
        Level(name, measure, evaluator.real[name], tuple(measures[name] for measures in untrained))
        for name, measure in known.items()
        if name in evaluator.real
    )
    return Calibration(training, levels, refused, evaluator.protocol)


def default_architecture(dataset: Choice) -> str:
    """Return "dcgan" for images of a size that it supports, otherwise "mlp"."""
    shape = find("dataset", dataset.name).shape(dataset.options)
    return "mlp" if len(shape) < 3 or find("architecture", "dcgan").fits(shape) else "dcgan"

"""What the measures of a dataset can tell: their values for real data and for generators that were never trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import torch

from bench.catalogue import entries, find
from bench.catalogue.extractors import extractor_hash
from bench.catalogue.metrics.measures import MEASURES, Measure
from bench.compute.evaluation import evaluator, quantised
from bench.compute.training.players import build_players, generate
from bench.compute.training.random_streams import stream
from bench.compute.training.reals import load_data
from bench.plan.runs import check_architecture
from bench.plan.specification import Choice, Evaluation, Training, choose, complete_training

WHERE = "calibrate"


class Level(NamedTuple):
    """One measure at both ends of its scale.

    Attributes:
        name: Of the measure.
        about: How it is written, and which way is better.
        real: Its value for the test split.
        untrained: Its values for untrained generators, one a seed.
    """

    name: str
    about: Measure
    real: float
    untrained: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the untrained generators."""
        return mean(self.untrained)

    @property
    def deviation(self) -> float:
        """Standard deviation over the untrained generators (n − 1 below the sum), NaN for one."""
        return stdev(self.untrained) if len(self.untrained) > 1 else float("nan")


@dataclass(frozen=True)
class Calibration:
    """The levels of all measures of a dataset under one protocol.

    Attributes:
        training: Dataset and architecture of the untrained generators.
        levels: In the order of tables.
        refused: Metric → what it would need that the dataset has not.
        protocol: What values must share to be compared.
    """

    training: Training
    levels: tuple[Level, ...]
    refused: dict[str, str]
    protocol: dict[str, object]


def calibrate(
    dataset: object,
    architecture: object = None,
    *,
    seeds: int = 3,
    samples: int = 2500,
    latent: int = 16,
    inception_weights: Path | None = None,
    device: str = "cpu",
) -> Calibration:
    """Measures real data and untrained generators with every metric of samples that the dataset allows.

    Args:
        dataset: A name, or a table with a name and options.
        architecture: The same; None: "dcgan" for the images that it can make, "mlp" else.
        seeds: How many untrained generators: those of the runs with seeds 0, 1, ... before their first step.
        samples: Of each generator, and of the test split as far as it has so many.
        latent: Dimension of the latent.
        inception_weights: File of Inception's weights.
        device: Where generators and extractor are.

    Raises:
        SuiteError: an unknown name, or an architecture that cannot make such samples.
        DataError: the dataset, or the weights of its extractor, is not here.
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
    data = load_data(chosen)
    extractor = find("dataset", chosen.name).extractor
    refused: dict[str, str] = {}
    metrics = []
    for name, entry in entries("metric").items():
        if entry.of == "game":
            continue
        wanted = entry.needs(extractor, data.modes is not None)
        if wanted:
            refused[name] = wanted
        else:
            metrics.append(choose("metric", name))
    evaluation = Evaluation(metrics=tuple(metrics), samples=samples)
    place = torch.device(device)
    judge = evaluator(chosen, evaluation, extractor_hash(extractor, inception_weights), inception_weights, place)
    measured = []
    for seed in range(seeds):
        latents = torch.randn(samples, latent, generator=stream(seed, "evaluation"))
        generator = build_players(training, shape, seed, place).generator
        measured.append(judge.measure(quantised(generate(generator, latents), data.train)))
    known = [name for name in MEASURES if name in judge.real]
    levels = tuple(
        Level(name, MEASURES[name], judge.real[name], tuple(each[name] for each in measured)) for name in known
    )
    return Calibration(training, levels, refused, judge.protocol)


def default_architecture(dataset: Choice) -> str:
    """The convolutional family for the images that it can make, else fully connected layers."""
    shape = find("dataset", dataset.name).shape(dataset.options)
    return "mlp" if len(shape) < 3 or find("architecture", "dcgan").fits(shape) else "dcgan"

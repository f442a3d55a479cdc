"""The contract of metrics: each one of another package is tried once before training, on a few real samples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.catalogue import find, is_added
from bench.catalogue.datasets.data import Data, Sources, make_data
from bench.catalogue.metrics.context import Context, Sampled
from bench.compute.contexts import context_of
from bench.compute.evaluation import build_evaluator
from bench.compute.metric_results import PreparedMetric
from bench.compute.training.real_data import RealData
from bench.compute.translated import perfectly_translated
from bench.errors import PluginError
from bench.plan.extraction import extractor_of
from bench.plan.runs import Run
from bench.plan.specification import Choice

FEW = 64  # real samples that a metric is tried on


def added_metrics(run: Run) -> list[Choice]:
    """Return the metrics of a run that other packages provide."""
    return [metric for metric in run.evaluation.metrics if is_added("metric", metric.name)]


def check_metrics(run: Run, weights: Path | None, device: torch.device) -> None:
    """Check that the metrics of other packages that a run uses return numbers by name.

    A metric of samples gets a few real ones, with as many to compare with. One that fails on so few is tried again as
    in an evaluation, because it may need more. A metric of the game gets the players before the first step.

    Args:
        run: The run.
        weights: The file with Inception's weights.
        device: The device to train on.

    Raises:
        PluginError: A metric raised an exception, or breaks its contract.
        DataError: The extractor is not on this machine.
    """
    metrics = added_metrics(run)
    if not metrics:
        return
    dataset, chosen = run.training.dataset, extractor_of(run.training.dataset, run.evaluation)
    first = chosen.model_copy(update={"further": ()})
    context = context_of(dataset, first, run.extractor_hash.partition("+")[0], weights, device)
    for metric in metrics:
        entry = find("metric", metric.name)
        if entry.of == "game":
            _play(run, PreparedMetric(metric, *((context,) if entry.sees_features else ())), device)
            continue
        try:
            _measure(metric, replace(context, data=few_samples(context.data)))
        except PluginError:
            build_evaluator(dataset, run.evaluation, run.extractor_hash, weights, device)


def few_samples(data: Data, count: int = FEW) -> Data:
    """Return the first samples of both splits, with a fingerprint of their own."""
    labels = data.labels
    if labels is not None:
        labels = replace(labels, train=labels.train[:count], test=labels.test[:count])
    train, test = (np.array(split[:count]) for split in (data.train, data.test))
    sources = data.sources and Sources(*(np.array(split[:count]) for split in (data.sources.train, data.sources.test)))
    return make_data(train, test, data.modes, labels=labels, signal=data.signal, sources=sources)


def _measure(metric: Choice, context: Context) -> None:
    samples = torch.from_numpy(np.array(context.data.test))
    labels = labels_of_test(context.data, len(samples))
    answers = perfectly_translated(context.data, np.arange(len(samples)), "test")
    PreparedMetric(metric, context)(Sampled.extracted_by(context.extract, samples, labels, translated=answers))


def labels_of_test(data: Data, count: int) -> Tensor | None:
    """Return the classes of the first test samples, as a conditional run would have generated them, [count]."""
    return None if data.labels is None else torch.from_numpy(np.array(data.labels.test[:count]))


def _play(run: Run, metric: PreparedMetric, device: torch.device) -> None:
    real = RealData.load(run.training.dataset, device)
    (players,) = real.start_pack([run.training], [run.seed]).players
    metric(real.game_state(run, players, 0))

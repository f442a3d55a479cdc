"""Evaluates generators and games: reference statistics computed once per process, and the rows of a run's trace."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.catalogue import find, naming
from bench.catalogue.datasets import Data
from bench.catalogue.datasets.signals import as_read
from bench.catalogue.extractors.resizing import describe_resize
from bench.catalogue.metrics.context import GameView, Sampled, Translated
from bench.catalogue.metrics.measures import averaged
from bench.compute.checkpoints import History
from bench.compute.contexts import context_of
from bench.compute.evaluated_samples import Inputs, evaluation_latents, inputs_of, quantised
from bench.compute.further_features import FurtherFeatures, describe_further
from bench.compute.held_out import measure_held_out
from bench.compute.metric_results import PreparedMetric, combine
from bench.compute.real_reference import measure_real
from bench.compute.training.game_state import GameState
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.loop import Measurement
from bench.compute.training.objective import probe_names
from bench.compute.training.players import Players, generate, is_finite, with_converged_spectral_norm
from bench.compute.translated import evaluated_count
from bench.plan.extraction import extractor_of
from bench.plan.grouping import added_code
from bench.plan.runs import Run
from bench.plan.specification import Choice, Evaluation, Training
from bench.records.samples import kept_count

Extract = Callable[[Tensor], tuple[Tensor, Tensor | None]]  # samples → features and, if known, logits


@dataclass(frozen=True)
class Evaluator:
    """Evaluates generators and games on one dataset under one protocol.

    Attributes:
        extract: Maps samples to features [n, d] and logits [n, classes], or None if the extractor has no classes.
        further: The same for the extractors after the first.
        metrics: The metrics of samples, ready to use.
        game_metrics: The metrics of the game, ready to use.
        real: The measures of test samples: as many as are generated, or all if the test split is smaller.
        protocol: The settings that two values must share to be comparable.
    """

    extract: Extract
    metrics: tuple[PreparedMetric, ...]
    game_metrics: tuple[PreparedMetric, ...]
    real: dict[str, float]
    protocol: dict[str, object]
    further: tuple[FurtherFeatures, ...] = ()

    def measure(
        self,
        samples: Tensor,
        labels: Tensor | None = None,
        seed: int | None = None,
        translated: Translated | None = None,
    ) -> dict[str, float]:
        """Return all measures of samples: points, sounds or strings, or uint8 images as returned by ``quantised``.

        Those of a conditional generator come with the class of each, int64 [n]; those of a run with its seed;
        translations with what they are compared with.
        """
        measures = combine(self.metrics, Sampled.extracted_by(self.extract, samples, labels, seed, translated))
        for features in self.further:
            measures |= features.measure(samples)
        return measures

    def measure_game(self, view: GameView) -> dict[str, float]:
        """Return all measures of the game between the players."""
        return combine(self.game_metrics, view)


@cache
def build_evaluator(
    dataset: Choice, evaluation: Evaluation, extractor_hash: str, weights: Path | None, device: torch.device
) -> Evaluator:
    """Return the evaluator of a dataset, built once per process because features of real data are expensive.

    Raises:
        DataError: The dataset, or the weights of its extractor, are not on this machine.
    """
    of = {metric: find("metric", metric.name).of for metric in evaluation.metrics}
    with drawing_from(0, "metrics", device):  # code of other packages may draw from the global generators
        chosen, hashes = extractor_of(dataset, evaluation), extractor_hash.split("+")
        context, *others = (
            context_of(dataset, each.model_copy(update={"further": ()}), sha256, weights, device)
            for each, sha256 in zip(chosen.all, hashes, strict=True)
        )
        data = context.data
        test = np.asarray(data.test[: evaluation.samples])
        metrics = tuple(PreparedMetric(metric, context) for metric in of if of[metric] == "samples")
        game_metrics = tuple(
            PreparedMetric(metric, *((context,) if find("metric", metric.name).sees_features else ()))
            for metric in of
            if of[metric] == "game"
        )
        real = measure_real(context, metrics, evaluation.samples)
        further = tuple(FurtherFeatures(other, evaluation.metrics) for other in others)
        for features in further:
            real |= features.measure(torch.from_numpy(test.copy()))
    return Evaluator(
        extract=context.extract,
        metrics=metrics,
        game_metrics=game_metrics,
        real=real,
        protocol={
            "extractor": context.extractor,
            "extractor_sha256": hashes[0],
            "samples": evaluated_count(data, evaluation.samples),
            "reference_split": "train",
            "reference_samples": len(data.train),
            "real_split": "test",
            "real_samples": len(test),
            "quantised": data.train.dtype == np.uint8,
            "resize": describe_resize(context.extractor, data.train.shape[-1]),
            "generator_mode": "eval",
            **describe_further(others, hashes[1:]),
        },
        further=further,
    )


def evaluate(
    state: GameState,
    latents: Tensor,
    data: Data,
    evaluator: Evaluator,
    history: History,
    measurement: Measurement | None,
) -> None:
    """Evaluate the players and add a row to the trace, or mark the run as diverged if values are not finite.

    Args:
        state: The players at this step.
        latents: The latents to generate samples from, [n, latent].
        data: The dataset.
        evaluator: Measures samples and the game.
        history: The run's history, which is updated.
        measurement: The measurement of the last chunk of steps; None before the first step.
    """
    began = time.perf_counter()
    with _drawing(evaluator, state.training, state.seed, "evaluation layers", state.device):
        _evaluate(state, latents, data, evaluator, history, measurement)
    history.evaluation_seconds += time.perf_counter() - began


def _drawing(
    evaluator: Evaluator, training: Training, seed: int, name: str, device: torch.device
) -> AbstractContextManager[None]:
    """Return a context in which code of other packages draws from a stream of the run; nothing built in draws."""
    metrics = (*evaluator.metrics, *evaluator.game_metrics)
    foreign = added_code(training) or any(metric.added for metric in metrics)
    return drawing_from(seed, name, device) if foreign else nullcontext()


def _evaluate(
    state: GameState,
    latents: Tensor,
    data: Data,
    evaluator: Evaluator,
    history: History,
    measurement: Measurement | None,
) -> None:
    players = state.players
    inputs = inputs_of(latents, state.training, data, state.seed)
    with naming("architecture", state.training.architecture.name):
        samples = generate(players.generator, inputs.rows)
    if players.critic is not None and not is_finite(players.critic):
        history.diverged = "critic's weights"  # the losses were computed before the last update
        return
    if not samples.isfinite().all():
        if measurement is None:
            raise ValueError("the generator's samples are not finite before the first step")
        history.diverged = "samples"
        return
    compared = inputs.compared(players.generator, samples)
    samples = quantised(samples, data.train)
    terms = [penalty.name for penalty in state.training.penalty if find("penalty", penalty.name).in_critic_loss]
    row: dict[str, Any] = {
        "step": history.step,
        "seconds": history.training_seconds,
        **({"critic_loss": measurement.critic_loss if measurement else math.nan} if state.training.is_gan else {}),
        "generator_loss": measurement.generator_loss if measurement else math.nan,
        **{f"penalty_{name}": measurement.penalties[name] if measurement else math.nan for name in terms},
        **(measurement.probes if measurement else dict.fromkeys(probe_names(state.training), math.nan)),
        **evaluator.measure(samples, inputs.labels, state.seed, compared),
        **evaluator.measure_game(state),
        **measure_held_out(players, data, len(latents), state.seed),
        **_measure_average(players, inputs, evaluator),
    }
    kept = samples[: kept_count(samples.ndim)].numpy()
    row["samples"] = (as_read(kept) if data.signal is not None and data.signal.alphabet else kept).tobytes()
    history.trace.append(row)


def evaluate_again(run: Run, players: Players, data: Data, evaluator: Evaluator) -> dict[str, float | None]:
    """Measure the final generator on new latents; the difference shows the noise of the metrics, at a fixed seed.

    Returns:
        The measures by name; None where a value is not finite.
    """
    shape = data.train.shape[1:]
    name = "evaluation again"
    latents = evaluation_latents(run.training, shape, run.evaluation.samples, run.seed, name, data)
    inputs = inputs_of(latents, run.training, data, run.seed, name)
    device = next(players.generator.parameters()).device
    with _drawing(evaluator, run.training, run.seed, "evaluation layers again", device):
        measures = _measure(players.generator, inputs, evaluator) | _measure_average(players, inputs, evaluator)
    return {name: value if math.isfinite(value) else None for name, value in measures.items()}


def _measure(network: nn.Module, inputs: Inputs, evaluator: Evaluator) -> dict[str, float]:
    """Return the measures of what a network makes of its inputs."""
    samples = generate(network, inputs.rows)
    compared = inputs.compared(network, samples)
    return evaluator.measure(quantised(samples, inputs.data.train), inputs.labels, inputs.seed, compared)


def _measure_average(players: Players, inputs: Inputs, evaluator: Evaluator) -> dict[str, float]:
    if players.average is None:
        return {}
    average = with_converged_spectral_norm(players.average)
    return {averaged(name): value for name, value in _measure(average, inputs, evaluator).items()}

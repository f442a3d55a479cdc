"""What a run is measured with at one step: a row of its trace, and the last generator once more."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.datasets import Data
from bench.catalogue.metrics.measures import PROBES, averaged
from bench.compute.checkpoints import History
from bench.compute.evaluation import Evaluator, quantised
from bench.compute.training.game_state import Position
from bench.compute.training.loop import Measurement
from bench.compute.training.players import Players, generate, settled
from bench.compute.training.random_streams import stream
from bench.plan.runs import Run
from bench.records.samples import KEPT_IMAGES, KEPT_POINTS


def evaluate(
    position: Position,
    latents: Tensor,
    data: Data,
    judge: Evaluator,
    history: History,
    measurement: Measurement | None,
) -> None:
    """Evaluates the players and adds a row to the trace; samples that are not finite end the run instead."""
    began = time.perf_counter()
    players = position.players
    samples = generate(players.generator, latents)
    if not all(parameter.isfinite().all() for parameter in players.critic.parameters()):
        history.diverged = "critic's weights"  # the losses are those before the last update
        return
    if not samples.isfinite().all():
        if measurement is None:
            raise ValueError("the generator's samples are not finite before the first step")
        history.diverged = "samples"
        return
    samples = quantised(samples, data.train)
    terms = [each.name for each in position.training.penalty if find("penalty", each.name).term]
    row: dict[str, Any] = {
        "step": history.step,
        "seconds": history.training_seconds,
        "critic_loss": measurement.critic_loss if measurement else math.nan,
        "generator_loss": measurement.generator_loss if measurement else math.nan,
        **{f"penalty_{name}": measurement.penalties[name] if measurement else math.nan for name in terms},
        **(measurement.probes if measurement else dict.fromkeys(PROBES, math.nan)),
        **judge.measure(samples),
        **judge.measure_game(position),
    }
    if players.average is not None:
        average = settled(players.average)
        of_average = judge.measure(quantised(generate(average, latents), data.train))
        row |= {averaged(name): value for name, value in of_average.items()}
    row["samples"] = samples[: _kept(samples)].numpy().tobytes()
    history.trace.append(row)
    history.evaluation_seconds += time.perf_counter() - began


def measure_again(run: Run, players: Players, data: Data, judge: Evaluator) -> dict[str, float | None]:
    """The last generator's measures on other samples: what differs is the noise of the metric, not of the seed."""
    latents = torch.randn(run.evaluation.samples, run.training.latent, generator=stream(run.seed, "evaluation again"))
    measured = judge.measure(quantised(generate(players.generator, latents), data.train))
    if players.average is not None:
        of_average = judge.measure(quantised(generate(settled(players.average), latents), data.train))
        measured |= {averaged(name): value for name, value in of_average.items()}
    return {name: value if math.isfinite(value) else None for name, value in measured.items()}


def _kept(samples: Tensor) -> int:
    return KEPT_IMAGES if samples.dtype == torch.uint8 else KEPT_POINTS

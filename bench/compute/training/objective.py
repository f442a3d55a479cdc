"""The training of one model by its own loss, for families without a critic: the loss, its gradient, step and probes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from bench.catalogue.metrics.measures import PROBES
from bench.compute.training.gradients import Gradients, gradients_of
from bench.compute.training.pack import Pack
from bench.compute.training.probes import norm, update_size
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training

MODEL_PROBES = ("generator_gradient_norm", "generator_weight_norm", "generator_update_ratio")


class Objective:
    """The losses of the models of s runs.

    Args:
        training: The settings of the first run.
        stack: The losses of the models as ``bench.compute.training.model_loss.WithLoss``.
        device: The device of the models.
    """

    loss_names = ("loss",)
    penalty_names: tuple[str, ...] = ()

    def __init__(self, training: Training, stack: Stack, device: torch.device):
        self.stack = stack
        self._numbers: int = stack.networks[0].model.objective_numbers  # type: ignore[union-attr, assignment]
        self._autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=training.precision == "bf16")

    def gradients(self, sampler: BatchSampler) -> tuple[Tensor, Gradients]:
        """Return the losses on a fresh batch, [s], and their gradients."""
        real = sampler.real_samples()
        noise = sampler.objective_noise(self._numbers)
        with self._autocast():
            losses = self.stack(torch.cat([real.flatten(2), noise], dim=2))
        total = losses.to(sampler.dtype).mean(dim=1)
        return total.detach(), gradients_of(total, self.stack.parameters)


def take_objective_step(
    pack: Pack, objective: Objective, sampler: BatchSampler, step: int, probe: ModelProbe | None = None
) -> Tensor:
    """Take one step of the models; return their losses, [1, s]."""
    loss, gradient = objective.gradients(sampler)
    if probe is not None:
        probe.before_update(objective)
    pack.generator_descent.step(gradient)
    pack.end_step(step, sampler)
    if probe is not None:
        probe.after_update(gradient)
    return loss.unsqueeze(0)


class ModelProbe:
    """Observes one step of models without a critic, as ``bench.compute.training.probes.Probe`` does of a game."""

    def before_update(self, objective: Objective) -> None:
        """Keep a copy of the weights."""
        self._objective = objective
        self._before = [parameter.detach().clone() for parameter in objective.stack.parameters]

    def after_update(self, gradient: Gradients) -> None:
        """Keep the gradients."""
        self._gradient = [each.detach() for each in gradient]

    def values(self, seeds: Sequence[int]) -> list[dict[str, float]]:
        """Return the values of ``MODEL_PROBES`` for each run."""
        weights, ratio = update_size(self._objective.stack.parameters, self._before)
        rows = torch.stack([norm(self._gradient), weights, ratio], dim=1).tolist()
        return [dict(zip(MODEL_PROBES, row, strict=True)) for row in rows]


def probe_names(training: Training) -> Sequence[str]:
    """Return the names of the probes of a run: those of a critic are only there if it has one."""
    return [*PROBES] if training.is_gan else MODEL_PROBES

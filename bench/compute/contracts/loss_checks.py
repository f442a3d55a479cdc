"""What is checked of a loss, beside its shapes: gradients, single samples, and logits that are enormous or NaN."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.losses import GanLoss, with_options
from bench.compute.contracts.checks import Checks, NotApplicable
from bench.compute.contracts.parts import check_loss
from bench.compute.contracts.results import Plugin
from bench.compute.contracts.trials import CPU, Trial, check_packed, check_resumed
from bench.errors import GanbenchError
from bench.plan.specification import Choice

LARGE = 80.0  # of a logit; its exponential is still a float32
COUNT = 6


def checks_of_loss(choice: Choice) -> Checks:
    """Return the checks of a loss."""
    loss = with_options(find("loss", choice.name), choice.options)
    trial, plugin = Trial.of((2,), loss=_table(choice)), Plugin("loss", choice.name)
    return {
        "shapes": lambda: check_loss(choice, trial.training, CPU),
        "gradients": partial(_check_gradients, plugin, loss),
        "single samples": partial(_check_single, plugin, loss),
        "packs": partial(check_packed, trial),
        "resuming": partial(check_resumed, trial),
        "bad values": partial(_check_bad_values, plugin, loss),
    }


def _table(choice: Choice) -> dict[str, object]:
    return {"name": choice.name, **choice.options.model_dump()}


def _logits(scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return different logits on real and on generated samples, [n] each, that require a gradient."""
    real = scale * torch.linspace(-1, 1, COUNT)
    return real.requires_grad_(), (-0.7 * real.detach().roll(1)).requires_grad_()


def _parts(loss: GanLoss, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """Return the losses of both players."""
    seen = real if loss.generator_needs_real else real.new_empty(0)
    return {"critic": loss.critic(real, fake), "generator": loss.generator(seen, fake)}


def _check_gradients(plugin: Plugin, loss: GanLoss) -> None:
    for scale in (0.5, LARGE):
        real, fake = _logits(scale)
        for part, value in _parts(loss, real, fake).items():
            gradients = torch.autograd.grad(value.sum(), [real, fake], allow_unused=True, retain_graph=True)
            for kind, gradient in zip(("real", "generated"), gradients, strict=True):
                needed = scale < 1 and (part == "critic" or kind == "generated")
                if needed and (gradient is None or not gradient.any()):
                    raise plugin.fault(f"{part}: no gradient reaches the logits of {kind} samples")
                if gradient is not None and not gradient.isfinite().all():
                    raise plugin.fault(f"{part}: the gradient is not finite for logits from −{scale:g} to {scale:g}")


def _check_single(plugin: Plugin, loss: GanLoss) -> None:
    if loss.mixes_samples:
        raise NotApplicable("it says that it mixes samples")
    real, fake = (each.detach() for each in _logits())
    changed_real, changed_fake = real.clone(), fake.clone()
    changed_real[0], changed_fake[0] = 3.0, -2.0
    before, after = _parts(loss, real, fake), _parts(loss, changed_real, changed_fake)
    for part in before:
        if not torch.allclose(before[part][1:], after[part][1:], rtol=1e-5, atol=1e-6, equal_nan=True):
            raise plugin.fault(
                f"{part}: the loss of a sample depends on logits of others; if this is meant, set mixes_samples=True"
            )


def _check_bad_values(plugin: Plugin, loss: GanLoss) -> None:
    for part, value in _parts(loss, *_logits(LARGE)).items():
        if not value.isfinite().all():
            raise plugin.fault(f"{part} is not finite for logits from −{LARGE:g} to {LARGE:g}")
    for index, kind in enumerate(("real", "generated")):
        logits = [each.detach() for each in _logits()]
        logits[index][0] = math.nan
        try:
            values = _parts(loss, *logits)
        except (GanbenchError, ValueError):
            continue
        for part, value in values.items():
            if (part == "critic" or kind == "generated") and value.isfinite().all():
                raise plugin.fault(f"{part} hides NaN among the logits of {kind} samples, so no run can diverge by it")

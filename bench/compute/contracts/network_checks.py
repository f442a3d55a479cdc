"""What is checked of an architecture and of an optimiser, beside shapes: gradients, single samples and NaN."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor, nn

from bench.catalogue import find
from bench.catalogue.extractors.sample_kinds import kind_of_samples
from bench.compute.contracts.checks import Checks, NotApplicable, not_applicable
from bench.compute.contracts.parts import check_architectures, check_optimizer
from bench.compute.contracts.results import Plugin
from bench.compute.contracts.trials import BATCH, CPU, DATASETS, Trial, check_packed, check_resumed
from bench.compute.training.players import Players, build_players, generate, mixes_samples
from bench.errors import GanbenchError
from bench.plan.specification import Choice


def checks_of_architecture(choice: Choice) -> Checks:
    """Return the checks of an architecture, on the smallest samples of each kind that it supports, such as images."""
    fits = find("architecture", choice.name).fits
    shapes = [shape for shape in DATASETS if fits(shape) is None]
    if not shapes:
        return {"shapes": not_applicable(f"it fits none of the shapes that are tried: {', '.join(map(str, DATASETS))}")}
    tried = list({kind_of_samples(shape): shape for shape in reversed(shapes)}.values())
    plugin, table = Plugin("architecture", choice.name), {"name": choice.name, **choice.options.model_dump()}
    trials = [Trial.of(shape, architecture=table) for shape in tried]

    def each(check: object) -> partial[None]:
        return partial(_check_each, check, plugin, trials)

    return {
        "shapes": each(_check_shapes),
        "gradients": each(_check_gradients),
        "single samples": each(_check_single),
        "packs": partial(check_packed, trials[0]),
        "resuming": partial(check_resumed, trials[0]),
        "bad values": each(_check_bad_values),
    }


def _check_each(check: object, plugin: Plugin, trials: list[Trial]) -> None:
    reasons = []
    for trial in trials:
        try:
            check(plugin, trial)  # type: ignore[operator]
        except NotApplicable as reason:
            reasons.append(str(reason))
    if len(reasons) == len(trials):
        raise NotApplicable(reasons[0])


def _check_shapes(plugin: Plugin, trial: Trial) -> None:
    check_architectures(trial.training, trial.shape, CPU, lambda notice: None)


def _players(trial: Trial) -> Players:
    return build_players(trial.training, trial.shape, 0, CPU)


def _latents(trial: Trial) -> Tensor:
    return torch.randn(BATCH, trial.training.latent, generator=torch.Generator().manual_seed(1))


def _check_gradients(plugin: Plugin, trial: Trial) -> None:
    players = _players(trial)
    logits = players.opponent(trial.real[:BATCH])
    _check_reached(plugin, "critic", players.opponent, logits.square().sum() + logits.sum())
    _check_reached(plugin, "generator", players.generator, players.opponent(players.generator(_latents(trial))).sum())


def _check_reached(plugin: Plugin, part: str, network: nn.Module, value: Tensor) -> None:
    named = {name: each for name, each in network.named_parameters() if each.requires_grad}
    gradients = torch.autograd.grad(value, list(named.values()), allow_unused=True)
    for name, gradient in zip(named, gradients, strict=True):
        if gradient is None:
            raise plugin.fault(f"{part}: no gradient reaches its parameter {name!r}")
        if not gradient.isfinite().all():
            raise plugin.fault(f"{part}: the gradient of its parameter {name!r} is not finite")


def _check_single(plugin: Plugin, trial: Trial) -> None:
    players, latents = _players(trial), _latents(trial)
    changed = torch.cat([latents[:1] + 1, latents[1:]])
    made, other = (generate(players.generator, each)[1:] for each in (latents, changed))
    if not torch.allclose(made, other, rtol=1e-4, atol=1e-5):
        raise plugin.fault("generator in eval mode: a sample depends on the latents of others")
    critic = players.opponent
    if mixes_samples(critic) or getattr(critic, "mixes_samples", False):
        raise NotApplicable("its critic says that it mixes samples")
    real = trial.real[:BATCH]
    with torch.no_grad():
        before, after = critic(real), critic(torch.cat([-real[:1], real[1:]]))
        again = critic(real)
    if torch.equal(before, again) and not torch.allclose(before[1:], after[1:], rtol=1e-4, atol=1e-5):
        raise plugin.fault(
            "critic: the logit of a sample depends on other samples; if this is meant, set mixes_samples = True on the "
            "module"
        )


def _check_bad_values(plugin: Plugin, trial: Trial) -> None:
    players = _players(trial)
    real, latents = trial.real[:BATCH].clone(), _latents(trial)
    parts = [("critic", players.opponent, real)]
    if not torch.equal(*(generate(players.generator, each) for each in (latents, latents + 1))):
        parts.append(("generator", players.generator, latents))  # otherwise it does not look at its latents
    real[0], latents[0] = math.nan, math.nan
    for part, network, given in parts:
        try:
            with torch.no_grad():
                returned = network(given)
        except (GanbenchError, ValueError):
            continue
        if returned.isfinite().all():
            raise plugin.fault(f"{part} hides NaN in its input, so no run can diverge by it")


def checks_of_optimizer(choice: Choice) -> Checks:
    """Return the checks of an optimiser."""
    table = {"name": choice.name, **choice.options.model_dump()}
    trial, plugin = Trial.of((2,), optimizer=table), Plugin("optimizer", choice.name)
    return {
        "shapes": lambda: check_optimizer(choice, CPU),
        "gradients": partial(_check_moves, plugin, choice),
        "single samples": not_applicable("an optimiser sees no samples"),
        "packs": partial(check_packed, trial),
        "resuming": partial(check_resumed, trial),
        "bad values": partial(_check_keeps_nan, plugin, choice),
    }


def _after_step(choice: Choice, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return parameters before and after one step."""
    before = torch.linspace(-1, 1, gradient.numel()).reshape(gradient.shape)
    parameters = before.clone().requires_grad_()
    parameters.grad = gradient
    find("optimizer", choice.name).build([parameters], choice.options).step()
    return before, parameters.detach()


def _check_moves(plugin: Plugin, choice: Choice) -> None:
    before, after = _after_step(choice, torch.linspace(0.1, 1, 32).reshape(1, 32))
    if not after.isfinite().all():
        raise plugin.fault("a step with finite gradients gives parameters that are not finite")
    if (before == after).any():
        raise plugin.fault("a step leaves parameters with a gradient as they were")


def _check_keeps_nan(plugin: Plugin, choice: Choice) -> None:
    gradient = torch.full((1, 32), 0.5)
    gradient[0, 0] = math.nan
    try:
        _, after = _after_step(choice, gradient)
    except (GanbenchError, ValueError):
        return
    if after.isfinite().all():
        raise plugin.fault("a step hides NaN in the gradient, so no run can diverge by it")

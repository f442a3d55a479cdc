"""What is checked of a penalty or another regulariser, beside its shapes: gradients, packs and NaN."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.consistency import Judged
from bench.catalogue.penalties import KINDS, Penalty
from bench.catalogue.term_options import with_own_options
from bench.compute.contracts.checks import Checks, NotApplicable, not_applicable
from bench.compute.contracts.parts import check_penalty
from bench.compute.contracts.results import Plugin
from bench.compute.contracts.trials import BATCH, CPU, LATENT, Trial, check_packed, check_resumed
from bench.compute.training.players import build_players
from bench.compute.training.stack import Stack
from bench.errors import GanbenchError
from bench.plan.specification import Choice

Given = tuple[list[Tensor], Callable[..., Any]]  # inputs, and the function of them


def checks_of_penalty(choice: Choice) -> Checks:
    """Return the checks of a penalty or another regulariser."""
    entry: Penalty = find("penalty", choice.name)
    trial = Trial.of(
        (1, 8, 8) if entry.images_only else (2,),
        penalty={"name": choice.name, **choice.options.model_dump()},
        architecture={"name": "mlp", "width": 8, "depth": 1, "activation": "tanh"},  # whose gradient passes NaN on
    )
    plugin = Plugin("penalty", choice.name)

    def shapes() -> None:
        players = build_players(trial.training, trial.shape, 0, CPU)
        check_penalty(choice, trial.training, trial.shape, players, CPU)

    return {
        "shapes": shapes,
        "gradients": partial(_check_gradients, plugin, choice, trial),
        "single samples": not_applicable("a regulariser may compare samples"),
        "packs": partial(check_packed, trial),
        "resuming": partial(check_resumed, trial),
        "bad values": partial(_check_bad_values, plugin, choice, trial),
    }


def _parts(choice: Choice, critic: Stack, trial: Trial) -> dict[str, Given]:
    """Return the functions of a regulariser by name, each with inputs that it can be called with."""
    options = choice.options
    entry = with_own_options(find("penalty", choice.name), options)
    stream = torch.Generator().manual_seed(0)

    def random(*size: int) -> Tensor:
        return torch.rand(size, generator=stream)

    real = trial.real[:BATCH].clone().unsqueeze(0)
    fake, numbers = random(*real.shape), real[0, 0].numel()
    (kind,) = (part for part in KINDS if getattr(entry, part) is not None)
    function = getattr(entry, kind)
    if kind == "term":
        uniform = random(1, BATCH, entry.uniforms(numbers))
        return {kind: ([real, fake], lambda x, y: function(critic, x, y, uniform))}
    if kind == "perturb":
        return {kind: ([real], lambda x: function(options, x, fake, 0.0))}
    if kind == "augment":
        uniform = random(1, BATCH, entry.uniforms(numbers))
        return {kind: ([real], lambda x: function(options, x, uniform, True))}
    if kind == "consistency":
        return {
            kind: (
                [real, fake],
                lambda x, y: function(
                    options, critic, Judged(x, critic(x)), Judged(y, critic(y)), lambda k: random(1, BATCH, k)
                ),
            )
        }
    if kind == "latent":
        latents, logits = [random(1, BATCH, LATENT) for _ in range(2)], [random(1, BATCH) for _ in range(2)]
        inputs = {"move": latents, "critic": logits, "generator": [real, fake]}
        return {part: (inputs[part], partial(getattr(function, part), options)) for part in inputs}
    if kind == "joint":
        gradients = [random(1, 4, 3), random(1, 5)]
        return {kind: (gradients, lambda *given: function(given[:1], given[1:]))}
    return {kind: ([random(1, 4, 3) - 0.5], partial(_projected, function, options))}


def _projected(project: Callable[[Any, Sequence[Tensor]], None], options: Any, parameter: Tensor) -> Tensor:
    changed = parameter.detach().clone()
    project(options, [changed])
    return changed


def _critic(trial: Trial) -> Stack:
    return Stack([build_players(trial.training, trial.shape, 0, CPU).opponent], double_backward=True)


def _check_gradients(plugin: Plugin, choice: Choice, trial: Trial) -> None:
    if find("penalty", choice.name).project is not None:
        raise NotApplicable("a projection has no gradient")
    critic = _critic(trial)
    judges = find("penalty", choice.name).latent is None and find("penalty", choice.name).in_critic_loss
    for part, (inputs, function) in _parts(choice, critic, trial).items():
        given = [each.clone().requires_grad_() for each in inputs]
        value = function(*given)
        wanted = [*critic.parameters] if judges else given
        if not value.requires_grad:
            raise plugin.fault(f"{part}: returned values without a gradient")
        gradients = torch.autograd.grad(value.square().sum(), wanted, allow_unused=True)
        reached = [each for each in gradients if each is not None]
        if not reached:
            raise plugin.fault(f"{part}: no gradient reaches {'the critic' if judges else 'what it is given'}")
        if not all(each.isfinite().all() for each in reached):
            raise plugin.fault(f"{part}: the gradient is not finite")


def _check_bad_values(plugin: Plugin, choice: Choice, trial: Trial) -> None:
    for part, (inputs, function) in _parts(choice, _critic(trial), trial).items():
        given = [each.clone() for each in inputs]
        for each in given:
            each[0, 0] = math.nan
        try:
            returned = function(*given)
        except (GanbenchError, ValueError):
            continue
        if returned.isfinite().all():
            raise plugin.fault(f"{part} hides NaN in what it is given, so no run can diverge by it")

"""The contracts of losses, architectures, penalties and optimisers, checked one by one on a single batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bench.catalogue import find
from bench.catalogue.architectures import Shape
from bench.catalogue.losses import GanLoss, with_options
from bench.catalogue.penalties import KINDS, Penalty
from bench.catalogue.term_options import with_own_options
from bench.compute.contracts.copies import check_new_inputs, uniform_numbers
from bench.compute.contracts.results import Plugin
from bench.compute.contracts.runs_apart import check_runs_apart, two_critics
from bench.compute.training.packing_degree import joined
from bench.compute.training.players import Players, build_players, generate
from bench.compute.training.sampler import DTYPES
from bench.compute.training.stack import VECTOR, Stack
from bench.errors import PluginError
from bench.plan.specification import Choice, Training

Notify = Callable[[str], None]
PER_SAMPLE = "one value per sample"
NOT_FINITE = "generator returned values that are not finite before the first step"


def check_loss(choice: Choice, training: Training, device: torch.device) -> None:
    """Check that both functions of a loss return one value per sample and leave the logits unchanged.

    Raises:
        PluginError: They do not, or raise an exception.
    """
    plugin, n = Plugin("loss", choice.name), training.batch_size // training.pac
    loss = with_options(find("loss", choice.name), choice.options)
    plugin.check("critic", plugin.call("critic", loss.critic, *_logits(training, device)), [n], PER_SAMPLE)
    real, fake = _logits(training, device)
    if not loss.generator_needs_real:
        real = real.new_empty(0)
    try:
        returned = plugin.call("generator", loss.generator, real, fake)
        plugin.check("generator", returned, [n], PER_SAMPLE)
    except PluginError:
        if loss.generator_needs_real or not _works_with_real(loss, training, device):
            raise
        raise plugin.fault(
            "generator uses the logits of real samples, but is given none: set generator_needs_real=True"
        ) from None


def _works_with_real(loss: GanLoss, training: Training, device: torch.device) -> bool:
    try:
        returned = loss.generator(*_logits(training, device))
    except Exception:
        return False
    return isinstance(returned, Tensor) and list(returned.shape) == [training.batch_size // training.pac]


def _logits(training: Training, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return logits on real and on generated samples, [n] each, with gradients; in place operations are possible."""
    n = training.batch_size // training.pac
    leaf = torch.linspace(-1, 1, n, dtype=DTYPES[training.precision], device=device)
    leaf.requires_grad_()
    return leaf + 0.5, leaf.flip(0) - 0.5


def check_architectures(
    training: Training, shape: Shape, device: torch.device, notify: Notify, classes: int = 0
) -> Players:
    """Check that the generator makes samples of the dataset's shape, and the critic one logit per sample.

    Args:
        training: The settings of a run.
        shape: The shape of one sample.
        device: The device to train on.
        notify: Called with what seems wrong but may be meant.
        classes: The number of classes whose labels both players get; 0 for players without labels.

    Returns:
        The players before the first step.

    Raises:
        PluginError: They do not, or raise an exception.
    """
    players = build_players(training, shape, 0, device, classes)
    with_labels = " with labels" if classes else ""
    own, critics = Plugin("architecture", training.architecture.name), Plugin("architecture", training.critic.name)
    for plugin, part, network in ((own, "generator", players.generator), (critics, "critic", players.opponent)):
        if not any(parameter.requires_grad for parameter in network.parameters()):
            raise plugin.fault(f"{part}{with_labels} has no parameters to train")
    n, dtype = training.batch_size, DTYPES[training.precision]
    labels = torch.eye(max(classes, 1), dtype=dtype, device=device)[torch.arange(n, device=device) % max(classes, 1)]
    labels = labels[:, :classes]
    latents = torch.cat([torch.randn(n, training.latent, dtype=dtype, device=device), labels], dim=1)
    samples_shape = [n, *shape]
    wanted = f"samples of dataset {training.dataset.name!r}"
    with torch.autocast(device.type, torch.bfloat16, enabled=training.precision == "bf16"):
        generated = own.call(f"generator{with_labels}", players.generator, latents)
        samples = own.check(f"generator{with_labels}", generated, samples_shape, wanted)
        if not samples.isfinite().all():
            raise own.fault(NOT_FINITE)
        (judged,) = joined((samples.detach().to(dtype) + 0).unsqueeze(0), training.pac)
        if classes:  # a conditional critic gets flattened samples that are followed by labels
            judged = torch.cat([judged.flatten(1), joined(labels.unsqueeze(0), training.pac)[0]], dim=1)
        logits = critics.call(f"critic{with_labels}", players.opponent, judged)
        critics.check(f"critic{with_labels}", logits, [len(judged)], PER_SAMPLE)
    evaluated = own.call("generator", lambda given: generate(players.generator, given), latents.cpu().float())
    own.check(f"generator{with_labels} in eval mode", evaluated, samples_shape, wanted, gradient=False)
    if not evaluated.isfinite().all():
        raise own.fault(NOT_FINITE)
    if len(shape) == 3 and evaluated.min() >= 0 and evaluated.max() <= 1:
        notify(
            f"architecture {training.architecture.name!r}: all values of its untrained generator are between 0 and 1; "
            f"images are expected from −1 (black) to 1 (white), as from tanh"
        )
    return players


def check_penalty(choice: Choice, training: Training, shape: Shape, players: Players, device: torch.device) -> None:
    """Check what a penalty returns.

    Raises:
        PluginError: It is not what the field of ``Penalty`` asks for, or it raises an exception.
    """
    plugin, options = Plugin("penalty", choice.name), choice.options
    entry: Any = with_own_options(find("penalty", choice.name), options)
    fields = [part for part in KINDS if getattr(entry, part) is not None]
    if len(fields) != 1:
        given, kinds = " and ".join(fields) or "none", f"{', '.join(KINDS[:-1])} and {KINDS[-1]}"
        raise plugin.fault(f"{given} of {kinds} is set, expected exactly one")
    needed = ("weight", "every") if entry.in_critic_loss else ("weight",) if entry.joint else ()
    for option in needed:
        if not hasattr(options, option):
            hint = " (use bench.TermOptions)" if entry.in_critic_loss else ""
            raise plugin.fault(f"its options have no {option!r}, which {fields[0]} needs{hint}")
    size = (1, training.batch_size, *shape)
    real, fake, normal = (torch.randn(size, dtype=DTYPES[training.precision], device=device) for _ in range(3))
    critic = Stack([players.opponent], double_backward=True)
    if fields == ["term"]:
        _check_term(plugin, entry, critic, joined(real, training.pac), joined(fake, training.pac))
    elif fields[0] in ("augment", "consistency", "latent"):
        check_new_inputs(plugin, entry, options, critic, real, fake)
    elif entry.perturb is not None:
        seen = plugin.call("perturb", entry.perturb, options, real, normal, 0.0)
        plugin.check("perturb", seen, size, "like the samples it is given", gradient=False)
        check_runs_apart(plugin, "perturb", entry.perturb, [real, normal], [options], [0.0])
    elif fields == ["project"]:
        copies = [parameter.detach().clone() for parameter in critic.parameters]
        with torch.no_grad():
            plugin.call("project", entry.project, options, copies)
            check_runs_apart(plugin, "project", partial(_projected, entry, options), _gradients(players.opponent))
    else:
        sides = [_gradients(network) for network in (players.opponent, players.generator)]
        with_graph = [[each.requires_grad_() * 1 for each in _copies(side)] for side in sides]
        plugin.check("joint", plugin.call("joint", entry.joint, *with_graph), [1], "one value per run")
        joint = partial(_joined_sides, entry, len(sides[0]))
        check_runs_apart(plugin, "joint", joint, [*sides[0], *sides[1]])


def _gradients(network: torch.nn.Module) -> list[Tensor]:
    """Return numbers in the shapes of the gradients or parameters of one run, [1, ...] each."""
    return _copies(Stack([network]).parameters)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def _projected(entry: Penalty, options: Any, *parameters: Tensor) -> Tensor:
    """Return all numbers of each run after the projection, [s, numbers]."""
    copies = _copies(parameters)
    assert entry.project is not None
    entry.project(options, copies)
    return torch.cat([each.flatten(1) if each.dim() > 1 else each[:, None] for each in copies], dim=1)


def _joined_sides(entry: Penalty, of_critic: int, *gradients: Tensor) -> Tensor:
    assert entry.joint is not None
    return entry.joint(gradients[:of_critic], gradients[of_critic:])


def _check_term(plugin: Plugin, entry: Penalty, critic: Stack, real: Tensor, fake: Tensor) -> None:
    assert entry.term is not None
    uniform = uniform_numbers(plugin, entry, real)
    term = plugin.call("term", entry.term, critic, real, fake, uniform)
    plugin.check("term", term, real.shape[:2], "one value per run and sample")
    if (critics := two_critics(critic.networks[0], real)) is not None:
        check_runs_apart(plugin, "term", entry.term, [real, fake, uniform], [critics])


def check_optimizer(choice: Choice, device: torch.device) -> None:
    """Check that an optimiser takes steps element by element, and that its state can be saved.

    Raises:
        PluginError: It does not, or raises an exception.
    """
    plugin = Plugin("optimizer", choice.name)
    values = torch.linspace(-1, 1, 2 * VECTOR, device=device).reshape(2, VECTOR)
    both, one = _after_steps(plugin, choice, values), _after_steps(plugin, choice, values[:1])
    repeated = _after_steps(plugin, choice, values)
    if torch.equal(both, repeated) and not torch.allclose(both[:1], one, rtol=1e-3, atol=1e-6, equal_nan=True):
        raise plugin.fault(
            "the update of one row of the parameters depends on the other rows, which belong to other runs of a pack; "
            "it must be element by element"
        )


def _after_steps(plugin: Plugin, choice: Choice, values: Tensor) -> Tensor:
    """Return parameters [s, k] after two steps."""
    parameters = values.clone().requires_grad_()
    parameters.grad = 0.1 + values.flip(1).abs()
    optimizer = plugin.call("build", find("optimizer", choice.name).build, [parameters], choice.options)
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise plugin.fault(f"build returned a {type(optimizer).__name__}, expected a torch.optim.Optimizer")
    if "lr" not in optimizer.defaults:
        raise plugin.fault("its defaults have no 'lr', which the schedule of the learning rate needs")
    for _ in range(2):
        plugin.call("step", optimizer.step)
    for name, state in optimizer.state[parameters].items():
        if isinstance(state, Tensor):
            if state.dim() and state.shape != parameters.shape:
                raise plugin.fault(
                    f"its state {name!r} has shape {list(state.shape)}, expected that of the parameters, "
                    f"{list(parameters.shape)}, or a single number"
                )
        elif not isinstance(state, int | float | str | None):
            raise plugin.fault(f"its state {name!r} is a {type(state).__name__}, expected a tensor or a number")
    return parameters.detach()

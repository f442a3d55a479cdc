"""Combinations of training keys that mean nothing or have no effect, refused before anything trains."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalogue import find, naming
from bench.catalogue.optimizers import is_annealed
from bench.errors import SuiteError
from bench.plan.conditional import check_conditional
from bench.plan.datasets import declared_shape
from bench.plan.families import check_family
from bench.plan.soundness import gradient_penalties
from bench.plan.specification import Evaluation, Training
from bench.plan.translation import check_translation

UNROLLED = ("adam", "sgd", "rmsprop")  # optimisers whose steps ganbench can differentiate


def check_combination(training: Training, evaluation: Evaluation, where: str) -> None:
    """Check that the settings of a run can be used together.

    Raises:
        SuiteError: They cannot; the message begins with ``where``.
    """
    for problem in contradictions(training):
        raise SuiteError(f"{where}: {problem}")
    check_conditional(training, where)
    for check in (check_translation, _check_pac, _check_unroll, _check_third_derivatives, check_family):
        if problem := check(training, evaluation):
            raise SuiteError(f"{where}: {problem}")


def contradictions(training: Training) -> Iterator[str]:
    """Yield what is wrong with settings of the updates that contradict each other or have no effect."""
    players = {"optimizer": training.optimizer, "critic_optimizer": training.critic_optimizer}
    if training.updates == "extragradient":
        if training.critic_steps > 1:
            given = training.critic_steps
            yield f"updates 'extragradient' moves both players at once: critic_steps must be 1, not {given}"
        for key, choice in players.items():
            if choice.name == "optimistic-adam":
                yield f"updates 'extragradient' and {key} 'optimistic-adam' both look ahead: choose one"
    for key, choice in players.items():
        options = choice.options
        if getattr(options, "final_lr", None) is not None and training.schedule != "constant":
            yield f"{key}.final_lr and schedule {training.schedule!r} both set the learning rate: remove one of them"
        if getattr(options, "burn_in", 1.0) != 1.0 and not is_annealed(options):
            names = [name for name in ("final_lr", "final_beta2") if hasattr(options, name)]
            yield f"{key}.burn_in has no effect without {' or '.join(names)}"
    for penalty in training.penalty:
        options = penalty.options
        if getattr(options, "burn_in", 1.0) != 1.0 and getattr(options, "final_weight", None) is None:
            yield f"penalty {penalty.name!r}: burn_in has no effect without final_weight"
    yield from _replaced_activations(training)
    if training.ema_warmup and not training.ema:
        yield "ema_warmup has no effect without ema"
    if training.lookahead and training.lookahead.every > training.steps:
        yield f"lookahead.every ({training.lookahead.every:,}) is more than the {training.steps:,} steps of the run"


def _replaced_activations(training: Training) -> Iterator[str]:
    """Yield activations that were chosen for a player with maxout; a critic has that of the generator by itself."""
    generator, critic = training.architecture.options, training.critic.options
    for key, options, given in (("architecture", generator, None), ("critic", critic, generator)):
        activation, common = getattr(options, "activation", None), getattr(given, "activation", None)
        default = type(options).model_fields["activation"].default if activation else None
        if getattr(options, "maxout", 0) and activation not in (default, common):
            yield f"{key}.activation {activation!r} has no effect with maxout, which replaces it"


def _check_pac(training: Training, evaluation: Evaluation) -> str:
    """Return what is wrong with the packing degree, or ""."""
    pac, size = training.pac, training.batch_size
    if size % pac:
        return f"batch_size {size} is not a multiple of pac {pac}, the number of samples judged together"
    if size == pac and getattr(training.critic.options, "normalisation", None) == "batch":
        return f"batch normalisation of a critic with pac {pac} needs a batch_size of at least {2 * pac}"
    dataset, critic = training.dataset, training.critic
    first, *rest = declared_shape(dataset)
    if pac > 1 and not rest:  # images are joined as channels, of which critics take any number
        with naming("architecture", critic.name, "fits"):
            limitation = find("architecture", critic.name).fits((pac * first,))
        if limitation:
            return f"critic {critic.name!r} judges {limitation}, so it cannot judge {pac} samples together (pac)"
    for metric in evaluation.metrics:
        samples = getattr(metric.options, "samples", pac)
        if find("metric", metric.name).of == "game" and samples % pac:
            return f"metric {metric.name!r} uses {samples} samples, which is not a multiple of pac {pac}"
    return ""


def _check_unroll(training: Training, evaluation: Evaluation) -> str:
    """Return what unrolling cannot be combined with, or ""."""
    if not training.unroll:
        return ""
    if training.updates == "extragradient":
        return "unroll and updates 'extragradient' both look ahead: choose one"
    for penalty in training.penalty:
        if find("penalty", penalty.name).joint:
            return f"unroll cannot be combined with penalty {penalty.name!r}, which needs the gradients of both players"
        if find("penalty", penalty.name).term and getattr(training.critic.options, "normalisation", None) == "batch":
            both = f"penalty {penalty.name!r} and batch normalisation in the critic"
            return f"unroll cannot be combined with {both}, which has no third derivative"
    optimizer = training.critic_optimizer.name
    if optimizer not in UNROLLED:
        return f"unroll needs a critic_optimizer that it can differentiate, not {optimizer!r}: {', '.join(UNROLLED)}"
    for metric in evaluation.metrics:
        entry = find("metric", metric.name)
        if entry.of == "game" and not entry.sees_features:
            return f"metric {metric.name!r} looks at the game without unrolled steps; leave it out, or set unroll = 0"
    return ""


def takes_third_derivatives(training: Training) -> bool:
    """Return whether an update differentiates the gradient of a gradient penalty once more."""
    joint = any(find("penalty", each.name).joint for each in training.penalty)
    return bool(gradient_penalties(training)) and (joint or bool(training.unroll))


def _check_third_derivatives(training: Training, evaluation: Evaluation) -> str:
    """Return what takes a third derivative of torch's batch normalisation, which has none, or "".

    A gradient penalty, a penalty on the gradients of both players and the metric ``spectrum`` take a second derivative
    each, and two of them a third. The first is of the critic alone. ``mlp`` has a batch normalisation of its own.
    """
    roles = {"critic": training.critic, "generator": training.architecture}
    batched = [
        role
        for role, player in roles.items()
        if getattr(player.options, "normalisation", None) == "batch" and player.name != "mlp"
    ]
    of_critic = [f"penalty {name!r}" for name in gradient_penalties(training)]
    of_both = [f"penalty {each.name!r}" for each in training.penalty if find("penalty", each.name).joint]
    of_both += [f"metric {each.name!r}" for each in evaluation.metrics if each.name == "spectrum"]
    together = [*of_critic[:1], *of_both][:2] if "critic" in batched else of_both
    if batched and len(together) == 2:
        first, second = together
        normalised = f"batch normalisation in the {' and the '.join(batched)}"
        return f"{first} cannot be combined with {second} and {normalised}, which has no third derivative"
    return ""

"""Settings of the updates that contradict each other or have no effect."""

from __future__ import annotations

from collections.abc import Iterator

from bench.catalogue.optimizers import is_annealed
from bench.plan.specification import Training


def contradictions(training: Training) -> Iterator[str]:
    """Yield a line for each setting of the updates that contradicts another one or has no effect."""
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
    if training.ema_warmup and not training.ema:
        yield "ema_warmup has no effect without ema"
    if training.lookahead and training.lookahead.every > training.steps:
        yield f"lookahead.every ({training.lookahead.every:,}) is more than the {training.steps:,} steps of the run"

"""Whether a longer run begins as a shorter one does, so that it can go on where the shorter one ended."""

from __future__ import annotations

from bench.catalogue import find, is_added
from bench.catalogue.optimizers import is_annealed
from bench.plan.specification import Training


def what_depends_on_length(training: Training) -> str:
    """Return which setting makes a step depend on the number of steps to come; "" if none does."""
    if training.schedule != "constant":
        return f"schedule = {training.schedule}"
    for key in ("optimizer", "critic_optimizer"):
        if is_annealed(getattr(training, key).options):
            return f"{key} with a final value"
    for choice in training.penalty:
        if getattr(choice.options, "final_weight", None) is not None:
            return f"penalty {choice.name} with a final weight"
        anneals = getattr(choice.options, "anneal", "none") != "none"
        foreign = is_added("penalty", choice.name) and find("penalty", choice.name).perturb is not None
        if anneals or foreign:  # a penalty that perturbs samples may depend on the share of training done
            return f"penalty {choice.name}, which changes during training"
    return ""

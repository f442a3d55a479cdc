"""All checks of an entry, by its kind: what ``ganbench check`` runs."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.compute import environment
from bench.compute.contracts.checks import Check, run_checks
from bench.compute.contracts.data_checks import checks_of_dataset, checks_of_metric
from bench.compute.contracts.loss_checks import checks_of_loss
from bench.compute.contracts.network_checks import checks_of_architecture, checks_of_optimizer
from bench.compute.contracts.penalty_checks import checks_of_penalty
from bench.plan.specification import TomlTable, choose

CHECKS = {
    "loss": checks_of_loss,
    "penalty": checks_of_penalty,
    "architecture": checks_of_architecture,
    "dataset": checks_of_dataset,
    "metric": checks_of_metric,
    "optimizer": checks_of_optimizer,
}


def check_entry(kind: str, name: str, options: TomlTable | None = None) -> Iterator[Check]:
    """Check the contract of an entry on the CPU, on small networks and few samples.

    Args:
        kind: Its kind.
        name: Its name.
        options: Its options.

    Yields:
        The result of each check, as soon as it is known.

    Raises:
        SuiteError: There is no such entry, or it does not have such options.
        PluginError: The entry cannot be loaded.
    """
    choice = choose(kind, {"name": name, **(options or {})})
    environment.set_up_device(torch.device("cpu"))
    with environment.limited_threads(1):
        yield from run_checks(kind, name, CHECKS[kind](choice))

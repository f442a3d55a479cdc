"""The contract that the runs of a pack do not mix: what one run gets does not depend on the samples of another."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from bench.compute.contracts.results import Plugin
from bench.compute.training.stack import Stack


def check_runs_apart(plugin: Plugin, part: str, call: Callable[..., Tensor], inputs: Sequence[Tensor]) -> None:
    """Check that the first of two runs gets the same values when the inputs of the second change.

    Args:
        plugin: The plug-in.
        part: The name of its function, for the message.
        call: The function, of these inputs.
        inputs: Its inputs, [2, n, ...] each.

    Raises:
        ContractError: The runs mix.
    """
    changed = [torch.cat([each[:1], 1 - each[1:]]) for each in inputs]
    first, again, other = (call(*given).detach() for given in (inputs, inputs, changed))
    if torch.equal(first, again) and not torch.allclose(first[:1], other[:1], rtol=1e-3, atol=1e-6, equal_nan=True):
        raise plugin.fault(
            f"{part} mixes the runs of a pack: what the first run gets depends on the samples of the second; "
            "reduce over dimensions from 1 on, never over dimension 0"
        )


def two_critics(critic: nn.Module, real: Tensor) -> Stack | None:
    """Return a stack of two copies of a critic, or None if they cannot share a pack with samples [2, n, ...]."""
    with suppress(Exception):  # the architecture's own check tells why
        stack = Stack([copy.deepcopy(critic) for _ in range(2)], double_backward=True)
        stack(real)
        return stack
    return None

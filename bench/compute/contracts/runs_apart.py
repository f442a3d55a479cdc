"""The contract that the runs of a pack do not mix: what one run gets does not depend on the samples of another."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from bench.compute.contracts.results import Plugin
from bench.compute.training.stack import Stack


def check_runs_apart(
    plugin: Plugin,
    part: str,
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    before: Sequence[Any] = (),
    after: Sequence[Any] = (),
) -> None:
    """Check that the first of two runs gets the same values when the inputs of the second change.

    Args:
        plugin: The plug-in.
        part: The name of its function, for the message.
        function: The function.
        inputs: The inputs of one run, [1, ...] each.
        before: The arguments before the inputs.
        after: The arguments after them.

    Raises:
        ContractError: The runs mix.
    """
    others = [each.flip(1) if each.dim() > 1 else each for each in inputs]
    pairs = [torch.cat([each, other]) for each, other in zip(inputs, others, strict=True)]
    changed = [torch.cat([each, 1 - other]) for each, other in zip(inputs, others, strict=True)]
    first, again, other = (
        plugin.call(part, function, *before, *given, *after).detach() for given in (pairs, pairs, changed)
    )
    if torch.equal(first, again) and not torch.allclose(first[:1], other[:1], rtol=1e-3, atol=1e-6, equal_nan=True):
        raise plugin.fault(
            f"{part} mixes the runs of a pack: what the first run gets depends on the samples of the second; "
            "reduce over dimensions from 1 on, never over dimension 0"
        )


def two_critics(critic: nn.Module, samples: Tensor) -> Stack | None:
    """Return a stack of two copies of a critic, or None if it cannot be in a pack.

    Args:
        critic: The critic.
        samples: Samples of one run, [1, n, ...].
    """
    with suppress(Exception):  # the architecture's own check tells why
        stack = Stack([copy.deepcopy(critic) for _ in range(2)], double_backward=True)
        stack(torch.cat([samples, samples]))
        return stack
    return None

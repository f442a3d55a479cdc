"""Checks of what a function of a plug-in returns: its type, its shape, its gradient, and arguments left unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.catalogue import naming, title
from bench.errors import ContractError


class Plugin:
    """A plug-in under check.

    Args:
        kind: Its kind, such as "loss".
        name: Its name.
    """

    def __init__(self, kind: str, name: str):
        self.kind, self.name = kind, name

    def call(self, part: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the plug-in; it must not write into the tensors it is given.

        Raises:
            PluginError: It raised an exception.
            ContractError: It changed one of its arguments.
        """
        tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
        before = [(tensor._version, tensor.detach().clone()) for tensor in tensors]
        with naming(self.kind, self.name, part):
            returned = function(*arguments)
        for tensor, (version, copy) in zip(tensors, before, strict=True):
            if tensor._version != version or not torch.equal(tensor.detach().nan_to_num(), copy.nan_to_num()):
                raise self.fault(
                    f"{part} changes its input of shape {list(tensor.shape)} in place, expected a new tensor "
                    f"(such as -x in place of x.neg_())"
                )
        return returned

    def check(self, part: str, returned: Any, shape: Sequence[int], meaning: str, *, gradient: bool = True) -> Tensor:
        """Return the result of a function if it is a tensor of the expected shape, with a gradient.

        Raises:
            ContractError: It is not.
        """
        if not isinstance(returned, Tensor):
            given = "nothing" if returned is None else f"a {type(returned).__name__}"
            raise self.fault(f"{part} returned {given}, expected a tensor {list(shape)} ({meaning})")
        if list(returned.shape) != list(shape):
            raise self.fault(f"{part} returned shape {list(returned.shape)}, expected {list(shape)} ({meaning})")
        if not returned.is_floating_point():
            raise self.fault(f"{part} returned {str(returned.dtype).removeprefix('torch.')}, expected float numbers")
        if gradient and not returned.requires_grad:
            raise self.fault(f"{part} returned values without a gradient, so nothing can be learned from them")
        return returned

    def fault(self, problem: str) -> ContractError:
        """Return the error that names this plug-in."""
        return ContractError(f"{title(self.kind, self.name)}: {problem}")

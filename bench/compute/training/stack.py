"""One player of every run of a pack, as one tensor program; each run's own network shows its slice of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.optim import Optimizer

from bench.compute.training.stacked_layers import program

VECTOR = 32  # numbers that the CPU's kernels take at once; what is left of a tensor is rounded otherwise


class Stack:
    """The networks of s runs with one architecture.

    Their parameters and buffers become slices of the stack's: what training changes there is seen in each network,
    and what is loaded into a network is trained on from there.

    Args:
        networks: One a run.
        rules: Whether layers may run by their rules; else ``torch.func.vmap`` runs all, as it does other layers.
        twice: Whether gradients by the samples are derived again, as by a gradient penalty.

    Attributes:
        flat: The parameters of each network beside each other, [s, numbers]: what an optimiser changes. The row is
            filled up to a multiple of ``VECTOR``, so that a number is rounded alike wherever it stands.
        parameters: All parameters that are trained, each [s, ...], in the order of the network's: slices of ``flat``.
        buffers: All other tensors by name, each [s, ...]: buffers, and parameters that need no gradient.
    """

    def __init__(self, networks: Sequence[nn.Module], rules: bool = True, twice: bool = False):
        self.networks = list(networks)
        named = [_trained(network) for network in self.networks]
        self._names, first = list(named[0]), list(named[0].values())
        ends = list(accumulate((each.numel() for each in first), initial=0))
        self.flat = first[0].new_zeros(len(self.networks), -(-ends[-1] // VECTOR) * VECTOR)
        self.flat.grad = torch.zeros_like(self.flat)
        self.parameters = [_slices(self.flat, begin, each) for begin, each in zip(ends, first, strict=False)]
        self._gradients = [_slices(self.flat.grad, begin, each) for begin, each in zip(ends, first, strict=False)]
        for name, whole in zip(self._names, self.parameters, strict=True):
            _share(whole, [each[name] for each in named])
            whole.requires_grad_()
        self._program = program(self.networks[0], twice) if rules else None
        # convolutions of several runs at once are no faster on the CPU, and not the same bits
        on_cpu = self.flat.device.type == "cpu"
        self._apart = rules and (len(self.networks) == 1 or (on_cpu and _convolves(self.networks[0])))
        by_vmap = self._program is None and not self._apart  # which leaves running statistics alone that lie apart
        others = [_others(network) for network in self.networks]
        self.buffers = {name: _stacked([each[name] for each in others], 1 if by_vmap else VECTOR) for name in others[0]}

    def descend(self, optimizer: Optimizer, gradients: Sequence[Tensor]) -> None:
        """One step of an optimiser of ``flat`` along gradients [s, ...]; they are never clipped or masked."""
        torch._foreach_copy_(self._gradients, list(gradients))
        optimizer.step()

    def __call__(self, samples: Tensor) -> Tensor:
        """[s, n, ...] → what the networks make of it, [s, n, ...]."""
        return self._run(self.buffers, samples)

    def observe(self, samples: Tensor) -> Tensor:
        """The same on a copy of the buffers: what a pass in training changes in them stays in the copy."""
        return self._run({name: buffer.clone() for name, buffer in self.buffers.items()}, samples)

    def _run(self, buffers: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        tensors = {**dict(zip(self._names, self.parameters, strict=True)), **buffers}
        if self._program is not None:
            return self._program(tensors, samples)
        if self._apart:
            runs = zip(self.networks, samples.unbind(), *map(torch.unbind, tensors.values()), strict=True)
            return torch.stack(
                [
                    functional_call(network, dict(zip(tensors, own, strict=True)), (some,))
                    for network, some, *own in runs
                ]
            )
        return vmap(self._one, randomness="different")(tensors, samples)

    def _one(self, tensors: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        out: Tensor = functional_call(self.networks[0], dict(tensors), (samples,))
        return out


def _convolves(network: nn.Module) -> bool:
    return any(isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())


def _slices(flat: Tensor, begin: int, like: Tensor) -> Tensor:
    """A parameter of every network as a part of all, [s, *shape]; each lies in memory as it did in its network."""
    return flat.as_strided((len(flat), *like.shape), (flat.shape[1], *like.stride()), begin)


def _trained(network: nn.Module) -> dict[str, Tensor]:
    return {name: each for name, each in network.named_parameters() if each.requires_grad}


def _others(network: nn.Module) -> dict[str, Tensor]:
    frozen = {name: each for name, each in network.named_parameters() if not each.requires_grad}
    return {**frozen, **dict(network.named_buffers())}


def _stacked(buffers: Sequence[Tensor], multiple: int) -> Tensor:
    """A buffer of every network, [s, *shape]; each begins at a multiple of so many numbers, as it would alone."""
    row = -(-buffers[0].numel() // multiple) * multiple
    whole = _slices(buffers[0].new_zeros(len(buffers), row), 0, buffers[0])
    _share(whole, buffers)
    return whole


def _share(whole: Tensor, parts: Sequence[Tensor]) -> None:
    """Copies parts into a whole and makes them slices of it."""
    for part, slot in zip(parts, whole, strict=True):
        slot.copy_(part.detach())
        part.data = slot

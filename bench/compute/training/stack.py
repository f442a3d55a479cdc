"""One player of every run of a pack as one tensor program; each run's own network is a view of its slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from bench.catalogue import naming
from bench.compute.training.stacked_layers import stacked_forward

VECTOR = 32  # numbers that CPU kernels process at once; the remainder of a tensor is rounded differently


class Stack:
    """The networks of s runs with the same architecture.

    The parameters and buffers of the networks become slices of the stack's. Training updates are visible in each
    network, and states loaded into a network are trained further.

    Args:
        networks: One network per run.
        rules: Whether to use ``bench.compute.training.stacked_layers`` where possible, rather than ``torch.func.vmap``.
        double_backward: Whether gradients with respect to samples are differentiated, as by a gradient penalty.
        architecture: Its name in the catalogue; an error in the code of another package then names it.
        apart: Whether networks without rules are computed one after another, rather than by ``torch.func.vmap``.
            [default: if there is only one, or convolutions on the CPU]

    Attributes:
        flat: The parameters of each network in one row, [s, numbers], which optimisers update. Rows are padded to a
            multiple of ``VECTOR``, so that rounding does not depend on a parameter's position.
        parameters: The trained parameters, [s, ...] each, in the order of the network's: views of ``flat``.
        buffers: All other tensors by name, [s, ...] each: buffers, and parameters that require no gradient.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        rules: bool = True,
        double_backward: bool = False,
        architecture: str = "",
        apart: bool | None = None,
    ):
        self.networks, self._architecture = list(networks), architecture
        trained = [_trained_parameters(network) for network in self.networks]
        self._names, first = list(trained[0]), list(trained[0].values())
        offsets = list(accumulate((parameter.numel() for parameter in first), initial=0))
        self.flat = first[0].new_zeros(len(self.networks), -(-offsets[-1] // VECTOR) * VECTOR)
        self._places = list(zip(offsets, first, strict=False))
        self.parameters = self.views(self.flat)
        for name, stacked in zip(self._names, self.parameters, strict=True):
            _make_slices(stacked, [parameters[name] for parameters in trained])
            stacked.requires_grad_()
        self._choose_forward(rules, double_backward, apart)
        alignment = 1 if self._by_vmap else VECTOR  # vmap does not update running statistics with padding between runs
        tensors = [_other_tensors(network) for network in self.networks]
        self.buffers = {name: _stack_buffers([each[name] for each in tensors], alignment) for name in tensors[0]}

    def _choose_forward(self, rules: bool, double_backward: bool, apart: bool | None) -> None:
        """Choose how the networks are computed: by rules, one after another, or by ``torch.func.vmap``."""
        self._forward = stacked_forward(self.networks[0], double_backward) if rules else None
        # on the CPU, convolutions of several runs at once are no faster, and their bits differ
        convolves = self.parameters[0].device.type == "cpu" and has_convolutions(self.networks[0])
        self._separate = rules and (len(self.networks) == 1 or convolves) if apart is None else apart

    @property
    def _by_vmap(self) -> bool:
        return self._forward is None and not self._separate

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return the part of each parameter in a tensor with the layout of ``flat``, [s, ...] each."""
        return [_view(flat, offset, like) for offset, like in self._places]

    def in_index_order(self, flat: Tensor) -> Tensor:
        """Return the numbers of a tensor like ``flat`` in an order that is the same on every device, [s, numbers].

        In ``flat`` itself, the weights of convolutions lie as the device's memory format wants them.
        """
        flat, ordered = flat.clone(), torch.zeros_like(flat)  # views of a part would begin at the start of the whole
        for (offset, like), view in zip(self._places, self.views(flat), strict=True):
            ordered[:, offset : offset + like.numel()] = view.flatten(1)
        return ordered

    def from_index_order(self, ordered: Tensor) -> Tensor:
        """Return the tensor like ``flat`` of which ``ordered`` is the result of ``in_index_order``."""
        flat = torch.zeros_like(ordered)
        for (offset, like), view in zip(self._places, self.views(flat), strict=True):
            view.copy_(ordered[:, offset : offset + like.numel()].reshape(view.shape))
        return flat

    def __call__(self, samples: Tensor) -> Tensor:
        """Apply each network to its samples, [s, n, ...] → [s, n, ...]."""
        return self.apply(self.parameters, self.buffers, samples)

    def observe(self, samples: Tensor) -> Tensor:
        """Apply each network to its samples without changing its buffers, [s, n, ...] → [s, n, ...]."""
        return self.apply(self.parameters, {name: buffer.clone() for name, buffer in self.buffers.items()}, samples)

    def apply(self, parameters: Sequence[Tensor], buffers: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        """Apply each network with other parameters and buffers, [s, ...] each; the buffers are changed in place."""
        if not self._architecture:
            return self._forward_all(parameters, buffers, samples)
        with naming("architecture", self._architecture):
            return self._forward_all(parameters, buffers, samples)

    def _forward_all(self, parameters: Sequence[Tensor], buffers: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        tensors = {**dict(zip(self._names, parameters, strict=True)), **buffers}
        if self._forward is not None:
            return self._forward(tensors, samples)
        if self._separate:
            runs = zip(self.networks, samples.unbind(), *map(torch.unbind, tensors.values()), strict=True)
            return torch.stack(
                [
                    functional_call(network, dict(zip(tensors, run_tensors, strict=True)), (run_samples,))
                    for network, run_samples, *run_tensors in runs
                ]
            )
        return vmap(self._run_one, randomness="different")(tensors, samples)

    def _run_one(self, tensors: Mapping[str, Tensor], samples: Tensor) -> Tensor:
        out: Tensor = functional_call(self.networks[0], dict(tensors), (samples,))
        return out


def has_convolutions(network: nn.Module) -> bool:
    """Return whether a network has convolutions."""
    kinds = (nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)
    return any(isinstance(module, kinds) for module in network.modules())


def _view(flat: Tensor, offset: int, like: Tensor) -> Tensor:
    """Return one parameter of every network as a view of ``flat``, [s, *shape], with the strides of ``like``."""
    return flat.as_strided((len(flat), *like.shape), (flat.shape[1], *like.stride()), offset)


def _trained_parameters(network: nn.Module) -> dict[str, Tensor]:
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


def _other_tensors(network: nn.Module) -> dict[str, Tensor]:
    frozen = {name: parameter for name, parameter in network.named_parameters() if not parameter.requires_grad}
    return {**frozen, **dict(network.named_buffers())}


def _stack_buffers(buffers: Sequence[Tensor], alignment: int) -> Tensor:
    """Stack a buffer of every network, [s, *shape], with each run's slice starting at a multiple of ``alignment``."""
    row = -(-buffers[0].numel() // alignment) * alignment
    stacked = _view(buffers[0].new_zeros(len(buffers), row), 0, buffers[0])
    _make_slices(stacked, buffers)
    return stacked


def _make_slices(stacked: Tensor, tensors: Sequence[Tensor]) -> None:
    """Copy tensors into a stacked tensor and make them share its memory."""
    for tensor, part in zip(tensors, stacked, strict=True):
        part.copy_(tensor.detach())
        tensor.data = part

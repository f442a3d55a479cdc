"""Layers of several runs at once: each rule is what its module does, with one more dimension in front for the runs.

Samples are [s, n, ...], parameters [s, ...]. Fully connected layers keep their features beside each other in memory
([s, features, n] there), so that no product and no gradient has to be copied into shape, and a critic's single output
is a product with one row: one with one column has other bits alone than among others.

A network of other layers trains by ``torch.func.vmap`` (``bench.stacks``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import is_parametrized

from bench.architectures.layers import Maxout

Tensors = Mapping[str, Tensor]
Rule = Callable[[nn.Module, Tensors, Tensor], Tensor]


def linear(module: nn.Module, own: Tensors, samples: Tensor) -> Tensor:
    """W x + b: [s, n, inputs] → [s, n, outputs]."""
    weight = own["weight"] if "weight" in own else _spectral(module, own)
    columns, bias = samples.transpose(1, 2), own.get("bias")
    if weight.shape[1] == 1:
        row: Tensor = _Row.apply(weight, columns)
        return (row if bias is None else row + bias.unsqueeze(2)).squeeze(1).unsqueeze(2)
    out = weight @ columns if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, columns)
    return out.transpose(1, 2)


class _Row(torch.autograd.Function):
    """w x for one output, [s, 1, inputs] × [s, inputs, n], without a product that has one column in any derivative."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, columns: Tensor) -> Tensor:
        ctx.save_for_backward(weight, columns)
        return weight @ columns

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        weight, columns = ctx.saved_tensors
        row = gradient.squeeze(1).unsqueeze(1)  # with the strides that a row has, whatever view this is
        of_weight, of_columns = ctx.needs_input_grad
        return (
            row @ columns.transpose(1, 2) if of_weight else None,
            weight.transpose(1, 2) * row if of_columns else None,
        )


def _spectral(module: nn.Module, own: Tensors) -> Tensor:
    """The weight over its largest singular value, which one power iteration a pass follows (Miyato et al. 2018)."""
    where = "parametrizations.weight."
    weight, u, v = own[where + "original"], own[where + "0._u"], own[where + "0._v"]
    if module.training:
        with torch.no_grad():
            rows, eps = weight.detach().transpose(1, 2), module.parametrizations.weight[0].eps  # type: ignore
            u.copy_(F.normalize((v.unsqueeze(1) @ rows).squeeze(1), dim=1, eps=eps))
            v.copy_(F.normalize((u.unsqueeze(1) @ weight.detach()).squeeze(1), dim=1, eps=eps))
    u, v = u.clone(), v.clone()  # the next pass changes them, and the gradient of this one needs them
    sigma = ((u.unsqueeze(1) @ weight) * v.unsqueeze(1)).sum(dim=2, keepdim=True)
    return weight / sigma


def batch_norm(module: nn.Module, own: Tensors, samples: Tensor) -> Tensor:
    """Over the samples of each run: [s, n, features]; its running statistics follow in training."""
    assert isinstance(module, nn.BatchNorm1d)
    assert module.momentum is not None
    if not module.training:
        mean, variance = own["running_mean"].unsqueeze(1), own["running_var"].unsqueeze(1)
    else:
        variance, mean = torch.var_mean(samples, dim=1, keepdim=True, correction=0)
        count = samples.shape[1]
        with torch.no_grad():
            own["num_batches_tracked"].add_(1)
            own["running_mean"].lerp_(mean.squeeze(1), module.momentum)
            own["running_var"].lerp_(variance.squeeze(1) * (count / (count - 1)), module.momentum)
    return _affine((samples - mean) * (variance + module.eps).rsqrt(), own)


def layer_norm(module: nn.Module, own: Tensors, samples: Tensor) -> Tensor:
    """Over the features of each sample: [s, n, features]."""
    assert isinstance(module, nn.LayerNorm)
    dims = tuple(range(-len(module.normalized_shape), 0))
    variance, mean = torch.var_mean(samples, dim=dims, keepdim=True, correction=0)
    return _affine((samples - mean) * (variance + module.eps).rsqrt(), own)


def flatten(module: nn.Module, own: Tensors, samples: Tensor) -> Tensor:
    """As without runs, whose dimension stays."""
    assert isinstance(module, nn.Flatten)
    first, last = (end + 1 if end >= 0 else end for end in (module.start_dim, module.end_dim))
    return samples.flatten(first, last)


def unflatten(module: nn.Module, own: Tensors, samples: Tensor) -> Tensor:
    """As without runs, whose dimension stays."""
    assert isinstance(module, nn.Unflatten)
    where = int(module.dim)
    return samples.unflatten(where + 1 if where >= 0 else where, module.unflattened_size)


def elementwise(module: nn.Module, own: Tensors, samples: Tensor) -> Tensor:
    """The same function of every number, or of the last dimension."""
    out: Tensor = module(samples)
    return out


RULES: dict[type[nn.Module], Rule] = {
    nn.Linear: linear,
    nn.BatchNorm1d: batch_norm,
    nn.LayerNorm: layer_norm,
    nn.Flatten: flatten,
    nn.Unflatten: unflatten,
    **dict.fromkeys(
        (nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Identity, Maxout),
        elementwise,
    ),
}


def program(network: nn.Module) -> Callable[[Tensors, Tensor], Tensor] | None:
    """The network as a function of all its tensors and of samples [s, n, ...], by the rules; None: it has others.

    The tensors are parameters and buffers by their full names, [s, ...].
    """
    layers = list(_layers(network, ""))
    if not all(rule for rule, _, _ in layers):
        return None

    def run(tensors: Tensors, samples: Tensor) -> Tensor:
        for rule, module, names in layers:
            own = {name: tensors[full] for name, full in names}
            samples = rule(module, own, samples)  # type: ignore[misc]
        return samples

    return run


def _layers(network: nn.Module, prefix: str) -> list[tuple[Rule | None, nn.Module, list[tuple[str, str]]]]:
    if type(network) is nn.Sequential:
        return [layer for name, child in network.named_children() for layer in _layers(child, f"{prefix}{name}.")]
    names = [name for name, _ in (*network.named_parameters(), *network.named_buffers())]
    return [(_rule(network), network, [(name, prefix + name) for name in names])]


def _rule(module: nn.Module) -> Rule | None:
    if is_parametrized(module):
        (first, *others) = module.parametrizations.values()  # type: ignore[operator]
        spectral = isinstance(module, nn.Linear) and not others and len(first) == 1
        return linear if spectral and isinstance(first[0], _SpectralNorm) else None
    plain = not module._forward_hooks and not module._forward_pre_hooks
    rule = RULES.get(type(module)) if plain else None
    usual = not isinstance(module, nn.BatchNorm1d) or (module.momentum is not None and module.track_running_stats)
    return rule if usual else None


def _affine(normalised: Tensor, own: Tensors) -> Tensor:
    if "weight" not in own:
        return normalised
    scaled = normalised * own["weight"].unsqueeze(1)
    return scaled + own["bias"].unsqueeze(1) if "bias" in own else scaled

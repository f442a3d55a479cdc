"""Layers of several runs at once: each rule is what its module does, with one more dimension in front for the runs.

Between the layers, the features of all samples lie beside each other, [s, features, n]: no product, and no gradient of
a weight, has to be copied into shape. A critic's single output is a product with one row: one with one column has other
bits alone than among others.

A network of other layers trains by ``torch.func.vmap`` (``bench.compute.training.stack``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import is_parametrized

from bench.catalogue.architectures.layers import Maxout

Tensors = Mapping[str, Tensor]
Rule = Callable[[nn.Module, Tensors, Tensor], Tensor]


def linear(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """W x + b: [s, inputs, n] → [s, outputs, n]."""
    weight = own["weight"] if "weight" in own else _spectral(module, own)
    bias = own.get("bias")
    if weight.shape[1] == 1:
        row: Tensor = _Row.apply(weight, columns)
        return row if bias is None else row + bias.unsqueeze(2)
    return weight @ columns if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, columns)


class _Row(torch.autograd.Function):
    """w x for one output, [s, 1, inputs] × [s, inputs, n], without a product that has one column in any derivative."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, columns: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)  # where there is no gradient, there is none: not one of zeros
        ctx.save_for_backward(weight, columns)
        return weight @ columns

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        if gradient is None:
            return None, None
        weight, columns = ctx.saved_tensors
        row = gradient.squeeze(1).unsqueeze(1)  # with the strides that a row has, whatever view this is
        of_weight, of_columns = ctx.needs_input_grad
        return (
            row @ columns.to(row.dtype).transpose(1, 2) if of_weight else None,  # autocast has ended here
            weight.to(row.dtype).transpose(1, 2) * row if of_columns else None,
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


def batch_norm(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """Over the samples of each run, [s, features, n]; its running statistics follow in training."""
    assert isinstance(module, nn.BatchNorm1d)
    assert module.momentum is not None
    wide = _wide(columns)
    if not module.training:
        mean, variance = own["running_mean"].unsqueeze(2), own["running_var"].unsqueeze(2)
    else:
        variance, mean = torch.var_mean(wide, dim=2, keepdim=True, correction=0)
        count = columns.shape[2]
        with torch.no_grad():
            own["num_batches_tracked"].add_(1)
            own["running_mean"].lerp_(mean.squeeze(2), module.momentum)
            own["running_var"].lerp_(variance.squeeze(2) * (count / (count - 1)), module.momentum)
    return _affine((wide - mean) * (variance + module.eps).rsqrt(), own).to(columns.dtype)


def layer_norm(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """Over the features of each sample, [s, features, n]."""
    assert isinstance(module, nn.LayerNorm)
    wide = _wide(columns)
    variance, mean = torch.var_mean(wide, dim=1, keepdim=True, correction=0)
    return _affine((wide - mean) * (variance + module.eps).rsqrt(), own).to(columns.dtype)


def _wide(columns: Tensor) -> Tensor:
    """Statistics of bfloat16 numbers are those of float32."""
    return columns.float() if columns.dtype is torch.bfloat16 else columns


def _affine(normalised: Tensor, own: Tensors) -> Tensor:
    if "weight" not in own:
        return normalised
    return torch.addcmul(own["bias"].unsqueeze(2), normalised, own["weight"].unsqueeze(2))


def maxout(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """The largest of the pieces, [s, width · pieces, n] → [s, width, n]."""
    assert isinstance(module, Maxout)
    return columns.unflatten(1, (-1, module.pieces)).amax(dim=2)


def rectify(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """ReLU and LeakyReLU in place: what comes before needs no number that this changes."""
    if isinstance(module, nn.LeakyReLU):
        return F.leaky_relu_(columns, module.negative_slope)
    return F.relu_(columns)


def rectify_twice(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """The same for a network whose gradient is derived again: dearer once, cheaper twice."""
    slope = module.negative_slope if isinstance(module, nn.LeakyReLU) else 0.0
    out: Tensor = _Rectified.apply(columns, slope)
    return out


class _Rectified(torch.autograd.Function):
    """max(x, slope · x), whose second derivative is none at all.

    Torch's own gives zeros, and a gradient penalty then takes them back through the whole network.
    """

    @staticmethod
    def forward(ctx: Any, columns: Tensor, slope: float) -> Tensor:
        ctx.mark_dirty(columns)
        ctx.set_materialize_grads(False)
        ctx.slope = slope
        out = F.leaky_relu_(columns, slope) if slope else F.relu_(columns)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None]:
        (out,) = ctx.saved_tensors
        return None if gradient is None else _Masked.apply(gradient, out, ctx.slope), None


class _Masked(torch.autograd.Function):
    """The gradient of ``_Rectified``: it depends on where the output is positive, and so on nothing to derive by."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, out: Tensor, slope: float) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.slope = slope
        ctx.save_for_backward(out)
        if slope:
            return torch.ops.aten.leaky_relu_backward(gradient, out, slope, True)
        return torch.ops.aten.threshold_backward(gradient, out, 0.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None, None]:
        (out,) = ctx.saved_tensors
        return None if gradient is None else _Masked.apply(gradient, out, ctx.slope), None, None


def elementwise(module: nn.Module, own: Tensors, columns: Tensor) -> Tensor:
    """The same function of every number."""
    out: Tensor = module(columns)
    return out


AFFINE: dict[type[nn.Module], Rule] = {nn.Linear: linear, nn.BatchNorm1d: batch_norm, nn.LayerNorm: layer_norm}
RULES: dict[type[nn.Module], Rule] = {
    **AFFINE,
    Maxout: maxout,
    **dict.fromkeys((nn.ReLU, nn.LeakyReLU), rectify),
    **dict.fromkeys((nn.Tanh, nn.Sigmoid, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Identity), elementwise),
}


def program(network: nn.Module, twice: bool = False) -> Callable[[Tensors, Tensor], Tensor] | None:
    """The network as a function of all its tensors and of samples [s, n, ...], by the rules; None: it has others.

    The tensors are parameters and buffers by their full names, [s, ...]; ``twice`` says that its gradient is derived
    again, as by a gradient penalty. A network has rules when it is a sequence of
    layers that have, after one that flattens samples and before one that gives them their shape.
    """
    modules = list(_leaves(network, ""))
    flat = bool(modules) and _is(modules[0][1], nn.Flatten, start_dim=1)
    *_, (_, last) = modules or [("", network)]
    scalar, shaped = _is(last, nn.Flatten, start_dim=0), _is(last, nn.Unflatten, dim=1)
    inner = modules[flat : len(modules) - (scalar or shaped)]
    rules = [_rule(module, before) for (_, module), before in zip(inner, [None, *(m for _, m in inner)], strict=False)]
    if twice:
        rules = [rectify_twice if rule is rectify else rule for rule in rules]
    if not inner or not all(rules):
        return None
    named = {id(tensor): name for name, tensor in (*network.named_parameters(), *network.named_buffers())}
    names = [
        {name: named[id(tensor)] for name, tensor in (*module.named_parameters(), *module.named_buffers())}
        for _, module in inner
    ]

    def run(tensors: Tensors, samples: Tensor) -> Tensor:
        columns = samples.flatten(2).transpose(1, 2)
        for rule, (_, module), own in zip(rules, inner, names, strict=True):
            columns = rule(module, {name: tensors[full] for name, full in own.items()}, columns)  # type: ignore[misc]
        if scalar:
            return columns.squeeze(1)
        rows = columns.transpose(1, 2)
        return rows.unflatten(2, last.unflattened_size) if isinstance(last, nn.Unflatten) else rows

    return run


def _leaves(network: nn.Module, prefix: str) -> list[tuple[str, nn.Module]]:
    """The layers of nested sequences, each with what its tensors' names begin with; one may stand in several places."""
    if type(network) is nn.Sequential:
        children = [(name, child) for name, child in network._modules.items() if child is not None]
        return [leaf for name, child in children for leaf in _leaves(child, f"{prefix}{name}.")]
    return [(prefix, network)]


def _is(module: nn.Module, kind: type[nn.Module], **attributes: object) -> bool:
    return type(module) is kind and all(getattr(module, name) == value for name, value in attributes.items())


def _rule(module: nn.Module, before: nn.Module | None) -> Rule | None:
    """The rule of a layer that comes after another, or None."""
    if is_parametrized(module):
        (first, *others) = module.parametrizations.values()  # type: ignore[operator]
        spectral = isinstance(module, nn.Linear) and not others and len(first) == 1
        once = {"n_power_iterations": 1, "dim": 0}
        return linear if spectral and _is(first[0], _SpectralNorm, **once) else None
    if module._forward_hooks or module._forward_pre_hooks:
        return None
    if isinstance(module, nn.BatchNorm1d) and not (module.momentum is not None and module.track_running_stats):
        return None
    if isinstance(module, nn.LayerNorm) and (
        len(module.normalized_shape) > 1 or (module.bias is None) != (module.weight is None)
    ):
        return None
    rule = RULES.get(type(module))
    fresh = before is not None and (type(before) in AFFINE or is_parametrized(before))
    positive = not isinstance(module, nn.LeakyReLU) or module.negative_slope > 0
    return elementwise if rule is rectify and not (fresh and positive) else rule

"""Layers of several runs at once: each rule does what its module does, with a leading dimension for the runs.

Between layers, features have shape [s, features, n], so neither products nor gradients of weights have to be copied
into shape. A critic's single output is computed as a product with one row, because a product with one column gives
different bits for a run alone than for several runs.

Networks with other layers train by ``torch.func.vmap`` (see ``bench.compute.training.stack``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import is_parametrized

from bench.catalogue.architectures.layers import Maxout, MinibatchDeviation, Scale
from bench.compute.training.rectify import rectify_in_place
from bench.compute.training.spectral_norm import SpectralNorm
from bench.compute.training.stacked_deviation import append_deviation

Tensors = Mapping[str, Tensor]
Rule = Callable[[nn.Module, Tensors, Tensor], Tensor]


def linear(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Apply W x + b, [s, inputs, n] → [s, outputs, n]."""
    weight = tensors["weight"] if "weight" in tensors else _spectral_weight(module, tensors)
    bias = tensors.get("bias")
    if weight.shape[1] == 1:
        row: Tensor = _RowProduct.apply(weight, columns)
        return row if bias is None else row + bias.unsqueeze(2)
    return weight @ columns if bias is None else torch.baddbmm(bias.unsqueeze(2), weight, columns)


class _RowProduct(torch.autograd.Function):
    """The product for a single output, [s, 1, inputs] × [s, inputs, n]; no derivative multiplies with one column."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, columns: Tensor) -> Tensor:
        ctx.set_materialize_grads(False)  # a missing gradient stays None instead of becoming zeros
        ctx.save_for_backward(weight, columns)
        return weight @ columns

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        if gradient is None:
            return None, None
        weight, columns = ctx.saved_tensors
        row = gradient.squeeze(1).unsqueeze(1)  # gives it the strides of a row
        weight_needs_gradient, columns_need_gradient = ctx.needs_input_grad
        return (  # autocast is not active in the backward pass
            row @ columns.to(row.dtype).transpose(1, 2) if weight_needs_gradient else None,
            weight.to(row.dtype).transpose(1, 2) * row if columns_need_gradient else None,
        )


def _spectral_weight(module: nn.Module, tensors: Tensors) -> Tensor:
    """Return the weight over its largest singular value, with one power iteration per pass (Miyato et al. 2018)."""
    prefix = "parametrizations.weight."
    weight, u, v = tensors[prefix + "original"], tensors[prefix + "0._u"], tensors[prefix + "0._v"]
    if module.training:
        with torch.no_grad():
            rows, eps = weight.detach().transpose(1, 2), module.parametrizations.weight[0].eps  # type: ignore
            u.copy_(F.normalize((v.unsqueeze(1) @ rows).squeeze(1), dim=1, eps=eps))
            v.copy_(F.normalize((u.unsqueeze(1) @ weight.detach()).squeeze(1), dim=1, eps=eps))
    u, v = u.clone(), v.clone()  # the next pass changes them before the gradient of this one is computed
    sigma = ((u.unsqueeze(1) @ weight) * v.unsqueeze(1)).sum(dim=2, keepdim=True)
    return weight / sigma


def batch_norm(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Normalise over the samples of each run, [s, features, n]; in training, update the running statistics."""
    assert isinstance(module, nn.BatchNorm1d)
    assert module.momentum is not None
    precise = _at_least_float32(columns)
    if not module.training:
        mean, variance = tensors["running_mean"].unsqueeze(2), tensors["running_var"].unsqueeze(2)
    else:
        variance, mean = torch.var_mean(precise, dim=2, keepdim=True, correction=0)
        count = columns.shape[2]
        with torch.no_grad():
            tensors["num_batches_tracked"].add_(1)
            tensors["running_mean"].lerp_(mean.squeeze(2), module.momentum)
            tensors["running_var"].lerp_(variance.squeeze(2) * (count / (count - 1)), module.momentum)
    return _affine((precise - mean) * (variance + module.eps).rsqrt(), tensors).to(columns.dtype)


def layer_norm(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Normalise over the features of each sample, [s, features, n]."""
    assert isinstance(module, nn.LayerNorm)
    precise = _at_least_float32(columns)
    variance, mean = torch.var_mean(precise, dim=1, keepdim=True, correction=0)
    return _affine((precise - mean) * (variance + module.eps).rsqrt(), tensors).to(columns.dtype)


def _at_least_float32(columns: Tensor) -> Tensor:
    """Convert bfloat16 numbers to float32 for statistics."""
    return columns.float() if columns.dtype is torch.bfloat16 else columns


def _affine(normalised: Tensor, tensors: Tensors) -> Tensor:
    if "weight" not in tensors:
        return normalised
    return torch.addcmul(tensors["bias"].unsqueeze(2), normalised, tensors["weight"].unsqueeze(2))


def maxout(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Return the maximum over the pieces, [s, width · pieces, n] → [s, width, n]."""
    assert isinstance(module, Maxout)
    return columns.unflatten(1, (-1, module.pieces)).amax(dim=2)


def rectify(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Apply ReLU or LeakyReLU in place; the layer before does not need its output for its gradient."""
    if isinstance(module, nn.LeakyReLU):
        return F.leaky_relu_(columns, module.negative_slope)
    return F.relu_(columns)


def rectify_for_double_backward(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Apply ReLU or LeakyReLU in place: slower with one backward pass, faster if its gradient is differentiated.

    The layer after it must be linear: it hands its gradient to no other, so that too can be changed in place.
    """
    return rectify_in_place(columns, module.negative_slope if isinstance(module, nn.LeakyReLU) else 0.0)


def elementwise(module: nn.Module, tensors: Tensors, columns: Tensor) -> Tensor:
    """Apply an elementwise module."""
    out: Tensor = module(columns)
    return out


AFFINE: dict[type[nn.Module], Rule] = {nn.Linear: linear, nn.BatchNorm1d: batch_norm, nn.LayerNorm: layer_norm}
RULES: dict[type[nn.Module], Rule] = {
    **AFFINE,
    Maxout: maxout,
    MinibatchDeviation: append_deviation,
    **dict.fromkeys((nn.ReLU, nn.LeakyReLU), rectify),
    **dict.fromkeys((nn.Tanh, nn.Sigmoid, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Identity, Scale), elementwise),
}


def stacked_forward(network: nn.Module, double_backward: bool = False) -> Callable[[Tensors, Tensor], Tensor] | None:
    """Return the forward pass of several runs' networks at once, or None if the network has layers without a rule.

    It is a function of all parameters and buffers by full name, [s, ...] each, and of samples, [s, n, ...]. The network
    must be a sequence of layers with rules; the first may flatten samples, and the last may shape the output.
    ``double_backward`` says that gradients with respect to samples are differentiated, as by a gradient penalty.
    """
    modules = list(_leaves(network, ""))
    flat = bool(modules) and _is(modules[0][1], nn.Flatten, start_dim=1)
    *_, (_, last) = modules or [("", network)]
    scalar, shaped = _is(last, nn.Flatten, start_dim=0), _is(last, nn.Unflatten, dim=1)
    inner = modules[flat : len(modules) - (scalar or shaped)]
    previous = [None, *(module for _, module in inner)]
    rules = [_find_rule(module, before) for (_, module), before in zip(inner, previous, strict=False)]
    if double_backward:
        following = [*(module for _, module in inner[1:]), None]
        rules = [
            rectify_for_double_backward if rule is rectify and isinstance(module, nn.Linear) else rule
            for rule, module in zip(rules, following, strict=True)
        ]
    if not inner or not all(rules):
        return None
    full = {id(tensor): name for name, tensor in _named_tensors(network)}
    layers = [(module, {name: full[id(tensor)] for name, tensor in _named_tensors(module)}) for _, module in inner]

    def run(tensors: Tensors, samples: Tensor) -> Tensor:
        columns = samples.flatten(2).transpose(1, 2)
        for rule, (module, names) in zip(rules, layers, strict=True):
            columns = rule(module, {name: tensors[full_name] for name, full_name in names.items()}, columns)  # type: ignore[misc]
        if scalar:
            return columns.squeeze(1)
        rows = columns.transpose(1, 2)
        return rows.unflatten(2, last.unflattened_size) if isinstance(last, nn.Unflatten) else rows

    return run


def _named_tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _leaves(network: nn.Module, prefix: str) -> list[tuple[str, nn.Module]]:
    """Return the layers of nested sequences, with the prefix of their tensors' names; a layer may occur repeatedly."""
    if type(network) is nn.Sequential:
        children = [(name, child) for name, child in network._modules.items() if child is not None]
        return [leaf for name, child in children for leaf in _leaves(child, f"{prefix}{name}.")]
    return [(prefix, network)]


def _is(module: nn.Module, kind: type[nn.Module], **attributes: object) -> bool:
    return type(module) is kind and all(getattr(module, name) == value for name, value in attributes.items())


def _find_rule(module: nn.Module, before: nn.Module | None) -> Rule | None:
    """Return the rule of a layer that comes after the layer ``before``, or None."""
    if is_parametrized(module):
        (first, *others) = module.parametrizations.values()  # type: ignore[operator]
        spectral = isinstance(module, nn.Linear) and not others and len(first) == 1
        kinds = (_SpectralNorm, SpectralNorm)  # torch's, in networks of other packages, and ours
        own = any(_is(first[0], kind, n_power_iterations=1, dim=0) for kind in kinds)
        return linear if spectral and own else None
    if module._forward_hooks or module._forward_pre_hooks:
        return None
    if isinstance(module, nn.BatchNorm1d) and not (module.momentum is not None and module.track_running_stats):
        return None
    one_sided = isinstance(module, nn.LayerNorm) and (module.bias is None) != (module.weight is None)
    if one_sided or (isinstance(module, nn.LayerNorm) and len(module.normalized_shape) > 1):
        return None
    rule = RULES.get(type(module))
    after_affine = before is not None and (type(before) in AFFINE or is_parametrized(before))
    positive = not isinstance(module, nn.LeakyReLU) or module.negative_slope > 0
    return elementwise if rule is rectify and not (after_affine and positive) else rule

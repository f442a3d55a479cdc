"""Computes pairs of adjacent layers as one operation where that is less work.

- After nearest-neighbour upsampling by 2, five of the nine products of a 3×3 convolution read the same pixel as another
  one; before 2×2 average pooling, as many are summed again. Both reduce to a 4×4 kernel of stride 2 (``fused_scale`` in
  the code of Karras et al. 2018).
- A convolution whose kernel covers the whole feature map is a matrix product.
- A convolution to the one or three channels of an image leaves most of a vector unit idle, unless it computes four
  pixels at once (Shi et al. 2016).

The mathematics, the parameters and their names stay the same; results differ by rounding.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import type_before_parametrizations as layer_type

FEW_CHANNELS = 4  # four pixels of up to four channels fill a vector of sixteen numbers


class FusedSequential(nn.Sequential):
    """A sequence of layers that computes some pairs as one operation and keeps feature maps in channels-last format."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the same as ``nn.Sequential``."""
        features = _channels_last(features)
        layers = deque(self)
        while layers:
            first = layers.popleft()
            pair = PAIRS.get((layer_type(first), layer_type(layers[0]))) if layers else None
            supported = pair is not None and _is_supported(first) and _is_supported(layers[0])
            result = pair(first, layers[0], features) if pair and supported else None
            if result is None:
                result = first(features)
            else:
                layers.popleft()
            features = _channels_last(result)
        return features


def fuse(network: nn.Module) -> nn.Module:
    """Replace each sequence with convolutions by a ``FusedSequential`` with the same layers under the same names."""
    children = {name: child for name, child in network._modules.items() if child is not None}  # with repeated ones
    for name, child in children.items():
        setattr(network, name, fuse(child))
    convolves = any(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())
    if type(network) is nn.Sequential and convolves:
        return FusedSequential(OrderedDict((name, getattr(network, name)) for name in children))
    return network


def upsample_and_convolve(upsample: nn.Upsample, convolution: nn.Conv2d, features: Tensor) -> Tensor | None:
    """Upsample by nearest neighbours, then convolve.

    A 1×1 convolution moves before the upsampling; a 3×3 one becomes a transposed 4×4 convolution of stride 2.
    """
    if _is_pointwise(convolution):
        upsampled: Tensor = upsample(convolution(features))
        return upsampled
    if not _keeps_size(convolution) or upsample.size != tuple(2 * size for size in features.shape[2:]):
        return None
    kernel = _channels_last(convolution.weight.transpose(0, 1))
    kernel = F.avg_pool2d(kernel, 2, stride=1, padding=1, divisor_override=1).flip(2, 3)
    return F.conv_transpose2d(features, kernel, convolution.bias, stride=2, padding=1)


def convolve_and_pool(convolution: nn.Conv2d, pool: nn.AvgPool2d, features: Tensor) -> Tensor | None:
    """Convolve, then average over 2×2 pixels.

    A 1×1 convolution moves after the pooling; a 3×3 one becomes a 4×4 convolution of stride 2.
    """
    if _is_pointwise(convolution):
        convolved: Tensor = convolution(pool(features))
        return convolved
    odd = any(size % 2 for size in features.shape[2:])  # averages at the edge are over fewer pixels
    if not _keeps_size(convolution) or pool.kernel_size != 2 or odd:
        return None
    kernel = F.avg_pool2d(convolution.weight, 2, stride=1, padding=1)
    return F.conv2d(features, kernel, convolution.bias, stride=2, padding=1)


def point_to_features(unflatten: nn.Unflatten, convolution: nn.ConvTranspose2d, points: Tensor) -> Tensor | None:
    """Apply a transposed convolution to a single pixel, as a matrix product with points [n, c]."""
    if tuple(unflatten.unflattened_size)[1:] != (1, 1) or convolution.padding != (0, 0):
        return None
    weight, bias = convolution.weight, convolution.bias
    _, channels, *size = weight.shape
    matrix = weight.permute(2, 3, 1, 0).flatten(0, 2)
    products = F.linear(points, matrix, None if bias is None else bias.repeat(size[0] * size[1]))
    return products.unflatten(1, (*size, channels)).permute(0, 3, 1, 2)


def features_to_point(convolution: nn.Conv2d, flatten: nn.Flatten, features: Tensor) -> Tensor | None:
    """Apply a convolution whose kernel covers the whole feature map, as a matrix product."""
    if convolution.kernel_size != tuple(features.shape[2:]) or convolution.padding != (0, 0):
        return None
    rows, matrix = (tensor.permute(0, 2, 3, 1).flatten(1) for tensor in (features, convolution.weight))
    flat: Tensor = flatten(F.linear(rows, matrix, convolution.bias))
    return flat


def global_average(pool: nn.AdaptiveAvgPool2d, flatten: nn.Flatten, features: Tensor) -> Tensor | None:
    """Average over the whole feature map, [n, c], so that the gradient is in channels-last format too."""
    if pool.output_size != 1 or flatten.start_dim != 1:
        return None
    return features.permute(0, 2, 3, 1).flatten(1, 2).mean(dim=1)


def convolution_to_image(convolution: nn.Conv2d, tanh: nn.Tanh, features: Tensor) -> Tensor | None:
    """Apply a 3×3 convolution to few channels, computing each 2×2 pixels as the channels of one pixel."""
    odd = any(size % 2 for size in features.shape[2:])
    if not _keeps_size(convolution) or convolution.out_channels > FEW_CHANNELS or odd:
        return None
    weight = convolution.weight
    kernels = [F.pad(weight, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1)]
    blocks = F.conv2d(features, torch.stack(kernels, 1).flatten(0, 1), _fourfold(convolution.bias), 2, padding=1)
    pixels: Tensor = tanh(F.pixel_shuffle(blocks, 2))
    return pixels


def transposed_convolution_to_image(convolution: nn.ConvTranspose2d, tanh: nn.Tanh, features: Tensor) -> Tensor | None:
    """Apply a transposed 4×4 convolution of stride 2 to few channels, computing 2×2 pixels from the 2×2 around them."""
    settings = (convolution.kernel_size, convolution.stride, convolution.padding)
    if settings != ((4, 4), (2, 2), (1, 1)) or convolution.out_channels > FEW_CHANNELS:
        return None
    taps = convolution.weight.unflatten(3, (2, 2)).unflatten(2, (2, 2))  # [in, out, row, y, column, x]
    kernel = taps.flip(2, 4).permute(1, 3, 5, 0, 2, 4).flatten(0, 2)
    blocks = F.conv2d(features, kernel, _fourfold(convolution.bias), padding=1)
    pixels: Tensor = tanh(F.pixel_shuffle(blocks, 2)[:, :, 1:-1, 1:-1])
    return pixels


PAIRS: dict[tuple[type[nn.Module], type[nn.Module]], Callable[[Any, Any, Tensor], Tensor | None]] = {
    (nn.Upsample, nn.Conv2d): upsample_and_convolve,
    (nn.Conv2d, nn.AvgPool2d): convolve_and_pool,
    (nn.Unflatten, nn.ConvTranspose2d): point_to_features,
    (nn.Conv2d, nn.Flatten): features_to_point,
    (nn.AdaptiveAvgPool2d, nn.Flatten): global_average,
    (nn.Conv2d, nn.Tanh): convolution_to_image,
    (nn.ConvTranspose2d, nn.Tanh): transposed_convolution_to_image,
}


def _channels_last(features: Tensor) -> Tensor:
    if features.dim() != 4:
        return features
    return features.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # vmap supports only these operations


def _is_supported(layer: nn.Module) -> bool:
    """Return whether a layer has the default settings and no hooks, as the functions for pairs assume."""
    if layer._forward_hooks or layer._forward_pre_hooks:
        return False
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            settings = (layer.padding_mode, layer.groups, layer.dilation, layer.output_padding)
            return settings == ("zeros", 1, (1, 1), (0, 0))
        case nn.Upsample():
            return layer.mode == "nearest"
        case nn.AvgPool2d():
            return (layer.stride, layer.padding, layer.divisor_override) == (layer.kernel_size, 0, None)
        case nn.Unflatten():
            return layer.dim == 1
    return True


def _is_pointwise(convolution: nn.Conv2d) -> bool:
    return (convolution.kernel_size, convolution.stride, convolution.padding) == ((1, 1), (1, 1), (0, 0))


def _keeps_size(convolution: nn.Conv2d) -> bool:
    return (convolution.kernel_size, convolution.stride, convolution.padding) == ((3, 3), (1, 1), (1, 1))


def _fourfold(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.repeat_interleave(4)

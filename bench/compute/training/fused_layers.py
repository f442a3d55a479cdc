"""The same networks with less work: neighbouring layers that together are one linear map are computed as one.

Of the nine products of a 3×3 convolution behind a nearest-neighbour doubling, five repeat a pixel that another one has
read; of those before a mean over 2×2 as many are added up again (both as in the code of Karras et al. 2018, its
``fused_scale``). A kernel over all of a feature map is a matrix. A convolution to the one or three channels of an image
leaves most of a vector unit idle, unless four pixels are made at once (Shi et al. 2016). The mathematics, the
parameters and their names stay; numbers differ by rounding.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import type_before_parametrizations as kind

FEW = 4  # channels; four pixels of each fill the sixteen numbers of a vector


class Fused(nn.Sequential):
    """Layers one after another, some pairs of them in one; feature maps lie channels last throughout."""

    def forward(self, features: Tensor) -> Tensor:
        """What ``nn.Sequential`` gives."""
        features = _channels_last(features)
        layers = deque(self)
        while layers:
            first = layers.popleft()
            together = PAIRS.get((kind(first), kind(layers[0]))) if layers else None
            usual = together is not None and _is_usual(first) and _is_usual(layers[0])
            result = together(first, layers[0], features) if together and usual else None
            if result is None:
                result = first(features)
            else:
                layers.popleft()
            features = _channels_last(result)
        return features


def fused(network: nn.Module) -> nn.Module:
    """The network itself, every chain of convolutions in it made ``Fused``: the same layers under the same names."""
    children = {name: child for name, child in network._modules.items() if child is not None}  # one may come twice
    for name, child in children.items():
        setattr(network, name, fused(child))
    convolves = any(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in network.modules())
    if type(network) is nn.Sequential and convolves:
        return Fused(OrderedDict((name, getattr(network, name)) for name in children))
    return network


def doubled(upsample: nn.Upsample, convolution: nn.Conv2d, features: Tensor) -> Tensor | None:
    """Nearest neighbours, then a convolution: a 1×1 one goes first, a 3×3 one is a transposed 4×4 one of stride 2."""
    if _is_pointwise(convolution):
        enlarged: Tensor = upsample(convolution(features))
        return enlarged
    if not _keeps_size(convolution) or upsample.size != tuple(2 * size for size in features.shape[2:]):
        return None
    kernel = _channels_last(convolution.weight.transpose(0, 1))
    kernel = F.avg_pool2d(kernel, 2, stride=1, padding=1, divisor_override=1).flip(2, 3)
    return F.conv_transpose2d(features, kernel, convolution.bias, stride=2, padding=1)


def halved(convolution: nn.Conv2d, pool: nn.AvgPool2d, features: Tensor) -> Tensor | None:
    """A convolution, then means over 2×2: a 1×1 one goes last, a 3×3 one is a 4×4 one of stride 2."""
    if _is_pointwise(convolution):
        means: Tensor = convolution(pool(features))
        return means
    odd = any(size % 2 for size in features.shape[2:])  # a mean at the edge is one of fewer pixels
    if not _keeps_size(convolution) or pool.kernel_size != 2 or odd:
        return None
    kernel = F.avg_pool2d(convolution.weight, 2, stride=1, padding=1)
    return F.conv2d(features, kernel, convolution.bias, stride=2, padding=1)


def from_point(unflatten: nn.Unflatten, convolution: nn.ConvTranspose2d, points: Tensor) -> Tensor | None:
    """A transposed convolution of a single pixel: points [n, c] times a matrix."""
    if tuple(unflatten.unflattened_size)[1:] != (1, 1) or convolution.padding != (0, 0):
        return None
    weight, bias = convolution.weight, convolution.bias
    _, channels, *size = weight.shape
    matrix = weight.permute(2, 3, 1, 0).flatten(0, 2)
    products = F.linear(points, matrix, None if bias is None else bias.repeat(size[0] * size[1]))
    return products.unflatten(1, (*size, channels)).permute(0, 3, 1, 2)


def to_point(convolution: nn.Conv2d, flatten: nn.Flatten, features: Tensor) -> Tensor | None:
    """A convolution whose kernel is as large as the feature map: all that it holds, times a matrix."""
    if convolution.kernel_size != tuple(features.shape[2:]) or convolution.padding != (0, 0):
        return None
    rows, matrix = (each.permute(0, 2, 3, 1).flatten(1) for each in (features, convolution.weight))
    flat: Tensor = flatten(F.linear(rows, matrix, convolution.bias))
    return flat


def pooled(pool: nn.AdaptiveAvgPool2d, flatten: nn.Flatten, features: Tensor) -> Tensor | None:
    """The mean of a whole feature map, [n, c]; its gradient lies channels last, as all else."""
    if pool.output_size != 1 or flatten.start_dim != 1:
        return None
    return features.permute(0, 2, 3, 1).flatten(1, 2).mean(dim=1)


def image(convolution: nn.Conv2d, tanh: nn.Tanh, features: Tensor) -> Tensor | None:
    """A 3×3 convolution to few channels: each 2×2 pixels are the channels of one pixel of half the size."""
    odd = any(size % 2 for size in features.shape[2:])
    if not _keeps_size(convolution) or convolution.out_channels > FEW or odd:
        return None
    weight = convolution.weight
    kernels = [F.pad(weight, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1)]
    blocks = F.conv2d(features, torch.stack(kernels, 1).flatten(0, 1), _fourfold(convolution.bias), 2, padding=1)
    pixels: Tensor = tanh(F.pixel_shuffle(blocks, 2))
    return pixels


def doubled_image(convolution: nn.ConvTranspose2d, tanh: nn.Tanh, features: Tensor) -> Tensor | None:
    """A transposed 4×4 convolution of stride 2 to few channels: 2×2 pixels come from the 2×2 around their corner."""
    shape = (convolution.kernel_size, convolution.stride, convolution.padding)
    if shape != ((4, 4), (2, 2), (1, 1)) or convolution.out_channels > FEW:
        return None
    taps = convolution.weight.unflatten(3, (2, 2)).unflatten(2, (2, 2))  # [in, out, row, y, column, x]
    kernel = taps.flip(2, 4).permute(1, 3, 5, 0, 2, 4).flatten(0, 2)
    blocks = F.conv2d(features, kernel, _fourfold(convolution.bias), padding=1)
    pixels: Tensor = tanh(F.pixel_shuffle(blocks, 2)[:, :, 1:-1, 1:-1])
    return pixels


PAIRS: dict[tuple[type[nn.Module], type[nn.Module]], Callable[[Any, Any, Tensor], Tensor | None]] = {
    (nn.Upsample, nn.Conv2d): doubled,
    (nn.Conv2d, nn.AvgPool2d): halved,
    (nn.Unflatten, nn.ConvTranspose2d): from_point,
    (nn.Conv2d, nn.Flatten): to_point,
    (nn.AdaptiveAvgPool2d, nn.Flatten): pooled,
    (nn.Conv2d, nn.Tanh): image,
    (nn.ConvTranspose2d, nn.Tanh): doubled_image,
}


def _channels_last(features: Tensor) -> Tensor:
    if features.dim() != 4:
        return features
    return features.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)  # in words that vmap knows


def _is_usual(layer: nn.Module) -> bool:
    """Whether a layer is what the pairs take it for: of its many settings, these are as they mostly are."""
    if layer._forward_hooks or layer._forward_pre_hooks:
        return False
    match layer:
        case nn.Conv2d() | nn.ConvTranspose2d():
            found = (layer.padding_mode, layer.groups, layer.dilation, layer.output_padding)
            return found == ("zeros", 1, (1, 1), (0, 0))
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

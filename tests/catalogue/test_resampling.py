"""Low-pass resampling agrees with scipy's upfirdn, for even and odd sizes, and can be differentiated twice."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import upfirdn
from torch import Tensor

from bench.catalogue.architectures.resampling import Downsample, Upsample, low_pass, low_pass_kernel

TAPS = np.array([1.0, 3.0, 3.0, 1.0]) / 8


def features(size: int) -> Tensor:
    return torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(size))


def filtered(maps: Tensor, up: int = 1) -> NDArray[np.float64]:
    """Return everything that the filter makes of feature maps, with ``up`` − 1 zeros between their pixels."""
    rows = upfirdn(up * TAPS, maps.numpy(), up=up, axis=2)
    both: NDArray[np.float64] = upfirdn(up * TAPS, rows, up=up, axis=3)
    return both


@pytest.mark.parametrize("size", [4, 5, 7, 8])
def test_doubling_filters_pixels_with_zeros_between_them(size: int) -> None:
    expected = filtered(features(size), up=2)[:, :, 1:, 1:]
    for doubled in (2 * size, 2 * size - 1):
        found = Upsample(doubled).double()(features(size)).numpy()
        np.testing.assert_allclose(found, expected[:, :, :doubled, :doubled], atol=1e-12)


@pytest.mark.parametrize("size", [4, 5, 7, 8])
def test_halving_keeps_every_second_filtered_pixel(size: int) -> None:
    half = (size + 1) // 2
    expected = filtered(features(size))[:, :, 2::2, 2::2][:, :, :half, :half]
    found = Downsample().double()(features(size)).numpy()
    assert found.shape[2:] == (half, half)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("padding", [0, 1, 2, 3])
def test_filtering_alone(padding: int) -> None:
    expected = filtered(features(6))[:, :, 3 - padding : 6 + padding, 3 - padding : 6 + padding]
    found = low_pass(features(6), low_pass_kernel().double(), padding).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_constant_stays_constant_away_from_the_border() -> None:
    ones = torch.ones(1, 2, 8, 8)
    assert Upsample(16)(ones)[:, :, 1:-1, 1:-1].sub(1).abs().max() < 1e-6
    assert Downsample()(ones)[:, :, 1:-1, 1:-1].sub(1).abs().max() < 1e-6


@pytest.mark.parametrize("layer", [Upsample(9), Downsample()])
def test_second_derivatives_agree_with_finite_differences(layer: torch.nn.Module) -> None:
    layer, maps = layer.double(), features(5)[:1, :2].requires_grad_()
    assert torch.autograd.gradgradcheck(lambda given: layer(given.tanh()), (maps,))

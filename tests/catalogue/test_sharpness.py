"""The sharpness of images in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.catalogue import Options
from bench.catalogue.datasets import Data
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.sharpness import laplacian_variance, prepare


def checkerboard(contrast: float, size: int = 8) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (contrast * ((rows + columns) % 2)).expand(1, 3, size, size)


def test_a_checkerboard_has_the_square_of_four_times_its_contrast() -> None:
    # the Laplacian is +4c on dark pixels and −4c on bright ones
    assert laplacian_variance(checkerboard(10.0)).item() == pytest.approx(1600)


def test_a_slope_and_a_parabola_have_none() -> None:
    x = torch.arange(6.0)
    for image in (x, x**2):
        assert laplacian_variance(image.expand(1, 1, 6, 6)).item() == pytest.approx(0)


def test_the_metric_is_relative_to_training_images() -> None:
    train = checkerboard(100.0).to(torch.uint8).repeat(4, 1, 1, 1).numpy()
    data = Data(train, train, "made")
    metric = prepare(Context(data, "digits", lambda images: (images.flatten(1).float(), None)), Options())
    half = checkerboard(50.0).to(torch.uint8)
    assert metric(Sampled(torch.from_numpy(np.array(train)), torch.zeros(4, 1))) == {"sharpness": pytest.approx(1)}
    assert metric(Sampled(half, torch.zeros(1, 1))) == {"sharpness": pytest.approx(0.25)}

"""Augmentations equal naive versions that change one image at a time, and let gradients through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.catalogue.augmentations import (
    NUMBERS,
    DiffAugmentOptions,
    FlipOptions,
    cut_out,
    diff_augment,
    flip,
    flipped,
    offsets,
    recoloured,
    translated,
)

SHAPES = [(1, 8, 8), (3, 8, 6), (3, 7, 5), (2, 1, 1)]


def images(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    drawn = torch.rand(2, 20, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return 2 * drawn - 1


def numbers(count: int, seed: int = 1) -> Tensor:
    return torch.rand(2, 20, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def each(samples: Tensor) -> list[tuple[int, int]]:
    return [(run, index) for run in range(samples.shape[0]) for index in range(samples.shape[1])]


@pytest.mark.parametrize("shape", SHAPES)
def test_colours_are_those_of_one_image_after_another(shape: tuple[int, ...]) -> None:
    samples, uniform = images(shape), numbers(3)
    found = recoloured(samples, uniform).numpy()
    for run, index in each(samples):
        image, (brightness, saturation, contrast) = samples[run, index].numpy(), uniform[run, index].tolist()
        image = image + brightness - 0.5
        image = np.stack([(plane - image.mean(0)) * 2 * saturation + image.mean(0) for plane in image])
        image = (image - image.mean()) * (contrast + 0.5) + image.mean()
        assert found[run, index] == pytest.approx(image, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_translated_images_are_padded_and_cropped(shape: tuple[int, ...]) -> None:
    samples, uniform = images(shape), numbers(2)
    down, right = offsets(samples, uniform, 0.3)
    most = [int(side * 0.3 + 0.5) for side in shape[1:]]
    for found, largest in ((down, most[0]), (right, most[1])):
        assert set(found.flatten().tolist()) <= set(range(-largest, largest + 1))
        assert len(set(found.flatten().tolist())) == 2 * largest + 1  # 40 images meet every offset
    moved = translated(samples, down, right).numpy()
    height, width = shape[1:]
    for run, index in each(samples):
        padded = np.pad(samples[run, index].numpy(), ((0, 0), (9, 9), (9, 9)))
        i, j = 9 + int(down[run, index]), 9 + int(right[run, index])
        assert np.array_equal(moved[run, index], padded[:, i : i + height, j : j + width])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_square_is_cut_out_around_any_place(shape: tuple[int, ...]) -> None:
    """As in the authors' code: the indices of a square are clamped to the image before it is set to zero."""
    samples, uniform = images(shape), numbers(2)
    found = cut_out(samples, uniform).numpy()
    for run, index in each(samples):
        image, places = samples[run, index].numpy().copy(), []
        for side, number in zip(shape[1:], uniform[run, index].tolist(), strict=True):
            size = int(side * 0.5 + 0.5)
            offset = int(number * (side + 1 - size % 2))
            places.append(np.clip(np.arange(size) + offset - size // 2, 0, side - 1))
        image[:, places[0][:, None], places[1][None, :]] = 0
        assert np.array_equal(found[run, index], image)


def test_half_of_the_images_are_mirrored() -> None:
    samples = images((1, 2, 3))
    uniform = torch.tensor([0.0, 0.49, 0.5, 0.99], dtype=torch.float64).repeat(10).reshape(2, 20)
    found = flipped(samples, uniform)
    for run, index in each(samples):
        mirrored = samples[run, index].numpy()[:, :, ::-1] if uniform[run, index] < 0.5 else samples[run, index].numpy()
        assert np.array_equal(found[run, index].numpy(), mirrored)


def test_generated_images_are_mirrored_only_on_request() -> None:
    samples, uniform = images((1, 2, 3)), numbers(1)
    for of, real, changes in (
        ("real", True, True),
        ("real", False, False),
        ("both", True, True),
        ("both", False, True),
    ):
        found = flip(FlipOptions(of=of), samples, uniform, real)  # type: ignore[arg-type]
        assert torch.equal(found, samples) != changes


def test_policies_are_applied_in_their_order() -> None:
    samples, uniform = images((3, 8, 8)), numbers(NUMBERS)
    colour = recoloured(samples, uniform[..., :3])
    for real in (True, False):
        assert torch.equal(diff_augment(DiffAugmentOptions(policy=("color",)), samples, uniform, real), colour)
        both = diff_augment(DiffAugmentOptions(policy=("color", "cutout")), samples, uniform, real)
        assert torch.equal(both, cut_out(colour, uniform[..., 5:]))
        reverse = diff_augment(DiffAugmentOptions(policy=("cutout", "color")), samples, uniform, real)
        assert torch.equal(reverse, recoloured(cut_out(samples, uniform[..., 5:]), uniform[..., :3]))


def test_the_gradient_of_all_policies_is_that_of_finite_differences() -> None:
    samples, uniform = images((2, 4, 3))[:, :3].clone().requires_grad_(), numbers(NUMBERS)[:, :3]
    assert torch.autograd.gradcheck(lambda x: diff_augment(DiffAugmentOptions(), x, uniform, True), samples)
    assert torch.autograd.gradgradcheck(lambda x: diff_augment(DiffAugmentOptions(), x, uniform, True), samples)


def test_single_precision_numbers_never_exceed_the_largest_offset() -> None:
    below_one = torch.full((1, 1, 2), 1 - 2**-24)
    for side in range(1, 257):
        down, right = offsets(torch.zeros(1, 1, 1, side, side), below_one, 0.125)
        assert down.item() == right.item() == int(side * 0.125 + 0.5)

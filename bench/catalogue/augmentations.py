"""Random changes of images that gradients pass through, each from uniform numbers that are given.

Images have shape [s, n, channels, height, width], for the s runs of a pack, with values in [−1, 1]. Every sample is
changed by its own numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from bench.catalogue import Options

if TYPE_CHECKING:
    from torch import Tensor

Policy = Literal["color", "translation", "cutout"]
POLICIES: tuple[Policy, ...] = ("color", "translation", "cutout")
NUMBERS = 7  # uniform numbers that DiffAugment needs per image: three for colour, two each for the others
SHIFT = 0.125  # the largest translation, as a share of height and width
CUTOUT = 0.5  # the side of the erased square, as a share of height and width


class DiffAugmentOptions(Options):
    """``policy``: what changes, in this order: "color", "translation" and "cutout"; by default all three."""

    policy: Annotated[tuple[Policy, ...], Field(strict=False, min_length=1)] = POLICIES

    @field_validator("policy")
    @classmethod
    def _each_once(cls, policy: tuple[Policy, ...]) -> tuple[Policy, ...]:
        for name in policy:
            if policy.count(name) > 1:
                raise ValueError(f"{name} is listed twice")
        return policy


class FlipOptions(Options):
    """``of``: "real" (the default) flips real images only, "both" also generated ones."""

    of: Literal["real", "both"] = "real"


def diff_augment(options: DiffAugmentOptions, images: Tensor, uniform: Tensor, real: bool) -> Tensor:
    """Return DiffAugment's random changes of real or generated images, with uniform numbers [s, n, 7].

    Source: Zhao et al. 2020 (Differentiable augmentation), with the ranges of the authors' code.
    """
    changes = {
        "color": lambda images: recoloured(images, uniform[..., :3]),
        "translation": lambda images: translated(images, *offsets(images, uniform[..., 3:5], SHIFT)),
        "cutout": lambda images: cut_out(images, uniform[..., 5:]),
    }
    for name in options.policy:
        images = changes[name](images)
    return images


def flip(options: FlipOptions, images: Tensor, uniform: Tensor, real: bool) -> Tensor:
    """Return images of which each is mirrored left to right with probability ½, by numbers [s, n, 1]."""
    return flipped(images, uniform[..., 0]) if real or options.of == "both" else images


def flipped(images: Tensor, uniform: Tensor) -> Tensor:
    """Return the mirror image where the number [s, n] is below ½, else the image."""
    return images.flip(-1).where(_per_image(uniform) < 0.5, images)


def recoloured(images: Tensor, uniform: Tensor) -> Tensor:
    """Change brightness by −½ to ½, saturation by a factor of 0 to 2 and contrast by ½ to 3/2, by numbers [s, n, 3]."""
    brightness, saturation, contrast = (_per_image(each) for each in uniform.unbind(-1))
    images = images + (brightness - 0.5)
    grey = images.mean(dim=2, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean(dim=(2, 3, 4), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def offsets(images: Tensor, uniform: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return whole numbers of pixels down and right, [s, n] each, of at most a share of the side, by [s, n, 2]."""
    largest = [int(side * share + 0.5) for side in images.shape[-2:]]
    down, right = (
        (number * (2 * most + 1)).long() - most for number, most in zip(uniform.unbind(-1), largest, strict=True)
    )
    return down, right


def translated(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Return at (i, j) the pixel at (i + down, j + right), with [s, n] offsets; outside the image it is 0, a grey."""
    height, width = images.shape[-2:]
    rows, columns = _positions(height, down) + down[..., None], _positions(width, right) + right[..., None]
    down_each = rows.clamp(0, height - 1)[:, :, None, :, None].expand(images.shape)
    right_each = columns.clamp(0, width - 1)[:, :, None, None, :].expand(images.shape)
    inside = ((rows >= 0) & (rows < height))[..., :, None] & ((columns >= 0) & (columns < width))[..., None, :]
    return images.gather(3, down_each).gather(4, right_each).masked_fill(~inside[:, :, None], 0.0)


def cut_out(images: Tensor, uniform: Tensor) -> Tensor:
    """Set a square with half the image's sides to 0; its centre is anywhere in the image, by numbers [s, n, 2]."""
    erased = []
    for side, number in zip(images.shape[-2:], uniform.unbind(-1), strict=True):
        size = int(side * CUTOUT + 0.5)
        start = (number * (side + 1 - size % 2)).long() - size // 2
        place = _positions(side, start)
        erased.append((place >= start[..., None]) & (place < start[..., None] + size))
    return images.masked_fill((erased[0][..., :, None] & erased[1][..., None, :])[:, :, None], 0.0)


def _positions(count: int, like: Tensor) -> Tensor:
    import torch

    return torch.arange(count, device=like.device)


def _per_image(numbers: Tensor) -> Tensor:
    """Return [s, n] as [s, n, 1, 1, 1]."""
    return numbers[..., None, None, None]

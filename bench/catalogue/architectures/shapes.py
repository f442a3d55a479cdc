"""Which shapes of samples the families support: None, or a description of what they are for."""

from __future__ import annotations

Shape = tuple[int, ...]
LARGEST_SIZE = 256  # the width of DCGAN doubles with every halving of the size, so larger networks take gigabytes
LARGEST_BOUNDED = 1024  # of networks with a bounded width
LENGTHS = tuple(2**power for power in range(6, 15))  # of sounds


def any_shape(shape: Shape) -> str | None:
    """Support every shape."""
    return None


def single_number(shape: Shape) -> str | None:
    """Support samples of one number."""
    return None if shape == (1,) else "single numbers"


def square_image(shape: Shape, largest: int = LARGEST_SIZE) -> str | None:
    """Support square images of 8 to ``largest`` pixels with 1 or 3 channels."""
    if len(shape) == 3 and shape[1] == shape[2] and 8 <= shape[1] <= largest and shape[0] in (1, 3):
        return None
    return f"square images of 8×8 to {largest}×{largest} pixels with 1 or 3 channels"


def large_square_image(shape: Shape) -> str | None:
    """Support square images of 8 to 1,024 pixels with 1 or 3 channels."""
    return square_image(shape, LARGEST_BOUNDED)


def short_sound(shape: Shape) -> str | None:
    """Support sounds of one channel whose length is a power of two from 64 to 16,384."""
    if len(shape) == 2 and shape[0] == 1 and shape[1] in LENGTHS:
        return None
    return f"sounds of one channel whose length is a power of two from {LENGTHS[0]} to {LENGTHS[-1]:,}"


def sound_or_string(shape: Shape) -> str | None:
    """Support sounds of one channel, and strings."""
    return None if len(shape) == 2 else "sounds (1 × length) and strings (letters × length)"

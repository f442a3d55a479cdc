"""The packing degree of PacGAN: the critic judges m samples together, as one sample with m times the channels."""

from __future__ import annotations

from torch import Tensor

from bench.catalogue.architectures import Shape


def joined_shape(shape: Shape, degree: int) -> Shape:
    """Return the shape of ``degree`` samples that are joined along their first dimension."""
    return (degree * shape[0], *shape[1:])


def joined(samples: Tensor, degree: int) -> Tensor:
    """Join each m = ``degree`` consecutive samples along their first dimension, [s, n, c, ...] → [s, n/m, m·c, ...].

    The first dimension of a sample is the coordinates of a point, or the channels of an image.

    Source: Lin et al. 2018.
    """
    if degree == 1:
        return samples
    runs, count, first, *rest = samples.shape
    return samples.reshape(runs, count // degree, degree * first, *rest)

"""What one update is made of: real samples, latents, and the random numbers of penalties, all from named streams."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.players import DTYPES
from bench.random_streams import Streams
from bench.specification import Training


class Batches:
    """Draws from the streams of a run, on the CPU, and puts what it drew where the players are.

    Numbers are drawn as float32 whatever the precision, so that runs of one seed stay paired.

    Args:
        training: Says the size of a batch and the precision.
        streams: Drawn from.
        reals: Indices [n] into a split → real samples [n, *shape] on the device.
        count: Size of that split.
        device: Where the players are.
    """

    def __init__(
        self,
        training: Training,
        streams: Streams,
        reals: Callable[[Tensor], Tensor],
        count: int,
        device: torch.device,
    ):
        self._streams, self._reals, self._count, self.device = streams, reals, count, device
        self.size, self._latent = training.batch_size, training.latent
        self.dtype = DTYPES[training.precision]

    def reals(self, stream: str = "data") -> Tensor:
        """Real samples [n, *shape], drawn with replacement.

        A loss that shows them to the generator draws those from "generator data", so that the critic sees the same
        samples whatever the loss.
        """
        indices = torch.randint(self._count, (self.size,), generator=self._streams[stream])
        return self._reals(indices).to(self.device).to(self.dtype)

    def latents(self) -> Tensor:
        """Standard normal latents [n, latent]."""
        return self._placed(torch.randn(self.size, self._latent, generator=self._streams["latents"]))

    def uniform(self, each: int) -> Tensor:
        """So many numbers of U(0, 1) for each sample: [n, each]."""
        return self._placed(torch.rand(self.size, each, generator=self._streams["penalty"]))

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal noise of the shape of some samples."""
        return self._placed(torch.randn(like.shape, generator=self._streams["noise"]))

    def _placed(self, numbers: Tensor) -> Tensor:
        return numbers.to(self.device, self.dtype, non_blocking=True)

"""What one update is made of: real samples, latents, and the random numbers of penalties, all from named streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.compute.training.random_streams import State, Streams
from bench.plan.specification import Training

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bf16": torch.float32,
}  # bf16 is autocast, not storage


class Batches:
    """Draws for the s runs of a pack, and puts what it drew where the players are.

    Args:
        training: Says the size n of a batch and the precision, the same for all runs.
        seeds: Of the runs.
        reals: Indices [...] into a split → real samples [..., *shape] on the device.
        count: Size of that split.
        device: Where the players are.
        prefix: Of the streams that are drawn from.
    """

    def __init__(
        self,
        training: Training,
        seeds: Sequence[int],
        reals: Callable[[Tensor], Tensor],
        count: int,
        device: torch.device,
        prefix: str = "",
    ):
        self._reals, self._count, self.device = reals, count, device
        self.size, self._latent = training.batch_size, training.latent
        self.dtype = DTYPES[training.precision]
        self._streams = Streams(seeds, prefix, device, self.dtype)
        self._assign(seeds)

    def reals(self, stream: str = "data") -> Tensor:
        """Real samples [s, n, *shape], drawn with replacement.

        A loss that shows them to the generator draws those from "generator data", so that the critic sees the same
        samples whatever the loss.
        """
        indices = self._streams.integers(stream, self.size, self._count)
        return self._spread(self._reals(indices).to(self.device).to(self.dtype))

    def latents(self) -> Tensor:
        """Standard normal latents [s, n, latent]."""
        drawn = self._streams.normal("latents", self.size * self._latent)
        return self._spread(drawn.unflatten(1, (self.size, self._latent)))

    def uniform(self, each: int) -> Tensor:
        """So many numbers of U(0, 1) for each sample: [s, n, each]."""
        return self._spread(self._streams.uniform("penalty", self.size * each).unflatten(1, (self.size, each)))

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal noise of the shape of some samples [s, n, *shape]."""
        return self._spread(self._streams.normal("noise", like[0].numel()).unflatten(1, like.shape[1:]))

    def keep(self, seeds: Sequence[int]) -> None:
        """Draws for these runs alone from now on, in this order."""
        self._streams.keep(seeds)
        self._assign(seeds)

    def state_dict(self, seed: int) -> State:
        """The state of a run's streams."""
        return self._streams.state_dict(seed)

    def load_state_dict(self, states: dict[int, State]) -> None:
        """Continues from the states of all runs, by their seeds."""
        self._streams.load_state_dict(states)

    def _assign(self, seeds: Sequence[int]) -> None:
        rows = [self._streams.seeds.index(seed) for seed in seeds]
        self._rows = None if rows == list(range(len(rows))) else torch.tensor(rows, device=self.device)

    def _spread(self, rows: Tensor) -> Tensor:
        """One row a seed → one row a run."""
        return rows if self._rows is None else rows.index_select(0, self._rows)

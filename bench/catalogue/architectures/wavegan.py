"""WaveGAN (Donahue et al. 2019, appendix D) for short sounds: the layers of the paper, as many as the length needs.

From 16 places, every transposed convolution makes four times as many; the last one makes twice as many if the length
is no power of four. At 16,384 samples these are the paper's networks. Phase shuffle is that of the authors' code
(https://github.com/chrisdonahue/wavegan, wavegan.py): one shift per layer and batch, with reflection at the edges.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import Shape
from bench.catalogue.architectures.layers import lipschitz, minibatch_deviation
from bench.catalogue.architectures.one_dimensional import initialise_xavier, normalisation_1d
from bench.catalogue.architectures.signal_options import WaveganOptions

KERNEL, STRIDE = 25, 4
FIRST = 16  # places before the first transposed convolution
MULTIPLIER, MODULUS = 48_271, 2**31 - 1  # of the generator MINSTD (Park & Miller 1988), whose products fit 64 bits


def strides(length: int) -> list[int]:
    """Return the strides of the generator's layers: 4, and 2 at the end for 16 · 2 · 4^k."""
    factor, found = length // FIRST, []
    while factor > 1:
        found.append(STRIDE if factor % STRIDE == 0 else 2)
        factor //= found[-1]
    return found


def generator(options: WaveganOptions, latent: int, shape: Shape) -> nn.Module:
    """Return a dense layer and transposed convolutions with ReLU, [n, latent] → [n, 1, length] in [−1, 1]."""
    steps = strides(shape[1])
    width = options.width * 2 ** (len(steps) - 1)
    layers: list[nn.Module] = [nn.Linear(latent, FIRST * width), nn.Unflatten(1, (width, FIRST))]
    for number, stride in enumerate(steps, 1):
        outputs = shape[0] if number == len(steps) else width // 2
        padding = (KERNEL - stride + 1) // 2
        layers += [
            *normalisation_1d(options.normalisation, width),
            nn.ReLU(),
            nn.ConvTranspose1d(width, outputs, KERNEL, stride, padding, output_padding=2 * padding + stride - KERNEL),
        ]
        width = outputs
    return initialise_xavier(nn.Sequential(*layers, nn.Tanh()))


def critic(options: WaveganOptions, shape: Shape) -> nn.Module:
    """Return strided convolutions with LeakyReLU 0.2, [n, channels, length] → logits [n].

    The first convolution is not normalised, and phases are not shuffled after the last one.
    """
    channels, width = shape[0], options.width
    steps = strides(shape[1])[::-1]
    layers: list[nn.Module] = []
    for number, stride in enumerate(steps, 1):
        layers += [
            nn.Conv1d(channels, width, KERNEL, stride, (KERNEL - stride + 1) // 2),
            *([] if number == 1 else normalisation_1d(options.normalisation, width)),
            nn.LeakyReLU(0.2),
            *([PhaseShuffle(options.phase_shuffle)] if options.phase_shuffle and number < len(steps) else []),
        ]
        channels, width = width, width * 2
    deviation = minibatch_deviation(options)
    output = [nn.Flatten(), nn.Linear(FIRST * (channels + len(deviation)), 1), *lipschitz(options), nn.Flatten(0)]
    return initialise_xavier(nn.Sequential(*layers, *deviation, *output))


class PhaseShuffle(nn.Module):
    """Shifts activations by a random number of places, the same for the whole batch, [n, c, length] → the same shape.

    What leaves at one edge is replaced by a reflection at the other. The shifts come from a small generator of random
    numbers whose state is a buffer: it is seeded with the weights of the run, saved in checkpoints, and each run of a
    pack has its own. In evaluation mode nothing is shifted.

    Args:
        reach: The largest shift.
    """

    state: Tensor

    def __init__(self, reach: int):
        super().__init__()
        self.reach = reach
        self.register_buffer("state", torch.randint(1, MODULUS, (1,)))

    def forward(self, activations: Tensor) -> Tensor:
        """Return the shifted activations."""
        if not self.training:
            return activations
        self.state.copy_(self.state * MULTIPLIER % MODULUS)
        shift = self.state * (2 * self.reach + 1) // MODULUS - self.reach
        length = activations.shape[2]
        places = (torch.arange(length, device=activations.device) + shift).abs()
        places = length - 1 - (length - 1 - places).abs()
        return activations[:, :, places]

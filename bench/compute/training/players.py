"""The players of one run: generator and critic, and the generator's average."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.catalogue import find, resolve
from bench.catalogue.architectures import Shape
from bench.compute.training.fused_layers import fused
from bench.compute.training.random_streams import initialising
from bench.compute.training.samplers import DTYPES
from bench.plan.specification import Choice, Training

LINEAR_MAPS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class Players:
    """The networks of one run.

    Attributes:
        generator: [n, latent] → [n, *shape].
        critic: [n, *shape] → logits [n].
        average: The exponential moving average of the generator, or None.
    """

    generator: nn.Module
    critic: nn.Module
    average: nn.Module | None = None

    def state_dict(self) -> dict[str, Any]:
        """State of all networks."""
        return {name: network.state_dict() for name, network in self._networks()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state."""
        for name, network in self._networks():
            network.load_state_dict(state[name])

    def _networks(self) -> list[tuple[str, nn.Module]]:
        return [(name, network) for name, network in vars(self).items() if network is not None]


def build_players(training: Training, shape: Shape, seed: int, device: torch.device) -> Players:
    """The players at the first step, from the seed's streams "generator weights" and "critic weights"."""
    # channels last: convolutions are faster on the CPU and on CUDA; other layers do not notice
    place: dict[str, Any] = {
        "device": device,
        "dtype": DTYPES[training.precision],
        "memory_format": torch.channels_last,
    }

    def placed(network: nn.Module) -> nn.Module:
        return (fused(network) if device.type == "cpu" else network).to(**place)

    with initialising(seed, "generator weights"):
        architecture = training.architecture
        generator = resolve(f"{find('architecture', architecture.name).module}:generator")(
            architecture.options, training.latent, shape
        )
        generator = placed(normalised(generator, architecture))
    with initialising(seed, "critic weights"):
        critic = resolve(f"{find('architecture', training.critic.name).module}:critic")(training.critic.options, shape)
        critic = placed(normalised(critic, training.critic))
    return Players(generator, critic, copy.deepcopy(generator) if training.ema else None)


def normalised(network: nn.Module, architecture: Choice) -> nn.Module:
    """The network with spectral normalisation of all its weights, where the architecture's option says so.

    One power iteration a forward pass in training, the largest singular value divided out (Miyato et al. 2018).
    """
    if getattr(architecture.options, "normalisation", None) == "spectral":
        for module in [module for module in network.modules() if isinstance(module, LINEAR_MAPS)]:
            spectral_norm(module)
    return network


def settled(network: nn.Module, iterations: int = 20) -> nn.Module:
    """A copy whose spectral normalisation divides by the singular values that its weights have now.

    Power iterations follow weights that change little in a step; those of an average, or of another point on a path,
    are not what they followed.
    """
    copied = copy.deepcopy(network)
    normed = [module for module in copied.modules() if hasattr(module, "parametrizations")]
    was_training = copied.training
    copied.train()
    with torch.no_grad():
        for _ in range(iterations):
            for module in normed:
                _ = module.weight  # in training, each look is an iteration
    return copied.train(was_training)


def mixes_samples(network: nn.Module) -> bool:
    """Whether one sample's output depends on the others of its batch, as with batch normalisation."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


def generate(network: nn.Module, latents: Tensor, batch: int = 500) -> Tensor:
    """Samples as they are evaluated: running statistics, no graph, [n, *shape] as float32 on the CPU."""
    parameter = next(network.parameters())
    was_training = network.training
    network.eval()
    with torch.no_grad():
        samples = torch.cat(
            [network(piece.to(parameter.device, parameter.dtype)).float().cpu() for piece in latents.split(batch)]
        )
    network.train(was_training)
    return samples

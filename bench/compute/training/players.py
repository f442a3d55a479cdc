"""The players of one run: generator, critic, and the moving average of the generator."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bench.catalogue import find, naming, resolve, title
from bench.catalogue.architectures import Shape
from bench.catalogue.architectures.layers import MinibatchDeviation
from bench.catalogue.families import GAN, Network
from bench.catalogue.families.cyclegan import TwoWays
from bench.compute.training.conditioning import build_conditional_critic, build_conditional_generator
from bench.compute.training.fused_layers import fuse
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.packing_degree import joined_shape
from bench.compute.training.sampler import DTYPES
from bench.compute.training.spectral_norm import normalise_spectrally
from bench.compute.training.stacked_layers import stacked_forward
from bench.errors import ContractError, PluginError
from bench.plan.combinations import takes_third_derivatives
from bench.plan.specification import Choice, Training

LINEAR_MAPS = (nn.Linear, nn.Conv1d, nn.ConvTranspose1d, nn.Conv2d, nn.ConvTranspose2d)
POWER_ITERATIONS = 20  # enough for the spectral norms to converge
GENERATED_AT_ONCE = 500  # samples


@dataclass(frozen=True)
class Players:
    """The networks of one run.

    Attributes:
        generator: [n, latent] → [n, *shape]; of families without a critic the whole model; of translators sources
            [n, *shape] → samples, and in CycleGANs with a second network for the way back.
        critic: [n, *shape] → logits [n]; the shape is that of joined samples if it judges several together, also if
            these are a source and its translation. CycleGANs have two. Models with a loss of their own have none.
        average: The exponential moving average of the generator, or None.
    """

    generator: nn.Module
    critic: nn.Module | None
    average: nn.Module | None = None

    @property
    def opponent(self) -> nn.Module:
        """The critic, of which a game has one."""
        assert self.critic is not None
        return self.critic

    @property
    def networks(self) -> list[nn.Module]:
        """The networks that are trained: the generator, and the critic if there is one."""
        return [self.generator] if self.critic is None else [self.generator, self.critic]

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all networks by name."""
        return {name: network.state_dict() for name, network in self._networks()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore all networks from their states."""
        for name, network in self._networks():
            network.load_state_dict(state[name])

    def _networks(self) -> list[tuple[str, nn.Module]]:
        return [(name, network) for name, network in vars(self).items() if network is not None]


def build_players(training: Training, shape: Shape, seed: int, device: torch.device, classes: int = 0) -> Players:
    """Build the players before the first step, with weights from the seed's streams for weights.

    Args:
        training: The settings of the run.
        shape: The shape of one sample.
        seed: The seed.
        device: The device to train on.
        classes: The number of classes whose labels both players get; 0 for players without labels.

    Raises:
        PluginError: The code of another package raised an exception, or its critic cannot be differentiated as often as
            the run needs.
    """
    with drawing_from(seed, "generator weights"):
        generator = build_generator(training.architecture, training.latent, shape, classes, training.family)
        generator = place(generator, training.precision, device, training.tf32)
    average = copy.deepcopy(generator) if training.ema else None
    if not training.is_gan:
        return Players(generator, None, average)
    with drawing_from(seed, "critic weights"):
        judged = joined_shape(shape, training.pac * (2 if training.paired else 1))
        if classes:
            critic = build_conditional_critic(_build, training.critic, training.pac * classes, judged)
        elif training.translates and not training.paired:
            critic = TwoWays(*(_build(training.critic, "critic", judged) for _ in range(2)))
        else:
            critic = _build(training.critic, "critic", judged)
        critic = apply_spectral_norm(critic, training.critic)
        _check_layer_norm(training, critic)
        critic = place(critic, training.precision, device, training.tf32)
    return Players(generator, critic, average)


def build_generator(
    architecture: Choice, latent: int, shape: Shape, classes: int = 0, family: Choice | None = None
) -> nn.Module:
    """Build a generator on the CPU in float32, with weights from torch's global random generator.

    Args:
        architecture: Its architecture.
        latent: The dimension of the latent.
        shape: The shape of a sample.
        classes: The number of classes whose labels it gets; 0 for a generator without labels.
        family: Its family, if it is the model of another one than GANs; such a model gets no labels.
    """
    if family is not None and family.name != GAN:
        build = resolve(f"{find('family', family.name).module}:model")
        network: nn.Module = build(family.options, Network(architecture.name, architecture.options), latent, shape)
    elif classes:
        network = build_conditional_generator(_build, architecture, latent, classes, shape)
    else:
        network = _build(architecture, "generator", latent, shape)
    return apply_spectral_norm(network, architecture)


def place(network: nn.Module, precision: str, device: torch.device, tf32: bool = False) -> nn.Module:
    """Return a network on a device, in a precision, in the form that is fastest there."""
    placed: nn.Module = fuse(network) if device.type == "cpu" else network
    placement: dict[str, Any] = {"device": device, "dtype": DTYPES[precision]}
    # channels last makes convolutions faster on the CPU and on tensor cores, and does not affect other layers
    if device.type != "cuda" or precision == "bf16" or tf32:
        placement["memory_format"] = torch.channels_last
    return placed.to(**placement)


def _build(architecture: Choice, part: str, *arguments: object, module: str = "") -> nn.Module:
    """Return the generator or the critic that a module of an architecture builds, by default its own.

    Raises:
        PluginError: The code of another package raised an exception, or did not return a module.
    """
    with naming("architecture", architecture.name, f"building the {part}"):
        entry = find("architecture", architecture.name)
        network: nn.Module = resolve(f"{module or entry.module}:{part}")(architecture.options, *arguments)
    if not isinstance(network, nn.Module):
        given = f"{part} returned a {type(network).__name__}"
        raise ContractError(f"{title('architecture', architecture.name)}: {given}, expected a torch.nn.Module")
    return network


def _check_layer_norm(training: Training, critic: nn.Module) -> None:
    """Check that torch computes no wrong gradients: the third derivative of its ``LayerNorm`` is wrong (torch 2.14).

    Critics that ``stacked_layers`` computes have a layer normalisation of their own, and ``GroupNorm`` is right.

    Raises:
        PluginError: The run takes a third derivative of a critic with torch's ``LayerNorm``.
    """
    has_layer_norm = any(isinstance(module, nn.LayerNorm) for module in critic.modules())
    if has_layer_norm and takes_third_derivatives(training) and stacked_forward(critic) is None:
        raise PluginError(
            f"{title('architecture', training.critic.name)}: its critic has torch's LayerNorm, whose third derivative "
            "is wrong, and a gradient penalty with unroll or consensus needs it; use torch.nn.GroupNorm(1, channels)"
        )


def apply_spectral_norm(network: nn.Module, architecture: Choice) -> nn.Module:
    """Apply spectral normalisation to all weights in place, if the architecture's options ask for it.

    Each forward pass in training does one power iteration and divides by the largest singular value
    (Miyato et al. 2018).
    """
    if getattr(architecture.options, "normalisation", None) == "spectral":
        for module in [module for module in network.modules() if isinstance(module, LINEAR_MAPS)]:
            normalise_spectrally(module)
    return network


def with_converged_spectral_norm(network: nn.Module) -> nn.Module:
    """Return a copy whose spectral normalisation divides by the singular values of its current weights.

    Power iteration keeps up with weights that change little per step. The weights of an average, or of another point
    in parameter space, are not the ones that it has followed.
    """
    copied = copy.deepcopy(network)
    parametrized = [module for module in copied.modules() if hasattr(module, "parametrizations")]
    was_training = copied.training
    copied.train()
    with torch.no_grad():
        for _ in range(POWER_ITERATIONS):
            for module in parametrized:
                _ = module.weight  # in training mode, each access does one power iteration
    return copied.train(was_training)


def mixes_samples(network: nn.Module) -> bool:
    """Return whether the output for a sample depends on its batch: batch normalisation, or deviations of groups."""
    mixing = (nn.modules.batchnorm._BatchNorm, MinibatchDeviation)
    return any(isinstance(module, mixing) for module in network.modules())


def latent_numbers(training: Training, shape: Shape) -> int:
    """Return how many random numbers the samples of a run are functions of."""
    count: int = find("family", training.family.name).latent_numbers(training.latent, shape, training.family.options)
    return count


def generate(network: nn.Module, latents: Tensor) -> Tensor:
    """Generate samples for evaluation, [n, *shape] as float32 on the CPU, in eval mode and without a graph."""
    parameter = next(network.parameters())
    was_training = network.training
    network.eval()
    with torch.no_grad():
        batches = latents.split(GENERATED_AT_ONCE)
        samples = torch.cat([network(batch.to(parameter.device, parameter.dtype)).float().cpu() for batch in batches])
    network.train(was_training)
    return samples


def is_finite(network: nn.Module) -> bool:
    """Return whether all parameters are finite, with one wait for the device."""
    return bool(torch.stack([parameter.isfinite().all() for parameter in network.parameters()]).all())

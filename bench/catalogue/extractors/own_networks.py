"""Extractors for any images, without a download: a random network, and a classifier that the user trained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.extractors import REDUCED, ExtractorChoice
from bench.catalogue.extractors.networks import build_network, classify, for_inference, load_extractor, scaled
from bench.catalogue.extractors.random_weights import random_weights
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED
from bench.catalogue.extractors.torch_fidelity_networks import load_registered
from bench.catalogue.extractors.trained_weights import read_trained
from bench.errors import DataError


def load_chosen(choice: ExtractorChoice, inception_weights: Path | None, device: torch.device) -> nn.Module:
    """Return the extractor that a suite names, for uint8 images on ``device``.

    Raises:
        DataError: Its weights are missing, not valid, or cannot be downloaded.
    """
    if choice.name in REGISTERED:
        registered: nn.Module = load_registered(choice, device)
        return registered
    if choice.name not in ("random", "trained"):
        extractor: nn.Module = load_extractor(choice.name, inception_weights, device)
        return extractor
    own = RandomNetwork() if choice.name == "random" else OwnClassifier(Path(choice.weights))
    return own if device.type == "mps" else own.to(device)  # MPS has no mean pooling to sizes that do not divide


def reduced(images: Tensor) -> Tensor:
    """Return images [n, c, size, size] averaged down to at most 64 pixels on a side."""
    return F.adaptive_avg_pool2d(images, REDUCED) if images.shape[-1] > REDUCED else images


class RandomNetwork(nn.Module):
    """Four convolutions and a linear layer with fixed random weights: uint8 images → 64 features.

    Random features compare colours, textures and the coarse layout. Naeem et al. 2020 propose features of
    randomly initialised networks for images unlike those of ImageNet.
    """

    name = "random"

    def __init__(self) -> None:
        """Create the network; its weights are the same on every machine."""
        super().__init__()
        *convolutions, linear = (
            nn.Parameter(torch.from_numpy(array.copy()), requires_grad=False) for array in random_weights()
        )
        self.convolutions, self.linear = nn.ParameterList(convolutions), linear

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Return the features [n, 64] of uint8 images [n, 1 or 3, size, size]; grey images are repeated."""
        maps = reduced(scaled(images)).expand(-1, 3, -1, -1)
        for weight in self.convolutions:
            maps = F.conv2d(maps, weight, padding=1).relu_()
            if maps.shape[-1] >= 8:
                maps = F.avg_pool2d(maps, 2)
        return (F.linear(F.adaptive_avg_pool2d(maps, 4).flatten(1), self.linear),)


class OwnClassifier(nn.Module):
    """A small classifier that the user trained: uint8 images → 64 features, and logits of the user's classes."""

    name = "trained"

    def __init__(self, path: Path) -> None:
        """Load the classifier from its file.

        Raises:
            DataError: The file is missing or not valid.
        """
        super().__init__()
        stored = read_trained(path)
        network = build_own_network(stored.shape, len(stored.classes))
        try:
            network.load_state_dict({name: torch.from_numpy(array) for name, array in stored.arrays.items()})
        except (RuntimeError, TypeError):
            raise DataError(f"extractor 'trained': the weights in {path} are not those of its network") from None
        self.network = for_inference(network)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [n, 64] and logits [n, classes] of uint8 images."""
        return classify(self.network, reduced(scaled(images)))


def build_own_network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Return the untrained layers of a classifier for images of a shape (channels, size, size)."""
    channels, size, _ = shape
    return build_network(min(size, REDUCED), classes, channels)

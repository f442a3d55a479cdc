"""The networks: small classifiers as torch-fidelity extractors, and torch-fidelity's Inception."""

from __future__ import annotations

import hashlib
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity import FeatureExtractorBase, register_feature_extractor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from bench.catalogue.extractors import (
    COLOURS,
    EXTRACTORS,
    INCEPTION_FILE,
    TRAIN_YOUR_OWN,
    WEIGHTS,
    manifest,
    weights_file,
)
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED
from bench.errors import DataError

IMAGE_SIZES = {name: entry.shape[1] for name, entry in EXTRACTORS.items() if entry.shape and not entry.channels_of}
FEATURES = 64
BATCH = {"cpu": 64}  # so small that the activations of a 28×28×32 layer stay in the cache of a CPU
PREFIX = "ganbench-"  # for torch_fidelity.calculate_metrics(feature_extractor="ganbench-digits", ...)


class SmallClassifier(FeatureExtractorBase):  # type: ignore[misc]
    """Four convolutions and a hidden layer of 64 units: uint8 images [n, 1, size, size] → (features [n, 64], logits).

    Stacked images [n, 3, size, size] are classified channel by channel, see ``classify_channels``.

    Args:
        name: "ganbench-" and a name in ``EXTRACTORS``, such as "ganbench-digits".
        features_list: Which of the outputs "features" and "logits" to return, in this order.
        network: The layers; None loads the weights of that name.
        **kwargs: Arguments that torch-fidelity passes to every extractor; not used.
    """

    def __init__(self, name: str, features_list: list[str], network: nn.Sequential | None = None, **kwargs: object):
        super().__init__(name, features_list)
        name = name.removeprefix(PREFIX)
        base = EXTRACTORS[name].channels_of
        self.classify = classify_channels if base else classify
        self.network: nn.Sequential = network or load_network(base or name)
        self.eval()
        self.requires_grad_(False)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """Return the names of the two outputs."""
        return ("features", "logits")

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """Return "logits" for the inception score, "features" (the hidden layer) for other metrics."""
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled() -> bool:
        """Return False: networks of this size gain nothing."""
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        """Return a black image."""
        return torch.zeros(1, 1, 28, 28, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs in ``features_list`` for uint8 images."""
        outputs = dict(zip(("features", "logits"), self.classify(self.network, scaled(images)), strict=True))
        return tuple(outputs[name] for name in self.features_list)


def classify(network: nn.Sequential, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return features [n, 64] and logits [n, 10] of images [n, 1, size, size] in [−1, 1]."""
    features = network[:-1](images)
    return features, network[-1](features)


def classify_channels(network: nn.Sequential, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return features [n, 3 · 64] and logits [n, 1000] of images [n, 3, size, size] in [−1, 1].

    Class 100a + 10b + c has the digits a, b and c in the three channels. Its probability is the product of their
    probabilities, so its logit is the sum of their log-softmaxes.
    """
    features, logits = classify(network, images.flatten(0, 1)[:, None])
    first, second, third = logits.log_softmax(dim=1).unflatten(0, (-1, 3)).unbind(dim=1)
    joint = first[:, :, None, None] + second[:, None, :, None] + third[:, None, None, :]
    return features.unflatten(0, (-1, 3)).flatten(1), joint.flatten(1)


def scaled(images: Tensor) -> Tensor:
    """Return uint8 images as floats in [−1, 1]."""
    return (images / 127.5).sub_(1)


def build_network(size: int, classes: int = 10, channels: int = 1) -> nn.Sequential:
    """Return the layers for images [n, channels, size, size]: convolutions, three poolings, a hidden layer, logits."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *block(channels, 32),
        nn.MaxPool2d(2),
        *block(32, 64),
        nn.MaxPool2d(2),
        *block(64, 96),
        *block(96, 96),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Sequential(nn.Linear(96 * (size // 8) ** 2, FEATURES), nn.ReLU()),
        nn.Linear(FEATURES, classes),
    )


def for_inference(network: nn.Sequential) -> nn.Sequential:
    """Return an equivalent of the network in evaluation mode that needs fewer passes over memory.

    Batch normalisation is folded into the convolutions, and the memory format is channels-last. ReLU follows pooling,
    where it has a quarter of the elements: max(0, max x) = max max(0, x).
    """
    layers: list[nn.Module] = []
    for layer in network.eval():
        if isinstance(layer, nn.BatchNorm2d) and isinstance(layers[-1], nn.Conv2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], layer)
        elif isinstance(layer, nn.MaxPool2d):
            layers.insert(-1, layer)
        else:
            layers.append(nn.ReLU(inplace=True) if isinstance(layer, nn.ReLU) else layer)
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def load_network(name: str) -> nn.Sequential:
    """Load a small classifier and verify the hash of its weights.

    Raises:
        DataError: the file is missing, or its hash is not that in the manifest.
    """
    path = weights_file(name)
    if file_hash(path) != manifest(name)["sha256"]:
        train = f"train it again with 'python -m bench.catalogue.extractors {name}'"
        advice = "reinstall ganbench" if path.parent == WEIGHTS else train
        raise DataError(f"extractor {name!r}: {path} does not match the hash in {name}.json; {advice}")
    network = build_network(IMAGE_SIZES[name], EXTRACTORS[name].classes)
    with np.load(path) as arrays:
        network.load_state_dict({key: torch.from_numpy(arrays[key]) for key in arrays.files}, strict=True)
    return network


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_extractor(name: str, inception_weights: Path | None, device: torch.device) -> FeatureExtractorBase:
    """Return an extractor for uint8 images on ``device``.

    Raises:
        DataError: its weights are missing and cannot be downloaded.
    """
    if name != "inception":
        network = for_inference(load_network(EXTRACTORS[name].channels_of or name))
        return SmallClassifier(PREFIX + name, ["features", "logits"], network).to(device)
    path = None if inception_weights is None else str(inception_weights)
    try:
        inception = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=path
        )
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError, UnpicklingError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(
            f"cannot load Inception's weights ({reason}): pass --inception-weights PATH with {INCEPTION_FILE} from the "
            f"releases of torch-fidelity, or use features that need no download: "
            f'extractor = "random" in [evaluation] (or --extractor random), '
            f"or an extractor trained on classes of your own images ({TRAIN_YOUR_OWN})"
        ) from None
    return inception.to(device)


def extract(extractor: FeatureExtractorBase, images: Tensor, batch: int | None = None) -> tuple[Tensor, Tensor | None]:
    """Return features [n, d] and logits [n, classes], or None without classes, of uint8 images, on the CPU.

    Args:
        extractor: From ``load_extractor``.
        images: [n, channels, height, width]; for networks of torch-fidelity, grey images are repeated over three.
        batch: Images per forward pass; None chooses it by the device.

    Raises:
        DataError: A network for photographs is given images without 1 or 3 channels.
    """
    of_colours = extractor.name == "inception-v3-compat" or extractor.name in REGISTERED
    if (of_colours or extractor.name == "random") and images.shape[1] not in COLOURS:
        name = "inception" if extractor.name == "inception-v3-compat" else extractor.name
        raise DataError(f"extractor {name!r} takes images with 1 or 3 channels, not {images.shape[1]}")
    grey_to_colour = of_colours and images.shape[1] == 1
    device = next(extractor.parameters()).device
    outputs = []
    with torch.inference_mode():
        for piece in images.split(batch or BATCH.get(device.type, 256)):
            piece = piece.to(device)
            outputs.append(extractor(piece.expand(-1, 3, -1, -1) if grey_to_colour else piece))
        features, *logits = (torch.cat(column).cpu() for column in zip(*outputs, strict=True))
    return features, logits[0] if logits else None


for _name in [*IMAGE_SIZES, *(name for name, each in EXTRACTORS.items() if each.channels_of)]:
    register_feature_extractor(PREFIX + _name, SmallClassifier)

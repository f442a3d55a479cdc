"""The networks: small classifiers in torch-fidelity's form, and torch-fidelity's own Inception."""

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

from bench.catalogue.extractors import EXTRACTORS, INCEPTION_FILE, WEIGHTS, manifest, weights_file
from bench.errors import DataError

SIZES = {"digits": 8, "fashion-mnist": 28, "mnist": 28}
FEATURES = 64
BATCH = {"cpu": 64}  # images at a time: on a CPU what a layer of 28×28×32 leaves stays in the cache
PREFIX = "ganbench-"  # torch_fidelity.calculate_metrics(feature_extractor="ganbench-digits", ...) knows them too


class SmallClassifier(FeatureExtractorBase):  # type: ignore[misc]
    """Four convolutions and one hidden layer of 64: uint8 images [n, 1, size, size] → (features [n, 64], logits).

    Stacked images [n, 3, size, size] are classified channel by channel, see ``classify_channels``.

    Args:
        name: "ganbench-" and a name in ``EXTRACTORS``, such as "ganbench-digits".
        features_list: Which of the outputs "features" and "logits" are wanted, in this order.
        network: The layers, where they are not to be loaded from the weights of that name.
        **kwargs: What torch-fidelity hands to every extractor; not used.
    """

    def __init__(self, name: str, features_list: list[str], network: nn.Sequential | None = None, **kwargs: object):
        super().__init__(name, features_list)
        plain = name.removeprefix(PREFIX)
        base = EXTRACTORS[plain].channels_of
        self.classify = classify_channels if base else classify
        self.network: nn.Sequential = network or load_network(base or plain)
        self.eval()
        self.requires_grad_(False)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """The two outputs."""
        return ("features", "logits")

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """The hidden layer serves every metric but the inception score."""
        return "logits" if metric == "isc" else "features"

    @staticmethod
    def can_be_compiled() -> bool:
        """Not needed for networks of this size, whose images differ in size."""
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        """Any image that all of them take."""
        return torch.zeros(1, 1, 28, 28, dtype=torch.uint8)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Uint8 images → the wanted outputs."""
        outputs = dict(zip(("features", "logits"), self.classify(self.network, scaled(images)), strict=True))
        return tuple(outputs[name] for name in self.features_list)


def classify(network: nn.Sequential, images: Tensor) -> tuple[Tensor, Tensor]:
    """Images [n, 1, size, size] in [−1, 1] → features [n, 64], logits [n, 10]."""
    features = network[:-1](images)
    return features, network[-1](features)


def classify_channels(network: nn.Sequential, images: Tensor) -> tuple[Tensor, Tensor]:
    """Images [n, 3, size, size] in [−1, 1] → features [n, 3 · 64], logits [n, 1000] of the classes 100a + 10b + c.

    The channels are judged one by one, so the probability of a class is the product of those of its three digits, and
    a sum of log-softmaxes is its logit.
    """
    features, logits = classify(network, images.flatten(0, 1)[:, None])
    first, second, third = logits.log_softmax(dim=1).unflatten(0, (-1, 3)).unbind(dim=1)
    joint = first[:, :, None, None] + second[:, None, :, None] + third[:, None, None, :]
    return features.unflatten(0, (-1, 3)).flatten(1), joint.flatten(1)


def scaled(images: Tensor) -> Tensor:
    """Uint8 images to floats in [−1, 1]."""
    return (images / 127.5).sub_(1)


def build_network(size: int, classes: int = 10) -> nn.Sequential:
    """The layers for images [n, 1, size, size]: three halvings, a hidden layer, logits."""

    def block(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *block(1, 32),
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


def fused(network: nn.Sequential) -> nn.Sequential:
    """The same function of evaluation in fewer passes over memory: normalisation within convolutions, channels last.

    ReLU comes after pooling, where there is a quarter of the numbers: max(0, max x) = max max(0, x).
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
    """The network ``name``, its weights checked against their hash.

    Raises:
        DataError: the file is missing, or is not the one whose accuracy was measured.
    """
    path = weights_file(name)
    if file_hash(path) != manifest(name)["sha256"]:
        shipped = path.parent == WEIGHTS
        train = f"train it with 'python -m bench.catalogue.extractors {name}'"
        advice = "install ganbench again" if shipped else train
        raise DataError(f"extractor {name!r}: {path} is not the file that was measured; {advice}")
    network = build_network(SIZES[name], EXTRACTORS[name].classes)
    with np.load(path) as arrays:
        network.load_state_dict({key: torch.from_numpy(arrays[key]) for key in arrays.files}, strict=True)
    return network


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_extractor(name: str, inception_weights: Path | None, device: torch.device) -> FeatureExtractorBase:
    """An extractor on ``device``, ready to be called with uint8 images.

    Raises:
        DataError: its weights are not here, and cannot be fetched.
    """
    if name != "inception":
        network = fused(load_network(EXTRACTORS[name].channels_of or name))
        return SmallClassifier(PREFIX + name, ["features", "logits"], network).to(device)
    path = None if inception_weights is None else str(inception_weights)
    try:
        inception = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=path)
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError, UnpicklingError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(
            f"Inception's weights cannot be loaded ({reason}); fetch {INCEPTION_FILE} from the releases of "
            f"torch-fidelity and give --inception-weights PATH"
        ) from None
    return inception.to(device)


def extract(extractor: FeatureExtractorBase, images: Tensor, batch: int | None = None) -> tuple[Tensor, Tensor | None]:
    """Features [n, d] and logits [n, classes], or None, of uint8 images, on the CPU.

    Grey images are repeated over three channels for Inception.
    """
    grey_to_colour = extractor.name == "inception-v3-compat" and images.shape[1] == 1
    device = next(extractor.parameters()).device
    pieces = []
    with torch.inference_mode():
        for piece in images.split(batch or BATCH.get(device.type, 256)):
            there = piece.to(device)
            pieces.append(extractor(there.expand(-1, 3, -1, -1) if grey_to_colour else there))
        features, *logits = (torch.cat(column).cpu() for column in zip(*pieces, strict=True))
    return features, logits[0] if logits else None


for _name in [*SIZES, *(name for name, each in EXTRACTORS.items() if each.channels_of)]:
    register_feature_extractor(PREFIX + _name, SmallClassifier)

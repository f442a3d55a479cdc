"""Loads the networks that torch-fidelity registers beside Inception: VGG16, CLIP and DINOv2."""

from __future__ import annotations

import warnings
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch_fidelity import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from bench.catalogue.extractors import ExtractorChoice
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED, Registered
from bench.errors import DataError


def load_registered(choice: ExtractorChoice, device: torch.device) -> FeatureExtractorBase:
    """Return a network of torch-fidelity for uint8 images [n, 3, height, width], on ``device``.

    Without a file, torch-fidelity reads the weights from the folder of torch.hub, and downloads what is missing there.

    Raises:
        DataError: The weights are missing and cannot be downloaded, or are not those of the network.
    """
    known = REGISTERED[choice.name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of torch about the formats of files that others published
            network = _load(choice, known)
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, EOFError, ImportError, UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(
            f"cannot load the weights of extractor {choice.name!r} ({reason}): {_advice(choice)}; "
            f'extractor = "random" in [evaluation] (or --extractor random) needs no download'
        ) from None
    loaded: FeatureExtractorBase = network.eval().to(device)
    return loaded


def _load(choice: ExtractorChoice, known: Registered) -> FeatureExtractorBase:
    if choice.weights and choice.name == "vgg16":
        torch.load(choice.weights, map_location="cpu", weights_only=True)  # torch-fidelity would run code in the file
    return FEATURE_EXTRACTORS_REGISTRY[choice.name](
        choice.name, [known.layer], feature_extractor_weights_path=choice.weights or None, verbose=False
    )


def _advice(choice: ExtractorChoice) -> str:
    known = REGISTERED[choice.name]
    folder = Path(torch.hub.get_dir())
    if choice.weights:
        return f"{choice.weights} must be the file that is published as {known.url}"
    target = folder / "checkpoints" / known.file
    if known.repository:
        code = folder / f"{known.repository.replace('/', '_')}_main"
        return f"download {known.url} to {target}, and the repository https://github.com/{known.repository} to {code}"
    return (
        f"download {known.url} to {target}, or anywhere and name the file: "
        f'extractor = {{ name = "{choice.name}", weights = "FILE" }}'
    )

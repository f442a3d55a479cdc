"""The networks that torch-fidelity registers beside Inception: their features, sizes and files of weights."""

from __future__ import annotations

from typing import NamedTuple

CLIP = "https://openaipublic.azureedge.net/clip/models"


class Registered(NamedTuple):
    """A feature extractor of torch-fidelity.

    Attributes:
        summary: What the network is.
        features: Number of its features.
        layer: Name of the layer that torch-fidelity takes for Fréchet and kernel distances.
        side: Pixels on a side to which it resizes all images.
        file: Name of the file of weights, below ``checkpoints`` in the folder of torch.hub.
        url: Where the file is published.
        sha256: First digits of the file's hash; "" if none is published.
        repository: Repository with the code of the network; "" if torch-fidelity has the code.
    """

    summary: str
    features: int
    layer: str
    side: int
    file: str
    url: str
    sha256: str = ""
    repository: str = ""

    @property
    def takes_file(self) -> bool:
        """Whether torch-fidelity reads its weights from any file."""
        return not self.repository


def _clip(name: str, model: str, features: int, side: int, sha256: str) -> Registered:
    return Registered(
        f"CLIP {model} of torch-fidelity, {features:,} features",
        *(features, "clip", side, f"{name}-{sha256}.pt", f"{CLIP}/{sha256}/{model}.pt", sha256),
    )


def _dinov2(letter: str, features: int) -> Registered:
    model = f"dinov2_vit{letter}14"
    return Registered(
        f"DINOv2 ViT-{letter.upper()}/14 of torch-fidelity, {features:,} features",
        *(features, "dinov2", 224, f"{model}_pretrain.pth"),
        url=f"https://dl.fbaipublicfiles.com/dinov2/{model}/{model}_pretrain.pth",
        repository="facebookresearch/dinov2",
    )


_CLIP = {  # model, features, side, hash
    "clip-rn50": ("RN50", 1024, 224, "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"),
    "clip-rn101": ("RN101", 512, 224, "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599"),
    "clip-rn50x4": ("RN50x4", 640, 288, "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd"),
    "clip-rn50x16": ("RN50x16", 768, 384, "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa"),
    "clip-rn50x64": ("RN50x64", 1024, 448, "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c"),
    "clip-vit-b-32": ("ViT-B-32", 512, 224, "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"),
    "clip-vit-b-16": ("ViT-B-16", 512, 224, "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"),
    "clip-vit-l-14": ("ViT-L-14", 768, 224, "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"),
    "clip-vit-l-14-336px": (
        *("ViT-L-14-336px", 768, 336),
        "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
    ),
}
REGISTERED = {
    "vgg16": Registered(
        "VGG16 of torchvision, 4,096 features",
        *(4096, "fc2_relu", 224, "vgg16-397923af.pth", "https://download.pytorch.org/models/vgg16-397923af.pth"),
        sha256="397923af",
    ),
    **{name: _clip(name, *known) for name, known in _CLIP.items()},
    **{
        f"dinov2-vit-{letter}-14": _dinov2(letter, features)
        for letter, features in (("s", 384), ("b", 768), ("l", 1024), ("g", 1536))
    },
}

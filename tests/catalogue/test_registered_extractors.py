"""Networks of torch-fidelity beside Inception: their table, their loading, and messages where weights are missing."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch_fidelity import feature_extractor_clip, feature_extractor_dinov2, feature_extractor_vgg16
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from bench.catalogue.extractors import EXTRACTORS, ExtractorChoice, extractor_hash
from bench.catalogue.extractors.networks import extract
from bench.catalogue.extractors.own_networks import load_chosen
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED
from bench.errors import DataError, SuiteError

CPU = torch.device("cpu")
IMAGES = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_all_networks_of_torch_fidelity_are_in_the_catalogue() -> None:
    theirs = {name for name in FEATURE_EXTRACTORS_REGISTRY if not name.startswith("ganbench-")}
    assert theirs == {"inception-v3-compat", *REGISTERED}
    assert set(REGISTERED) <= set(EXTRACTORS)


def test_layers_and_files_are_those_of_torch_fidelity() -> None:
    for name, known in REGISTERED.items():
        theirs = FEATURE_EXTRACTORS_REGISTRY[name]
        assert theirs.get_default_feature_layer_for_metric("fid") == known.layer
        if name.startswith("clip"):
            assert feature_extractor_clip.MODEL_URLS[name] == known.url
            assert known.file == f"{name}-{feature_extractor_clip.MODEL_METADATA[name]['hash']}.pt"
        if name.startswith("dinov2"):
            assert known.file.startswith(feature_extractor_dinov2.MODEL_METADATA[name])
    assert torchvision.models.VGG16_Weights.IMAGENET1K_V1.url == REGISTERED["vgg16"].url


class _Archive(nn.Module):
    """Has the parameters of a small CLIP under the names of the published files."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.visual = feature_extractor_clip.CLIPVisual(8, 32, 1, 64, 16).visual
        self.text_projection = nn.Parameter(torch.randn(4, 8))

    def forward(self, images: Tensor) -> Tensor:
        return images


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(_Archive(), torch.zeros(1)), path)
    return path


def test_clip_loads_from_a_file_and_repeats_grey_images(clip_file: Path) -> None:
    choice = ExtractorChoice.model_validate({"name": "clip-vit-b-32", "weights": str(clip_file)})
    network = load_chosen(choice, None, CPU)
    features, logits = extract(network, IMAGES)
    assert features.shape == (3, 8)
    assert features.isfinite().all()
    assert logits is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = feature_extractor_clip.FeatureExtractorCLIP(
            "clip-vit-b-32", ["clip"], feature_extractor_weights_path=str(clip_file), verbose=False
        )
    assert torch.equal(features, theirs(IMAGES)[0])
    grey = IMAGES[:, :1]
    assert torch.equal(extract(network, grey)[0], extract(network, grey.expand(-1, 3, -1, -1))[0])


@pytest.fixture
def small_vgg(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    class Small(nn.Module):
        def __init__(self, **kwargs: object) -> None:
            super().__init__()
            parts = [nn.Linear(3, 5), *(nn.Identity() for _ in range(5)), nn.Linear(5, 2)]
            self.classifier = nn.Sequential(*parts)

        def forward(self, images: Tensor) -> Tensor:
            return self.classifier(images.mean((2, 3)))

    monkeypatch.setattr(feature_extractor_vgg16.torchvision.models, "vgg16", Small)
    return Small()


def test_vgg16_loads_from_a_file(small_vgg: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    torch.save(small_vgg.state_dict(), path)
    choice = ExtractorChoice.model_validate({"name": "vgg16", "weights": str(path)})
    features, _ = extract(load_chosen(choice, None, CPU), IMAGES)
    assert features.shape == (3, 5)
    assert features.any()
    assert (features >= 0).all()
    assert extractor_hash("vgg16", weights=str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_holds_code_is_not_run(small_vgg: nn.Module, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    torch.save({"weights": Evil()}, tmp_path / "vgg.pth")
    choice = ExtractorChoice.model_validate({"name": "vgg16", "weights": str(tmp_path / "vgg.pth")})
    with pytest.raises(DataError, match="vgg16"):
        load_chosen(choice, None, CPU)
    assert not (tmp_path / "ran").exists()


def test_dinov2_loads_from_the_folder_of_torch_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(repository: str, model: str) -> nn.Module:
        asked.append((repository, model))
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))

    monkeypatch.setattr(torch.hub, "load", load)
    features, _ = extract(load_chosen(ExtractorChoice.model_validate("dinov2-vit-s-14"), None, CPU), IMAGES)
    assert features.shape == (3, 4)
    assert asked == [("facebookresearch/dinov2", "dinov2_vits14")]


@pytest.mark.parametrize("name", ["vgg16", "clip-vit-b-32", "dinov2-vit-b-14"])
def test_without_weights_one_line_says_what_to_download(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "load", offline)
    monkeypatch.setattr(feature_extractor_clip, "load_state_dict_from_url", offline)
    monkeypatch.setattr(feature_extractor_vgg16.torchvision.models, "vgg16", offline)
    with pytest.raises(DataError) as caught:
        load_chosen(ExtractorChoice.model_validate(name), None, CPU)
    message = str(caught.value)
    assert "\n" not in message
    for part in (name, "no network", REGISTERED[name].url, REGISTERED[name].file, '"random"'):
        assert part in message


def test_the_published_file_is_named_and_others_are_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert extractor_hash("vgg16") == "vgg16-397923af.pth"
    path = tmp_path / "weights.pt"
    path.write_bytes(b"weights")
    known = REGISTERED["vgg16"]._replace(sha256=hashlib.sha256(b"weights").hexdigest()[:8])
    monkeypatch.setitem(REGISTERED, "vgg16", known)
    assert extractor_hash("vgg16", weights=str(path)) == "vgg16-397923af.pth"
    with pytest.raises(DataError, match=r"extractor 'vgg16': file .*none\.pt does not exist"):
        extractor_hash("vgg16", weights=str(tmp_path / "none.pt"))


def test_dinov2_takes_no_file() -> None:
    with pytest.raises(SuiteError, match="takes no file of weights"):
        ExtractorChoice.model_validate({"name": "dinov2-vit-b-14", "weights": "x.pth"})


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["random", "random"], "'random' is listed twice"),
        (["random", "vgg17"], "vgg16"),
        (["random", ["vgg16", "inception"]], "not a list in a list"),
        ([], "expected a name"),
    ],
)
def test_wrong_lists_of_extractors_are_named(given: list[object], problem: str) -> None:
    with pytest.raises(SuiteError, match=problem):
        ExtractorChoice.model_validate(given)

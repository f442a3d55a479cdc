"""Metrics against closed forms, naive implementations and torch-fidelity."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import Dataset

from bench.catalogue import Options
from bench.catalogue.datasets import synthetic
from bench.catalogue.datasets.data import Modes
from bench.catalogue.datasets.images import digits
from bench.catalogue.extractors import extractor_hash
from bench.catalogue.metrics import METRICS
from bench.catalogue.metrics.frechet import frechet_distance
from bench.catalogue.metrics.measures import MEASURES
from bench.catalogue.metrics.modes import class_modes, kl_to_uniform, mixture_modes
from bench.compute.evaluated_samples import quantised
from bench.compute.evaluation import build_evaluator
from bench.plan.specification import Evaluation, choose

SQUARE = Modes(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]), sigma=0.1)
CPU = torch.device("cpu")


def test_there_are_metrics() -> None:
    assert {"modes", "frechet"} <= METRICS.keys()
    assert {"modes", "high_quality", "kl", "fd", "fid"} <= MEASURES.keys()


def test_modes_by_hand() -> None:
    points = torch.tensor([[1.0, 1.0], [1.2, 1.2], [1.0, 0.69], [-1.0, -1.0]])  # within, 2.83σ, 3.1σ, within
    measured = mixture_modes(points, SQUARE)
    assert measured["modes"] == 2
    assert measured["high_quality"] == 0.75
    assert measured["kl"] == pytest.approx(0.75 * log(0.75 * 4) + 0.25 * log(0.25 * 4), abs=1e-12)
    assert mixture_modes(points, SQUARE, minimum=2)["modes"] == 1


def test_kl_is_between_zero_and_the_log_of_the_number_of_modes() -> None:
    assert kl_to_uniform(torch.arange(8), 8) == pytest.approx(0, abs=1e-15)
    assert kl_to_uniform(torch.zeros(50, dtype=torch.long), 8) == pytest.approx(log(8), abs=1e-12)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_kl_agrees_with_a_naive_implementation(labels: list[int]) -> None:
    shares = [labels.count(mode) / len(labels) for mode in range(5)]
    expected = sum(share * log(share / 0.2) for share in shares if share)
    assert kl_to_uniform(torch.tensor(labels), 5) == pytest.approx(expected, abs=1e-12)


def test_real_ring_data_cover_all_modes_with_the_expected_quality() -> None:
    """P(χ²₂ ≤ 9) = 1 − e^(−4.5) = 98.89%; the sampling floor of the KL is (k − 1)/(2n)."""
    data = synthetic.ring(synthetic.RingOptions())
    assert data.modes is not None
    measured = mixture_modes(torch.from_numpy(data.test), data.modes)
    assert measured["modes"] == 8
    assert measured["high_quality"] == pytest.approx(1 - exp(-4.5), abs=0.003)
    floor = 7 / (2 * len(data.test))
    assert 0 < measured["kl"] < 4 * floor


def test_classes_with_and_without_confidence() -> None:
    logits = torch.tensor([[9.0, 0, 0], [9.0, 0, 0], [0, 1.0, 0], [0, 1.0, 0.9]])
    measured = class_modes(logits, confidence=0.9)
    assert (measured["modes"], measured["modes_confident"], measured["confident"]) == (2, 1, 0.5)
    assert class_modes(logits, minimum=3)["modes"] == 0


def test_frechet_distance_of_gaussians_has_its_closed_form() -> None:
    """‖μ₁ − μ₂‖² + Σᵢ (σ₁ᵢ − σ₂ᵢ)² for diagonal covariances (Dowson & Landau 1982)."""
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(200_000, 3, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 2.0, 0.5])
    other = torch.randn(200_000, 3, generator=generator, dtype=torch.float64) * torch.tensor([2.0, 2.0, 1.5]) + 1
    assert frechet_distance(one, other) == pytest.approx(3 + 1 + 0 + 1, rel=0.02)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


class Images(Dataset):  # type: ignore[type-arg]
    def __init__(self, images: torch.Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]


def test_frechet_distance_agrees_with_torch_fidelity() -> None:
    import torch_fidelity

    from bench.catalogue.extractors.networks import extract, load_extractor

    data = digits(Options())
    samples = torch.randint(0, 256, (600, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    samples[:300] = torch.from_numpy(data.test[:300])
    evaluation = Evaluation.model_validate({"metrics": ["frechet"], "samples": 600})
    judge = build_evaluator(choose("dataset", "digits"), evaluation, extractor_hash("digits"), None, CPU)
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(samples),
        input2=Images(torch.from_numpy(data.train.copy())),
        fid=True,
        feature_extractor="ganbench-digits",
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        batch_size=256,
    )
    assert judge.measure(samples)["fd"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    extractor = load_extractor("digits", None, CPU)
    by_hand = frechet_distance(
        extract(extractor, samples, batch=64)[0], extract(extractor, torch.from_numpy(data.train.copy()))[0]
    )
    assert by_hand == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)


@pytest.mark.parametrize("name", ["ring", "digits"])
def test_every_measure_has_a_value_of_real_data(name: str) -> None:
    evaluation = Evaluation.model_validate({"metrics": ["modes", "frechet"], "samples": 1000})
    extractor = {"ring": "coordinates", "digits": "digits"}[name]
    judge = build_evaluator(choose("dataset", name), evaluation, extractor_hash(extractor), None, CPU)
    random = torch.randint(0, 256, (500, 1, 8, 8), dtype=torch.uint8) if name == "digits" else torch.randn(500, 2)
    measured = judge.measure(random)
    assert measured.keys() == judge.real.keys()
    assert judge.real["modes"] == {"ring": 8, "digits": 10}[name]
    assert judge.real["fd"] < measured["fd"] / 10
    assert judge.protocol["samples"] == 1000


def test_images_are_quantised_before_they_are_measured() -> None:
    images = torch.tensor([-1.0, -0.999, 0.0, 1.0, 1.5, -7.0])
    assert quantised(images, np.zeros(1, np.uint8)).tolist() == [0, 0, 128, 255, 255, 0]
    real = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(quantised(real.float() / 127.5 - 1, np.zeros(1, np.uint8)), real)
    assert quantised(images, np.zeros(1, np.float32)) is images


@pytest.mark.slow
def test_inception_is_loaded_from_a_file_and_agrees_with_torch_fidelity(tmp_path: object) -> None:
    """With random weights in a file, FID is the same as torch-fidelity's."""
    import torch_fidelity
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from bench.catalogue.extractors import networks

    with pytest.MonkeyPatch.context() as patch:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
            patch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *a, **k: {})
            made = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    path = tmp_path / "weights.pth"  # type: ignore[operator]
    torch.save(made.state_dict(), path)
    inception = networks.load_extractor("inception", path, CPU)
    one, other = (torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8) for _ in range(2))
    features = [networks.extract(inception, images, batch=8)[0] for images in (one, other)]
    assert features[0].shape == (8, 2048)
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(one),
        input2=Images(other),
        fid=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(path),
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        batch_size=8,
    )
    assert frechet_distance(*features) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    assert networks.extract(inception, one[:, :1], batch=8)[0].shape == (8, 2048)  # grey images
    assert extractor_hash("inception", path) == networks.file_hash(path)


def test_missing_inception_weights_are_an_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.error import URLError

    from bench.catalogue.extractors import networks
    from bench.errors import DataError

    def refuse(*_: object, **__: object) -> None:
        raise URLError("no internet")

    monkeypatch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", refuse)
    with pytest.raises(DataError, match="--inception-weights PATH"):
        networks.load_extractor("inception", None, CPU)

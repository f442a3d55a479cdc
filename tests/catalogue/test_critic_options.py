"""The options of critics: a Lipschitz constant, sum pooling, and minibatch deviations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.architectures import ARCHITECTURES, DcganOptions, MlpOptions, ResnetOptions
from bench.catalogue.architectures import mixes_samples as options_mix_samples
from bench.catalogue.architectures.critic_options import CriticOptions, GroupOptions
from bench.catalogue.architectures.layers import MinibatchDeviation
from bench.compute.training.players import build_players, mixes_samples, with_converged_spectral_norm
from bench.errors import SuiteError
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
SHAPE = (1, 9, 9)
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"width": 8, "depth": 2},
    "dcgan": {"width": 4},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 4},
    "stylegan": {"width": 4, "widest": 8, "mapping_depth": 2},
    "r3gan": {"width": 4, "widest": 8, "blocks": 1},
}
NORMALISED = [name for name in SMALL if "normalisation" in ARCHITECTURES[name].options.model_fields]
NORMALISATIONS = [  # of each family; None: it has no such option
    (name, normalisation)
    for name in SMALL
    for normalisation in (("none", "batch", "layer", "spectral") if name in NORMALISED else (None,))
]


def chosen(normalisation: str | None, **critic: object) -> dict[str, object]:
    return critic if normalisation is None else {**critic, "normalisation": normalisation}


def training(name: str, **critic: object) -> Training:
    keys = {"dataset": "digits", "loss": "hinge", "batch_size": 8, "latent": 5, "precision": "float64"}
    return complete_training({**keys, "architecture": {"name": name, **SMALL[name]}, "critic": critic}, "test")


def build(name: str, shape: tuple[int, ...] = SHAPE, **options: object) -> nn.Module:
    return build_players(training(name, **options), shape, 0, CPU).critic


def images(count: int = 8, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.randn(count, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_every_family_but_dirac_has_the_options_of_critics() -> None:
    grouping = {name for name, entry in ARCHITECTURES.items() if issubclass(entry.options, GroupOptions)}
    assert grouping == ARCHITECTURES.keys() - {"dirac"}
    assert SMALL.keys() == grouping - {"wavegan", "resnet-1d"}  # these take no images
    scaled = [name for name, entry in ARCHITECTURES.items() if issubclass(entry.options, CriticOptions)]
    assert [name for name in scaled if name in SMALL] == NORMALISED
    assert scaled == [name for name, entry in ARCHITECTURES.items() if "normalisation" in entry.options.model_fields]
    assert "mlp" in NORMALISED


@pytest.mark.parametrize("name", NORMALISED)
def test_the_lipschitz_constant_multiplies_the_logits(name: str) -> None:
    one, eight = (build(name, normalisation="spectral", lipschitz=constant) for constant in (1.0, 8.0))
    assert [*one.state_dict()] == [*eight.state_dict()]
    for _ in range(3):  # power iterations
        assert torch.equal(8 * one(images()), eight(images()))  # a power of two: exact


@pytest.mark.parametrize("activation", ["relu", "leaky-relu", "tanh", "elu", "softplus"])
@pytest.mark.parametrize("constant", [0.1, 1.0, 20.0])
def test_no_slope_of_a_fully_connected_critic_exceeds_its_lipschitz_constant(constant: float, activation: str) -> None:
    options = {"width": 32, "normalisation": "spectral", "lipschitz": constant, "activation": activation}
    critic = build("mlp", (2,), **options)
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(3.0)  # no normalisation would let slopes grow with the weights
    critic = with_converged_spectral_norm(critic).eval()
    points = (5 * torch.randn(2_000, 2, dtype=torch.float64)).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(points).sum(), points)
    assert 0.05 * constant < slopes.norm(dim=1).max() <= constant * (1 + 1e-3)


@pytest.mark.parametrize("pieces", [2, 5])
def test_maxout_keeps_the_lipschitz_constant(pieces: int) -> None:
    critic = build("mlp", (2,), width=16, maxout=pieces, normalisation="spectral", lipschitz=3.0)
    critic = with_converged_spectral_norm(critic).eval()
    points = torch.randn(2_000, 2, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(critic(points).sum(), points)
    assert slopes.norm(dim=1).max() <= 3.0 * (1 + 1e-3)


@pytest.mark.parametrize("name", NORMALISED)
def test_a_lipschitz_constant_without_spectral_normalisation_is_an_error(name: str) -> None:
    for normalisation in ("none", "layer", "batch"):
        with pytest.raises(SuiteError, match=f"critic: lipschitz = 20 needs .*'spectral', not '{normalisation}'"):
            training(name, normalisation=normalisation, lipschitz=20.0)
        training(name, normalisation=normalisation, lipschitz=1.0)  # so that an override can take it back
    with pytest.raises(SuiteError, match="lipschitz: input should be greater than 0, not 0"):
        training(name, normalisation="spectral", lipschitz=0.0)


def test_the_critic_inherits_the_constant_from_the_generators_options() -> None:
    keys = {"dataset": "digits", "loss": "hinge"}
    table = {**keys, "architecture": {"name": "mlp", "normalisation": "spectral", "lipschitz": 20.0}}
    assert complete_training(table, "test").critic.options.lipschitz == 20
    complete_training({**table, "critic": {"lipschitz": 1.0, "normalisation": "none"}}, "test")
    with pytest.raises(SuiteError, match="critic: lipschitz = 20 needs"):
        complete_training({**table, "critic": {"normalisation": "none"}}, "test")
    with pytest.raises(SuiteError, match="architecture: lipschitz is an option of critics"):
        complete_training({**table, "critic": {"name": "dcgan"}}, "test")
    other = {**keys, "architecture": {"name": "resnet", "pooling": "sum"}, "critic": "mlp"}
    with pytest.raises(SuiteError, match="architecture: pooling is an option of critics"):
        complete_training(other, "test")


def test_generators_ignore_the_options_of_critics() -> None:
    options = {"lipschitz": 20.0, "minibatch_deviation": 4, "normalisation": "spectral"}
    for name, small in SMALL.items():
        pooling = {"pooling": "sum"} if name == "resnet" else {}
        given_options = options if name in NORMALISED else {"minibatch_deviation": 4}
        sizes = []
        for given in ({}, {**given_options, **pooling}):
            table = {
                "dataset": "digits",
                "architecture": {"name": name, **small, **given},
                "loss": "hinge",
                "latent": 5,
            }
            generator = build_players(complete_training(table, "test"), SHAPE, 0, CPU).generator
            own = [
                module
                for module in generator.modules()
                if type(module).__module__.startswith("bench.catalogue") and not isinstance(module, nn.BatchNorm2d)
            ]
            sizes.append(own)
        assert len(sizes[0]) == len(sizes[1])


@pytest.mark.parametrize("size", [8, 9, 28, 32, 33])
def test_sum_pooling_multiplies_logits_by_the_number_of_pixels(size: int) -> None:
    """The last feature map has 8, 5, 7, 8 or 5 pixels in each direction: the output layer's bias is 0 at first."""
    last = {8: 4, 9: 5, 28: 7, 32: 8, 33: 5}[size]
    mean, total = (build("resnet", (3, size, size), pooling=pooling) for pooling in ("mean", "sum"))
    samples = images(4, (3, size, size))
    torch.testing.assert_close(total(samples), last**2 * mean(samples), rtol=1e-12, atol=0)


def test_sum_pooling_gives_a_spectrally_normalised_critic_logits_of_a_useful_size() -> None:
    """The standard deviations of logits over images are about 0.01 with the mean and 0.5 with the sum."""
    deviations = []
    for pooling in ("mean", "sum"):
        critic = build("resnet", (3, 32, 32), width=64, normalisation="spectral", pooling=pooling)
        critic = with_converged_spectral_norm(critic).eval()
        uniform = torch.rand(64, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        samples = nn.functional.interpolate(2 * uniform - 1, size=32, mode="bilinear")
        deviations.append(critic(samples).std().item())
    assert deviations[0] < 0.05
    assert deviations[1] == pytest.approx(64 * deviations[0])


def deviations_one_by_one(features: Tensor, size: int) -> list[float]:
    """Return the minibatch deviation of every sample, computed group by group and number by number."""
    count = len(features)
    found = [0.0] * count
    for first in range(count // size):
        members = range(first, count, count // size)
        rows = [features[index].flatten().tolist() for index in members]
        deviations = []
        for values in zip(*rows, strict=True):
            mean = sum(values) / size
            deviations.append((sum((value - mean) ** 2 for value in values) / size + 1e-8) ** 0.5)
        for index in members:
            found[index] = sum(deviations) / len(deviations)
    return found


@pytest.mark.parametrize("shape", [(5,), (3, 4, 4)])
@pytest.mark.parametrize("size", [2, 3, 4, 12])
def test_the_added_feature_is_the_deviation_of_each_group(shape: tuple[int, ...], size: int) -> None:
    features = images(12, shape)
    out = MinibatchDeviation(size)(features)
    assert out.shape == (12, shape[0] + 1, *shape[1:])
    assert torch.equal(out[:, :-1], features)
    for row, expected in zip(out[:, -1], deviations_one_by_one(features, size), strict=True):
        assert row.flatten().tolist() == pytest.approx([expected] * row.numel(), rel=1e-12)


def test_groups_of_other_batches_are_as_large_as_possible() -> None:
    layer = MinibatchDeviation(4)
    assert [layer.size_of_groups(count) for count in (1, 2, 3, 4, 5, 6, 8, 9, 64)] == [1, 2, 3, 4, 1, 3, 4, 3, 4]


def test_identical_samples_have_a_small_deviation_and_finite_gradients() -> None:
    features = torch.ones(8, 5, dtype=torch.float64, requires_grad=True)
    added = MinibatchDeviation(4)(features)[:, -1]
    assert added.tolist() == pytest.approx([1e-4] * 8)
    (gradient,) = torch.autograd.grad(added.sum(), features)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(("name", "normalisation"), NORMALISATIONS)
def test_logits_depend_on_the_group_and_on_nothing_else(name: str, normalisation: str | None) -> None:
    """In evaluation mode, batch normalisation itself does not mix samples."""
    critic = build(name, **chosen(normalisation, minibatch_deviation=4)).eval()
    samples = images().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(samples)[0], samples)
    reached = gradient.flatten(1).any(dim=1).tolist()
    assert reached == [True, False] * 4  # samples 0, 2, 4 and 6 form a group
    plain = build(name, **chosen(normalisation, minibatch_deviation=0)).eval()
    (gradient,) = torch.autograd.grad(plain(samples)[0], samples)
    assert gradient.flatten(1).any(dim=1).tolist() == [True, *[False] * 7]


@pytest.mark.parametrize(("name", "normalisation"), NORMALISATIONS)
@pytest.mark.parametrize("group", [0, 4])
def test_options_say_whether_a_critic_mixes_samples(name: str, normalisation: str | None, group: int) -> None:
    plan = training(name, **chosen(normalisation, minibatch_deviation=group))
    mixes = normalisation == "batch" or group > 0
    assert options_mix_samples(plan.critic.options) == mixes
    assert mixes_samples(build_players(plan, (1, 16, 16), 0, CPU).critic) == mixes


def test_a_group_of_one_is_an_error() -> None:
    with pytest.raises(SuiteError, match="minibatch_deviation: a group needs at least 2 samples"):
        training("mlp", minibatch_deviation=1)


def test_defaults_add_no_layer() -> None:
    for options in (MlpOptions(), DcganOptions(), ResnetOptions()):
        assert (options.lipschitz, options.minibatch_deviation) == (1, 0)
    for name in SMALL:
        own = [type(module).__name__ for module in build(name).modules()]
        assert {"Scale", "MinibatchDeviation"} & {*own} == ({"MinibatchDeviation"} if name == "stylegan" else set())


def test_options_of_generators_are_refused_for_the_critic_alone() -> None:
    for option in ({"noise": False}, {"mapping_depth": 3}):
        with pytest.raises(SuiteError, match=f"critic: {next(iter(option))} is an option of generators"):
            training("stylegan", **option)
        table = {
            "dataset": "digits",
            "loss": "hinge",
            "architecture": "dcgan",
            "critic": {"name": "stylegan", **option},
        }
        with pytest.raises(SuiteError, match="is an option of generators"):
            complete_training(table, "test")
    training("stylegan", width=8)

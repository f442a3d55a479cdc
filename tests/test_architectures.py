"""Every architecture of the catalogue maps its shapes, and survives a step with every loss."""

import pytest
import torch

from bench.architectures import ARCHITECTURES, Dcgan, DcganUpsample, Mlp, dcgan, dcgan_upsample, mlp
from bench.architectures.layers import Maxout
from bench.losses import LOSSES
from bench.players import build_players, mixes_samples
from bench.random_streams import Streams
from bench.specification import Training, complete_training
from bench.training import train

SIZES = [8, 9, 12, 15, 16, 20, 28, 30, 32, 48, 63, 64]
SMALL = {"mlp": {"width": 8, "depth": 1}, "dcgan": {"width": 4}, "dcgan-upsample": {"width": 8}}
CPU = torch.device("cpu")


def training(**keys: object) -> Training:
    base = {"dataset": "ring", "architecture": "mlp", "loss": "hinge", "batch_size": 4, "latent": 5, "steps": 2}
    return complete_training({**base, **keys}, "test")


def test_there_are_architectures() -> None:
    assert set(SMALL) <= ARCHITECTURES.keys()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["dcgan", "dcgan-upsample"])
def test_square_images_of_every_size(name: str, size: int, channels: int) -> None:
    shape = (channels, size, size)
    assert ARCHITECTURES[name].fits(shape) is None
    players = build_players(training(architecture={"name": name, **SMALL[name]}), shape, 0, CPU)
    images = players.generator(torch.randn(3, 5))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    assert players.critic(images).shape == (3,)


@pytest.mark.parametrize("shape", [(2,), (1, 7, 7), (1, 65, 65), (2, 8, 8), (1, 8, 9)])
def test_what_convolutions_cannot_make_is_said(shape: tuple[int, ...]) -> None:
    assert "square images" in (ARCHITECTURES["dcgan"].fits(shape) or "")


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 9, 11)])
@pytest.mark.parametrize("options", [{}, {"normalisation": "batch"}, {"normalisation": "layer"}, {"maxout": 5}])
def test_mlp_takes_every_shape(shape: tuple[int, ...], options: dict[str, object]) -> None:
    players = build_players(training(architecture={"name": "mlp", "width": 8, **options}), shape, 0, CPU)
    samples = players.generator(torch.randn(4, 5))
    assert samples.shape == (4, *shape)
    assert players.critic(samples).shape == (4,)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_survives_a_step_with_every_loss(name: str, normalisation: str, loss: str) -> None:
    shape = (1, 8, 8)
    plan = training(architecture={"name": name, **SMALL[name], "normalisation": normalisation}, loss=loss)
    players = build_players(plan, shape, 0, CPU)
    before = [p.detach().clone() for p in players.generator.parameters()]
    reals = torch.rand(20, *shape) * 2 - 1
    (last,) = train(plan, players, Streams(0), lambda indices: reals[indices], 20, CPU)
    assert last.diverged is None
    assert last.step == 2
    assert any(not torch.equal(old, new) for old, new in zip(before, players.generator.parameters(), strict=True))


def test_dcgan_is_that_of_the_paper_at_64() -> None:
    """Radford et al. 2016, figure 1: 4×4×1024, 8×8×512, 16×16×256, 32×32×128, 64×64×3, without fully connected layers."""
    generator = dcgan.generator(Dcgan(width=128), 100, (3, 64, 64))
    convolutions = [m for m in generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [m.out_channels for m in convolutions] == [1024, 512, 256, 128, 3]
    assert dcgan.sizes(64) == [4, 8, 16, 32, 64]
    assert dcgan.sizes(28) == [7, 14, 28]
    weights = convolutions[0].weight
    assert weights.std().item() == pytest.approx(0.02, abs=2e-4)  # section 3: N(0, 0.02)
    normalised = [isinstance(m, torch.nn.BatchNorm2d) for m in dcgan.critic(Dcgan(), (3, 64, 64)).children()]
    assert not any(normalised[:3])  # none after the first layer of the critic
    assert sum(normalised) == 3


def test_dcgan_upsample_has_128_128_64_channels_and_its_epsilon() -> None:
    options = DcganUpsample(normalisation_eps=0.8)
    generator = dcgan_upsample.generator(options, 100, (1, 28, 28))
    convolutions = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.in_channels for m in convolutions] == [128, 128, 64]
    norms = [m for m in generator.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m.eps for m in norms] == [1e-5, 0.8, 0.8]
    assert [m.negative_slope for m in generator.modules() if isinstance(m, torch.nn.LeakyReLU)] == [0.2, 0.2]
    critic = dcgan_upsample.critic(options, (1, 28, 28))
    assert [m.out_channels for m in critic.modules() if isinstance(m, torch.nn.Conv2d)] == [16, 32, 64, 128]


def test_maxout_is_the_largest_piece() -> None:
    features = torch.tensor([[1.0, 5.0, -2.0, 4.0, 0.0, 3.0]])
    assert Maxout(3)(features).tolist() == [[5.0, 4.0]]
    critic = mlp.critic(Mlp(width=7, depth=2, maxout=5), (2,))
    assert [m.out_features for m in critic.modules() if isinstance(m, torch.nn.Linear)] == [35, 35, 1]


def test_batch_normalisation_is_seen_to_mix_samples() -> None:
    assert mixes_samples(dcgan.critic(Dcgan(width=4), (1, 16, 16)))
    assert not mixes_samples(dcgan.critic(Dcgan(width=4, normalisation="layer"), (1, 16, 16)))
    assert not mixes_samples(mlp.critic(Mlp(width=4), (2,)))

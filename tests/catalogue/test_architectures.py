"""Every architecture generates and classifies its shapes; those from papers have the papers' layers."""

import pytest
import torch
from gradient_penalties import check_gradient_penalty
from torch import Tensor, nn

from bench.catalogue.architectures import (
    ARCHITECTURES,
    DcganOptions,
    DcganUpsampleOptions,
    MlpOptions,
    ResnetOptions,
    dcgan,
    dcgan_upsample,
    mlp,
    resnet,
)
from bench.catalogue.architectures.layers import Maxout, normalisation
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.compute.training.players import build_players, mixes_samples, with_converged_spectral_norm
from bench.plan.specification import Training, complete_training

SIZES = [8, 9, 12, 15, 16, 20, 28, 30, 32, 48, 63, 64, 65, 100, 128, 255, 256]
SMALL = {
    "mlp": {"width": 8, "depth": 1},
    "dcgan": {"width": 4},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 4},
    "stylegan": {"width": 4, "widest": 8, "mapping_depth": 2},
    "r3gan": {"width": 4, "widest": 8, "blocks": 1},
    "wavegan": {"width": 2},
    "resnet-1d": {"width": 2, "blocks": 1},
}
OF_IMAGES = [name for name in SMALL if name not in ("mlp", "wavegan", "resnet-1d")]
CPU = torch.device("cpu")


def training(**keys: object) -> Training:
    base = {"dataset": "ring", "architecture": "mlp", "loss": "hinge", "batch_size": 4, "latent": 5, "steps": 2}
    return complete_training({**base, **keys}, "test")


def test_there_are_architectures() -> None:
    assert set(SMALL) == ARCHITECTURES.keys() - {"dirac"}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OF_IMAGES)
def test_square_images_of_every_size(name: str, size: int, channels: int) -> None:
    shape = (channels, size, size)
    assert ARCHITECTURES[name].fits(shape) is None
    players = build_players(training(architecture={"name": name, **SMALL[name]}), shape, 0, CPU)
    images = players.generator(torch.randn(3, 5))
    assert images.shape == (3, *shape)
    if name not in ("stylegan", "r3gan"):  # these have no tanh, as in the papers
        assert images.abs().max() <= 1
    assert players.critic(images).shape == (3,)


@pytest.mark.parametrize("size", [257, 512, 1024])
@pytest.mark.parametrize("name", ["resnet", "stylegan", "r3gan"])
def test_networks_of_bounded_width_make_larger_images(name: str, size: int) -> None:
    shape = (1, size, size)
    assert ARCHITECTURES[name].fits(shape) is None
    with torch.device("meta"):
        players = build_players(training(architecture={"name": name, **SMALL[name]}), shape, 0, torch.device("meta"))
        images = players.generator(torch.randn(2, 5))
        assert images.shape == (2, *shape)
        assert players.critic(images).shape == (2,)


@pytest.mark.parametrize("shape", [(2,), (1, 7, 7), (1, 1025, 1025), (2, 8, 8), (1, 8, 9)])
@pytest.mark.parametrize("name", OF_IMAGES)
def test_convolutions_reject_other_shapes(name: str, shape: tuple[int, ...]) -> None:
    assert "square images" in (ARCHITECTURES[name].fits(shape) or "")


@pytest.mark.parametrize("shape", [(2,), (1, 8, 8), (3, 9, 11)])
@pytest.mark.parametrize("options", [{}, {"normalisation": "batch"}, {"normalisation": "layer"}, {"maxout": 5}])
def test_mlp_takes_every_shape(shape: tuple[int, ...], options: dict[str, object]) -> None:
    players = build_players(training(architecture={"name": "mlp", "width": 8, **options}), shape, 0, CPU)
    samples = players.generator(torch.randn(4, 5))
    assert samples.shape == (4, *shape)
    assert players.critic(samples).shape == (4,)


def test_dcgan_at_64_pixels_has_the_layers_of_the_paper() -> None:
    """Radford et al. 2016, figure 1: 4×4×1024, 8×8×512, 16×16×256, 32×32×128, 64×64×3, without fully connected layers."""
    generator = dcgan.generator(DcganOptions(width=128), 100, (3, 64, 64))
    convolutions = [m for m in generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [m.out_channels for m in convolutions] == [1024, 512, 256, 128, 3]
    assert dcgan.feature_map_sizes(64) == [4, 8, 16, 32, 64]
    assert dcgan.feature_map_sizes(28) == [7, 14, 28]
    weights = convolutions[0].weight
    assert weights.std().item() == pytest.approx(0.02, abs=2e-4)  # section 3: N(0, 0.02)
    normalised = [isinstance(m, torch.nn.BatchNorm2d) for m in dcgan.critic(DcganOptions(), (3, 64, 64)).children()]
    assert not any(normalised[:3])  # not after the critic's first layer
    assert sum(normalised) == 3


def test_dcgan_upsample_has_128_128_64_channels_and_its_epsilon() -> None:
    options = DcganUpsampleOptions(normalisation_eps=0.8)
    generator = dcgan_upsample.generator(options, 100, (1, 28, 28))
    convolutions = [m for m in generator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.in_channels for m in convolutions] == [128, 128, 64]
    norms = [m for m in generator.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert [m.eps for m in norms] == [1e-5, 0.8, 0.8]
    assert [m.negative_slope for m in generator.modules() if isinstance(m, torch.nn.LeakyReLU)] == [0.2, 0.2]
    critic = dcgan_upsample.critic(options, (1, 28, 28))
    assert [m.out_channels for m in critic.modules() if isinstance(m, torch.nn.Conv2d)] == [16, 32, 64, 128]


def test_resnet_at_32_pixels_has_the_layers_of_the_papers() -> None:
    """Miyato et al. 2018, table 4: 256 and 128 channels; three blocks double 4×4, and two of four halve 32×32."""
    generator = resnet.generator(ResnetOptions(width=256), 128, (3, 32, 32))
    kernels = [
        (m.in_channels, m.out_channels, *m.kernel_size) for m in generator.modules() if hasattr(m, "kernel_size")
    ]
    block = [(256, 256, 3, 3), (256, 256, 3, 3), (256, 256, 1, 1)]
    assert kernels == [*block * 3, (256, 3, 3, 3)]
    assert [m.size for m in generator.modules() if isinstance(m, torch.nn.Upsample)] == [
        (size, size) for size in (8, 8, 16, 16, 32, 32)
    ]
    # dense; three blocks of two 3×3 convolutions, one 1×1 and two normalisations; normalisation; 3×3 to the image
    blocks = 3 * (2 * (9 * 256**2 + 256) + 256**2 + 256 + 2 * 2 * 256)
    assert parameters(generator) == 129 * 16 * 256 + blocks + 2 * 256 + 9 * 256 * 3 + 3 == 4_276_739

    critic = resnet.critic(ResnetOptions(normalisation="none"), (3, 32, 32))
    kernels = [tuple(m.weight.shape) for m in critic.modules() if isinstance(m, torch.nn.Conv2d)]
    wide, short = (128, 128, 3, 3), (128, 128, 1, 1)
    assert kernels == [(128, 3, 3, 3), wide, (128, 3, 1, 1), wide, wide, short, wide, wide, wide, wide]
    widths = []
    for module in critic.children():
        if isinstance(module, resnet.ResidualBlock):
            module.register_forward_hook(lambda *seen: widths.append(seen[2].shape[2]))
    critic(torch.zeros(1, 3, 32, 32))
    assert widths == [16, 8, 8, 8]


def parameters(network: torch.nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


def test_a_block_adds_residual_and_shortcut_and_pooling_averages_partial_windows() -> None:
    double, triple = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(double.weight, 2.0)
    torch.nn.init.constant_(triple.weight, 3.0)
    assert resnet.ResidualBlock([double], [triple])(torch.tensor([[7.0]])).item() == 7 * 2 + 7 * 3
    assert resnet.ResidualBlock([double], [])(torch.tensor([[7.0]])).item() == 7 * 2 + 7
    halved = resnet._halve()(torch.arange(9.0).reshape(1, 1, 3, 3))
    assert halved.flatten().tolist() == [2.0, 3.5, 6.5, 8.0]  # means of 0 1 3 4, of 2 5, of 6 7, of 8


def test_every_relu_of_resnets_critic_but_the_first_follows_a_normalisation() -> None:
    critic = resnet.critic(ResnetOptions(width=4, normalisation="layer"), (3, 32, 32))
    kinds = [type(m) for m in critic.modules() if not list(m.children())]
    before = [kinds[index - 1] is torch.nn.GroupNorm for index, kind in enumerate(kinds) if kind is torch.nn.ReLU]
    assert before == [False, *[True] * 7]  # three further blocks of two, and the last


def test_resnets_weights_have_xavier_variances_and_zero_biases() -> None:
    """Var w = g² · 2/(fan in + fan out): g = √2 in residuals, 1 in shortcuts, dense layers and the output."""
    generator = resnet.generator(ResnetOptions(), 128, (3, 16, 16))
    dense, block, output = generator[0], generator[2], generator[-2]
    for layer, gain, fan in [
        (dense, 1, 128 + 128 * 16),
        (block.residual[3], 2, 9 * 256),
        (block.residual[6], 2, 9 * 256),
        (block.shortcut[1], 1, 256),
        (output, 1, 9 * 131),
    ]:
        assert layer.weight.var().item() == pytest.approx(gain * 2 / fan, rel=0.05)
        assert not layer.bias.any()


@pytest.mark.parametrize("size", [8, 9, 15])
def test_the_gradient_of_resnets_gradient_penalty_agrees_with_finite_differences(size: int) -> None:
    """Pooling odd sizes has partial windows, and the penalty differentiates through them twice."""
    torch.manual_seed(0)
    critic = resnet.critic(ResnetOptions(width=3, normalisation="layer"), (1, size, size)).double()
    check_gradient_penalty(critic, torch.randn(2, 1, size, size))


def test_maxout_is_the_largest_piece() -> None:
    features = torch.tensor([[1.0, 5.0, -2.0, 4.0, 0.0, 3.0]])
    assert Maxout(3)(features).tolist() == [[5.0, 4.0]]
    critic = mlp.critic(MlpOptions(width=7, depth=2, maxout=5), (2,))
    assert [m.out_features for m in critic.modules() if isinstance(m, torch.nn.Linear)] == [35, 35, 1]


def test_batch_normalisation_is_detected_as_mixing_samples() -> None:
    assert mixes_samples(dcgan.critic(DcganOptions(width=4), (1, 16, 16)))
    assert not mixes_samples(dcgan.critic(DcganOptions(width=4, normalisation="layer"), (1, 16, 16)))
    assert not mixes_samples(mlp.critic(MlpOptions(width=4), (2,)))


@pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet"])
def test_spectral_normalisation_divides_by_the_largest_singular_value(name: str) -> None:
    """Every weight is a matrix [outputs, everything else] (Miyato et al. 2018, section 2.1)."""
    plan = training(architecture={"name": name, **SMALL[name]}, critic={"normalisation": "spectral"})
    critic = build_players(plan, (1, 8, 8), 0, CPU).critic
    for _ in range(100):  # power iterations
        critic(torch.randn(2, 1, 8, 8))
    critic.eval()
    maps = [module for module in critic.modules() if hasattr(module, "parametrizations")]
    assert len(maps) >= 2
    for module in maps:
        assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)
    assert not any(
        hasattr(module, "parametrizations") for module in build_players(plan, (1, 8, 8), 0, CPU).generator.modules()
    )


def test_an_average_is_normalised_by_its_own_singular_values() -> None:
    plan = training(architecture={"name": "mlp", "width": 16, "normalisation": "spectral"}, ema=0.9, steps=60)
    reals = torch.randn(50, 2)
    pack = assemble([plan], [0], (2,), lambda indices: reals[indices], 50, CPU)
    (players,) = pack.players
    list(train(pack))
    assert players.average is not None
    maps = [
        module
        for module in with_converged_spectral_norm(players.average).eval().modules()
        if hasattr(module, "parametrizations")
    ]
    assert len(maps) == 4
    for module in maps:
        assert torch.linalg.matrix_norm(module.weight, 2).item() == pytest.approx(1, abs=2e-2)


def test_batch_normalisation_of_bfloat16_computes_in_float32_except_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meta tensors stand in for a GPU."""
    seen = []

    def batch_norm(features: Tensor, *rest: object, **options: object) -> Tensor:
        seen.append(features.dtype)
        return features

    monkeypatch.setattr(nn.functional, "batch_norm", batch_norm)
    for device, precision in (("meta", torch.bfloat16), ("meta", torch.float32), ("cpu", torch.bfloat16)):
        (layer,) = normalisation("batch", 3, images=True)
        features = torch.zeros(2, 3, 4, 4, dtype=precision, device=device)
        assert layer.to(device)(features).dtype == precision
    assert seen == [torch.float32, torch.float32, torch.bfloat16]

"""Conditional networks against their formulas, computed one sample and one class at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from bench.catalogue.architectures import ResnetOptions
from bench.catalogue.architectures.conditional import ConditionalBatchNorm2d, LabelPlanes
from bench.catalogue.architectures.conditional_resnet import ProjectionCritic, critic, generator

SHAPE, CLASSES = (3, 8, 8), 4


def test_label_planes_are_constant_channels_after_those_of_the_image() -> None:
    images, labels = torch.randn(5, *SHAPE), torch.eye(CLASSES)[torch.tensor([0, 3, 1, 3, 2])]
    channels = LabelPlanes(SHAPE)(torch.cat([images.flatten(1), labels], dim=1))
    assert channels.shape == (5, 3 + CLASSES, 8, 8)
    assert torch.equal(channels[:, :3], images)
    for sample, label in zip(channels, [0, 3, 1, 3, 2], strict=True):
        for number in range(CLASSES):
            assert (sample[3 + number] == float(number == label)).all()


def test_conditional_batch_normalisation_equals_a_loop_over_classes() -> None:
    torch.manual_seed(0)
    layer = ConditionalBatchNorm2d(CLASSES, 3)
    for table in (layer.scale, layer.shift):
        torch.nn.init.normal_(table)
    features, classes = 2 + 3 * torch.randn(7, 3, 4, 4), torch.tensor([0, 1, 1, 3, 0, 2, 1])
    found = layer(features, torch.eye(CLASSES)[classes])
    mean, deviation = features.mean(dim=(0, 2, 3)), features.var(dim=(0, 2, 3), correction=0).add(1e-5).sqrt()
    for label in range(CLASSES):
        for sample in (classes == label).nonzero().flatten().tolist():
            for channel in range(3):
                normalised = (features[sample, channel] - mean[channel]) / deviation[channel]
                expected = layer.scale[label, channel] * normalised + layer.shift[label, channel]
                torch.testing.assert_close(found[sample, channel], expected, rtol=1e-4, atol=1e-5)
    fresh = ConditionalBatchNorm2d(CLASSES, 3)  # before training, every class has scale 1 and shift 0
    torch.testing.assert_close(
        fresh(features, torch.eye(CLASSES)[classes]), F.batch_norm(features, None, None, training=True)
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"pooling": "sum"}, {"normalisation": "layer"}, {"minibatch_deviation": 2}],
    ids=str,
)
def test_a_projection_critic_equals_its_formula(options: dict[str, Any]) -> None:
    """f(x, y) = ψ(φ(x)) + V_y · φ(x) (Miyato & Koyama 2018, eq. 6), for each sample with the vector of its class."""
    torch.manual_seed(0)
    network = critic(ResnetOptions(**{"width": 4, "normalisation": "none", **options}), CLASSES, SHAPE)
    assert isinstance(network, ProjectionCritic)
    torch.nn.init.normal_(network.output.bias)
    images, classes = torch.randn(6, *SHAPE), [3, 0, 0, 2, 1, 3]
    found = network(torch.cat([images.flatten(1), torch.eye(CLASSES)[classes]], dim=1))
    features = network.features(images)
    for number, label in enumerate(classes):
        vector = network.embedding.weight[:, label]
        expected = (network.output.weight[0] + vector) @ features[number] + network.output.bias[0]
        assert found[number].item() == pytest.approx(expected.item(), rel=1e-4, abs=1e-5)


def test_a_projection_critic_multiplies_its_logits_by_its_lipschitz_constant() -> None:
    options = ResnetOptions(width=4, normalisation="spectral")
    inputs = torch.cat([torch.randn(3, 192), torch.eye(CLASSES)[:3]], dim=1)
    logits = []
    for each in (options, options.model_copy(update={"lipschitz": 5.0})):
        torch.manual_seed(0)
        logits.append(critic(each, CLASSES, SHAPE)(inputs))
    torch.testing.assert_close(logits[1], 5 * logits[0])


def test_a_conditional_generator_depends_on_the_label_only_through_its_normalisations() -> None:
    torch.manual_seed(0)
    network = generator(ResnetOptions(width=4), 5, CLASSES, SHAPE)
    latents, labels = torch.randn(1, 5).expand(CLASSES, -1), torch.eye(CLASSES)
    assert network.eval()(torch.cat([latents, labels], dim=1)).std(dim=0).max() < 1e-6  # scales 1, shifts 0
    layers = [module for module in network.modules() if isinstance(module, ConditionalBatchNorm2d)]
    assert len(layers) == 3  # two in the block from 4×4 to 8×8, and the last
    for layer in layers:
        torch.nn.init.normal_(layer.shift)
        assert network(torch.cat([latents, labels], dim=1)).std(dim=0).max() > 1e-3
        torch.nn.init.zeros_(layer.shift)

"""Accuracies of classifiers that learn from generated samples: real data, copies, wrong labels, and augmentation."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data, Labels, make_data
from bench.catalogue.datasets.few_examples import LabelledOptions, with_few_examples
from bench.catalogue.datasets.images import digits
from bench.catalogue.metrics import classification_accuracy, small_classifier, usefulness
from bench.catalogue.metrics.classifier_options import ClassifierOptions, UsefulnessOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.small_classifier import Labelled, accuracy_of_classifier, training_samples
from bench.compute.metric_results import PreparedMetric
from bench.compute.real_reference import measure_real
from bench.plan.specification import choose

SHORT = ClassifierOptions(steps=120)
DIGITS = digits(Options())


def context_of(data: Data = DIGITS) -> Context:
    return Context(data, "digits", lambda samples: (samples, None))


def few(count: int) -> Data:
    return with_few_examples("digits", DIGITS, LabelledOptions(examples_per_class=count))


def sampled(of: Labelled, seed: int | None = None) -> Sampled:
    return Sampled.extracted_by(lambda samples: (samples, None), *of, seed)


def test_the_score_of_real_data_is_the_accuracy_of_the_classifier_itself() -> None:
    context = context_of()
    real = training_samples(context)
    measured = classification_accuracy.prepare(context, SHORT)(sampled(real))
    assert measured == {"cas": accuracy_of_classifier(context, [real], SHORT, None)}
    assert measured["cas"] > 0.8


def test_the_accuracy_is_that_of_a_plain_training_loop() -> None:
    context, real = context_of(), training_samples(context_of())
    found = accuracy_of_classifier(context, [real], ClassifierOptions(steps=20, batch_size=16, lr=1e-2), 5)
    seeds = np.random.SeedSequence(5, spawn_key=(zlib.crc32(b"classifier"),)).generate_state(2)
    network = small_classifier._network((1, 8, 8), 10, int(seeds[0]))
    generator = torch.Generator().manual_seed(int(seeds[1]))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for step in range(20):
        chosen = torch.randint(len(real.labels), (16,), generator=generator)
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / 20)
        optimizer.zero_grad()
        F.cross_entropy(network(real.samples[chosen] / 127.5 - 1), real.labels[chosen]).backward()
        optimizer.step()
    predicted = network(torch.from_numpy(DIGITS.test) / 127.5 - 1).argmax(dim=1).numpy()
    assert DIGITS.labels is not None
    correct = (predicted == DIGITS.labels.test).mean()
    assert found == pytest.approx(correct, abs=2 / len(predicted))  # the fused optimiser rounds differently
    assert found > 0.3


def test_real_data_are_training_samples_as_many_as_are_generated() -> None:
    context = context_of()
    metric = PreparedMetric(choose("metric", {"name": "classification-accuracy", "steps": 20}), context)
    frechet = PreparedMetric(choose("metric", "sliced-wasserstein"), context_of(points()))
    chosen = np.sort(np.random.default_rng(0).choice(len(DIGITS.train), 300, replace=False))
    expected = accuracy_of_classifier(
        context, [training_samples(context, torch.from_numpy(chosen))], ClassifierOptions(steps=20), None
    )
    assert measure_real(context, [metric], 300) == {"cas": expected}
    of_points = measure_real(context_of(points()), [frechet], 10)
    assert of_points == frechet(sampled(Labelled(torch.from_numpy(points().test[:10]), torch.zeros(10))))


def points() -> Data:
    classes = np.arange(60) % 3
    places = np.random.default_rng(0).standard_normal((60, 2)) * 0.1 + classes[:, None]
    return make_data(*[places.astype(np.float32)] * 2, labels=Labels(classes, classes, ("a", "b", "c")))


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e6])
def test_points_of_any_scale_are_classified_too(scale: float) -> None:
    data = points()
    large = make_data(*[data.train * np.float32(scale)] * 2, labels=data.labels)
    context = context_of(large)
    options = ClassifierOptions(steps=150, lr=1e-2)
    assert accuracy_of_classifier(context, [training_samples(context)], options, 0) > 0.95


def test_wrong_labels_are_of_no_use() -> None:
    context = context_of()
    images, labels = training_samples(context)
    measure = classification_accuracy.prepare(context, SHORT)
    assert measure(sampled(Labelled(images, (labels + 1) % 10)))["cas"] < 0.1


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_generator_alone() -> None:
    context, options = context_of(few(10)), UsefulnessOptions(steps=10)
    real = training_samples(context)
    before = torch.get_rng_state()
    once, again, other = (usefulness.prepare(context, options)(sampled(real, seed)) for seed in (3, 3, 4))
    assert once == again != other
    assert torch.equal(before, torch.get_rng_state())


def test_copies_of_the_examples_gain_nothing_and_many_further_real_images_do() -> None:
    data = few(5)
    context, options = context_of(data), UsefulnessOptions(steps=200)
    copies = training_samples(context, torch.from_numpy(data.examples(1)))
    copied = usefulness.prepare(context, options)(sampled(copies, 1))
    assert abs(copied["gain"]) < 0.02
    ideal = usefulness.prepare(context, options)(sampled(training_samples(context), 1))
    assert ideal["examples_accuracy"] == copied["examples_accuracy"] < 0.92
    assert ideal["gain"] > 0.03
    images, labels = copies
    wrong = usefulness.prepare(context, options)(sampled(Labelled(images, labels.flip(0)), 1))
    assert wrong["gain"] < -0.1


def test_gains_are_differences_within_a_run() -> None:
    context = context_of(few(10))
    found = usefulness.prepare(context, UsefulnessOptions(steps=20))(sampled(training_samples(context), 0))
    assert found["gain"] == found["generated_accuracy"] - found["examples_accuracy"]
    assert found["gain_over_augmentation"] == found["generated_accuracy"] - found["augmented_accuracy"]
    assert found["gain_beside_augmentation"] == found["both_accuracy"] - found["augmented_accuracy"]


def test_half_of_each_batch_comes_from_each_source(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    context = context_of()
    sources = [
        Labelled(torch.full((n, 1, 8, 8), value, dtype=torch.uint8), torch.zeros(n).long())
        for n, value in ((3, 0), (50, 255))
    ]
    options = ClassifierOptions(steps=2, batch_size=9)
    accuracy_of_classifier(context, sources, options, 0, lambda inputs, _: seen.append(inputs) or inputs)
    assert [[(batch[:, 0, 0, 0] == value).sum().item() for value in (-1, 1)] for batch in seen] == [[4, 5]] * 2


def blob(size: int = 32) -> Tensor:
    """A smooth spot, right of the centre."""
    axis = torch.linspace(-1, 1, size)
    return torch.exp(-((axis[None, :] - 0.4) ** 2 + axis[:, None] ** 2) / 0.02)[None, None]


def centre(images: Tensor) -> Tensor:
    """The centre of mass of each image, [n, 2], in units of half a side."""
    axis = torch.linspace(-1, 1, images.shape[-1])
    mass = images.sum(dim=(1, 2, 3))
    return (
        torch.stack([(images[:, 0] * axis).sum((1, 2)), (images[:, 0] * axis[:, None]).sum((1, 2))], 1) / mass[:, None]
    )


def test_augmentation_shifts_and_rotates_within_its_limits() -> None:
    images, generator = blob().repeat(200, 1, 1, 1), torch.Generator().manual_seed(0)
    none = usefulness.augment(UsefulnessOptions(shift=0, degrees=0), images, generator)
    torch.testing.assert_close(none, images, atol=1e-5, rtol=0)
    moved = centre(usefulness.augment(UsefulnessOptions(shift=0.1, degrees=0), images, generator)) - centre(images)
    for direction in moved.unbind(dim=1):
        assert 0.19 < direction.abs().max() < 0.21  # a tenth of a side of length 2
    assert abs(moved.mean()) < 0.02
    turned = centre(usefulness.augment(UsefulnessOptions(shift=0, degrees=30), images, generator))
    torch.testing.assert_close(turned.norm(dim=1), centre(images).norm(dim=1), atol=0.01, rtol=0)
    angles = torch.rad2deg(torch.atan2(turned[:, 1], turned[:, 0]))
    assert 28 < angles.abs().max() < 31
    mirrored = centre(usefulness.augment(UsefulnessOptions(shift=0, degrees=0, flips=True), images, generator))
    assert 0.4 < (mirrored[:, 0] < 0).double().mean() < 0.6
    torch.testing.assert_close(mirrored[:, 0].abs(), centre(images)[:, 0], atol=1e-3, rtol=0)


def test_samples_without_labels_are_an_error() -> None:
    samples = Sampled(torch.from_numpy(DIGITS.test), torch.zeros(1))
    for metric, options in ((classification_accuracy, SHORT), (usefulness, UsefulnessOptions())):
        with pytest.raises(ValueError, match="no labels"):
            metric.prepare(context_of(), options)(samples)  # type: ignore[arg-type]

"""Training on a few examples of each class: which they are, who draws from them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_suite import small_suite

from bench.catalogue.datasets.few_examples import choose_examples
from bench.compute.evaluation import build_evaluator
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack
from bench.compute.training.probes import Probe
from bench.compute.training.real_data import RealData, cached_dataset
from bench.errors import DataError, SuiteError
from bench.plan.grouping import pack_key
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import Evaluation, Training, choose, complete_training
from bench.plan.suite import load_suite

CPU = torch.device("cpu")
FEW = {"name": "digits", "examples_per_class": 2}


def specify(dataset: object = FEW, **keys: object) -> Training:
    base = {"architecture": {"name": "mlp", "width": 5, "depth": 1}, "steps": 4, "batch_size": 16, "latent": 3}
    return complete_training({**base, "dataset": dataset, "loss": "relativistic", "conditional": True, **keys}, "test")


def begin(seeds: list[int], training: Training | None = None) -> Pack:
    training = training or specify()
    return RealData.load(training.dataset, CPU).start_pack([training] * len(seeds), seeds)


def test_each_seed_has_examples_of_its_own_and_fewer_are_among_more() -> None:
    labels = np.random.default_rng(0).permutation(np.arange(300) % 3)
    chosen = choose_examples(labels, 20, 7)
    assert np.bincount(labels[chosen]).tolist() == [20, 20, 20]
    assert len(np.unique(chosen)) == 60
    assert np.array_equal(chosen, choose_examples(labels, 20, 7))
    assert not np.array_equal(chosen, choose_examples(labels, 20, 8))
    assert set(choose_examples(labels, 5, 7)) < set(chosen)


@pytest.mark.parametrize("stream", ["data", "generator data"])
def test_batches_and_labels_are_those_of_the_examples(stream: str) -> None:
    pack, data = begin([4, 9, 4]), cached_dataset(specify().dataset)
    assert data.labels is not None
    sampler = pack.sampler
    seen = [sampler.real_samples(stream) for _ in range(20)]
    assert torch.equal(seen[0][0], seen[0][2])
    for run, seed in ((0, 4), (1, 9)):
        places = data.examples(seed)
        assert places is not None
        pictures = {data.train[place].tobytes(): data.labels.train[place] for place in places}
        found = {
            ((image + 1) * 127.5).round().to(torch.uint8).numpy().tobytes() for batch in seen for image in batch[run]
        }
        assert found == pictures.keys()
        last, labels = seen[-1][run], sampler.real_labels(stream)[run].argmax(dim=1)
        for image, label in zip(last, labels, strict=True):
            assert pictures[((image + 1) * 127.5).round().to(torch.uint8).numpy().tobytes()] == label
    sampler.keep([9])
    (batch,) = sampler.real_samples(stream)
    assert {((image + 1) * 127.5).round().to(torch.uint8).numpy().tobytes() for image in batch} <= found


def test_a_run_does_not_depend_on_who_shares_its_pack() -> None:
    alone, shared = begin([1]), begin([0, 1])
    list(train(alone))
    list(train(shared))
    for one, other in zip(alone.generator.parameters, shared.generator.parameters, strict=True):
        assert torch.allclose(one[0], other[1], rtol=1e-5, atol=1e-7)
    assert torch.equal(alone.sampler.real_samples()[0], shared.sampler.real_samples()[1])


def test_an_interrupted_run_goes_on_with_the_same_examples() -> None:
    whole, interrupted, again = begin([0]), begin([0]), begin([3])
    list(train(whole))
    list(train(interrupted, steps=2))
    again = begin([0])
    again.load_state_dicts([interrupted.state_dict(0)])
    list(train(again, 2))
    for one, other in zip(whole.generator.parameters, again.generator.parameters, strict=True):
        assert torch.equal(one, other)


def test_probes_compare_the_examples_with_all_held_out_samples() -> None:
    training = specify()
    real = RealData.load(training.dataset, CPU)
    probe = real.probe(training)
    assert isinstance(probe, Probe)
    places = real.data.examples(0)
    (train_batch, _), (test_batch, _) = probe._draw([0])
    known = {image.tobytes() for image in real.data.train[places]}
    held_out = {image.tobytes() for image in real.data.test}
    for batch, images in ((train_batch, known), (test_batch, held_out)):
        drawn = {((image + 1) * 127.5).round().to(torch.uint8).numpy().tobytes() for image in batch[0]}
        assert drawn <= images
    assert len(drawn) > len(known) / 2


def test_metrics_refer_to_the_whole_dataset() -> None:
    evaluation = Evaluation.model_validate({"metrics": ["frechet"], "samples": 100})
    whole, few = (
        build_evaluator(choose("dataset", dataset), evaluation, "hash", None, CPU) for dataset in ("digits", FEW)
    )
    assert whole.real == few.real
    assert whole.protocol == few.protocol


@pytest.fixture
def planned(write_suite: Callable[[str], str]) -> Callable[..., Run]:
    def plan(dataset: str, metrics: str = '["frechet"]') -> Run:
        return plan_runs(load_suite(write_suite(small_suite(dataset, f"metrics = {metrics}"))))[0]

    return plan


def test_the_number_of_examples_is_part_of_the_identity(planned: Callable[..., Run]) -> None:
    plain, three, four = (
        planned(each) for each in ('"digits"', *(f'{{ name = "digits", examples_per_class = {n} }}' for n in (3, 4)))
    )
    assert len({plain.id, three.id, four.id}) == len({pack_key(plain), pack_key(three), pack_key(four)}) == 3
    data = cached_dataset(plain.training.dataset)
    assert plain.data_fingerprint == data.fingerprint
    assert data.examples(0) is None
    assert cached_dataset(three.training.dataset).fingerprint == three.data_fingerprint


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (
            '{ name = "digits", examples_per_class = 200 }',
            "dataset 'digits': examples_per_class = 200 is more than the 116 training examples of class '8'",
        ),
        (
            '{ name = "stacked-digits", images = 20, examples_per_class = 2 }',
            "dataset 'stacked-digits' has no labels, which examples_per_class = 2 needs",
        ),
        ('{ name = "digits", examples_per_class = 0 }', "dataset 'digits': examples_per_class: "),
        ('{ name = "point", examples_per_class = 2 }', "dataset 'point': unknown key 'examples_per_class'"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_one_line(dataset: str, message: str, planned: Callable[..., Run]) -> None:
    with pytest.raises((DataError, SuiteError)) as error:
        planned(dataset)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_usual_augmentation_is_of_images_only(write_suite: Callable[[str], str]) -> None:
    suite = small_suite('{ name = "ring", points = 200 }', 'metrics = ["usefulness"]')
    with pytest.raises(SuiteError) as error:
        plan_runs(load_suite(write_suite(suite.replace("[training]", "[training]\nconditional = true"))))
    assert "metric 'usefulness' needs images, which dataset 'ring' does not provide" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("metric", ["classification-accuracy", "usefulness"])
def test_metrics_that_need_labels_are_refused_without_them(metric: str, planned: Callable[..., Run]) -> None:
    message = f"metric '{metric}' needs labels of generated samples, which only runs with conditional = true have"
    for dataset in ('"digits"', '{ name = "stacked-digits", images = 20 }'):
        with pytest.raises(SuiteError) as error:
            planned(dataset, f'["{metric}"]')
        assert message in str(error.value)
        assert "\n" not in str(error.value)

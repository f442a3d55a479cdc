"""Flips as an option of a dataset: what they change, what they leave alone, and where they are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from small_suite import small_suite

from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.random_streams import Streams
from bench.compute.training.real_data import cached_dataset
from bench.compute.training.sampler import BatchSampler
from bench.errors import SuiteError
from bench.plan.grouping import pack_key
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import Training, complete_training
from bench.plan.suite import load_suite

CPU = torch.device("cpu")
REALS = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1
FLIPPED = {"name": "digits", "flips": True}


def specify(dataset: object, loss: str = "hinge") -> Training:
    base = {"architecture": {"name": "mlp", "width": 5, "depth": 1}, "steps": 4, "batch_size": 6, "latent": 3}
    return complete_training({**base, "dataset": dataset, "loss": loss}, "test")


def sampler_of(dataset: object, seeds: tuple[int, ...] = (0,)) -> BatchSampler:
    return BatchSampler(specify(dataset), seeds, lambda i: REALS[i], len(REALS), CPU)


@pytest.mark.parametrize("stream", ["data", "generator data"])
def test_half_of_the_images_are_mirrored_by_the_numbers_of_the_stream(stream: str) -> None:
    plain, mirrored = sampler_of("digits"), sampler_of(FLIPPED)
    numbers = Streams([0]).uniform(f"{stream} flips", 600)[0]
    changed = 0
    for step in range(100):
        one, other = plain.real_samples(stream)[0], mirrored.real_samples(stream)[0]
        for image, shown, number in zip(one, other, numbers[6 * step :], strict=False):
            assert torch.equal(shown, image.flip(-1) if number < 0.5 else image)
            changed += int(number < 0.5)
    assert 240 < changed < 360


def test_all_other_random_numbers_stay() -> None:
    plain, mirrored = sampler_of("digits"), sampler_of(FLIPPED)
    plain.real_samples()
    mirrored.real_samples()
    assert torch.equal(plain.latents(), mirrored.latents())
    assert torch.equal(plain.uniform(2), mirrored.uniform(2))


def begin(seeds: list[int], loss: str = "relativistic") -> Pack:
    trainings = [specify(FLIPPED, loss)] * len(seeds)
    return assemble(trainings, seeds, (1, 8, 8), lambda i: REALS[i], len(REALS), CPU)


def test_a_run_does_not_depend_on_who_shares_its_pack() -> None:
    alone, shared = begin([1]), begin([0, 1])
    list(train(alone))
    list(train(shared))
    for one, other in zip(alone.generator.parameters, shared.generator.parameters, strict=True):
        assert torch.allclose(one[0], other[1], rtol=1e-5, atol=1e-7)
    assert torch.equal(alone.sampler.real_samples()[0], shared.sampler.real_samples()[1])


def test_an_interrupted_run_goes_on_with_the_same_flips() -> None:
    whole, interrupted, again = begin([0]), begin([0]), begin([3])
    list(train(whole))
    list(train(interrupted, steps=2))
    again.load_state_dicts([interrupted.state_dict(0)])
    list(train(again, 2))
    for one, other in zip(whole.generator.parameters, again.generator.parameters, strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def planned(write_suite: Callable[[str], str]) -> Callable[[str], Run]:
    return lambda dataset: plan_runs(load_suite(write_suite(small_suite(dataset, 'metrics = ["frechet"]'))))[0]


def test_flips_are_part_of_the_identity_and_change_no_real_data(planned: Callable[[str], Run]) -> None:
    plain, off, on = map(
        planned, ('"digits"', '{ name = "digits", flips = false }', '{ name = "digits", flips = true }')
    )
    assert plain.id == off.id != on.id
    assert pack_key(plain) != pack_key(on)
    real, mirrored = (cached_dataset(run.training.dataset) for run in (plain, on))
    assert (real.train == mirrored.train).all()
    assert mirrored.fingerprint == on.data_fingerprint != real.fingerprint


@pytest.mark.parametrize("dataset", ["ring", "point"])
def test_points_have_no_flips(dataset: str, planned: Callable[[str], Run]) -> None:
    with pytest.raises(
        SuiteError,
        match=f"dataset '{dataset}': unknown key 'flips'; (available: examples_per_class, modes, points, |it has no options$)",
    ):
        planned(f'{{ name = "{dataset}", flips = true }}')

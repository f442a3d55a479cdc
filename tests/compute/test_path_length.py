"""The perceptual path length: a closed form, a naive twin, and its place in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from small_suite import small_suite
from torch import Tensor
from torch_fidelity.noise import batch_slerp_any

from bench.catalogue.metrics import PathLengthOptions
from bench.catalogue.metrics.context import Context
from bench.catalogue.metrics.path_length import prepare, trimmed_mean
from bench.compute.evaluation import build_evaluator
from bench.compute.training.real_data import RealData
from bench.errors import SuiteError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

CPU = torch.device("cpu")
METRICS = 'metrics = ["frechet", { name = "path-length", paths = 30 }]'


def game(generator: Callable[[Tensor], Tensor], latent: int) -> Any:
    def latents(name: str, count: int) -> Tensor:
        return torch.randn(count, latent, generator=torch.Generator().manual_seed(1))

    return SimpleNamespace(evaluation_latents=latents, generate=generator)


def measured(generator: Callable[[Tensor], Tensor], latent: int, **options: Any) -> float:
    context = Context(SimpleNamespace(), "coordinates", lambda points: (points, None))  # type: ignore[arg-type]
    return prepare(context, PathLengthOptions(**options))(game(generator, latent))["ppl"]


def test_a_linear_generator_has_twice_the_squared_norm_of_its_matrix() -> None:
    """With straight steps, E‖A(z′ − z)‖² = 2 tr AᵀA."""
    matrix = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).double()
    found = measured(lambda z: z.double() @ matrix.T, 5, paths=100_000, epsilon=0.01, interpolation="lerp", discard=0.0)
    assert found == pytest.approx(2 * matrix.square().sum().item(), rel=0.02)


def test_a_constant_generator_has_no_length() -> None:
    assert measured(lambda z: torch.ones(len(z), 2), 5) == 0


def test_spherical_steps_equal_a_loop_over_pairs() -> None:
    found = measured(lambda z: z.double().sin(), 4, paths=50, epsilon=0.01, discard=0.0)
    first, second = torch.randn(100, 4, generator=torch.Generator().manual_seed(1)).chunk(2)
    total = 0.0
    for one, other in zip(first, second, strict=True):
        step = batch_slerp_any(one[None], other[None], 0.01)[0]
        total += sum((a.sin() - b.sin()).item() ** 2 for a, b in zip(step.double(), one.double(), strict=True))
    assert found == pytest.approx(total / 50 / 0.01**2)


def test_a_share_of_the_shortest_and_of_the_longest_paths_is_left_out() -> None:
    values = torch.cat([torch.full((98,), 2.0), torch.tensor([-1e6, 1e6])]).double()
    assert trimmed_mean(values, 0.02) == 2
    assert trimmed_mean(torch.arange(5.0), 0.0) == 2


@pytest.fixture
def planned(write_suite: Callable[[str], str]) -> Callable[..., Run]:
    def plan(dataset: str, extractor: str = "") -> Run:
        return plan_runs(load_suite(write_suite(small_suite(f'"{dataset}"', f"{METRICS}\n{extractor}"))))[0]

    return plan


@pytest.mark.parametrize("dataset", ["ring", "digits"])
def test_it_follows_the_definition_in_a_run_and_draws_from_no_stream_of_training(
    dataset: str, planned: Callable[..., Run]
) -> None:
    run = planned(dataset)
    real = RealData.load(run.training.dataset, CPU)
    pack = real.start_pack([run.training], [run.seed])
    before = pack.state_dict(0)["streams"]
    state = real.game_state(run, pack.players[0], 0)
    evaluator = build_evaluator(run.training.dataset, run.evaluation, run.extractor_hash, None, CPU)
    found = evaluator.measure_game(state)["ppl"]
    assert found > 0
    assert found == evaluator.measure_game(state)["ppl"]
    after = pack.state_dict(0)["streams"]
    assert all(torch.equal(before[name]["state"], after[name]["state"]) for name in before)
    ends = state.evaluation_latents("path length", 60).chunk(2)
    pairs = [state.generate(z) for z in (ends[0], batch_slerp_any(*ends, 1e-4))]
    one, other = (evaluator.extract((x + 1) * 127.5 if dataset == "digits" else x)[0].double() for x in pairs)
    lengths = sorted(((one - other).square().sum(1) / 1e-8).tolist())
    assert found == pytest.approx(sum(lengths) / len(lengths))
    assert replace(state, seed=1).evaluation_latents("path length", 4).ne(ends[0][:4]).any()


def test_networks_that_need_rounded_images_are_refused(planned: Callable[..., Run]) -> None:
    with pytest.raises(SuiteError, match=r"'path-length' needs features of images that are not rounded.*'vgg16'"):
        planned("digits", 'extractor = "vgg16"')

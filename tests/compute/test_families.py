"""Families without a critic train in packs, resume bit by bit, and leave the runs of GANs as they are."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from interrupted_runs import check_resumed, go

from bench.catalogue.families import FAMILIES
from bench.compute.training.pack import Pack, assemble
from bench.plan.specification import Training, complete_training

SMALL: dict[str, dict[str, Any]] = {"mlp": {"width": 8, "depth": 2}, "dcgan": {"width": 4}}
OPTIONS: dict[str, dict[str, Any]] = {"autoregressive": {"levels": 16, "depth": 2}}
SHAPES = {"ring": (2,), "digits": (1, 8, 8)}
CASES = [
    (family, architecture, dataset)
    for family, entry in FAMILIES.items()
    if entry.loss
    for architecture in entry.architectures
    for dataset in SHAPES
    if architecture == "mlp" or dataset == "digits"
]


def specify(family: str, network: str, dataset: str, **keys: Any) -> Training:
    table = {
        "family": {"name": family, **OPTIONS.get(family, {})},
        "dataset": dataset,
        "architecture": {"name": network, **SMALL[network]},
        "optimizer": {"name": "adam", "lr": 1e-3},
        "batch_size": 32,
        "steps": 6,
        **keys,
    }
    return complete_training(table, f"{family}, {network}, {dataset}")


def begin(training: Training, seeds: list[int]) -> Pack:
    shape = SHAPES[training.dataset.name]
    reals = torch.rand(50, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return assemble([training] * len(seeds), seeds, shape, lambda i: reals[i], len(reals), torch.device("cpu"))


def test_all_families_with_a_loss_of_their_own_have_a_case() -> None:
    assert {family for family, _, _ in CASES} == {name for name, entry in FAMILIES.items() if entry.loss}


@pytest.mark.parametrize(("family", "architecture", "dataset"), CASES)
def test_models_resume_bit_by_bit(family: str, architecture: str, dataset: str) -> None:
    training = specify(family, architecture, dataset, ema=0.9, lookahead={"every": 2})
    check_resumed(lambda seed: begin(training, [seed]), {"generator", "average"})


@pytest.mark.parametrize("width", [6, 32])  # one after another, and at once
@pytest.mark.parametrize(("family", "architecture", "dataset"), CASES)
def test_models_do_not_depend_on_who_shares_their_pack(
    family: str, architecture: str, dataset: str, width: int
) -> None:
    training = specify(family, architecture, dataset, architecture={"name": architecture, "width": width})
    alone, together = begin(training, [1]), begin(training, [0, 1, 2])
    go(alone)
    go(together)
    assert torch.equal(alone.generator.flat[0], together.generator.flat[1])
    together.drop([together.players[0]])
    go(together, first=6, steps=8)
    go(alone, first=6, steps=8)
    assert torch.equal(alone.generator.flat[0], together.generator.flat[0])


@pytest.mark.parametrize("family", sorted({family for family, _, _ in CASES}))
def test_runs_of_a_pack_may_share_a_seed(family: str) -> None:
    training = specify(family, "mlp", "ring", steps=2)
    pack = begin(training, [0, 1, 0])
    go(pack)
    assert torch.equal(pack.generator.flat[0], pack.generator.flat[2])
    assert not torch.equal(pack.generator.flat[0], pack.generator.flat[1])

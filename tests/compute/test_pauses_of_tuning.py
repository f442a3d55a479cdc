"""Before packs are tuned on a GPU, one pause for an evaluation is tried, with the inputs that the networks take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from bench.compute import pack_tuning
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite

SUITE = """
name = "pauses"
seeds = 1
[matrix]
dataset = ["ring"]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
[training]
batch_size = 8
%s
[evaluation]
metrics = ["modes"]
samples = 50
"""
SETTINGS = {
    "gan": 'loss = "hinge"',
    "conditional gan": 'loss = "hinge"\nconditional = true',
    "vae": 'family = { name = "vae", draws = true }',
    "autoregressive": 'family = { name = "autoregressive", levels = 4 }',
}


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_pause_gives_generators_all_numbers_that_they_take(write_suite: Callable[[str], str], settings: str) -> None:
    (run,) = plan_runs(load_suite(write_suite(SUITE % SETTINGS[settings])))
    pack = pack_tuning._start_pack(run, 2, torch.device("cpu"))
    pack_tuning._pause_as_in_training(pack, run, 1)

"""Runs of other families than GANs from plan to record, interrupted and not, and what their records hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from interrupted_runs import check_stopped_packs, train_alone

from bench.catalogue.metrics.measures import PROBES
from bench.compute.kept_weights import read_weights
from bench.compute.settings import Settings
from bench.compute.training.objective import MODEL_PROBES
from bench.evidence.results import read_evidence
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run
from bench.records.record import read_record

SUITE = """
name = "families"
seeds = 2
[matrix]
family = ["vae", { name = "flow-matching", sampler_steps = 3 }, { name = "autoregressive", levels = 16 }]
dataset = ["ring", "digits"]
[training]
architecture = { name = "mlp", width = 32, depth = 1 }
optimizer = { name = "adam", lr = 1e-3 }
batch_size = 32
steps = 60
ema = 0.9
[evaluation]
every = 50
samples = 20
metrics = ["modes", "frechet"]
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Settings]:
    """The runs of the suite, each trained alone."""
    return train_alone(SUITE, tmp_path_factory.mktemp("families"))


def test_stopped_packs_have_the_records_of_runs_alone(trained: tuple[list[Run], Settings], tmp_path: Path) -> None:
    check_stopped_packs(*trained, tmp_path)


def test_records_have_what_the_family_has(trained: tuple[list[Run], Settings]) -> None:
    runs, settings = trained
    for run in runs:
        record = read_record(settings.record(run))
        assert not {"critic_loss", *PROBES} - {*MODEL_PROBES} & record.trace.keys()
        assert {"generator_loss", *MODEL_PROBES} <= record.trace.keys()
        assert np.isfinite(record.trace["generator_loss"][1:]).all()
        assert record.metadata.parameters.critic is None
        likely = run.training.family.name != "flow-matching"
        assert ("bits_per_dimension" in record.trace) == ("bits_per_dimension_ema" in record.trace) == likely
        steps = {"sampler": "heun", "sampler_steps": 3} if not likely else {}
        assert {key: value for key, value in record.metadata.protocol.items() if "sampler" in key} == steps
        assert record.metadata.training.loss.name == run.training.loss.name


def test_records_can_be_rebuilt(trained: tuple[list[Run], Settings]) -> None:
    runs, settings = trained
    for run in runs[::2]:
        metadata = read_record(settings.record(run)).metadata.model_dump(mode="json")
        assert rebuild(metadata, run.seed + 1).id == next(
            each.id for each in runs if each.cell == run.cell and each.seed == 1
        )


@pytest.mark.parametrize("average", [False, True])
def test_kept_weights_sample_again(trained: tuple[list[Run], Settings], average: bool) -> None:
    runs, settings = trained
    for run in runs[::2]:
        kept = read_weights(settings.weights(run))
        about, latents = kept.description, torch.zeros(3, kept.description.numbers)
        samples = kept.build(average, torch.device("cpu"))(latents)
        assert samples.shape == (3, *about.shape)
        assert about.family == run.training.family.name


def test_records_of_all_families_stand_in_one_table(trained: tuple[list[Run], Settings]) -> None:
    runs, settings = trained
    assert len(read_evidence(settings.folder).runs) == len(runs)

"""Several extractors in one suite: the measures on each, their names in records, and identities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import train_suite
from small_suite import small_suite

import bench
from bench.catalogue.extractors import EXTRACTORS, ExtractorChoice, extractor_hash
from bench.catalogue.metrics.declared import COLUMNS, RESERVED
from bench.catalogue.metrics.further_features import further_measures
from bench.catalogue.metrics.measures import MEASURES
from bench.compute.evaluation import build_evaluator
from bench.plan.grouping import pack_key
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata

BOTH = 'extractor = ["digits", "random"]'
CLASSES = ', "inception-score", "modes"'
FURTHER = {f"{name}_random" for name in ("fd", "kd", "precision", "recall", "density", "coverage")}


def suite_of(extractor: str, more: str) -> str:
    return small_suite('"digits"', f'metrics = ["frechet", "kid", "neighbours"{more}]\n{extractor}')


@pytest.fixture
def planned(write_suite: Callable[[str], str]) -> Callable[..., Run]:
    def plan(extractor: str, more: str = "") -> Run:
        return plan_runs(load_suite(write_suite(suite_of(extractor, more))))[0]

    return plan


def measured(run: Run, samples: torch.Tensor) -> dict[str, float]:
    cpu = torch.device("cpu")
    return build_evaluator(run.training.dataset, run.evaluation, run.extractor_hash, None, cpu).measure(samples)


def test_each_extractor_gives_the_values_that_it_gives_alone(planned: Callable[..., Run]) -> None:
    images = torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    both = measured(planned(BOTH, CLASSES), images)
    first = measured(planned("", CLASSES), images)
    assert {name: both[name] for name in first} == first
    assert set(both) - set(first) == FURTHER
    second = measured(planned('extractor = "random"'), images)
    assert {f"{name}_random": value for name, value in second.items()} == {name: both[name] for name in FURTHER}


def test_further_extractors_are_part_of_the_identity_and_of_the_key_of_packs(planned: Callable[..., Run]) -> None:
    one, named, both = planned(""), planned('extractor = "digits"'), planned(BOTH)
    listed = planned('extractor = ["digits"]')
    assert one.id == named.id == listed.id
    assert one.extractor_hash == extractor_hash("digits")
    assert both.id != one.id
    assert pack_key(both) != pack_key(named)


def test_records_name_every_extractor_and_describe_its_measures(tmp_path: Path) -> None:
    results = train_suite(suite_of(BOTH, CLASSES), tmp_path)
    (path,) = record_paths(results)
    metadata = read_metadata(path)
    assert metadata.protocol["extractor"] == "digits"
    assert metadata.protocol["extractor_sha256"] == extractor_hash("digits")
    assert metadata.protocol["further_extractors"] == f"random ({extractor_hash('random')})"
    assert metadata.measures["fd_random"].label == "FD (random)"
    assert metadata.higher_is_better["fd_random"] is False
    assert metadata.real["fd_random"] is not None
    assert rebuild(metadata.model_dump(mode="json"), seed=0).id == metadata.run
    assert {"fd_random_final", "fd_random_real"} <= set(bench.load(results).columns)


def test_names_and_labels_of_further_measures_are_new() -> None:
    names = [name for name, entry in EXTRACTORS.items() if name != "coordinates" and not entry.is_trained_by_user]
    chosen = ExtractorChoice.model_validate(["random", *(name for name in names if name != "random")])
    added = further_measures(["frechet", "kid", "neighbours", "inception-score", "birthday"], chosen)
    assert {"fd_dinov2_vit_b_14", "kd_clip_vit_b_32", "fid_inception", "inception_score_inception"} <= set(added)
    assert not set(added) & {*MEASURES, *COLUMNS, *RESERVED}
    assert all(name.isidentifier() for name in added)
    labels = [measure.label.casefold() for measure in (*MEASURES.values(), *added.values())]
    assert len(labels) == len(set(labels))
    assert all(measure.primary_rank is None for measure in added.values())

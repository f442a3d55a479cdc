"""docs/families.md: its tables and numbers are those of the records."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench.catalogue.metrics.sharpness import laplacian_variance
from bench.evidence.results import cells, read_evidence
from bench.evidence.statistics import t_interval
from bench.plan.datasets import load_dataset
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite
from bench.records.record import read_metadata, read_samples

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "families.md").read_text().partition("## Results")[2]
WORDS = " ".join(PAGE.split())
RESULTS = ROOT / "results" / "families"
IMAGES = {"digits": "Handwritten digits at 8×8.", "fashion-mnist": "Fashion-MNIST at 28×28"}


def table_after(text: str, mark: str) -> list[dict[str, str]]:
    """Return the rows of the first table after a mark, by the names of its columns."""
    rest = text.partition(mark)[2]
    lines = rest[rest.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.parametrize(("dataset", "mark"), [("ring", "Eight Gaussians"), *IMAGES.items()])
def test_the_tables_are_those_of_the_records(dataset: str, mark: str) -> None:
    in_results = table_after((RESULTS / "table.md").read_text(), f"## {dataset}")
    recorded = {(row["family"] or row["loss"], row.get("architecture")): row for row in in_results}
    shown = {(row["family"], row.get("architecture")): row for row in table_after(PAGE, mark)}
    assert shown.keys() == {cell for cell in recorded if cell[0] != "untrained"}
    for cell, row in shown.items():
        columns = row.keys() & recorded[cell].keys() - {"family", "architecture"}
        assert len(columns) == 5
        assert {name: row[name] for name in columns} == {name: recorded[cell][name] for name in columns}


@pytest.mark.parametrize("dataset", IMAGES)
def test_sharpness_is_that_of_the_kept_samples(dataset: str) -> None:
    run = next(run for run in plan_runs(load_suite("families")) if run.axes["dataset"] == dataset)

    def sharpness(images: Any) -> float:
        return laplacian_variance(torch.from_numpy(np.array(images))).mean().item()

    real = sharpness(load_dataset(run.training.dataset, False).train)
    measured: defaultdict[tuple[Any, Any], list[float]] = defaultdict(list)
    for path in (RESULTS / "records").glob(f"*-{dataset}-*"):
        axes = read_metadata(path).axes
        measured[axes["family"], axes["architecture"]].append(sharpness(read_samples(path)) / real)
    shown = {(row["family"], row.get("architecture", "mlp")): row for row in table_after(PAGE, IMAGES[dataset])}
    assert {row["sharpness"] for (family, _), row in shown.items() if family == "real data"} == {"1.00"}
    assert len(shown) == len(measured) + 1
    for cell, values in measured.items():
        mean, half, count = t_interval(np.array(values))
        assert count == 5
        assert shown[cell]["sharpness"] == f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]"


def test_bits_are_those_of_the_records_and_of_closed_forms() -> None:
    """The ring has variance 1/2 in each coordinate, and is 8 Gaussians of standard deviation 0.01."""
    bits = bench.load(RESULTS).groupby(["dataset", "family"])["bits_per_dimension_final"].mean()
    one_gaussian = math.log2(2 * math.pi * math.e * 0.50005) / 2
    assert f"{bits['ring', 'VAE']:.3f}" == f"{one_gaussian:.3f}" == "1.547"
    assert "1.547 bits per number" in WORDS
    true = (math.log2(8) + math.log2(2 * math.pi * math.e * 1e-4)) / 2
    assert f"−{-bits['ring', 'autoregressive']:.2f} bits per number, against −{-true:.2f}" in WORDS
    traces = bench.traces(RESULTS)
    traces = traces[(traces["measure"] == "bits_per_dimension") & (traces["dataset"] == "digits")]
    (early,) = traces[(traces["family"] == "autoregressive") & (traces["step"] == 1000)].groupby("step")["value"].mean()
    assert f"rise from {early:.1f} after 1,000 steps to {bits['digits', 'autoregressive']:.1f}" in WORDS


def test_cells_are_named_by_their_family_alone() -> None:
    """Each family has one loss here, so figures do not repeat it."""
    names = [name for name, _ in cells(read_evidence(RESULTS), "digits")]
    assert names == ["gan", "VAE", "flow-matching", "autoregressive"]

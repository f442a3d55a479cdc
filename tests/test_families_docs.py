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
from bench.report.figures.heat_map import map_of_modes
from bench.report.figures.series import panels

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
    runs = bench.load(RESULTS).query("dataset == @dataset").groupby(["family", "architecture"])
    sizes = runs[["generator_parameters", "critic_parameters"]].first().astype("Int64")
    for (family, architecture), row in shown.items():
        if family != "real data":
            counts = sizes.loc[(family, architecture or "mlp")].dropna()
            assert row["parameters"] == " + ".join(f"{count:,}" for count in counts)
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
    """The ring is 8 Gaussians of standard deviation 0.01."""
    bits = bench.load(RESULTS).groupby(["dataset", "family"])["bits_per_dimension_final"].mean()
    true = (math.log2(8) + math.log2(2 * math.pi * math.e * 1e-4)) / 2
    assert f"−{-bits['ring', 'VAE']:.2f} bits per number, is far above the true −{-true:.2f}" in WORDS
    assert f"with −{-bits['ring', 'autoregressive']:.2f} bits per number" in WORDS
    traces = bench.traces(RESULTS)
    traces = traces[(traces["measure"] == "bits_per_dimension") & (traces["dataset"] == "digits")]
    (early,) = traces[(traces["family"] == "autoregressive") & (traces["step"] == 1000)].groupby("step")["value"].mean()
    assert f"rise from {early:.1f} after 1,000 steps to {bits['digits', 'autoregressive']:.1f}" in WORDS
    assert f"{bits['fashion-mnist', 'autoregressive']:.2f} bits per pixel" in WORDS


def test_findings_are_those_of_the_records() -> None:
    runs = bench.load(RESULTS)
    assert (runs["modes_final"] == 8)[runs["dataset"] == "ring"].all()
    assert (runs["modes_confident_final"] == 10)[runs["dataset"] == "digits"].all()
    fewer = runs[(runs["dataset"] == "fashion-mnist") & (runs["modes_confident_final"] < 10)]
    classes = {
        cell: sorted(map(int, values))
        for cell, values in fewer.groupby(["family", "architecture"])["modes_confident_final"]
    }
    assert classes.pop(("autoregressive", "dcgan")) == [8, 9, 9, 9]
    assert classes == {("gan", "mlp"): [9, 9, 9], ("VAE", "mlp"): [9]}
    seconds = runs[runs["architecture"] == "dcgan"].groupby("family")["training_seconds"].mean() / 60
    assert (
        f"U-Net trained for {seconds['flow-matching']:.0f} minutes a run and the DCGAN for {seconds['gan']:.0f},"
        in WORDS
    )
    assert set(runs.loc[runs["dataset"] == "fashion-mnist", "outcome"]) == {"never-learned"}
    flows = runs[(runs["family"] == "flow-matching") & (runs["dataset"] == "digits")]
    assert flows["outcome"].value_counts().to_dict() == {"stable": 4, "relapsed": 1}
    apart = {family: np.mean([spread(path) for path in found]) for family, found in by_family("ring").items()}
    assert apart["flow-matching"] == pytest.approx(0.5, abs=0.05)
    assert apart["autoregressive"] == pytest.approx(1.0, abs=0.05)


def by_family(dataset: str) -> dict[str, list[Path]]:
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted((RESULTS / "records").glob(f"*-{dataset}-*")):
        found[str(read_metadata(path).axes["family"])].append(path)
    return found


def spread(path: Path) -> float:
    """Return the root mean square distance of good points from their mode in a coordinate, as a multiple of its σ."""
    modes, points = read_metadata(path).data.modes, np.array(read_samples(path), dtype=float)
    assert modes is not None
    apart = points[:, None] - np.array(modes.centres)
    distances = np.linalg.norm(apart, axis=2)
    nearest = apart[np.arange(len(points)), distances.argmin(axis=1)]
    good = distances.min(axis=1) < 3 * modes.sigma
    return float(np.sqrt((nearest[good] ** 2).mean()) / modes.sigma)


def test_cells_are_named_by_their_family_alone() -> None:
    """Each family has one loss here, so figures do not repeat it."""
    evidence = read_evidence(RESULTS)
    names = [name for name, _ in cells(evidence, "digits")]
    assert names == ["gan", "VAE", "flow-matching", "autoregressive"]
    fully_connected, convolutional = panels(evidence, "fashion-mnist")
    assert (fully_connected.title, convolutional.title) == ("mlp", "dcgan")
    assert [each.name for each in convolutional.series] == names
    maps = {each: map_of_modes(evidence, each) for each in ("ring", "fashion-mnist")}
    assert [each.losses for each in maps.values()] == [names, names]
    assert maps["fashion-mnist"].settings == ["mlp", "dcgan"]

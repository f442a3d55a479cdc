"""Reading many records, and the tables made of them: copies of recorded runs with seeds of their own.

With benchmarks disabled, as in the usual tests, there are a few.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import bench
from bench.evidence.results import read_evidence
from bench.records.record import publish, read_metadata
from bench.report.tables import write_tables

RECORDED = Path(__file__).parents[2] / "results" / "ring" / "records"
MANY, FEW = 1000, 40


def write_copies(folder: Path, count: int) -> Path:
    """A results folder with so many records."""
    recorded = [(read_metadata(path), pq.read_table(path)) for path in sorted(RECORDED.glob("*.parquet"))]
    for number in range(count):
        metadata, trace = recorded[number % len(recorded)]
        own = metadata.model_copy(update={"run": f"{number:016x}", "seed": number})
        publish(folder / "records" / f"copy-s{number}-{number:016x}.parquet", own, trace)
    return folder


@pytest.fixture(scope="module")
def copies(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    enabled = request.config.getoption("benchmark_enable")
    return write_copies(tmp_path_factory.mktemp("results") / "ring", MANY if enabled else FEW)


def test_load(benchmark: BenchmarkFixture, copies: Path) -> None:
    assert len(benchmark(lambda: bench.load(copies))) in (MANY, FEW)


def test_evidence_and_tables(benchmark: BenchmarkFixture, copies: Path, tmp_path: Path) -> None:
    """What ``ganbench report`` does but for drawing."""
    paths, _ = benchmark(lambda: write_tables(read_evidence(copies), tmp_path))
    assert paths[0].is_file()


@pytest.mark.slow
def test_load_of_ten_thousand(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    folder = write_copies(tmp_path / "ring", 10 * MANY)
    assert len(benchmark.pedantic(lambda: bench.load(folder), rounds=3)) == 10 * MANY

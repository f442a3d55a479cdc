"""Runs with extragradient, lookahead and annealing are recorded and reported like others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from bench.records.frames import axis_value
from bench.records.listing import record_paths
from bench.records.record import read_metadata

SUITE = """
name = "updated"
seeds = 1

[matrix]
loss = ["hinge"]
dataset = [{ name = "ring", points = 200 }]
architecture = [{ name = "mlp", width = 4, depth = 1 }]
lookahead = ["none", { every = 2 }]

[training]
updates = "extragradient"
steps = 4
batch_size = 8
latent = 2
ema = 0.9
ema_warmup = 0.05
optimizer = { name = "adam", max_norm = 1.0, final_lr = 1e-5, final_beta2 = 0.9, burn_in = 0.5 }
penalty = { name = "r1", weight = 1.0, final_weight = 0.1 }

[evaluation]
every = 2
samples = 50
metrics = ["modes", "spectrum", "path-angle"]
"""


@pytest.mark.usefixtures("no_figures")
def test_runs_are_recorded_and_reported(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    bench.run(write_suite(SUITE), results=tmp_path, device="cpu", workers=1)
    folder = tmp_path / "updated"
    frame = bench.load(folder)
    assert sorted(frame["lookahead"]) == ["(every=2)", "none"]
    assert (folder / "report.html").is_file()
    traces = bench.traces(folder)
    assert traces["images"].max() == 4 * 2 * 8  # both batches of every step
    for path in record_paths(folder):
        metadata = read_metadata(path)
        without = metadata.model_copy(update={"axes": {}})
        assert axis_value(without, "lookahead") == (
            "–" if metadata.axes["lookahead"] == "none" else "(every=2, alpha=0.5)"
        )

"""Checks that hold for every family: runs alone, in packs and interrupted have the same bits."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from bench.compute.engines.in_process import in_process
from bench.compute.execution import execute
from bench.compute.settings import Settings
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack
from bench.plan.grouping import group_by_pack_key
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.record import read_record


def train_alone(suite: str, folder: Path) -> tuple[list[Run], Settings]:
    """Train each run of a suite alone, with its weights kept; return the runs and the settings."""
    (folder / "suite.toml").write_text(suite)
    loaded = load_suite(str(folder / "suite.toml"))
    runs, settings = plan_runs(loaded), Settings(folder=folder / "results" / loaded.name, keep=("weights",))
    events = list(in_process([[run] for run in runs], [settings]))
    assert [event.state for event in events if event.state != "progress"] == ["recorded"] * len(runs)
    return runs, settings


def check_stopped_packs(runs: list[Run], settings: Settings, folder: Path) -> None:
    """Train the runs again in packs of two that are stopped once, and compare their records."""
    packs, together = group_by_pack_key(runs), Settings(folder=folder)
    assert {len(pack) for pack in packs} == {2}
    for pack in packs:
        assert {event.state for event in execute(pack, together, lambda: True)} == {"progress", "stopped"}
        assert {event.state for event in execute(pack, together, lambda: False)} == {"progress", "recorded"}
    for run in runs:
        alone, resumed = (read_record(each.record(run)) for each in (settings, together))
        assert resumed.metadata.environment.resumed == 1
        for name in alone.trace:
            if name != "seconds":
                np.testing.assert_array_equal(alone.trace[name], resumed.trace[name], err_msg=f"{run}: {name}")


def go(pack: Pack, first: int = 0, steps: int | None = None) -> None:
    """Train a pack for some steps, none of which may diverge."""
    for measurements in train(pack, first, steps=steps):
        assert all(measurement.diverged is None for measurement in measurements)


def check_resumed(begin: Callable[[int], Pack], players: set[str]) -> None:
    """Compare a run at once with one that is stopped after three steps and goes on in a pack of another seed.

    Args:
        begin: Makes the pack of a seed.
        players: The names in the state of a run.
    """
    at_once, interrupted, resumed = begin(0), begin(0), begin(7)
    before = at_once.generator.flat.clone()
    go(at_once)
    go(interrupted, steps=3)
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    resumed.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    go(resumed, first=3)
    assert not torch.equal(at_once.generator.flat, before)
    one, other = at_once.players[0].state_dict(), resumed.players[0].state_dict()
    assert one.keys() == other.keys() == players
    for player in one:
        assert all(torch.equal(a, b) for a, b in zip(one[player].values(), other[player].values(), strict=True))

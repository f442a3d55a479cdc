"""What every engine does: each run ends once, results are the same, stops save checkpoints, errors stay with their run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from compared_records import check_same
from local_jobs import LocalQueue

from bench.compute.engines import Engine, on_slurm, slurm_driver
from bench.compute.engines.in_process import in_process
from bench.compute.engines.local import local
from bench.compute.engines.on_ray import RayCluster
from bench.compute.engines.on_slurm import SlurmCluster
from bench.compute.settings import Settings
from bench.errors import ResultsError
from bench.plan.runs import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ray() -> Iterator[Engine]:
    with RayCluster() as cluster:
        yield cluster.engine


@pytest.fixture(scope="module")
def slurm() -> Iterator[Engine]:
    """Slurm's engine with jobs that are processes of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(on_slurm, "SlurmQueue", LocalQueue)
        patch.setattr(slurm_driver, "POLL", 0.1)
        patch.setattr(slurm_driver, "ASK", 0.5)
        with SlurmCluster({}) as cluster:
            yield cluster.engine
        LocalQueue.forget()


@pytest.fixture(params=["in process", "local", "ray", "slurm"])
def engine(request: pytest.FixtureRequest) -> Engine:
    here = {"in process": in_process, "local": local}
    found: Engine = here.get(request.param) or request.getfixturevalue(request.param)
    return found


def crew(folder: Path) -> Sequence[Settings]:
    return [Settings(folder=folder, checkpoint_every=0.0)] * 2


def ends_of(engine: Engine, packs: list[list[Run]], folder: Path, stopping: Callable[[], bool] = lambda: False) -> list:  # type: ignore[type-arg]
    return [(event.run.id, event.state) for event in engine(packs, crew(folder), stopping) if event.state != "progress"]


def test_each_run_is_recorded_once_with_the_same_bits(
    engine: Engine, tiny_runs: list[Run], tiny_results: Path, tmp_path: Path
) -> None:
    ends = ends_of(engine, [tiny_runs[:2], tiny_runs[2:]], tmp_path / "other")
    assert sorted(ends) == sorted((run.id, "recorded") for run in tiny_runs)
    check_same(tmp_path / "other", tiny_results)


def test_a_stop_leaves_checkpoints_from_which_the_runs_continue(
    engine: Engine, tiny_runs: list[Run], tiny_results: Path, tmp_path: Path
) -> None:
    asked: list[bool] = []

    def stopping() -> bool:
        asked.append(True)
        return len(asked) > 1

    folder = tmp_path / "stopped"
    first = ends_of(engine, [[run] for run in tiny_runs], folder, stopping)
    assert {state for _, state in first} <= {"stopped", "recorded"}
    stopped = [name for name, state in first if state == "stopped"]
    assert all((folder / "checkpoints" / f"{name}.pt").exists() for name in stopped)
    second = ends_of(engine, [[run] for run in tiny_runs], folder)
    assert {state for _, state in second} == {"recorded"}
    check_same(folder, tiny_results)


def test_a_run_whose_code_fails_does_not_affect_others(engine: Engine, tiny_runs: list[Run], tmp_path: Path) -> None:
    broken = replace(tiny_runs[1], training=tiny_runs[1].training.model_copy(update={"precision": "float3"}))
    ends = ends_of(engine, [[tiny_runs[0]], [broken], [tiny_runs[2]]], tmp_path)
    assert dict(ends) == {tiny_runs[0].id: "recorded", broken.id: "failed", tiny_runs[2].id: "recorded"}


def test_an_error_that_concerns_all_runs_is_raised_at_the_end(
    engine: Engine, tiny_runs: list[Run], tmp_path: Path
) -> None:
    (tmp_path / "records").write_text("no folder")
    with pytest.raises(ResultsError, match="records"):
        ends_of(engine, [[run] for run in tiny_runs], tmp_path)

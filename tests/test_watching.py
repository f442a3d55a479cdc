"""Runs can be watched while they train: events with measures and samples, TensorBoard, W&B and MLflow."""

from __future__ import annotations

import math
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

import bench
from bench.compute.sample_pictures import BLUE, GREY, SIDE, picture
from bench.errors import ResultsError
from bench.records.record import read_all_samples, read_record

DOCS = Path(__file__).parents[1] / "docs" / "running.md"
SUITE = """
name = "watched"
seeds = 2
[matrix]
loss = ["wgan-gp"]
dataset = [{ name = "ring", points = 200 }]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
[training]
steps = 120
batch_size = 16
latent = 4
[evaluation]
every = 60
samples = 100
metrics = ["modes"]
"""
HERE: dict[str, Any] = {"device": "cpu", "report": "none"}


@pytest.mark.parametrize("options", [{"workers": 0, "pack": 2}, {"workers": 1, "pack": "off"}])
def test_events_have_what_the_record_will_have(
    write_suite: Callable[[str], str], tmp_path: Path, options: dict[str, Any]
) -> None:
    events: list[bench.Event] = []
    summary = bench.run(write_suite(SUITE), results=tmp_path, watch=events.append, **HERE, **options)
    for run in summary.runs:
        mine = [event.progress for event in events if event.run.id == run.id and event.progress]
        assert [each.step for each in mine if each.losses] == [50, 60, 100, 120]
        assert set(mine[-1].losses) == {"critic_loss", "generator_loss", "penalty_wgan-gp"}
        evaluations = [each.evaluated for each in mine if each.evaluated]
        path = summary.folder / "records" / run.file_name
        trace = read_record(path).trace
        assert [each.step for each in evaluations] == trace["step"].tolist() == [0, 60, 120]
        for name, column in trace.items():
            if name != "step":
                np.testing.assert_array_equal([each.values[name] for each in evaluations], column)
        steps, samples = read_all_samples(path)
        np.testing.assert_array_equal(samples, [each.samples for each in evaluations if each.step in steps])


def test_event_files_of_tensorboard(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = tmp_path / "logs"
    arguments = {"results": tmp_path, "workers": 0, "pack": 2, **HERE}
    summary = bench.run(write_suite(SUITE), tensorboard=logs, **arguments)
    for run in summary.runs:
        trace = read_record(summary.folder / "records" / run.file_name).trace
        found = EventAccumulator(str(logs / "watched" / run.file_name.removesuffix(".parquet"))).Reload()
        losses = found.Scalars("losses/critic_loss")
        assert [event.step for event in losses] == [50, 60, 100, 120]
        assert losses[-1].value == pytest.approx(trace["critic_loss"][-1], rel=1e-6)  # stored as float32
        modes = found.Scalars("measures/modes")
        assert [(event.step, event.value) for event in modes] == list(zip([0, 60, 120], trace["modes"], strict=True))
        assert [event.step for event in found.Scalars("penalties/wgan-gp")] == [50, 60, 100, 120]
        assert [event.step for event in found.Scalars("probes/gap")] == [60, 120]
        assert [event.step for event in found.Images("samples")] == [0, 60, 120]


def test_a_run_that_goes_on_replaces_what_was_written_after_its_checkpoint(
    write_suite: Callable[[str], str], tmp_path: Path
) -> None:
    """The first process wrote up to step 100; its checkpoint is of step 50."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from bench.compute.event_files import EventFiles
    from bench.compute.events import Event, Progress
    from bench.plan.runs import plan_runs
    from bench.plan.suite import load_suite

    (run, *_) = plan_runs(load_suite(write_suite(SUITE)))
    for losses in ({50: 1.0, 60: 2.0, 100: 3.0}, {60: 4.0, 100: 5.0}):
        files = EventFiles(tmp_path)
        for step, loss in losses.items():
            files.add(
                Event(run, "progress", Progress(step, 1.0, losses={"critic_loss": loss, "generator_loss": math.nan}))
            )
        files.close()
    found = EventAccumulator(str(tmp_path / "watched" / run.file_name.removesuffix(".parquet"))).Reload()
    assert [(event.step, event.value) for event in found.Scalars("losses/critic_loss")] == [(50, 1), (60, 4), (100, 5)]
    assert found.Tags()["scalars"] == ["losses/critic_loss"]


def test_without_tensorboard_nothing_starts(
    write_suite: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=r"--tensorboard: folder .*file cannot be created: File exists"):
        bench.run(write_suite(SUITE), results=tmp_path, tensorboard=tmp_path / "file")
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ResultsError, match=r"needs the package tensorboard: pip install 'ganbench\[tensorboard\]'"):
        bench.run(write_suite(SUITE), results=tmp_path, tensorboard=tmp_path / "logs")
    assert not (tmp_path / "watched").exists()


def test_pictures_of_points_show_them_where_they_are() -> None:
    real = np.array([[-1.0, -1], [1, 1]], np.float32)
    shown = picture(np.array([[0.0, 1], [5, 5]], np.float32), real)  # the second lies outside
    rows, columns = np.nonzero((shown == BLUE).all(axis=2))
    assert shown.shape == (SIDE, SIDE, 3)
    assert {*columns} == {SIDE // 2 - 1, SIDE // 2}
    assert rows.max() < SIDE / 4  # y = 1 of 1.35 is near the top
    assert ((shown == GREY).all(axis=2)).sum() == 8


@pytest.mark.parametrize("shape", [(1,), (3,), (64,), (1, 16), (2, 3, 4)])
def test_samples_of_any_shape_have_a_picture(shape: tuple[int, ...]) -> None:
    real = np.random.default_rng(0).normal(size=(50, *shape)).astype(np.float32)
    shown = picture(real[:20] / 2, real)
    assert (shown == BLUE).all(axis=2).sum() > 10
    assert picture(np.zeros((3, *shape), np.float32), np.zeros((4, *shape), np.float32)).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_become_a_grid(channels: int) -> None:
    """Five 16×16 images, enlarged twice, in three columns and two rows with a white border of one pixel."""
    images = np.arange(5, dtype=np.uint8)[:, None, None, None].repeat(channels, 1).repeat(16, 2).repeat(16, 3)
    grid = picture(images, images)
    assert grid.shape == (2 * 34, 3 * 34, 3)
    assert [int(grid[34 * (n // 3) + 10, 34 * (n % 3) + 10, 0]) for n in range(6)] == [0, 1, 2, 3, 4, 255]


def example(name: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return next(block for block in blocks if block.startswith(f"# {name}.py")).partition("if __name__")[0]


def watch_with(name: str, suite: str, folder: Path, **modules: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module, replacement in modules.items():
            patch.setitem(sys.modules, module, replacement)
        code = types.ModuleType(name)
        exec(example(name), code.__dict__)
        bench.run(suite, results=folder, workers=0, pack=2, watch=code.watch, **HERE)


def test_the_example_for_wandb(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    charts: list[MagicMock] = []
    wandb = MagicMock()
    wandb.init.side_effect = lambda **_: charts.append(MagicMock()) or charts[-1]
    watch_with("watch_wandb", write_suite(SUITE), tmp_path, wandb=wandb)
    assert len(charts) == 2
    for chart in charts:
        calls = chart.log.call_args_list
        assert [call.kwargs["step"] for call in calls] == [0, 50, 60, 100, 120]
        assert {"modes", "critic_loss", "gap"} <= {*calls[-1].args[0]}
        chart.finish.assert_called_once()


def test_the_example_for_mlflow(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    mlflow = MagicMock()
    watch_with("watch_mlflow", write_suite(SUITE), tmp_path, mlflow=mlflow)
    client = mlflow.MlflowClient.return_value
    logged = [(call.args[1], call.kwargs["step"]) for call in client.log_metric.call_args_list]
    assert logged.count(("modes", 60)) == 2
    assert logged.count(("critic_loss", 50)) == 2
    assert [call.args[1] for call in client.set_terminated.call_args_list] == ["FINISHED"] * 2

"""Synthetic records with known values, and access to what figures of them show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from bench.evidence.results import Evidence, read_evidence
from bench.records.record import publish
from bench.records.schema import Metadata
from bench.records.timing_results import MEASURED, write_timings
from bench.report.figures import draw_all
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled

LOSSES = ("minimax", "hinge")
CENTRES = [[1.0, 0.0], [-1.0, 0.0]]
STEPS = (0, 40, 80, 120)


def record(
    folder: Path,
    loss: str,
    seed: int,
    values: Sequence[float],
    *,
    dataset: str = "ring",
    diverged: bool = False,
    measures: Sequence[dict[str, float]] = (),
    **changed: Any,
) -> None:
    """Publish a synthetic run with 2-D points as samples.

    Args:
        folder: Where the suite's results folder ``made`` is.
        loss: The loss axis.
        seed: The seed, also of the points.
        values: FD at each evaluation; 2 modes are found where it is below 1, else 0.
        dataset: The dataset axis.
        diverged: Whether the run diverged after its last evaluation.
        measures: Further measures at each evaluation, or others in place of the modes.
        changed: Metadata to replace.
    """
    axes = {"dataset": dataset, "architecture": "mlp", "loss": loss}
    run = f"{dataset}-{loss}-{seed}"
    steps = STEPS[: len(values)]
    metadata: dict[str, Any] = {
        **{"run": run, "cell": f"{dataset}-{loss}", "suite": "made", "version": 1, "title": "Made", "axes": axes},
        "seed": seed,
        "training": {
            **{axis: {"name": name, "label": name, "options": {}} for axis, name in axes.items()},
            **{"penalty": [], "steps": STEPS[-1], "batch_size": 16, "critic_steps": 2},
        },
        "evaluation": {"metrics": [], "every": 40, "samples": 50},
        "data": {"fingerprint": "f", "modes": {"centres": CENTRES, "sigma": 0.01}},
        "protocol": {"extractor": "coordinates", "samples": 50, "reference_samples": 50, "real_samples": 50},
        "real": {"fd": 0.001, "modes": 2.0},
        "higher_is_better": {"fd": False, "modes": True},
        "samples": {"shape": [50, 2], "dtype": "float32"},
        "ending": {"status": "finished", "step": STEPS[-1], "place": None, "reason": ""},
        "timing": dict.fromkeys(
            ("steps_per_second", "images_per_second", "evaluation_seconds", "wall_seconds", "peak_memory_bytes"), 1.0
        )
        | {"training_seconds": 10.0 + seed},
        "environment": {"device": "cpu", "threads": 1, "workers": 1, "pack": 1, "date": "2026-11-24"},
    }
    if diverged:
        metadata["ending"] = {"status": "diverged", "step": steps[-1] + 7, "place": "critic", "reason": "not finite"}
    points = np.random.default_rng(seed).normal(size=(50, 2)).astype(np.float32).tobytes()
    trace = [
        {
            **{"step": step, "seconds": step / 10, "critic_loss": 0.5, "fd": value, "modes": 2.0 * (value < 1)},
            **(measures[index] if measures else {}),
            "samples": points,
        }
        for index, (step, value) in enumerate(zip(steps, values, strict=True))
    ]
    path = folder / "made" / "records" / f"{changed.get('run', run)}.parquet"
    publish(path, Metadata.model_validate(metadata | changed), pa.Table.from_pylist(trace))


def time_alone(folder: Path, cells: Sequence[Mapping[str, str]], seconds: float, **environment: Any) -> None:
    """Write timings as ``ganbench time`` takes them: the same seconds per step in two rounds of every cell."""
    rounds = [dict.fromkeys(MEASURED, seconds) | {"round": number} for number in range(2)]
    content: dict[str, Any] = {"suite": "made", "version": 1, "title": "", "axes": list(cells[0])}
    content["environment"] = {
        **{"ganbench": "0.1.0", "commit": "", "dirty": False, "torch": "2.14.1", "date": "2026-11-24", "warm_up": 5},
        **{"device": "cpu", "device_name": "a CPU", "threads": 1, "workers": 1, "alone": True},
        **{"load_average": None, "other_load": 0.0},
        **environment,
    }
    content["cells"] = [{"axes": dict(each), "training": {}, "evaluation": {}, "rounds": rounds} for each in cells]
    write_timings(folder, content)


def made_evidence(folder: Path) -> Evidence:
    """Return synthetic runs of two losses on two datasets.

    On ``ring`` each loss has three runs: one of minimax never learns, and one of hinge diverges. On ``grid`` each has
    two, and modes are not measured. All cells take 0.1 s a step.
    """
    for seed, last in enumerate((0.01, 0.04, 1.5)):
        record(folder, "minimax", seed, (1.0, 0.5, 0.2, last))
    record(folder, "hinge", 0, (1.0, 0.3, 0.05, 0.02))
    record(folder, "hinge", 1, (1.0, 0.3, 0.05, 0.08))
    record(folder, "hinge", 2, (1.0, 0.4), diverged=True)
    without_modes = {"higher_is_better": {"fd": False}}
    for seed, last in enumerate((0.1, 0.2)):
        record(folder, "minimax", seed, (1.0, 0.5, 0.2, last), dataset="grid", **without_modes)
        record(folder, "hinge", seed, (1.0, 0.5, 0.2, 4 * last), dataset="grid", **without_modes)
    places = [{"dataset": name, "architecture": "mlp", "loss": loss} for name in ("ring", "grid") for loss in LOSSES]
    time_alone(folder / "made", places, 0.1)
    evidence = read_evidence(folder)
    states = {"ring-minimax-2": "never-learned", "ring-hinge-2": "diverged"}
    runs = evidence.runs.assign(outcome=[states.get(run, "stable") for run in evidence.runs["run"]])
    return replace(evidence, runs=runs)


def made_pair(folder: Path) -> Evidence:
    """Return synthetic runs of the suite ``pair``: four losses, three seeds; mlp on ring, mlp and dcgan on digits."""
    random = np.random.default_rng(0)
    for dataset, architecture in (("ring", "mlp"), ("digits", "mlp"), ("digits", "dcgan")):
        for level, loss in enumerate(("minimax", "non-saturating", "wgan-gp", "hinge"), 1):
            for seed in range(3):
                axes = {"dataset": dataset, "architecture": architecture, "loss": loss}
                names = {"run": f"{'-'.join(axes.values())}-{seed}", "cell": "-".join(axes.values()), "axes": axes}
                training = {
                    **{axis: {"name": name, "label": name, "options": {}} for axis, name in axes.items()},
                    **{"penalty": [], "steps": STEPS[-1], "batch_size": 16, "critic_steps": 2},
                }
                values = 0.01 * level * np.exp(random.normal(scale=0.3, size=len(STEPS))) * np.array([900.0, 90, 9, 1])
                measures = [
                    {"modes": float(8 - level % 3 * (seed == 2)), "kl": float(value / 3 + 0.01)} for value in values
                ]
                record(
                    folder, loss, seed, values.tolist(), dataset=dataset, measures=measures, suite="pair", title="Pair",
                    real={"fd": 0.001, "modes": 8.0, "kl": 0.002}, training=training,
                    higher_is_better={"fd": False, "modes": True, "kl": False}, **names,
                )  # fmt: skip
    return read_evidence(folder)


def drawn(evidence: Evidence, name: str, width: float = 6.75, **options: Any) -> Figure:
    """Return the figure with this name."""
    with styled():
        drawings = draw_all(evidence, Sheet(width=width), **options)
        return next(drawing.figure for drawing in drawings if drawing.name == name)


def line_of(figure: Figure, panel: int, label: str) -> np.ndarray:
    """Return the points [n, 2] of the line in a panel that has the colour of this label in the legend."""
    (handle,) = [handle for handle in figure.legends[0].legend_handles if handle.get_label() == label]
    (line,) = [line for line in figure.axes[panel].lines if line.get_color() == handle.get_color()]
    return np.asarray(line.get_xydata())


def thin_lines(figure: Figure, panel: int) -> list[list[np.ndarray]]:
    """Return the segments of every collection of thin lines, one line per run, in a panel."""
    collections = figure.axes[panel].collections
    return [lines.get_segments() for lines in collections if isinstance(lines, LineCollection)]

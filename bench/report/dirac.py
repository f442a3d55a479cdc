"""What the Dirac-GAN's records come to: a table of theory beside measurement, and trajectories over the field."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.files import written_whole
from bench.records import Metadata, Record
from bench.report.dirac_theory import Penalties, field, is_known, leading_eigenvalue
from bench.report.evidence import Evidence
from bench.verdicts import State

THEORY_NOTE = (
    "λ: the eigenvalue with the largest real part of the continuous-time system at the equilibrium, in closed form and "
    "from the derivatives of the game as it is trained; – where there is none. Instance noise is measured "
    "on 256 draws, in theory on all. The other columns: distance √(θ² + ψ²) to the equilibrium after the last step, "
    "and the outcome where it is not converged."
)
SIDE = 1.15  # inches of a panel
LOOKS = {True: "#0072B2", False: "#D55E00"}  # converged, and not


def has_dirac(evidence: Evidence, dataset: str) -> bool:
    """Whether the records of a dataset are of Dirac-GANs, with the measures of the metric "equilibrium"."""
    return {"distance", "theta", "psi", "eigenvalue_real"} <= set(evidence.measures(dataset))


def penalties_of(metadata: Metadata) -> Penalties:
    """Name → options of the penalties that a run was trained with."""
    return {each["name"]: each["options"] for each in metadata["training"]["penalty"]}


def compare_with_theory(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """A row per technique: its eigenvalue in theory and as measured, then distance and outcome of every way to update.

    Columns: loss, penalty, any other axis that varies, λ analytic, λ measured, and for each pair of ``updates`` and
    ``critic_steps`` the distance to the equilibrium after the last step, of the first seed, with the outcome where it
    is another than converged.
    """
    here = _with_places(evidence, dataset)
    rows = []
    for place, runs in here.groupby(["loss", "technique", *_others(evidence, here)], sort=False, dropna=False):
        first = runs.iloc[0]
        training = evidence.metadata[first["run"]]["training"]
        known = runs.dropna(subset="eigenvalue_real_final")
        at = None if known.empty else complex(*known[["eigenvalue_real_final", "eigenvalue_imaginary_final"]].iloc[0])
        row = dict(zip(("loss", "penalty", *_others(evidence, here)), map(str, place), strict=True))
        row["λ analytic"] = _complex(
            leading_eigenvalue(training["loss"]["name"], penalties_of(evidence.metadata[first["run"]]))
        )
        row["λ measured"] = _complex(at)
        for run in runs[runs["seed"] == first["seed"]].itertuples():
            distance = "–" if np.isnan(run.distance_final) else f"{run.distance_final:.2g}"
            row[run.way] = distance + ("" if run.outcome == State.CONVERGED else f" {run.outcome}")
        rows.append(row)
    return pd.DataFrame(rows).fillna("–")


def _with_places(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """The runs of a dataset, with the columns technique (their penalties) and way (how they update)."""
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    metadata = [evidence.metadata[run] for run in here["run"]]
    return here.assign(technique=list(map(_penalty, metadata)), way=list(map(_way, metadata)))


def _others(evidence: Evidence, runs: pd.DataFrame) -> list[str]:
    """The axes that vary, apart from those that rows, columns and panels are for."""
    told = ("loss", "architecture", "penalty", "updates", "critic_steps")
    return [axis for axis in evidence.varying(runs) if axis not in told]


def write_theory(evidence: Evidence, folder: Path) -> list[Path]:
    """Writes ``theory.md`` for Dirac-GANs, and nothing for others."""
    parts = []
    for dataset in evidence.datasets():
        if has_dirac(evidence, dataset):
            table = compare_with_theory(evidence, dataset)
            align = ["left"] * 4 + ["right"] * (len(table.columns) - 4)
            parts.append(table.to_markdown(index=False, colalign=align, disable_numparse=True))
    if not parts:
        return []
    path = folder / "theory.md"
    with written_whole(path) as partial:
        partial.write_text("\n\n".join([f"# {evidence.title}: theory and measurement", *parts, THEORY_NOTE]) + "\n")
    return [path]


def _penalty(metadata: Metadata) -> str:
    return " + ".join(each["label"] for each in metadata["training"]["penalty"]) or "none"


def _way(metadata: Metadata) -> str:
    """How a run updates: "alternating, 5 critic steps"."""
    training = metadata["training"]
    steps = training["critic_steps"]
    return f"{training['updates']}, {steps} critic step{'s' if steps > 1 else ''}"


def _complex(value: complex | None) -> str:
    if value is None or np.isnan(value.real):
        return "–"
    real, imaginary = (0.0 if abs(part) < 5e-7 else part for part in (value.real, value.imag))
    return f"{real:.4f}" + (f" ± {imaginary:.4f} i" if imaginary else "")


def draw_trajectories(evidence: Evidence, dataset: str) -> Iterator[tuple[str, Figure]]:
    """One figure per way to update and value of any other axis: a row of panels per loss, a column per penalty.

    θ to the right and ψ upwards. Arrows are the field of continuous time in closed form; the line is the first seed's
    run, from the ring to the disc, blue where it converged.
    """
    here = _with_places(evidence, dataset)
    here = here[here["seed"] == here["seed"].min()]
    others = _others(evidence, here)
    for place, runs in here.groupby(["way", *others], sort=False, dropna=False):
        name = ", ".join([str(place[0]), *(f"{axis} {value}" for axis, value in zip(others, place[1:], strict=True))])
        losses, penalties = list(dict.fromkeys(runs["loss"])), list(dict.fromkeys(runs["technique"]))
        figure = Figure(figsize=(0.9 + SIDE * len(penalties), 0.7 + SIDE * len(losses)), layout="constrained")
        panels = figure.subplots(len(losses), len(penalties), squeeze=False)
        for panel in panels.flat:
            panel.set_axis_off()
        for run in runs.itertuples():
            panel = panels[losses.index(run.loss), penalties.index(run.technique)]
            panel.set_axis_on()
            _draw_run(panel, run, evidence.records[run.run])
        for panel, penalty in zip(panels[0], penalties, strict=True):
            panel.set_title(penalty, fontsize=7)
        for panel, loss in zip(panels[:, 0], losses, strict=True):
            panel.set_axis_on()
            panel.set_ylabel(loss, fontsize=7)
        figure.suptitle(f"{dataset}, {name}: θ to the right, ψ upwards; blue: converged", fontsize=9)
        yield re.sub(r"[^A-Za-z0-9._-]+", "-", f"{dataset}-{name}"), figure


def _draw_run(panel: Axes, run: Any, record: Record) -> None:
    metadata = record.metadata
    path = np.stack([record.trace["theta"], record.trace["psi"]], axis=1).astype(float)
    path = path[np.isfinite(path).all(axis=1)]
    reach = float(np.clip(1.15 * np.abs(path).max(), 1.6, 3.0))
    loss = metadata["training"]["loss"]["name"]
    if is_known(loss, penalties_of(metadata)):
        ticks = np.linspace(-reach, reach, 11)
        theta, psi = np.meshgrid(ticks, ticks)
        along = np.stack(field(loss, penalties_of(metadata), theta, psi))
        length = np.linalg.norm(along, axis=0)
        along = along / np.where(length > 0, length, 1)
        panel.quiver(theta, psi, *along, color="0.72", scale=17, width=0.011, headwidth=4, zorder=1)
    colour = LOOKS[run.outcome == State.CONVERGED]
    panel.plot(*path.T, color=colour, linewidth=0.8, zorder=2)
    panel.plot(*path[0], "o", color=colour, markerfacecolor="white", markersize=3, zorder=3)
    panel.plot(*path[-1], "o", color=colour, markersize=3, zorder=3)
    panel.plot(0, 0, "+", color="black", markersize=5, zorder=3)
    panel.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    panel.grid(visible=False)
    panel.spines[["top", "right"]].set_visible(True)
    panel.spines[:].set_linewidth(0.4)

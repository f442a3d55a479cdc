"""What the Dirac-GAN's records come to: a table of theory beside measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.files import atomic_write
from bench.records.schema import Metadata
from bench.report.dirac_theory import Penalties, leading_eigenvalue

THEORY_NOTE = (
    "λ: the eigenvalue with the largest real part of the continuous-time system at the equilibrium, in closed form and "
    "from the derivatives of the game as it is trained; – where there is none. Instance noise is measured "
    "on 256 draws, in theory on all. The other columns: distance √(θ² + ψ²) to the equilibrium after the last step, "
    "and the outcome where it is not converged."
)


def has_dirac(evidence: Evidence, dataset: str) -> bool:
    """Whether the records of a dataset are of Dirac-GANs, with the measures of the metric "equilibrium"."""
    of_other_code = any(evidence.metadata[run].of_other_code for run in _runs(evidence, dataset)["run"])
    return not of_other_code and {"distance", "theta", "psi", "eigenvalue_real"} <= set(evidence.measures(dataset))


def _runs(evidence: Evidence, dataset: str) -> pd.DataFrame:
    return evidence.runs.loc[evidence.runs["dataset"] == dataset]


def penalties_of(metadata: Metadata) -> Penalties:
    """Name → options of the penalties that a run was trained with."""
    return {each.name: each.options for each in metadata.training.penalties}


def compare_with_theory(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """A row per technique: its eigenvalue in theory and as measured, then distance and outcome of every way to update.

    Columns: loss, penalty, any other axis that varies, λ analytic, λ measured, and for each pair of ``updates`` and
    ``critic_steps`` the distance to the equilibrium after the last step, of the first seed, with the outcome where it
    is another than converged.
    """
    here = with_ways(evidence, dataset)
    rows = []
    for place, runs in here.groupby(["loss", "technique", *other_axes(evidence, here)], sort=False, dropna=False):
        first = runs.iloc[0]
        training = evidence.metadata[first["run"]].training
        known = runs.dropna(subset="eigenvalue_real_final")
        at = None if known.empty else complex(*known[["eigenvalue_real_final", "eigenvalue_imaginary_final"]].iloc[0])
        row = dict(zip(("loss", "penalty", *other_axes(evidence, here)), map(str, place), strict=True))
        row["λ analytic"] = _complex(
            leading_eigenvalue(training.loss.name, penalties_of(evidence.metadata[first["run"]]))
        )
        row["λ measured"] = _complex(at)
        for run in runs[runs["seed"] == first["seed"]].itertuples():
            distance = "–" if np.isnan(run.distance_final) else f"{run.distance_final:.2g}"
            row[run.way] = distance + ("" if run.outcome == State.CONVERGED else f" {run.outcome}")
        rows.append(row)
    return pd.DataFrame(rows).fillna("–")


def with_ways(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """The runs of a dataset, with the columns technique (their penalties) and way (how they update)."""
    here = _runs(evidence, dataset)
    metadata = [evidence.metadata[run] for run in here["run"]]
    return here.assign(technique=list(map(_penalty, metadata)), way=list(map(_way, metadata)))


def other_axes(evidence: Evidence, runs: pd.DataFrame) -> list[str]:
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
    with atomic_write(path) as partial:
        partial.write_text("\n\n".join([f"# {evidence.title}: theory and measurement", *parts, THEORY_NOTE]) + "\n")
    return [path]


def _penalty(metadata: Metadata) -> str:
    return " + ".join(each.label for each in metadata.training.penalties) or "none"


def _way(metadata: Metadata) -> str:
    """How a run updates: "alternating, 5 critic steps"."""
    training = metadata.training
    steps = training.critic_steps
    return f"{training.updates}, {steps} critic step{'s' if steps > 1 else ''}"


def _complex(value: complex | None) -> str:
    if value is None or np.isnan(value.real):
        return "–"
    real, imaginary = (0.0 if abs(part) < 5e-7 else part for part in (value.real, value.imag))
    return f"{real:.4f}" + (f" ± {imaginary:.4f} i" if imaginary else "")

"""The Dirac-GAN: a table that compares theory with measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.escaping import for_markdown
from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.files import atomic_write
from bench.plan.identity import MAX_TITLE
from bench.records.schema import Metadata
from bench.report.dirac_theory import Penalties, leading_eigenvalue
from bench.report.tables.plain_text import to_markdown

THEORY_NOTE = (
    "λ: the eigenvalue with the largest real part of the continuous-time system at the equilibrium, in closed form and "
    "computed from the derivatives of the trained game; –: not available. Instance noise is averaged over 256 draws in "
    "the measurement and over its distribution in theory. Other columns: distance √(θ² + ψ²) to the equilibrium after "
    "the last step, with the outcome unless the run was stable."
)


def has_dirac(evidence: Evidence, dataset: str) -> bool:
    """Return whether the records of a dataset are ganbench's Dirac-GANs, evaluated by the metric "equilibrium"."""
    is_foreign = any(evidence.metadata[run].of_other_code for run in _runs(evidence, dataset)["run"])
    return not is_foreign and {"distance", "theta", "psi", "eigenvalue_real"} <= set(evidence.measures(dataset))


def _runs(evidence: Evidence, dataset: str) -> pd.DataFrame:
    return evidence.runs.loc[evidence.runs["dataset"] == dataset]


def penalties_of(metadata: Metadata) -> Penalties:
    """Return the penalties of a run after its last step, name → options."""
    return {penalty.name: _at_the_end(penalty.options) for penalty in metadata.training.penalties}


def _at_the_end(options: dict[str, Any]) -> dict[str, Any]:
    final = options.get("final_weight")
    return options if final is None else {**options, "weight": final}


def compare_with_theory(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """Return one row per loss and penalty, with eigenvalues in theory and as measured.

    Columns: loss, penalty, any other axis that varies, λ analytic, λ measured, and for each update scheme (``updates``
    and ``critic_steps``) the distance of the first seed to the equilibrium after the last step, with the outcome unless
    the run was stable.
    """
    labelled = with_labels(evidence, dataset)
    others = other_axes(evidence, labelled)
    rows = []
    for values, runs in labelled.groupby(["loss", "penalties", *others], sort=False, dropna=False):
        first = runs.iloc[0]
        training = evidence.metadata[first["run"]].training
        known = runs.dropna(subset="eigenvalue_real_final")
        parts = known[["eigenvalue_real_final", "eigenvalue_imaginary_final"]]
        measured = None if known.empty else complex(*parts.iloc[0])
        row = dict(zip(("loss", "penalty", *others), map(str, values), strict=True))
        row["λ analytic"] = _format_complex(
            leading_eigenvalue(training.loss.name, penalties_of(evidence.metadata[first["run"]]))
        )
        row["λ measured"] = _format_complex(measured)
        for run in runs[runs["seed"] == first["seed"]].itertuples():
            distance = "–" if np.isnan(run.distance_final) else f"{run.distance_final:.2g}"
            row[run.scheme] = distance + ("" if run.outcome == State.STABLE else f" {run.outcome}")
        rows.append(row)
    return pd.DataFrame(rows).fillna("–")


def with_labels(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """Return the runs of a dataset with two columns of labels: ``penalties``, and ``scheme`` for the update scheme."""
    runs = _runs(evidence, dataset)
    metadata = [evidence.metadata[run] for run in runs["run"]]
    return runs.assign(penalties=list(map(_penalty_label, metadata)), scheme=list(map(_scheme_label, metadata)))


def other_axes(evidence: Evidence, runs: pd.DataFrame) -> list[str]:
    """Return the axes that vary and are not shown as rows, columns or panels."""
    shown = ("loss", "architecture", "penalty", "updates", "critic_steps")
    return [axis for axis in evidence.varying(runs) if axis not in shown]


def write_theory(evidence: Evidence, folder: Path) -> list[Path]:
    """Write ``theory.md`` if there are Dirac-GANs, and return the paths written."""
    parts = []
    for dataset in evidence.datasets():
        if has_dirac(evidence, dataset):
            table = compare_with_theory(evidence, dataset)
            align = ["left"] * 4 + ["right"] * (len(table.columns) - 4)
            parts.append(to_markdown(table, list(table)[:4], align))
    if not parts:
        return []
    path = folder / "theory.md"
    with atomic_write(path) as partial:
        title = f"# {for_markdown(evidence.title, MAX_TITLE)}: theory and measurement"
        partial.write_text("\n\n".join([title, *parts, THEORY_NOTE]) + "\n", encoding="utf-8")
    return [path]


def _penalty_label(metadata: Metadata) -> str:
    return " + ".join(penalty.label for penalty in metadata.training.penalties) or "none"


def _scheme_label(metadata: Metadata) -> str:
    """The update scheme of a run, for example "alternating, 5 critic steps"."""
    training = metadata.training
    steps = training.critic_steps
    return f"{training.updates}, {steps} critic step{'s' if steps > 1 else ''}"


def _format_complex(value: complex | None) -> str:
    if value is None or np.isnan(value.real):
        return "–"
    real, imaginary = (0.0 if abs(part) < 5e-7 else part for part in (value.real, value.imag))
    return f"{real:.4f}" + (f" ± {imaginary:.4f} i" if imaginary else "")

"""The report of a search: the draws of every technique, the best with its confirmation, which parameters decide."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from bench.escaping import for_markdown, for_markdown_text, latex_preamble
from bench.evidence.results import Evidence
from bench.evidence.search import TechniqueResult
from bench.evidence.search_curves import best_of, parameter_effects
from bench.evidence.states import count_failed, count_unresolved
from bench.evidence.statistics import holm
from bench.files import atomic_write
from bench.notation import with_powers
from bench.plan.identity import MAX_TITLE
from bench.plan.setting_words import setting_in_words, value_in_words
from bench.report.tables.entries import with_wilson_interval
from bench.report.tables.plain_text import to_csv, to_markdown
from bench.report.tables.text_tables import PACKAGES, render_text
from bench.report.venues import Page, page_of

BUDGETS = (1, 4, 16, 64, 256)  # draws
NOTE = (
    "Tuning: one seed or more per draw; stable: draws of which no run failed, out of all, with Wilson's 95% interval. "
    "Best of k: median of the best of k draws, by the final primary measure, where a failed draw counts as worse than "
    "any other, with its 95% CI from order statistics (Lourie et al. 2024); an open end is marked by –. The best "
    "setting has the fewest failures, then the best median; a tie goes to the earlier draw. Its value in tuning "
    "flatters it, because it was chosen by that value: only confirmation, on fresh seeds, is an estimate, and only "
    "confirmation is in table.md. Confirmed: median over the seeds that have a final value."
)
EFFECTS_NOTE = (
    "Share of the variance of ranks that a parameter explains (ε² of the Kruskal-Wallis test, over its values or "
    "quarters of its ranks), with p, Holm-corrected per dataset. Failed draws rank below all others, and among "
    "themselves by the primary measure. Best: the values with the best median rank."
)


def write_search(evidence: Evidence, folder: Path, width: str | float = "two-column") -> list[Path]:
    """Write ``search.md``, ``search.tex`` and ``search.csv`` if the suite has a search; return the paths written.

    The CSV file has one row per technique and draw.

    Raises:
        OSError: The folder cannot be written.
    """
    if not evidence.search:
        return []
    overview, effects = format_overview(evidence), format_effects(evidence)
    texts = {
        "search.md": _markdown(evidence, overview, effects),
        "search.tex": _latex(evidence, overview, effects, page_of(width)),
        "search.csv": to_csv(summarise_draws(evidence)),
    }
    for name, text in texts.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return [folder / name for name in texts]


def summarise_draws(evidence: Evidence) -> pd.DataFrame:
    """Return one row per technique and draw.

    Columns: phase ("tuning"), the axes, draw, the drawn values, runs, failed, measure, value (median over the tuning
    seeds, in the unit of a record), confirmed (whether the setting's confirmation is shown).
    """
    return pd.DataFrame(
        [
            {
                "phase": "tuning",
                **result.axes,
                "draw": each.draw,
                **{key: value_in_words(value) for key, value in each.setting.items()},
                "runs": each.runs,
                "failed": each.failed,
                "measure": result.primary,
                "value": each.value if math.isfinite(each.value) else math.nan,
                "confirmed": each.cell == result.confirmed,
            }
            for result in evidence.search
            for each in result.settings
        ]
    )


def _varying(evidence: Evidence) -> list[str]:
    """Return the axes on which techniques differ, or the loss."""
    axes = dict.fromkeys(axis for result in evidence.search for axis in result.axes)
    several = [axis for axis in axes if len({str(result.axes.get(axis)) for result in evidence.search}) > 1]
    return several or ["loss"]


def technique_name(evidence: Evidence, result: TechniqueResult, without: tuple[str, ...] = ()) -> str:
    """Return the labels of a technique on the axes that vary."""
    return " · ".join(str(result.axes.get(axis)) for axis in _varying(evidence) if axis not in without)


def format_overview(evidence: Evidence) -> pd.DataFrame:
    """Return one row of text per technique: stable draws, best of k, the best setting and its confirmation."""
    most = max(len(result.settings) for result in evidence.search)
    budgets = [k for k in BUDGETS if k < most] + [most]
    rows = []
    for result in evidence.search:
        row = {axis: str(result.axes.get(axis)) for axis in _varying(evidence)}
        stable = sum(each.is_stable for each in result.settings)
        row |= {"draws": str(len(result.settings))}
        row |= {"tuning: stable": with_wilson_interval(f"{stable}/{len(result.settings)}")}
        curve = best_of(result.values(), result.higher_is_better)
        for k in budgets:
            text = ""
            if k <= len(curve):
                low, high = (_value(evidence, result, end, "–") for end in (curve[k - 1].low, curve[k - 1].high))
                text = f"{_value(evidence, result, curve[k - 1].median)} [{low}, {high}]"
            row[f"tuning: best of {k}"] = text
        row |= {"confirmed": _confirmed(evidence, result), "failed": _failed(evidence, result)}
        shown = result.shown or result.best
        state = "" if result.shown is result.best else " (not confirmed yet)"
        if result.shown and result.shown is not result.best:
            state = f" (draw {result.best.draw} is better in tuning, and not confirmed yet)"
        row["setting"] = f"draw {shown.draw}: {setting_in_words(shown.setting)}{state}"
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def confirmation_runs(evidence: Evidence, result: TechniqueResult) -> pd.DataFrame:
    """Return the runs that confirm the best setting of a technique; none if it is not confirmed yet."""
    if result.confirmed is None:
        return evidence.runs.iloc[:0]
    cells = evidence.runs["run"].map(lambda run: evidence.metadata[run].cell)
    return evidence.runs.loc[cells == result.confirmed]


def _confirmed(evidence: Evidence, result: TechniqueResult) -> str:
    runs = confirmation_runs(evidence, result)
    if runs.empty or result.primary is None:
        return "–"
    finals = runs[f"{result.primary}_final"]
    return f"{_value(evidence, result, finals.median())} (n = {finals.notna().sum()})"


def _failed(evidence: Evidence, result: TechniqueResult) -> str:
    runs = confirmation_runs(evidence, result)
    judged = len(runs) - count_unresolved(runs)
    return with_wilson_interval(f"{count_failed(runs)}/{judged}") if judged else "–"


def _value(evidence: Evidence, result: TechniqueResult, value: float, infinite: str = "failed") -> str:
    if result.primary is None or math.isnan(value):
        return "–"
    return evidence.describe(result.primary).format(value) if math.isfinite(value) else infinite


def format_effects(evidence: Evidence) -> pd.DataFrame:
    """Return one row of text per technique, and one column per parameter; no column if there are too few draws."""
    effects = {index: parameter_effects(result) for index, result in enumerate(evidence.search)}
    found = [(index, effect) for index, group in effects.items() for effect in group if not math.isnan(effect.p)]
    adjusted: dict[tuple[int, str], float] = {}
    for dataset in {str(result.axes.get("dataset")) for result in evidence.search}:
        here = [pair for pair in found if str(evidence.search[pair[0]].axes.get("dataset")) == dataset]
        for (index, effect), p in zip(here, holm([effect.p for _, effect in here]) if here else [], strict=True):
            adjusted[index, effect.key] = float(p)
    rows = []
    for index, result in enumerate(evidence.search):
        row: dict[str, Any] = {axis: str(result.axes.get(axis)) for axis in _varying(evidence)}
        for effect in effects[index]:
            words = "–"
            if (index, effect.key) in adjusted:
                best = f"; best {effect.best}" if effect.best else ""
                words = f"{100 * effect.share:.0f}% (p {with_powers(format(adjusted[index, effect.key], '.2g'))}){best}"
            row[effect.key] = words
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def _notes(evidence: Evidence) -> str:
    names = {result.primary for result in evidence.search if result.primary}
    labels = " and ".join(sorted(evidence.describe(name).label for name in names)) or "none"
    return f"Primary measure: {labels}. {NOTE}"


def _markdown(evidence: Evidence, overview: pd.DataFrame, effects: pd.DataFrame) -> str:
    labels = [*_varying(evidence), "setting"]
    parts = [f"# Search: {for_markdown(evidence.title, MAX_TITLE)}", _table(overview, labels)]
    parts.append(for_markdown_text(_notes(evidence)))
    if len(effects.columns) > len(_varying(evidence)):
        parts += ["## Which parameters decide", _table(effects, labels), for_markdown_text(EFFECTS_NOTE)]
    return "\n\n".join(parts) + "\n"


def _table(frame: pd.DataFrame, labels: list[str]) -> str:
    return to_markdown(frame, labels, ["left" if column in labels else "right" for column in frame])


def _latex(evidence: Evidence, overview: pd.DataFrame, effects: pd.DataFrame, page: Page) -> str:
    suite = f"{evidence.label_prefix}{evidence.runs['suite'].iloc[0]}"
    tables = [(overview, f"{evidence.title}: search. {_notes(evidence)}", f"{suite}-search")]
    if len(effects.columns) > len(_varying(evidence)):
        tables.append((effects, f"{evidence.title}: which parameters decide. {EFFECTS_NOTE}", f"{suite}-parameters"))
    text = "\n".join(render_text(frame, _varying(evidence), caption, label, page) for frame, caption, label in tables)
    return f"{PACKAGES}{latex_preamble(text)}{text}"

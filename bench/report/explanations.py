"""What the numbers and words of all tables mean, with the thresholds of every outcome."""

from __future__ import annotations

from typing import NamedTuple

from bench.evidence.improvement import IMPROVEMENT
from bench.evidence.results import Evidence
from bench.evidence.same_translation import SAME
from bench.evidence.states import IMPROVING, State, count_unresolved
from bench.evidence.step_times import ran_alone
from bench.notation import with_powers
from bench.plan.rules import Rules

REAL_DATA = (
    "Real data: held-out real samples, scored in the same way as generated ones. They are a finite sample too, so a "
    "good generator can score slightly better by chance."
)
REAL_FOR_CLASSIFIERS = (
    " For classifiers that learn from samples, real data are training samples, as many as generated ones."
)


class Explanation(NamedTuple):
    """A heading and a text; a text of outcomes is followed by one definition each."""

    heading: str
    text: str
    definitions: tuple[tuple[str, str], ...] = ()


def note(evidence: Evidence) -> str:
    """Return what the words and numbers of all tables mean, with the thresholds of the outcomes, as one paragraph."""
    parts = []
    for each in explanations(evidence):
        definitions = "; ".join(f"{name} ({meaning})" for name, meaning in each.definitions)
        parts.append(f"{each.text} {definitions}." if definitions else each.text)
    return " ".join(parts)


def explanations(evidence: Evidence) -> list[Explanation]:
    """Return what the words and numbers of all tables mean."""
    unresolved = bool(count_unresolved(evidence.runs))
    share = "all runs that can be judged" if unresolved else "all runs"
    unless_unresolved = "; nor are cells with runs that cannot be judged" if unresolved else ""
    learned = {"cas_real", "examples_accuracy_real"} & {*evidence.runs}
    real_data = REAL_DATA + (REAL_FOR_CLASSIFIERS if learned else "")
    published = " Published: as printed in the source, not measured here." if evidence.references else ""
    return [
        Explanation(
            "Values",
            "Values: means over seeds. For measures where lower is better and all values are positive, geometric mean "
            "[95% CI, computed on log values]. For other measures with a smallest value: mean [95% CI, a score "
            "interval as Wilson's, which stays within the possible values]. "
            "For the rest: mean ± half-width of the 95% CI. No interval for a single run. Final: after the last step; "
            "best: over all evaluations of the trained generator. Runs that ended before their last step have no final "
            "value.",
        ),
        Explanation(
            "Bold",
            "Bold: the best of each column, and cells whose mean lies within its interval and is not significantly "
            "worse (one-sided Welch tests, Holm-corrected, 5%). With fewer than four values per cell an exact "
            "permutation test cannot reach 5%, so nothing is bold. Cells in which at least half of the runs failed are "
            f"not bold unless this holds for all cells{unless_unresolved}.",
        ),
        Explanation(
            "Failures",
            f"Failed: runs that are not stable, out of {share}, with Wilson's 95% interval where one is given.",
        ),
        Explanation(
            "Outcomes",
            "Outcomes: the first that applies:",
            tuple(_outcomes(evidence.rules, unresolved, has_translations(evidence)).items()),
        ),
        Explanation(
            "Reference rows",
            f"Untrained: mean at initialisation. {real_data}{published}",
        ),
        *(
            [Explanation("Speed", "Speed: generator steps per second (steps/s), median over runs.")]
            if ran_alone(evidence.runs)
            else []
        ),
    ]


def has_translations(evidence: Evidence) -> bool:
    """Return whether samples of some runs are translations, which are compared with known answers."""
    return any("answer_error" in metadata.higher_is_better for metadata in evidence.metadata.values())


def _outcomes(rules: Rules, unresolved: bool, translations: bool) -> dict[str, str]:
    """Every outcome with its rule, in the order in which they apply."""
    gap = "the gap between the untrained generator and real data"
    share = _by_measure(rules, "never_learned", ", answer error" if translations else "")
    best = f"leaves more than {share} of {gap} open, in logarithms for positive distances"
    if rules.tau is not None:
        best = "is worse than τ" + (f", or without τ, {best}" if isinstance(rules.tau, dict) else "")
    limit = with_powers(format(rules.exploding_loss, ".3g"))
    near = _percent(rules.near)
    meanings: dict[str, str] = {
        State.DIVERGED: f"a value is not finite, the primary measure exceeds {rules.exploding:g} times its value at "
        f"initialisation, or the critic loss exceeds {limit}",
        State.UNRESOLVED: "real data is not clearly better than the untrained generator, or the primary measure is "
        "NaN to the end or has no better direction, so the run cannot be judged",
        State.NEVER_LEARNED: f"the best value {best}; {IMPROVING} if the last third of the steps closed at least "
        f"{_percent(IMPROVEMENT)} of the gap",
        State.COLLAPSED: f"after the last step, modes are below {_percent(rules.collapsed_of('modes'))} of those of "
        f"real data, or if modes are not measured, recall or coverage below {_percent(rules.collapsed_of('recall'))}; "
        f"or, before never-learned, the samples are good, but the modes too few or too uneven to count as learned"
        + (f", or all sources get nearly the same translation (variety below {SAME:g})" if translations else ""),
        State.RELAPSED: f"the final value is more than {_by_measure(rules, 'relapsed')} times worse than the best; "
        f"best values within {near} of the gap from real data, or better, count as {near} away",
        State.OSCILLATING: f"values vary by more than {_by_measure(rules, 'oscillating')} over the last third",
        State.STABLE: "none of these",
    }
    return {state: meanings[state] for state in State if unresolved or state != State.UNRESOLVED}


def _by_measure(rules: Rules, threshold: str, alike: str = "") -> str:
    """Return a threshold in words, with that of the overlap, and of measures ``alike``, if it is another."""
    overlap, other = (getattr(rules.thresholds(name), threshold) for name in ("overlap", ""))
    write = str if threshold == "relapsed" else _percent
    return write(other) if overlap == other else f"{write(other)} ({write(overlap)} for overlap{alike})"


def _percent(share: float) -> str:
    return f"{100 * share:g}%"

"""What stands below a table: what was measured and how, what its words mean, and what made the records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from bench.catalogue.metrics.measures import COVERAGE_ORDER
from bench.evidence.results import Evidence, real_data_value
from bench.plan.rules import Rules

SPLITS = {"train": "training split", "test": "test split"}
TOLD = {  # in words of their own, or the same of all of ganbench's runs
    *("samples", "extractor", "extractor_sha256", "quantised", "generator_mode"),
    *("reference_split", "reference_samples", "real_split", "real_samples"),
}


def caption(evidence: Evidence, dataset: str, measures: Collection[str] | None = None) -> str:
    """What a reader must know of the values of a dataset: features, samples, splits, and what it is judged by.

    Args:
        evidence: The records.
        dataset: Its label.
        measures: Those that are shown; None: all.
    """
    each = next(m for m in evidence.metadata.values() if m.axes["dataset"] == dataset)
    protocol = each.protocol
    known = "; ".join(_protocol(protocol)) or "how it was measured is not recorded"
    parts = [f"{dataset}: {known}; suite {each.suite} version {each.version}."]
    samples, modes = protocol.get("samples"), evidence.modes(dataset)
    if "kl" in (evidence.measures(dataset) if measures is None else measures) and isinstance(samples, int) and modes:
        floor = (modes - 1) / (2 * samples)
        parts.append(f"Sampling floor of KL: (modes − 1) / (2 · samples) = {floor:.2g}.")
    name = evidence.primary(dataset)
    if name is not None:
        about, tau = evidence.describe(name), evidence.rules.tau_of(dataset)
        parts.append(f"Outcomes are judged by {about.label}" + ("." if tau is None else f", τ = {about.format(tau)}."))
        parts += _cannot_be_judged(evidence, dataset, name)
    else:
        parts.append("Without a measure of which more or less is better, only divergence can be seen.")
    parts += [
        f"{reference.source}: {reference.note}"
        for reference in evidence.references
        if reference.note and dataset in (reference.words("dataset") or (dataset,))
    ]
    return " ".join(parts)


def _protocol(protocol: Mapping[str, Any]) -> Iterable[str]:
    """What is known of how values were measured, in words."""
    if "samples" in protocol:
        yield f"{_count(protocol['samples'])} samples"
    if "extractor" in protocol:
        weights = str(protocol.get("extractor_sha256") or "").rpartition(":")[2][:12]
        named = protocol["extractor"] != "coordinates" and weights
        yield f"features: {protocol['extractor']}" + (f" ({weights})" if named else "")
    for what, label in (("reference", "reference"), ("real", "real data")):
        split, count = protocol.get(f"{what}_split"), protocol.get(f"{what}_samples")
        words = [SPLITS.get(str(split), str(split))] * (split is not None) + [_count(count)] * (count is not None)
        if words:
            yield f"{label}: {', '.join(words)}"
    for key, value in protocol.items():
        if key not in TOLD and value not in (None, "none"):
            yield f"{key.replace('_', ' ')}: {value}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _cannot_be_judged(evidence: Evidence, dataset: str, name: str) -> Iterable[str]:
    """Which outcomes no run can have, since what they are judged by was not recorded."""
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    if evidence.rules.tau_of(dataset) is None and np.isnan(evidence.untrained(here, name)):
        yield "No run is called never-learned: neither a value of the untrained generator nor τ is known."
    coverages = [each for each in COVERAGE_ORDER if each in evidence.measures(dataset)]
    if coverages and all(np.isnan(real_data_value(here, each)) for each in coverages) and not evidence.modes(dataset):
        yield f"No run is called collapsed: of real data, {' and '.join(coverages)} are not known."
    lines = evidence.traces
    taken = lines.loc[lines["run"].isin(here["run"]) & (lines["measure"] == name) & (lines["step"] > 0)]
    if (taken.groupby("run").size() <= 1).all():
        yield "Each run was evaluated once: none can be seen to relapse or to oscillate."


def note(evidence: Evidence) -> str:
    """What the words and numbers of every table mean, the rules of the outcomes with the thresholds used."""
    published = " Published: as printed in their source, not measured here." if evidence.references else ""
    return (
        "Mean ± half-width of the 95 % t interval over runs with different seeds; of a measure of which less is better "
        "and all values are positive the geometric mean [95 % t interval, of the logarithms]; no interval where there "
        "is one run. Final: after the last step; best: over all evaluations of the trained generator; a run that ended "
        "before its last step has no final value. Bold: the best of a column, and what one-sided Welch tests with "
        "Holm's correction do not show to be worse at 5 %; a cell in which half or more of the runs diverged only "
        "where all are so. Failed: how many of all runs had another outcome than converged, with Wilson's 95 % "
        f"interval; all are counted, none is dropped. {_outcomes(evidence.rules)} "
        "Untrained: the generators before the first step, mean. Real data: the test split under the same protocol, the "
        f"floor of a distance and the ceiling of a coverage.{published} steps/s: median of the generator steps per "
        "second of the runs."
    )


def _outcomes(rules: Rules) -> str:
    left = f"leaves more than {_percent(rules.never_learned)} of the way from the untrained generator to real data"
    if rules.tau is not None:
        left = "is worse than τ" + (f", where that is not given {left}" if isinstance(rules.tau, dict) else "")
    return (
        "Outcomes, the first that applies: "
        f"diverged (a value not finite, the judging measure over {rules.exploding:g} times that of the untrained "
        f"generator, or a critic loss over {rules.exploding_loss:.3g}), "
        f"never-learned (the best {left}), "
        f"collapsed (after the last step under {_percent(rules.collapsed)} of the modes, else recall, else coverage, "
        "of real data), "
        f"relapsed (the last over {rules.relapsed:g} times worse than the best, which counts as no nearer to real data "
        f"than {_percent(rules.near)} of the way), "
        f"oscillating (varies by more than {_percent(rules.oscillating)} over the last third), converged."
    )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def provenance(evidence: Evidence) -> str:
    """What made the records: versions, machine, date; every value that occurs."""
    everyone = evidence.metadata.values()
    own = [each.environment.model_dump() for each in everyone if each.origin is None]
    foreign = [{**each.environment.model_dump(), **each.origin} for each in everyone if each.origin is not None]
    parts = []
    if own:
        commit = f" (commit {_all_of(own, 'commit', 10)})" if _all_of(own, "commit") else ""
        parts.append(
            f"Made by ganbench {_all_of(own, 'ganbench')}{commit} with torch {_all_of(own, 'torch')} on "
            f"{_all_of(own, 'device_name')} ({_all_of(own, 'device')}), threads a run: {_all_of(own, 'threads')}, "
            f"workers: {_all_of(own, 'workers')}, {_all_of(own, 'date')}. "
            f"Timings are of runs beside each other on a machine that may have had more to do."
        )
    if foreign:
        keys = {"table": "from", "script": "by", "commit": "commit", "torch": "torch"}
        told = [f"{word} {_all_of(foreign, key)}" for key, word in keys.items() if _all_of(foreign, key)]
        how = f"Trained by other code, recorded with ganbench {_all_of(foreign, 'ganbench')}"
        parts.append(f"{', '.join([how, *told, _all_of(foreign, 'date')])}.")
    return " ".join(parts)


def _all_of(tables: list[dict[str, Any]], key: str, length: int = 40) -> str:
    return " and ".join(sorted({str(each[key])[:length] for each in tables if each.get(key) is not None}))

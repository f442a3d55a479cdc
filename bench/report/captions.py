"""What stands below a table: what was measured and how, what its words mean, and what made the records."""

from __future__ import annotations

from bench.primary import told
from bench.report.evidence import Evidence
from bench.rules import Rules


def caption(evidence: Evidence, dataset: str) -> str:
    """What a reader must know of the values of a dataset: features, samples, splits, and what it is judged by."""
    each = next(m for m in evidence.metadata.values() if m["axes"]["dataset"] == dataset)
    protocol, version = each["protocol"], f"{each['suite']} version {each['version']}"
    extractor = protocol["extractor"]
    known = "" if extractor == "coordinates" else f" ({protocol['extractor_sha256'].rpartition(':')[2][:12]})"
    parts = [
        f"{dataset}: {protocol['samples']:,} samples; features: {extractor}{known}; reference: training split, "
        f"{protocol['reference_samples']:,}; real data: test split, {protocol['real_samples']:,}; suite {version}."
    ]
    if "kl" in evidence.measures(dataset):
        floor = (evidence.modes(dataset) - 1) / (2 * protocol["samples"])
        parts.append(f"Sampling floor of KL: (modes − 1) / (2 · samples) = {floor:.2g}.")
    name = evidence.primary(dataset)
    if name is not None:
        about, tau = evidence.about(name), evidence.rules.tau_of(dataset)
        parts.append(f"Outcomes are judged by {about.label}" + ("." if tau is None else f", τ = {told(about, tau)}."))
    parts += [
        f"{reference.source}: {reference.note}"
        for reference in evidence.references
        if reference.note and dataset in (reference.words("dataset") or (dataset,))
    ]
    return " ".join(parts)


def note(evidence: Evidence) -> str:
    """What the words and numbers of every table mean, the rules of the outcomes with the thresholds used."""
    published = " Published: as printed in their source, not measured here." if evidence.references else ""
    return (
        "Mean ± half-width of the 95 % t interval over runs with different seeds; without ± where there is one run. "
        "Final: after the last step; best: over all evaluations of the trained generator; a run that ended before its "
        "last step has no final value. n: runs; all are counted, none is dropped. Converged: how many of n, with "
        f"Wilson's 95 % interval of the rate. {_outcomes(evidence.rules)} "
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
    environments = [each["environment"] for each in evidence.metadata.values()]

    def all_of(key: str, length: int = 40) -> str:
        return " and ".join(sorted({str(each[key])[:length] for each in environments}))

    commit = "" if all_of("commit") == "None" else f" (commit {all_of('commit', 10)})"
    return (
        f"Made by ganbench {all_of('ganbench')}{commit} with torch {all_of('torch')} on {all_of('device_name')} "
        f"({all_of('device')}), threads a run: {all_of('threads')}, workers: {all_of('workers')}, {all_of('date')}. "
        f"Timings are of runs beside each other on a machine that may have had more to do."
    )

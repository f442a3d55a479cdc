"""Captions of tables: the evaluation protocol, the meaning of the columns, and the provenance of the records."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from bench.catalogue.extractors.sample_kinds import samples_of
from bench.catalogue.extractors.sample_sizes import describe_bias
from bench.catalogue.metrics.measures import coverage_order, plain_name
from bench.escaping import as_label
from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import is_unresolved
from bench.evidence.step_times import ran_alone
from bench.evidence.suite_rules import versions_of
from bench.notation import with_powers
from bench.records.schema import Metadata

SPLITS = {"train": "training split", "test": "test split"}
DESCRIBED_SEPARATELY = {  # worded below, or the same for all of ganbench's runs
    *("samples", "extractor", "extractor_sha256", "quantised", "generator_mode"),
    *("reference_split", "reference_samples", "real_split", "real_samples"),
}


def caption(evidence: Evidence, dataset: str, measures: Collection[str] | None = None) -> str:
    """Return the evaluation protocol of a dataset: features, samples, splits and the primary measure.

    Args:
        evidence: The records.
        dataset: Its label.
        measures: The measures shown; None means all.
    """
    runs = evidence.runs_of(dataset)
    all_metadata = [evidence.metadata[run] for run in runs["run"]]
    metadata, protocol = all_metadata[0], _merged(each.protocol for each in all_metadata)
    details = "; ".join(_describe_protocol(protocol)) or "evaluation protocol not recorded"
    parts = [f"{as_label(dataset)}: {details}; suite {metadata.suite}, {versions_of(runs)}."]
    samples, modes = protocol.get("samples"), evidence.modes(dataset)
    if "kl" in (evidence.measures(dataset) if measures is None else measures) and isinstance(samples, int) and modes:
        floor = (modes - 1) / (2 * samples)
        parts.append(f"Sampling floor of KL: (modes − 1) / (2 · samples) = {with_powers(format(floor, '.2g'))}.")
    shown = evidence.measures(dataset) if measures is None else measures
    parts += filter(None, [_describe_bias(evidence, dataset, metadata, shown)])
    name = evidence.primary(dataset)
    if name is not None:
        about, tau = evidence.describe(name), evidence.rules.tau_of(dataset)
        parts.append(f"Runs are classified by {about.label}" + ("." if tau is None else f", τ = {about.format(tau)}."))
        parts += _unresolved_runs(evidence, dataset)
        parts += _unassigned_outcomes(evidence, dataset, name)
    else:
        parts.append("For no measure is higher or lower known to be better, so only divergence can be detected.")
    parts += [
        f"{reference.source}: {reference.note}"
        for reference in evidence.references
        if reference.note and dataset in (reference.words("dataset") or (dataset,))
    ]
    return " ".join(parts)


def _describe_bias(evidence: Evidence, dataset: str, metadata: Metadata, measures: Collection[str]) -> str:
    """Return a sentence if Fréchet distances were computed from too few samples; empty if not."""
    labels = [
        evidence.describe(name).label for name in ("fd", "fid", "spectral_fd") if name in map(plain_name, measures)
    ]
    protocol = metadata.protocol
    counts = {
        "generated samples": protocol.get("samples"),
        "samples of real data": protocol.get("real_samples"),
        "reference samples": protocol.get("reference_samples"),
    }
    return describe_bias(" and ".join(labels), protocol.get("extractor"), metadata.data.shape, counts) if labels else ""


def _unresolved_runs(evidence: Evidence, dataset: str) -> Iterable[str]:
    """Yield how many runs cannot be judged, by the kind of reason, with the reason of the first of each kind."""
    runs = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    kinds: dict[str, list[str]] = {}
    for reason in runs.loc[is_unresolved(runs), "outcome_reason"]:
        kinds.setdefault(re.sub(r"[−\d.,e+-]+", "", reason), []).append(reason.removeprefix("cannot be judged: "))
    for reasons in kinds.values():
        example = "" if len(set(reasons)) == 1 else "for example, "
        yield f"{len(reasons)} of {len(runs)} runs cannot be judged (unresolved): {example}{as_label(reasons[0], 200)}."


def _merged(protocols: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the cells of a dataset share; what is only of some of them, as a sampler, says so."""
    protocols = list(protocols)
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for protocol in protocols for key in protocol):
        first, *others = [protocol.get(key) for protocol in protocols]
        different = [first, *(value for value in others if value != first)]
        stated = dict.fromkeys(str(value) for value in different if value is not None)
        merged[key] = first if len(different) == 1 else f"{' or '.join(stated)} (of some cells)"
    return merged


def _describe_protocol(protocol: Mapping[str, Any]) -> Iterable[str]:
    if "samples" in protocol:
        yield f"{_count(protocol['samples'])} samples"
    if "extractor" in protocol:
        weights = str(protocol.get("extractor_sha256") or "").rpartition(":")[2][:12]
        has_weights = samples_of(str(protocol["extractor"])) == "images" and weights
        yield f"features: {as_label(protocol['extractor'])}" + (f" ({weights})" if has_weights else "")
    for role, label in (("reference", "reference"), ("real", "real data")):
        split, count = protocol.get(f"{role}_split"), protocol.get(f"{role}_samples")
        words = [SPLITS.get(str(split), str(split))] * (split is not None)
        words += [f"{_count(count)} samples"] * (count is not None)
        if words:
            yield f"{label}: {', '.join(words)}"
    for key, value in protocol.items():
        if key not in DESCRIBED_SEPARATELY and value not in (None, "none"):
            yield f"{as_label(key.replace('_', ' '))}: {as_label(value)}"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else as_label(value)


def _unassigned_outcomes(evidence: Evidence, dataset: str, name: str) -> Iterable[str]:
    """Yield the outcomes that no run can have because the values behind them were not recorded."""
    runs = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    if evidence.rules.tau_of(dataset) is None and np.isnan(evidence.untrained(runs, name)):
        yield "No run can be never-learned: neither the value at initialisation nor τ is known."
    coverages = [coverage for coverage in coverage_order(evidence.directions) if coverage in evidence.measures(dataset)]
    unknown = all(np.isnan(real_data_value(runs, coverage)) for coverage in coverages)
    if coverages and unknown and not evidence.modes(dataset):
        yield f"No run can be collapsed: {' and '.join(coverages)} of real data are unknown."
    traces = evidence.traces
    trained = traces.loc[traces["run"].isin(runs["run"]) & (traces["measure"] == name) & (traces["step"] > 0)]
    if (trained.groupby("run").size() <= 1).all():
        yield "No run can be relapsed or oscillating: each was evaluated only once."


def provenance(evidence: Evidence) -> str:
    """Return the versions, machines and dates of the records, with every value that occurs."""
    records = evidence.metadata.values()
    own = [record.environment.model_dump() for record in records if record.origin is None]
    foreign = [{**record.environment.model_dump(), **record.origin} for record in records if record.origin is not None]
    parts = []
    if own:
        commit = f" (commit {_join_values(own, 'commit', 10)})" if _join_values(own, "commit") else ""
        parts.append(
            f"Recorded with ganbench {_join_values(own, 'ganbench')}{commit} and torch {_join_values(own, 'torch')} on "
            f"{_join_values(own, 'device_name')} ({_join_values(own, 'device')}); threads per run: "
            f"{_join_values(own, 'threads')}; workers: {_join_values(own, 'workers')}; {_join_values(own, 'date')}."
        )
        if not ran_alone(evidence.runs):
            parts.append("Timings were taken with runs in parallel and possibly other load.")
    if foreign:
        labels = {"table": "from", "script": "by", "commit": "commit", "torch": "torch"}
        origins = [
            f"{label} {_join_values(foreign, key)}" for key, label in labels.items() if _join_values(foreign, key)
        ]
        recorded = f"Trained by other code, recorded with ganbench {_join_values(foreign, 'ganbench')}"
        parts.append(f"{', '.join([recorded, *origins, _join_values(foreign, 'date')])}.")
    return " ".join(parts)


def _join_values(tables: list[dict[str, Any]], key: str, max_length: int = 40) -> str:
    values = {str(table[key])[:max_length] for table in tables if table.get(key) is not None}
    return " and ".join(sorted(values))

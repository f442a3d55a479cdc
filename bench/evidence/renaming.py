"""Names chosen for a report: of labels, of axes and of measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.catalogue import suggestion
from bench.errors import ResultsError
from bench.escaping import quote
from bench.evidence.results import Evidence
from bench.plan.identity import check_label
from bench.plan.published import PublishedResult
from bench.plan.rules import Rules

Labels = dict[str, dict[str, str]]  # axis → label → its new name


def renamed(evidence: Evidence, chosen: Sequence[str]) -> Evidence:
    """Return the evidence with other names.

    Args:
        evidence: The records.
        chosen: Each is ``NAME=TEXT``, where the name is a label, an axis or a measure. ``AXIS.LABEL=TEXT`` is for a
            label that several axes have.

    Raises:
        ResultsError: There is no such name, a label is on several axes, or two labels of an axis would be the same.
    """
    if not chosen:
        return evidence
    labels, names = _choices(evidence, chosen)
    for axis, new in labels.items():
        _check_distinct(evidence, axis, new)
    runs = evidence.runs.assign(**{axis: [_name(new, v) for v in evidence.runs[axis]] for axis, new in labels.items()})
    records = {
        run: record._replace(metadata=record.metadata.model_copy(update={"axes": _axes(record.metadata.axes, labels)}))
        for run, record in evidence.records.items()
    }
    return replace(
        evidence,
        runs=runs,
        records=records,
        rules=_rules(evidence.rules, labels.get("dataset", {})),
        references=tuple(_reference(reference, labels) for reference in evidence.references),
        search=tuple(replace(result, axes=_axes(result.axes, labels)) for result in evidence.search),
        names={**evidence.names, **names},
    )


def _choices(evidence: Evidence, chosen: Sequence[str]) -> tuple[Labels, dict[str, str]]:
    """The new names of labels, and those of axes and of measures."""
    axes = ["dataset", *evidence.axes]
    on_axis = {axis: list(dict.fromkeys(map(str, evidence.runs[axis]))) for axis in axes}
    measures = dict.fromkeys(name for dataset in evidence.datasets() for name in evidence.measures(dataset))
    known = {f"{axis}.{label}": [(axis, label)] for axis in axes for label in on_axis[axis]}
    for axis in axes:
        for label in on_axis[axis]:
            known.setdefault(label, []).append((axis, label))
    for name in (*axes, *measures):
        known.setdefault(name, []).append(("", name))
    labels: Labels = {}
    names: dict[str, str] = {}
    for text in chosen:
        name, new = _split(text, known)
        check_label(new, f"--label {name}")
        places = known[name]
        if len(places) > 1:
            several = " or ".join(f"{axis}.{label}" if axis else label for axis, label in places)
            raise ResultsError(f"--label: {quote(name)} has several meanings; write {several}")
        axis, label = places[0]
        (labels.setdefault(axis, {}) if axis else names)[label] = new
    return labels, names


def _split(text: str, known: Mapping[str, Any]) -> tuple[str, str]:
    """The name and the new one; either may hold "=" itself."""
    ends = [index for index, letter in enumerate(text) if letter == "="]
    if not ends or not text[ends[-1] + 1 :].strip():
        raise ResultsError(f"--label: expected NAME=TEXT, not {quote(text)}")
    for end in reversed(ends):
        if text[:end].strip() in known:
            return text[:end].strip(), text[end + 1 :].strip()
    name = text[: ends[0]].strip()
    raise ResultsError(f"--label: these records have no label, axis or measure {quote(name)}{suggestion(name, known)}")


def _check_distinct(evidence: Evidence, axis: str, new: Mapping[str, str]) -> None:
    first: dict[str, str] = {}
    for label in dict.fromkeys(map(str, evidence.runs[axis])):
        twin = first.setdefault(new.get(label, label), label)
        if twin != label:
            raise ResultsError(
                f"--label: {quote(twin)} and {quote(label)} on axis {axis} would both be {quote(new.get(label, label))}"
            )


def _name(new: Mapping[str, str], value: Any) -> Any:
    return new.get(str(value), value)


def _axes(axes: Mapping[str, Any], labels: Labels) -> dict[str, Any]:
    return {axis: _name(labels.get(axis, {}), value) for axis, value in axes.items()}


def _rules(rules: Rules, datasets: Mapping[str, str]) -> Rules:
    tables = {key: getattr(rules, key) for key in ("tau", "reach") if isinstance(getattr(rules, key), dict)}
    return rules.model_copy(
        update={key: {_name(datasets, name): value for name, value in table.items()} for key, table in tables.items()}
    )


def _reference(reference: PublishedResult, labels: Labels) -> PublishedResult:
    when = {
        axis: [_name(labels.get(axis, {}), word) for word in wanted] if isinstance(wanted, list)
        else _name(labels.get(axis, {}), wanted)
        for axis, wanted in reference.when.items()
    }  # fmt: skip
    return reference.model_copy(update={"when": when})

"""The rules that apply to the results of a suite: those of its file, or of its latest records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from bench.errors import ResultsError
from bench.plan.published import PublishedResult
from bench.plan.rules import GateOptions, Rules, chosen_rules
from bench.plan.specification import validated
from bench.plan.suite import Suite, load_suite, suite_files
from bench.records.schema import Metadata


class SuiteRules(NamedTuple):
    """The parts of a suite that apply to its results: outcome thresholds, published results and gate options."""

    rules: Rules
    references: tuple[PublishedResult, ...]
    gate: GateOptions


def suite_rules(name: str, metadata: Iterable[Metadata], suite: Suite | None = None) -> SuiteRules:
    """Return the rules that apply to the results of a suite.

    They come from the first of these that exists: ``suite``; the current file of the packaged suite of this name; the
    latest records; the defaults.

    Args:
        name: The suite's name.
        metadata: Metadata of its records.
        suite: The suite whose rules are to be used.

    Raises:
        SuiteError: The packaged suite, or the section in the record, is invalid.
        ResultsError: Records of the newest version and the last day have different rules.
    """
    if suite is None and name in suite_files():
        suite = load_suite(name)
    if suite is not None:
        return SuiteRules(suite.outcome, suite.reference, suite.compare)
    metadata = list(metadata)
    recorded = {name: given for each in metadata for name, given in each.directions.items()}
    where = f"records of {name}"
    if not metadata:
        return SuiteRules(Rules(), (), GateOptions())
    latest = latest_records(metadata)
    different = {repr(each.rules): each.rules for each in latest}  # thousands of records have few
    rules = [validated(Rules, chosen_rules(each), where, recorded) for each in different.values()]
    for other in rules:
        if other != rules[0]:
            key = next(key for key in Rules.model_fields if getattr(other, key) != getattr(rules[0], key))
            both = " and ".join(f"{getattr(each, key)!r}" for each in (rules[0], other))
            day = latest[0].environment.date or "an unknown day"
            reason = f"those of {day} have different thresholds ({key}: {both})"
            raise ResultsError(f"{where}: {reason}; choose with --suite FILE (suite=... in Python)")
    whole = max(latest, key=lambda record: (bool(record.references), bool(record.gate), record.run))
    return SuiteRules(
        rules[0],
        tuple(validated(PublishedResult, reference, where, recorded) for reference in whole.references),
        validated(GateOptions, dict(whole.gate), where),
    )


def versions_of(runs: pd.DataFrame) -> str:
    """Return the version of the suite that runs are of, or all of them, the newest first: ``versions 3 and 2``."""
    found = sorted(runs["version"].unique(), reverse=True)
    return f"version{'s'[: len(found) > 1]} {' and '.join(map(str, found))}"


def latest_records(metadata: Iterable[Metadata]) -> list[Metadata]:
    """Return the records of the newest version of their suite that were made on its last day."""

    def time(record: Metadata) -> tuple[int, str]:
        return record.version, record.environment.date or ""

    metadata = list(metadata)
    last = max(map(time, metadata))
    return [record for record in metadata if time(record) == last]

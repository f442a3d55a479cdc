"""The packages whose entries a run uses, with their code: what decides its numbers besides its specification."""

from __future__ import annotations

from bench.catalogue import is_added
from bench.catalogue.package_code import code_of_entries
from bench.plan.grouping import added_code
from bench.plan.runs import Run


def packages_of(run: Run) -> dict[str, str]:
    """Return the packages that a run uses besides ganbench: name → version and hash of the files."""
    others = [("dataset", run.training.dataset.name), *(("metric", each.name) for each in run.evaluation.metrics)]
    return code_of_entries([*added_code(run.training), *(each for each in others if is_added(*each))])

"""How many seeds a suite needs as a gate, on the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from bench.command.terminal import Terminal
from bench.errors import SuiteError
from bench.escaping import as_label
from bench.evidence.gate.cell_tests import count_of
from bench.evidence.gate.compare import RECORDED
from bench.evidence.gate.planning import CellPlan, fewest_seeds, plan_gate
from bench.evidence.results import read_evidence
from bench.plan.runs import Run
from bench.plan.suite import Suite, suite_files
from bench.records.listing import record_paths


def show_gate_plan(suite: Suite, runs: list[Run], folder: Path) -> None:
    """Print what each cell can show as part of a gate, and the number of seeds to run.

    Args:
        suite: The suite.
        runs: Its runs.
        folder: The results folder; if it has no records, those of a checkout of ganbench are read.

    Raises:
        SuiteError: The suite has a search, whose cells are not compared.
    """
    if suite.search:
        raise SuiteError(f"{suite.where}: --for-gate: a suite with [search] is no gate, because its cells change")
    cells = {run.cell: str(run).rpartition(" · ")[0] for run in runs}
    seeds = len({run.seed for run in runs})
    read = next((each for each in (folder, RECORDED / suite.name) if each.is_dir() and record_paths(each)), None)
    evidence = None if read is None else read_evidence(read, suite=suite)
    plans = plan_gate(evidence, list(cells.items()), suite.compare, seeds)
    console, table = Terminal(), Table(box=None, title=f"{escape(suite.name)} as a gate", title_justify="left")
    for heading in ("cell", "failed", "seeds", f"finds with {count_of(seeds, 'seed')}"):
        table.add_column(heading.replace("finds ", "finds\n"), justify="left" if heading == "cell" else "right")
    for plan in plans:
        failed = f"{plan.failed}/{plan.recorded}" if plan.recorded else "–"
        needed = "cannot gate" if plan.weak else f"{plan.seeds:,}" if plan.seeds else "–"
        table.add_row(escape(as_label(plan.name)), failed, needed, "–" if plan.weak else plan.finds)
    console.print(table)
    console.print()
    for line in _conclusions(suite, plans, seeds, read):
        console.print(line, highlight=False, markup=False, soft_wrap=True)  # commands can be copied


def _conclusions(suite: Suite, plans: Sequence[CellPlan], seeds: int, read: Path | None) -> list[str]:
    gate = suite.compare
    fewest = fewest_seeds(len(plans), gate)
    weak = [plan for plan in plans if plan.weak]
    known = [plan for plan in plans if plan.seeds and not plan.weak]
    unknown = [plan for plan in plans if not plan.seeds and not plan.weak]
    lines = []
    if read:
        lines.append(
            f"From the runs in {read}. Seeds: runs per side with which a candidate equal to the baseline is OK with "
            f"80% power. Finds: the smallest regression that is REGRESSED with 80% power, if all cells are compared "
            f"(pts: percentage points more failures)."
        )
    if weak:
        lines.append(
            f"Most runs fail in {_part(len(weak), len(plans))}. A regression cannot show there: leave such cells out, "
            f"or train them longer."
        )
    if unknown:
        lines.append(
            f"Too few runs are recorded to tell in {_part(len(unknown), len(plans))}: run the suite with {fewest} "
            f"seeds first."
        )
    if len(weak) == len(plans):
        return [*lines, "No number of seeds makes this suite a gate."]
    needed = max([fewest, *(plan.seeds or 0 for plan in known)])
    lines.append(
        f"Proposed: ganbench run {_argument(suite)} --seeds {needed}, for the baseline and for every candidate."
    )
    dearest = max(known, key=lambda plan: plan.seeds or 0, default=None)
    rest = max([fewest, *(plan.seeds or 0 for plan in known if plan is not dearest)])
    if dearest is not None and len(known) > 1 and 2 * rest <= needed:
        lines.append(f"Without {dearest.name}, {rest} seeds are enough.")
    return lines


def _argument(suite: Suite) -> str:
    """Return how a command names the suite: by its file, unless it is one of ganbench's own."""
    packaged = suite_files().get(suite.name)
    named = packaged is not None and suite.where == as_label(packaged)
    return suite.name if named else shlex.quote(suite.where)


def _part(count: int, cells: int) -> str:
    if count == cells:
        return "every cell"
    return f"{count} of {cells} cells"

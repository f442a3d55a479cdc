"""What a comparison of a candidate with a baseline found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.evidence.gate.decision import CellVerdict, Verdict, overall_verdict
from bench.plan.rules import GateOptions


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A comparison of a candidate with a baseline.

    Attributes:
        baseline: The baseline's results folder.
        candidate: The candidate's results folder.
        suite: Name and version of the suite.
        gate: Level and tolerances.
        cells: The verdict on every cell of the baseline, in the order of the matrix; and on the failures of all cells
            together if it is REGRESSED.
        axes: The axes with several values.
        new: Cells that only the candidate has, which are not compared.
        gone: Cells that only the baseline has, if these are accepted; they are not compared either.
        differences: Differences of specification that were allowed, one sentence each.
        protocol: What was compared and how it was measured, in words.
        unchecked: What could not be checked because records do not say it, in one line; "" if nothing.
        unit: What is repeated: seeds, or rounds of timing.
        defaults: Changed defaults of options of plug-ins, one sentence each.
        same_code: Packages whose code, like that of ganbench, is the same on both sides, in words; "" if code differs,
            or if records do not say.
    """

    baseline: Path
    candidate: Path
    suite: str
    gate: GateOptions
    cells: list[CellVerdict]
    axes: list[str]
    new: list[str]
    protocol: str
    unchecked: str = ""
    gone: Sequence[str] = ()
    differences: Sequence[str] = ()
    unit: str = "seeds"
    defaults: Sequence[str] = ()
    same_code: str = ""

    @property
    def verdict(self) -> Verdict:
        """The overall verdict: REGRESSED if any cell is, OK if all are, otherwise INCONCLUSIVE."""
        return overall_verdict(cell.verdict for cell in self.cells)

    @property
    def seeds(self) -> int | None:
        """Seeds per side that would be needed to decide every cell; None if all are decided or this is unknown."""
        needed = [cell.seeds for cell in self.undecided]
        return max((seeds for seeds in needed if seeds), default=None) if all(needed) else None

    @property
    def undecided(self) -> list[CellVerdict]:
        """The INCONCLUSIVE cells."""
        return [cell for cell in self.cells if cell.verdict == Verdict.INCONCLUSIVE]

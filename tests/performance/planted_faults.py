"""Plant faults in the training code and see which of them the gate finds on the suite gate, and at what cost.

``nice python tests/performance/planted_faults.py FOLDER [FAULT ...]`` trains the clean code and each fault (all, or
those given), and prints the table of docs/gate.md. Records stay in FOLDER, so a second call trains only what is
missing. Seeds of clean code and faults are the same, as in a comparison of two commits.
"""

from __future__ import annotations

import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from tabulate import tabulate

from bench.catalogue import _known
from bench.catalogue.architectures import mlp
from bench.evidence.gate.compare import compare
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import Verdict
from bench.plan.runs import plan_runs
from bench.plan.suite import parse_suite
from bench.running import RunOptions, train_runs

SEEDS = (3, 5, 10)
PACK = 10
SUITE = Path(__file__).parents[2] / "suites" / "gate.toml"


@contextmanager
def replaced(kind: str, change: Callable[[Any], Any]) -> Iterator[None]:
    """Replace every entry of the catalogue where ``find`` looks them up, also if they were used before."""
    known = _known(kind)
    with patch.dict(known, {name: change(entry) for name, entry in known.items()}):
        yield


@contextmanager
def scaled_penalties(factor: float) -> Iterator[None]:
    """Multiply every penalty of the critic by a factor: −1 has the wrong sign, 0 drops the term."""

    def scaled(term: Callable[..., torch.Tensor], *arguments: Any) -> torch.Tensor:
        return factor * term(*arguments)

    with replaced("penalty", lambda entry: entry._replace(term=partial(scaled, entry.term)) if entry.term else entry):
        yield


@contextmanager
def scaled_initialisation(factor: float) -> Iterator[None]:
    """Multiply the initial weights of both networks by a factor."""

    def scaled(build: Callable[..., torch.nn.Module], *arguments: Any) -> torch.nn.Module:
        network = build(*arguments)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(factor)
        return network

    with (
        patch.object(mlp, "generator", partial(scaled, mlp.generator)),
        patch.object(mlp, "critic", partial(scaled, mlp.critic)),
    ):
        yield


@contextmanager
def without_generated_samples() -> Iterator[None]:
    """Drop the generated samples from the critic's loss: their logits have no gradient."""

    def one_sided(
        critic: Callable[..., torch.Tensor], real: torch.Tensor, fake: torch.Tensor, **options: Any
    ) -> torch.Tensor:
        return critic(real, fake.detach(), **options)

    with replaced("loss", lambda entry: entry._replace(critic=partial(one_sided, entry.critic))):
        yield


CLEAN_BETA = "betas = [0.5, "
BETA_KEYS = ("optimizer.betas", "critic_optimizer.betas")  # a fault that is also a difference of specification
FAULTS: dict[str, tuple[Callable[[], AbstractContextManager[None]], str]] = {  # the context to train in, and β₁
    "wrong sign of the penalty": (lambda: scaled_penalties(-1.0), CLEAN_BETA),
    "β₁ 0.9 instead of 0.5": (nullcontext, "betas = [0.9, "),
    "initial weights × 3": (lambda: scaled_initialisation(3.0), CLEAN_BETA),
    "penalty dropped": (lambda: scaled_penalties(0.0), CLEAN_BETA),
    "generated samples dropped from the critic's loss": (without_generated_samples, CLEAN_BETA),
}


def train(folder: Path, beta: str, seeds: int, steps: int | None) -> float:
    """Train the suite in this process; return the CPU seconds that this took."""
    text = SUITE.read_text()
    if CLEAN_BETA not in text:
        raise SystemExit(f"{SUITE} has no {CLEAN_BETA!r}")
    suite = parse_suite(tomllib.loads(text.replace(CLEAN_BETA, beta)), str(SUITE))
    runs = plan_runs(suite, seeds=seeds, settings={"steps": steps} if steps else None)
    started = time.process_time()
    summary = train_runs(runs, folder, RunOptions(device="cpu", workers=0, pack=PACK))
    if summary.missing:
        raise SystemExit(f"{summary.missing} runs have no record in {folder}: {summary.failed}")
    return time.process_time() - started


def describe(comparison: Comparison) -> str:
    """Return the verdict, with the number of cells that are REGRESSED and what regressed in them."""
    cells = [cell for cell in comparison.cells if not cell.pooled]
    regressed = [cell for cell in comparison.cells if cell.verdict == Verdict.REGRESSED]
    if not regressed:
        return f"no ({comparison.verdict})"
    families = {
        finding.test.family for cell in regressed for finding in cell.findings if finding.verdict == Verdict.REGRESSED
    }
    alone = sum(not cell.pooled for cell in regressed)
    return f"**yes** ({alone} of {len(cells)} cells; {' and '.join(sorted(families))})"


def measure(
    folder: Path, faults: Sequence[str] = tuple(FAULTS), seeds: Sequence[int] = SEEDS, steps: int | None = None
) -> list[list[str]]:
    """Train clean code and faults; return one row per fault: its name, the verdict at each number of seeds, CPU time."""
    torch.set_num_threads(1)
    clean = train(folder / "clean", CLEAN_BETA, max(seeds), steps)
    print(f"clean: {clean:.0f} CPU seconds", file=sys.stderr)
    rows = []
    for name in faults:
        plant, beta = FAULTS[name]
        candidate = folder / name.replace(" ", "-")
        with plant():
            seconds = train(candidate, beta, max(seeds), steps)
        found = [compare(folder / "clean", candidate, seeds=(range(n), range(n)), allow=BETA_KEYS) for n in seeds]
        if all(finding.test.identical for cell in found[-1].cells for finding in cell.findings):
            raise SystemExit(
                f"{name}: the runs in {candidate} are those of the clean code, so the fault was not planted"
            )
        rows.append([name, *map(describe, found), f"{seconds:.0f} s" if seconds > 1 else "recorded"])
        print(" | ".join(rows[-1]), file=sys.stderr)
    return rows


if __name__ == "__main__":
    headings = ["fault", *(f"{n} seeds" for n in SEEDS), "CPU time of the candidate"]
    print(tabulate(measure(Path(sys.argv[1]), sys.argv[2:] or tuple(FAULTS)), headings, tablefmt="github"))

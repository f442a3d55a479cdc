"""Measures every claim of speed beside its counterpart and writes docs/performance.md: twenty minutes, nothing beside it.

``python tests/performance/ledger.py [PART ...]``: all parts, or some; the sections of others stay as they are.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch
from counterparts import convolutions, evaluation, growth, many_runs
from tabulate import tabulate

from bench.compute import environment

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
INTRODUCTION = """# How fast, and against what

Ratios are of two things measured in turn in one run, medians of several rounds; loops of training run in processes of
their own, so that neither gains from what the other sets. The counterparts are the loop that most people write ([training.py](../tests/performance/counterparts/training.py)) and
`torch_fidelity.calculate_metrics` ([evaluation.py](../tests/performance/counterparts/evaluation.py)). This document is
written by one command, on a machine that does nothing else:

```bash
python tests/performance/ledger.py
```
"""


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows as Markdown."""
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def of_many_runs() -> str:
    """Packs on workers against the plain loop."""
    rows = []
    for what, runs in (
        ("`ring`: 4 losses × 16 seeds", many_runs.ring_runs()),
        ("the same without WGAN-GP: 3 × 16", many_runs.ring_runs(losses=["minimax", "non-saturating", "hinge"])),
        ("WGAN-GP alone: 16 seeds", many_runs.ring_runs(losses=["wgan-gp"])),
    ):
        found = many_runs.measure(what, runs)
        packs = " + ".join(map(str, found.packs))
        plain = [f"{1000 * each:.0f}" for each in found.plain.values()]
        ratios = [f"**{each / found.ours:.2f}**" for each in found.plain.values()]
        rows.append([what, packs, f"{1000 * found.ours:.0f}", *plain, *ratios])
    return (
        "## Many runs of points\n\nThe suite `ring` (MLP 128×3, batch 128; WGAN-GP with five critic steps), evaluation "
        "off: milliseconds for one step of all runs, as packs on two workers of one thread each, and by the plain loop "
        "one run after another, on one thread and on two (torch's default here).\n\n"
        + table(["runs", "packs", "ganbench", "loop, 1 thread", "loop, 2 threads", "ratio to 1", "ratio to 2"], rows)
    )


def of_convolutions() -> str:
    """A step of images against the plain loop and the machine's convolutions."""
    rows = []
    for count in (1, 2):
        for architecture, width in convolutions.CASES:
            found = convolutions.measure(architecture, width, count)
            rows.append(
                [
                    f"{architecture}, width {width}",
                    count,
                    f"{1000 * found.plain:.0f}",
                    f"{1000 * found.ours:.0f}",
                    f"**{found.plain / found.ours:.2f}**",
                    f"{found.flops / 1e9:.1f}",
                    f"{found.flops / found.ours / 1e9:.0f}",
                    f"{found.rate / 1e9:.0f}",
                    f"**{100 * found.share:.0f} %**",
                ]
            )
    return (
        "## A step of images\n\nOne critic and one generator step at 3×32×32, batch 64, non-saturating, Adam. FLOPs are "
        "those that `torch.utils.flop_counter` counts in our step; the limit is the fastest of the networks' own "
        "convolutions, forward, measured beside it.\n\n"
        + table(
            ["networks", "threads", "loop, ms", "ganbench, ms", "ratio", "GFLOP", "GFLOP/s", "limit", "of the limit"],
            rows,
        )
    )


def of_evaluation() -> str:
    """One evaluation against torch-fidelity's."""
    rows = [
        [each.claim, f"{1000 * each.theirs:.0f}", f"{1000 * each.ours:.0f}", f"**{each.theirs / each.ours:.1f}**",
         f"{each.agreement:.0e}"]
        for each in evaluation.measure()
    ]  # fmt: skip
    return "## An evaluation\n\nMilliseconds, and how far both values are apart, relative to theirs.\n\n" + table(
        ["what", "torch-fidelity", "ganbench", "ratio", "apart"], rows
    )


def of_start() -> str:
    """How soon the command answers."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        results = Path(place)
        recorded = DOCUMENT.parents[1] / "results" / "quick" / "records"
        subprocess.run(["cp", "-r", recorded.parent, results / "quick"], check=True)
        complete = f"run quick --results {place}"
        answer(complete)  # writes the report
        for words in ("--help", "plan quick", "plan techniques", complete):
            times = sorted(answer(words) for _ in range(7))
            told = words.replace(place, "…") + (" (complete)" if words == complete else "")
            rows.append([f"`ganbench {told}`", f"{times[0]:.2f}", f"{median(times):.2f}"])
    return "## The command\n\nSeconds until it ends, best and median of seven.\n\n" + table(
        ["command", "best", "median"], rows
    )


def answer(words: str) -> float:
    """Seconds of one command."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bench", *words.split()], check=True, capture_output=True)
    return time.perf_counter() - began


def of_growth() -> str:
    """Curves of cost, and what the harness costs."""

    def curve(title: str, headers: Sequence[str], rows: Sequence[growth.Row]) -> str:
        return f"{title}\n\n" + table(headers, [[f"{row[0]:,}", *(f"{each:.3g}" for each in row[1:])] for row in rows])

    parts = [
        curve("Seeds of one loss of `ring`, 50 steps, packs of up to eight, one worker:",
              ["seeds", "seconds", "seconds a seed"], growth.of_seeds()),
        curve("Losses, four seeds each, 50 steps:", ["losses", "seconds", "seconds a run"], growth.of_losses()),
        curve("Steps of eight seeds:", ["steps", "seconds", "seconds a step"], growth.of_steps()),
        curve("Records read by `bench.load`:", ["records", "seconds", "ms a record"], growth.of_records()),
        curve("Memory of a pack beyond what a run alone takes:", ["runs", "MiB", "MiB a run"], growth.of_memory()),
    ]  # fmt: skip
    rows = []
    for size in (1, 8):
        found = growth.of_harness(size)
        dearer = (f"{each / found.bare - 1:+.1%}" for each in (found.loop, found.executed))
        rows.append([size, *(f"{each:.2f}" for each in found), *dearer])
    harness = (
        "The harness: milliseconds of a step of `ring`'s MLP on one batch again and again; bare, on batches that are "
        "drawn from torch's global generator; in the loop (named streams, losses kept and looked at); and as runs of 1,000 "
        "steps are executed (probes, progress, records too; evaluation aside). Percentages are of the bare step.\n\n"
        + table(["runs in the pack", "one batch", "bare", "in the loop", "as executed", "loop", "executed"], rows)
    )
    return "## How cost grows\n\n" + "\n\n".join([*parts, harness])


PARTS: dict[str, Callable[[], str]] = {
    "many-runs": of_many_runs,
    "convolutions": of_convolutions,
    "evaluation": of_evaluation,
    "start": of_start,
    "growth": of_growth,
}


HEADINGS = {
    "many-runs": "## Many runs of points",
    "convolutions": "## A step of images",
    "evaluation": "## An evaluation",
    "start": "## The command",
    "growth": "## How cost grows",
}


def hardware() -> str:
    """Where and when."""
    versions = environment.versions()
    return (
        f"Measured on {datetime.now(UTC).date().isoformat()}: {environment.device_name(torch.device('cpu'))}, "
        f"{torch.get_num_threads()} cores, torch {versions['torch']}, Python {versions['python']}, "
        f"{versions['platform']}; commit {str(versions['commit'])[:10]}"
        f"{' with changes' if versions['dirty'] else ''}."
    )


def sections() -> dict[str, str]:
    """Those of the document, by their headings."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    parts = ["## " + part.strip() for part in text.split("\n## ")[1:]]
    return {part.partition("\n")[0]: part for part in parts}


def main(names: Sequence[str]) -> None:
    """Measures the named parts, or all, and writes each into the document as soon as it is there."""
    where = hardware()
    torch.set_num_threads(1)
    for name in names or PARTS:
        heading, _, rest = PARTS[name]().partition("\n")
        told = sections() | {heading: f"{heading}\n\n{where}\n{rest}"}
        order = [HEADINGS[each] for each in PARTS if HEADINGS[each] in told]
        DOCUMENT.write_text("\n\n".join([INTRODUCTION.rstrip(), *(told[each] for each in order)]) + "\n")
        print(told[heading], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Measure every speed claim against its counterpart and write docs/performance.md; takes twenty minutes, idle machine.

``python tests/performance/ledger.py [PART ...]`` measures all parts, or only those given; other sections are kept.
``--runs`` and ``--records`` make the parts ``engines`` and ``store`` smaller, to try them.
"""

from __future__ import annotations

import argparse
import json
import os
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
from counterparts import (
    convolutions,
    engine_overhead,
    evaluation,
    gpu,
    growth,
    many_runs,
    store_reading,
    subnormals,
    whole_process,
)
from tabulate import tabulate

from bench.compute import environment

SUMMARY = Path(__file__).parents[2] / ".benchmarks" / "gpu.json"
DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
INTRODUCTION = """# Speed

Each ratio compares ganbench with a counterpart that is measured alternately in the same session; values are medians of
several rounds. Training loops run in separate processes, so that the settings of one do not affect the other. The
counterparts are a typical training loop ([training.py](../tests/performance/counterparts/training.py)) and
`torch_fidelity.calculate_metrics` ([evaluation.py](../tests/performance/counterparts/evaluation.py)). A single command
writes this document; run it on an idle machine:

```bash
python tests/performance/ledger.py
```
"""


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return the rows as a Markdown table."""
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def many_runs_section() -> str:
    """Compare packs on two workers with the plain loop."""
    rows = []
    for label, runs in (
        ("`ring`: 4 losses × 16 seeds", many_runs.ring_runs()),
        ("the same without WGAN-GP: 3 × 16", many_runs.ring_runs(losses=["minimax", "non-saturating", "hinge"])),
        ("WGAN-GP alone: 16 seeds", many_runs.ring_runs(losses=["wgan-gp"])),
    ):
        measured = many_runs.measure(label, runs)
        packs = " + ".join(map(str, measured.packs))
        plain = [f"{1000 * seconds:.0f}" for seconds in measured.plain.values()]
        ratios = [f"**{seconds / measured.ours:.2f}**" for seconds in measured.plain.values()]
        rows.append([label, packs, f"{1000 * measured.ours:.0f}", *plain, *ratios])
    return (
        "## Many runs of points\n\nMilliseconds for one step of all runs of the suite `ring` (MLP 128×3, batch 128; "
        "WGAN-GP with five critic steps), without evaluation. ganbench trains packs on two workers with one thread each; "
        "the plain loop trains one run after another, with one thread and with two (torch's default here).\n\n"
        + table(["runs", "packs", "ganbench", "loop, 1 thread", "loop, 2 threads", "ratio to 1", "ratio to 2"], rows)
    )


def whole_process_section() -> str:
    """Time whole commands, one short run and many runs, against the plain loop."""
    short = whole_process.short_run()
    measured = whole_process.measure()
    plain = [f"{seconds:.0f}" for seconds in measured.plain.values()]
    ratios = [f"**{seconds / measured.ours:.2f}**" for seconds in measured.plain.values()]
    return (
        "## The whole process\n\nSeconds from the start of the command to its exit, with an empty data folder, so that pack "
        "sizes are tuned anew. One run of 50 steps on `ring`, with tables, page and figures: best "
        f"{short[0]:.1f}, median {median(short):.1f} of {len(short)}.\n\n"
        "`ganbench run ring --seeds 8 --set steps=1500` evaluates every run seven times and writes the report. The plain "
        "loop only trains, one run after another, and its start is not counted; it is timed with one seed per loss. What "
        "limits the ratio is WGAN-GP, which takes two thirds of the time: 62% of its step in a pack are matrix products "
        "(torch's profiler, 2026-11-25), and packs do not make these faster.\n\n"
        + table(
            ["runs", "ganbench", "loop, 1 thread", "loop, 2 threads", "ratio to 1", "ratio to 2"],
            [[measured.runs, f"{measured.ours:.0f}", *plain, *ratios]],
        )
    )


def convolutions_section() -> str:
    """Compare a training step on images with the plain loop and with the machine's convolutions."""
    rows = []
    for count in (1, 2):
        for architecture, width in convolutions.CASES:
            step = convolutions.measure(architecture, width, count)
            rows.append(
                [
                    f"{architecture}, width {width}",
                    count,
                    f"{1000 * step.plain:.0f}",
                    f"{1000 * step.ours:.0f}",
                    f"**{step.plain / step.ours:.2f}**",
                    f"{step.flops / 1e9:.1f}",
                    f"{step.flops / step.ours / 1e9:.0f}",
                    f"{step.rate / 1e9:.0f}",
                    f"**{100 * step.share:.0f}%**",
                ]
            )
    return (
        "## A step of images\n\nOne critic step and one generator step at 3×32×32, batch 64, non-saturating, Adam. "
        "`torch.utils.flop_counter` counts the FLOPs of ganbench's step. The limit is the throughput of the fastest "
        "convolution in the networks (forward pass), measured alternately with the step.\n\n"
        + table(
            ["networks", "threads", "loop, ms", "ganbench, ms", "ratio", "GFLOP", "GFLOP/s", "limit", "of the limit"],
            rows,
        )
    )


def subnormals_section(steps: int = 2000) -> str:
    """Time runs in which units have died, with and without subnormal numbers."""
    rows = [
        [each.loss, f"{100 * each.share:.0f}%", f"{1000 * each.kept:.1f}", f"{1000 * each.ours:.1f}",
         f"**{each.kept / each.ours:.2f}**"]
        for each in subnormals.measure(steps)
    ]  # fmt: skip
    return (
        f"## Subnormal numbers\n\nMilliseconds per step of one run of `ring-reference` after {steps:,} steps, if the CPU "
        "calculates with subnormal numbers (below 1.2e-38), and if they count as zero, as in ganbench. The share is "
        "that of subnormal numbers among the first moments of the generator's optimiser. Both ways give the same "
        "weights.\n\n" + table(["loss", "share", "subnormal numbers, ms", "ganbench, ms", "ratio"], rows)
    )


def evaluation_section() -> str:
    """Compare one evaluation with torch-fidelity's."""
    rows = [
        [each.claim, f"{1000 * each.theirs:.0f}", f"{1000 * each.ours:.0f}", f"**{each.theirs / each.ours:.1f}**",
         f"{each.agreement:.0e}"]
        for each in evaluation.measure()
    ]  # fmt: skip
    return "## An evaluation\n\nMilliseconds, and the relative difference of the two values.\n\n" + table(
        ["evaluation", "torch-fidelity", "ganbench", "ratio", "difference"], rows
    )


def command_section() -> str:
    """Time the command."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder)
        recorded = DOCUMENT.parents[1] / "results" / "quick" / "records"
        subprocess.run(["cp", "-r", recorded.parent, results / "quick"], check=True)
        complete = f"run quick --results {folder}"
        seconds_of(complete)  # writes the report
        for words in ("--help", "plan quick", "plan techniques", complete):
            times = sorted(seconds_of(words) for _ in range(7))
            shown = words.replace(folder, "…") + (" (complete)" if words == complete else "")
            rows.append([f"`ganbench {shown}`", f"{times[0]:.2f}", f"{median(times):.2f}"])
    return "## The command\n\nSeconds until the command exits, best and median of seven calls.\n\n" + table(
        ["command", "best", "median"], rows
    )


def engines_section(runs: int = 1000) -> str:
    """Measure what engines cost beyond the work, per run: the difference between many runs and a tenth of them."""
    load, few = os.getloadavg()[0], max(1, runs // 10)
    measured = {
        engine: [engine_overhead.measure(engine, count) for count in (few, runs)] for engine in engine_overhead.ENGINES
    }
    fewer, more = measured["in-process"]
    work = (more.work - fewer.work) / (runs - few)
    rows = []
    for engine, (fewer, more) in measured.items():
        cpu = (more.cpu - fewer.cpu) / (runs - few)
        wall = (more.wall - fewer.wall) * more.workers / (runs - few)
        start = max(0.0, fewer.wall - few * wall / more.workers)
        seconds = [f"{more.wall:.1f}", f"{start:.1f}"]
        rows.append([engine, *seconds, *(f"{1000 * each:.1f}" for each in (cpu, work)), f"**{1000 * (cpu - work):.1f}**",
                     f"{1000 * (wall - work):.1f}"])  # fmt: skip
    headers = ["engine", "s", "s of start", "CPU ms per run", "of these work", "CPU ms beyond", "ms of a worker beyond"]
    return (
        f"## Engines\n\n{runs:,} runs of two steps on the Dirac-GAN, each in a pack of its own, from `bench.run` to the last "
        "record, without report; in-process, and with two workers. The work is training and evaluation. What a run costs "
        "beyond it is reading, checking and writing records, leases, building networks, and carrying runs and events. Costs "
        f"per run are the difference between {runs:,} and {few:,} runs, which leaves out the start of workers and of Ray. "
        f"CPU time counts all processes. The load of the machine was {load:.1f} before.\n\n" + table(headers, rows)
    )


def store_section(records: int = 10_000) -> str:
    """Time the reading of many records from a store."""
    found = store_reading.measure(records)
    rows = [
        ["a folder", f"{found.folder:.2f}", f"{1000 * found.folder / records:.2f}"],
        ["an address, first time", f"{found.first:.2f}", f"{1000 * found.first / records:.2f}"],
        ["an address, second time", f"{found.second:.2f}", f"{1000 * found.second / records:.2f}"],
        ["an address, one record after another", "", f"{1000 * found.each:.2f}"],
    ]
    return (
        f"## Records in a store\n\n`bench.load` of {records:,} records. The server is moto, on the same machine, and waits for "
        f"{1000 * store_reading.FAR:.0f} ms before it gives a record, as a server elsewhere would. It gave up to {found.at_once} "
        f"records at the same time, and {found.read_again} when they were read for the second time. moto itself limits the "
        "first reading.\n\n" + table(["records in", "seconds", "ms per record"], rows)
    )


def seconds_of(words: str) -> float:
    """Return the seconds that one command takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "bench", *words.split()], check=True, capture_output=True)
    return time.perf_counter() - began


def growth_section() -> str:
    """Measure how cost grows with seeds, losses, steps, records and pack size, and the overhead of the harness."""

    def curve(title: str, headers: Sequence[str], rows: Sequence[growth.Row]) -> str:
        return f"{title}\n\n" + table(headers, [[f"{row[0]:,}", *(f"{each:.3g}" for each in row[1:])] for row in rows])

    parts = [
        curve("Seeds of one loss of `ring`, 50 steps, packs of up to eight runs, one worker:",
              ["seeds", "seconds", "seconds per seed"], growth.of_seeds()),
        curve("Losses with four seeds each, 50 steps:", ["losses", "seconds", "seconds per run"], growth.of_losses()),
        curve("Steps, with eight seeds:", ["steps", "seconds", "seconds per step"], growth.of_steps()),
        curve("Records read by `bench.load`:", ["records", "seconds", "ms per record"], growth.of_records()),
        curve("Peak memory of a pack, in addition to that of a single run:", ["runs", "MiB", "MiB per run"], growth.of_memory()),
    ]  # fmt: skip
    rows = []
    for size in (1, 8):
        times = growth.of_harness(size)
        overheads = (f"{value / times.bare - 1:+.1%}" for value in (times.loop, times.executed))
        rows.append([size, *(f"{value:.2f}" for value in times), *overheads])
    harness = (
        "Overhead of the harness, in milliseconds per step of `ring`'s MLP. *One batch*: the same batch in every step. "
        "*Bare*: new batches from torch's global generator. *Loop*: ganbench's training loop, with named random streams "
        "and a check of the losses. *Executed*: whole runs of 1,000 steps, with probes, progress and records, without "
        "evaluation. Overheads are relative to *bare*.\n\n"
        + table(
            ["runs in the pack", "one batch", "bare", "loop", "executed", "loop overhead", "executed overhead"], rows
        )
    )
    return "## How cost grows\n\n" + "\n\n".join([*parts, harness])


def gpu_section() -> str:
    """Time packs, graphs, deterministic algorithms and the Fréchet distance on the first GPU; keep all as JSON too."""
    measured = gpu.measure(torch.device("cuda:0"))
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(json.dumps(measured, indent=1))
    rows = []
    for name, timed in measured["step seconds"].items():
        most = max(timed["pack"])
        ratio = f"**{most * timed['pack'][1] / timed['pack'][most]:.1f}**"
        others = [timed["without graphs"], timed["deterministic"]]
        rows.append([name, *(f"{1000 * each:.2f}" for each in (*timed["pack"].values(), *others)), ratio])
    distance = measured["frechet distance"]
    sizes = [f"{size} run{'s' * (size > 1)}" for size in timed["pack"]]
    return (
        f"## On a GPU\n\nMilliseconds for one step of a pack on {measured['device']}, torch {measured['torch']}; the "
        "largest pack also without CUDA graphs, and with deterministic algorithms. The ratio is that of training the "
        "largest pack to training its runs one after another.\n\n"
        + table(["program", *sizes, "no graphs", "deterministic", "ratio"], rows)
        + "\n\nThe Fréchet distance of 10,000 samples with 2,048 features, the reference being known: "
        f"{distance['ours']:.2f} s, torch-fidelity {distance['torch-fidelity']:.2f} s on the CPU."
    )


PARTS: dict[str, Callable[..., str]] = {
    "many-runs": many_runs_section,
    "whole-process": whole_process_section,
    "convolutions": convolutions_section,
    "subnormals": subnormals_section,
    "evaluation": evaluation_section,
    "start": command_section,
    "engines": engines_section,
    "store": store_section,
    "growth": growth_section,
    "gpu": gpu_section,
}


HEADINGS = {
    "many-runs": "## Many runs of points",
    "whole-process": "## The whole process",
    "convolutions": "## A step of images",
    "subnormals": "## Subnormal numbers",
    "evaluation": "## An evaluation",
    "start": "## The command",
    "engines": "## Engines",
    "store": "## Records in a store",
    "growth": "## How cost grows",
    "gpu": "## On a GPU",
}


def hardware() -> str:
    """Return a sentence with the date, the hardware and the versions."""
    versions = environment.versions()
    return (
        f"Measured on {datetime.now(UTC).date().isoformat()}: {environment.device_name(torch.device('cpu'))}, "
        f"{os.cpu_count()} cores, torch {versions['torch']}, Python {versions['python']}, "
        f"{versions['platform']}; commit {str(versions['commit'])[:10]}"
        f"{' with changes' if versions['dirty'] else ''}."
    )


def sections() -> dict[str, str]:
    """Return the sections of the document by heading."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    parts = ["## " + part.strip() for part in text.split("\n## ")[1:]]
    return {part.partition("\n")[0]: part for part in parts}


def main(words: Sequence[str]) -> None:
    """Measure the named parts, or all, and write each section as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--runs", type=int, default=1000, help="of the part engines [default: 1000]")
    parser.add_argument("--records", type=int, default=10_000, help="of the part store [default: 10000]")
    given = parser.parse_args(words)
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if given.runs < 2 or given.records < 1:
        parser.error("--runs must be at least 2, --records at least 1")
    sizes = {"engines": {"runs": given.runs}, "store": {"records": given.records}}
    where = hardware()
    torch.set_num_threads(1)
    for name in given.parts or [part for part in PARTS if part != "gpu" or torch.cuda.is_available()]:
        heading, _, rest = PARTS[name](**sizes.get(name, {})).partition("\n")
        known = sections() | {heading: f"{heading}\n\n{where}\n{rest}"}
        order = [HEADINGS[part] for part in PARTS if HEADINGS[part] in known]
        order += [other for other in known if other not in order]
        DOCUMENT.write_text("\n\n".join([INTRODUCTION.rstrip(), *(known[heading] for heading in order)]) + "\n")
        print(known[heading], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

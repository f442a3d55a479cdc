"""A suite from its name to its results folder: what ``ganbench run`` and ``bench.run`` do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.compute.interruption import listening
from bench.errors import DamagedRecordError, DeviceError, ResultsError
from bench.files import describe_error, remove_partial_files
from bench.plan.grouping import divide
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import TomlTable
from bench.plan.suite import load_suite
from bench.records.record import check_record, paths_by_run
from bench.report import Report
from bench.report.stamp import refresh_report

if TYPE_CHECKING:  # torch is imported where there is something to train
    from bench.compute.engines import Engine
    from bench.compute.events import Event
    from bench.compute.execution import Settings

EVERYWHERE = ("auto", "cpu")  # these devices every machine has


@dataclass
class Summary:
    """What came of a suite.

    Attributes:
        folder: The suite's results folder.
        runs: All runs of the plan.
        already: Those whose record was there before.
        recorded: Those whose record was published now.
        failed: Those whose code failed, with the reason.
        notices: What else is to be told: records and checkpoints that were cut short.
        report: The tables and figures that were written, or stand as they were; or None.
        report_problem: Why they could not be written.
        stopping: Whether an end was asked for.
    """

    folder: Path
    runs: list[Run]
    already: list[Run] = field(default_factory=list)
    recorded: list[Run] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    report: Report | None = None
    report_problem: str = ""
    stopping: Callable[[], bool] = lambda: False

    @property
    def missing(self) -> int:
        """Runs without a record."""
        return len(self.runs) - len(self.already) - len(self.recorded)


def run_suite(
    suite: str,
    *,
    results: str | Path = "results",
    seeds: int | Iterable[int] | None = None,
    device: str = "auto",
    workers: int | None = None,
    threads: int = 1,
    settings: TomlTable | None = None,
    filters: Mapping[str, set[str]] | None = None,
    checkpoint_every: float = 60.0,
    pack: int | Literal["auto", "off"] = "auto",
    memory: float | None = None,
    inception_weights: Path | None = None,
    begin: Callable[[Summary], None] = lambda summary: None,
    watch: Callable[[Event], None] = lambda event: None,
) -> Summary:
    """Trains what of a suite has no record yet, then writes its tables and figures where they changed.

    In a script, call it below ``if __name__ == "__main__":``, for the workers import the script.

    Args:
        suite: Name, or path of a file.
        results: The suite's folder is made in it.
        seeds: A number of seeds, or the seeds, instead of the suite's.
        device: "auto", "cpu", "cuda" (all of them), "cuda:N", "mps".
        workers: Processes; None: one a core on the CPU, one a device else; 0: none, all in this process.
        threads: Of each worker, on the CPU. The bits of a result can depend on it.
        settings: Training keys set above all that the suite says.
        filters: Axis → values: only these cells.
        checkpoint_every: Seconds between checkpoints of a run.
        pack: How many runs train as one tensor program at the most: a number, "auto" (what is measured to be fastest,
            within memory), or "off" (each alone).
        memory: Gigabytes that each worker's packs may take; None: what the machine, or the device, has left.
        inception_weights: File of Inception's weights.
        begin: Called with the plan before anything is trained.
        watch: Called with every event.

    Raises:
        GanbenchError: bad input, or nowhere to write.
        KeyboardInterrupt: after all runs in flight left a checkpoint.
    """
    specification = load_suite(suite)
    if device not in EVERYWHERE:  # one that is not here is said before a dataset is downloaded
        _places(device)
    runs = plan_runs(
        specification,
        settings=settings,
        seeds=seeds,
        filters=filters,
        inception_weights=inception_weights,
        download=True,
    )
    summary = train_runs(
        runs,
        Path(results) / specification.name,
        device=device,
        workers=workers,
        threads=threads,
        checkpoint_every=checkpoint_every,
        pack=pack,
        memory=memory,
        inception_weights=inception_weights,
        begin=begin,
        watch=watch,
    )
    if summary.recorded or summary.already:
        try:
            cells = {run.cell for run in runs}
            summary.report = refresh_report(summary.folder, cells, specification, formats=("png", "pdf"))
        except ResultsError as error:  # what was trained is recorded all the same
            summary.report_problem = str(error)
    return summary


def train_runs(
    runs: list[Run],
    folder: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    threads: int = 1,
    checkpoint_every: float = 60.0,
    pack: int | Literal["auto", "off"] = "auto",
    memory: float | None = None,
    inception_weights: Path | None = None,
    begin: Callable[[Summary], None] = lambda summary: None,
    watch: Callable[[Event], None] = lambda event: None,
) -> Summary:
    """Trains what of these runs has no record in a results folder yet; arguments and errors as of ``run_suite``."""
    named = paths_by_run(folder)
    if device not in EVERYWHERE or any(run.id not in named for run in runs):
        _places(device, runs)
    _check_writable(folder)
    summary = Summary(folder, runs)
    there = {run for run, path in named.items() if _readable(path, summary)}
    waiting = [run for run in runs if run.id not in there]
    summary.already = [run for run in runs if run.id in there]
    begin(summary)
    if not waiting:
        return summary

    from bench.compute.engines.in_process import in_process
    from bench.compute.engines.local import local
    from bench.compute.execution import Settings
    from bench.compute.pack_tuning import sizes

    base = Settings(
        folder=folder,
        threads=threads,
        checkpoint_every=checkpoint_every,
        inception_weights=inception_weights.resolve() if inception_weights else None,
    )
    engine: Engine = in_process if workers == 0 else local
    crew = _crew(base, _places(device, runs), workers, len(waiting))
    packs = divide(waiting, sizes(pack, crew, memory, summary.notices.append), len(crew))
    with listening() as interruption:
        summary.stopping = interruption
        for event in engine(packs, crew, interruption):
            _note(event, summary)
            watch(event)
    if interruption() and summary.missing:
        raise KeyboardInterrupt
    return summary


def _places(device: str, runs: Iterable[Run] = ()) -> list[str]:
    """The devices of this machine to train on.

    Raises:
        DeviceError: not here, or not for these runs.
    """
    from bench.compute.environment import devices

    places = devices(device)
    if places == ["mps"] and any(run.training.precision == "float64" for run in runs):
        raise DeviceError('--device mps has no precision "float64"; use cpu')
    return places


def _note(event: Event, summary: Summary) -> None:
    if event.state == "recorded":
        summary.recorded.append(event.run)
    elif event.state == "failed":
        summary.failed[str(event.run)] = event.text
    elif event.progress is not None and event.progress.notice.startswith(("checkpoint", "not in a pack")):
        others = event.progress.pack - 1 if event.progress.notice.startswith("not in") else 0
        who = f"{event.run}{f' and {others} more' if others else ''}"
        summary.notices.append(f"{who}: {event.progress.notice}")


def _crew(base: Settings, places: list[str], workers: int | None, runs: int) -> list[Settings]:
    """The settings of every worker: spread over the devices, no more than there are runs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    usual = max(1, cores // base.threads) if places == ["cpu"] else len(places)
    count = max(1, min(runs, usual if workers is None else max(1, workers)))
    return [replace(base, device=places[index % len(places)], workers=count) for index in range(count)]


def _readable(path: Path, summary: Summary) -> bool:
    """Whether a record is whole; one that was cut short or damaged is put aside, and that is told."""
    try:
        check_record(path)
    except DamagedRecordError:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        summary.notices.append(f"{path} was cut short or damaged, and is now {aside.name}; the run is done again")
        return False
    return True


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            remove_partial_files(folder)
    except OSError as error:
        raise ResultsError(f"results folder {folder} cannot be written: {describe_error(error)}") from None

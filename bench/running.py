"""Runs a suite, from its name to its results folder: what ``ganbench run`` and ``bench.run`` do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.compute.claim import SHARED, claimed
from bench.compute.engines.worker_processes import Reserve, count_to_start
from bench.compute.event_files import check_can_watch, watching_with
from bench.compute.interruption import handling_signals
from bench.compute.kept_files import check_kept
from bench.errors import ResultsError, SuiteError
from bench.files import remove_partial_files
from bench.plan.kept import as_kept
from bench.plan.runs import Run, plan_runs
from bench.plan.seeds import seeds_at
from bench.plan.soundness import unsound_combinations
from bench.plan.specification import TomlTable
from bench.plan.suite import Suite, describe_namesake, load_suite
from bench.records.addresses import address_of, suite_folder_in
from bench.records.external.staging import sweep_staging
from bench.records.mirror import Mirror
from bench.records.unfinished import forget, note_plan
from bench.records.upkeep import check_still_there, check_usable
from bench.report import Extent
from bench.report.stamp import refresh_report
from bench.report.vega import bundle
from bench.summary import RunOptions, Summary

if TYPE_CHECKING:  # torch is imported only if there are runs to train
    from bench.compute.events import Event


# Long: two thirds are the public signature and its docstring.
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
    timeout: float | None = None,
    pack: int | Literal["auto", "off"] = "auto",
    memory: float | None = None,
    inception_weights: Path | None = None,
    skip_broken: bool = False,
    keep: str | Iterable[str] | None = None,
    tensorboard: str | Path | None = None,
    engine: Literal["local", "ray", "slurm"] = "local",
    address: str | None = None,
    slurm: Mapping[str, Any] | None = None,
    report: Extent = "all",
    begin: Callable[[Summary], None] = lambda summary: None,
    watch: Callable[[Event], None] = lambda event: None,
) -> Summary:
    """Train the runs of a suite that have no record yet, then update its tables and figures.

    In a script, call it below ``if __name__ == "__main__":``, because worker processes import the script.

    Args:
        suite: The name of a suite, or the path of a suite file.
        results: The folder that contains the suite's results folder, or an address such as s3://bucket/results.
        seeds: A number of seeds, or a list of seeds, to use instead of the suite's.
        device: "auto", "cpu", "cuda" (all CUDA devices), "cuda:N" or "mps".
        workers: Worker processes; 0: train in this one. [default: one per CPU core, or the fastest number per GPU]
        threads: The number of torch threads per worker. It can affect the bits of results.
        settings: Training keys that override the suite's.
        filters: Maps axes to values; only matching cells run.
        checkpoint_every: Seconds between checkpoints of a run.
        timeout: Seconds without progress after which a worker process is ended and its runs retried. [default: none]
        pack: The largest number of runs in one tensor program: a number, "auto" (measured at the start) or "off" (one).
        memory: The memory limit of each worker's packs, in GB. [default: a share of the available memory]
        inception_weights: The file with Inception's weights.
        skip_broken: Whether to leave out images that cannot be decoded.
        keep: What each run leaves besides its record: "weights", "state", or both. [default: the suite's, or nothing]
        tensorboard: The folder for event files of TensorBoard, which are written while runs train. [default: none]
        engine: What carries the runs: "local" (processes of this machine), "ray" or "slurm".
        address: The address of the Ray cluster, or "auto". [default: Ray on this machine alone]
        slurm: What jobs ask Slurm for, by submitit's names: "partition", "time", "gpus_per_node". [default: an hour]
        report: What to write at the end: "all" (tables, page and figures as PNG), "tables" or "none".
        begin: Called with the plan before training starts.
        watch: Called with every event (``bench.Event``) of a run: its progress, with losses, measures and samples, and
            its end.

    Raises:
        GanbenchError: The input is invalid, or the results folder is not writable.
        KeyboardInterrupt: The suite was interrupted, after all active runs saved a checkpoint.
    """
    specification = load_suite(suite)
    kept = specification.keep if keep is None else _what_to_keep(keep)
    if timeout is not None and (engine != "local" or workers == 0):
        raise SuiteError("timeout: only applies to worker processes of this machine (engine 'local', workers above 0)")
    if tensorboard is not None:
        check_can_watch(Path(tensorboard))
    if device not in ("auto", "cpu") and engine == "local":  # check before a dataset is downloaded
        _resolve_devices(device)
    runs = plan_runs(
        specification,
        settings=settings,
        seeds=seeds,
        filters=filters,
        inception_weights=inception_weights,
        skip_broken=skip_broken,
        download=True,
    )
    options = RunOptions(
        device=device,
        workers=workers,
        threads=threads,
        checkpoint_every=checkpoint_every,
        timeout=timeout,
        pack=pack,
        memory=memory,
        inception_weights=inception_weights,
        keep=kept,
        tensorboard=None if tensorboard is None else Path(tensorboard),
        engine=engine,
        address=address,
        slurm=slurm,
        begin=begin,
        watch=watch,
    )
    if report == "all":
        bundle()
    summary = train_runs(runs, suite_folder_in(results, specification.name), options)
    if specification.search:
        summary = _confirm(summary, specification, specification.seeds if seeds is None else seeds, options)
    summary.notices += describe_namesake(specification)
    if report != "none" and (summary.recorded or summary.already):
        try:
            cells = {run.cell for run in summary.runs}
            summary.report = refresh_report(summary.folder, cells, specification, formats=("png",), extent=report)
        except ResultsError as error:  # the records are kept even if the report fails
            summary.report_problem = str(error)
    return summary


def _what_to_keep(keep: str | Iterable[str]) -> tuple[str, ...]:
    try:
        return as_kept(keep if isinstance(keep, str) else list(keep))
    except ValueError as error:
        raise SuiteError(f"keep: {error}") from None


def _confirm(tuned: Summary, suite: Suite, seeds: int | Iterable[int], options: RunOptions) -> Summary:
    """Train the best setting of every technique on fresh seeds; return the summary of all runs."""
    from bench.evidence.confirmation import confirmation_of

    runs, _, waiting = confirmation_of(tuned.runs, tuned.folder, suite, seeds_at(seeds, "seeds"))
    if waiting:
        tuned.notices.append(f"{len(waiting)} techniques are not confirmed, because some of their tuning runs failed")
    return tuned.followed_by(train_runs(runs, tuned.folder, options)) if runs else tuned


def train_runs(runs: list[Run], folder: Path, options: RunOptions) -> Summary:
    """Train the runs that have no record in a results folder yet.

    Args:
        runs: The runs to train.
        folder: The results folder.
        options: How to train them.

    Raises:
        GanbenchError: The device is not available, or the results folder is not writable.
        KeyboardInterrupt: Training was interrupted, after all active runs saved a checkpoint.
    """
    mirror = Mirror.at(folder)
    check_usable(folder, (run.file_name for run in runs))
    mirror.prepare()
    remove_partial_files(folder)
    sweep_staging(folder)
    unsound = unsound_combinations(run.training for run in runs)
    summary = Summary(folder, runs, notices=[*dict.fromkeys(run.found for run in runs if run.found), *unsound])
    recorded = mirror.find_intact(summary.notices)
    mirror.remove_checkpoints(recorded)
    mirror.leases().clear(recorded)
    waiting = [run for run in runs if run.id not in recorded]
    summary.already = [run for run in runs if run.id in recorded]
    summary.notices += check_kept(options.keep, summary.already, folder)
    options.begin(summary)
    if waiting:
        wanted = options.workers if options.engine == "local" else 0
        processes = count_to_start(options.device, wanted, options.threads, waiting)
        with Reserve(processes) as reserve:  # these load torch at the same time as this process
            _train(waiting, summary, options, reserve)
        remove_partial_files(folder)  # of processes that were killed meanwhile
    check_still_there(folder, [run.file_name for run in summary.recorded])
    return summary


def _train(waiting: list[Run], summary: Summary, options: RunOptions, reserve: Reserve) -> None:
    from bench.compute.division import Division
    from bench.compute.engines.choice import choose_engine, connected
    from bench.compute.settings import Settings
    from bench.compute.sharing import execute_shared

    common = Settings(
        summary.folder,
        threads=options.threads,
        checkpoint_every=options.checkpoint_every,
        timeout=options.timeout,
        inception_weights=options.inception_weights,
        keep=options.keep,
        address=address_of(summary.folder),
    )
    notify = summary.notices.append
    with connected(options.engine, options.address, options.slurm) as cluster:
        devices = [options.device] if cluster else _resolve_devices(options.device, summary.runs)
        summary.activity, began = "measuring pack sizes", time.perf_counter()
        found = Division.of(waiting, common, devices, options.workers, options.pack, options.memory, notify, cluster)
        summary.activity, seconds = "", time.perf_counter() - began
        if seconds >= 1 and options.pack == "auto":  # otherwise the sizes were known
            notify(f"measured pack sizes in {seconds:.0f} s; they are kept for later runs")
        engine = choose_engine(found.packs, found.workers, options.workers, reserve, cluster)
        watching = watching_with(options.watch, options.tensorboard)
        with claimed(summary.folder) as other, handling_signals() as interruption, watching as watch:
            if other:
                notify(SHARED.format(folder=summary.folder, other=other))
                found.packs.reverse()  # the other one begins with the first
            note_plan(summary.folder, summary.runs, beside=bool(other or common.leases().held()))
            summary.stopping = interruption
            shared = execute_shared(engine, found.packs, found.workers, interruption, notify)
            events = chain(found.findings.events(waiting), shared)
            summary.follow(events, watch, interruption)
    if not summary.missing:
        forget(summary.folder)
    elif interruption():
        raise KeyboardInterrupt


def _resolve_devices(device: str, runs: Iterable[Run] = ()) -> list[str]:
    from bench.compute.environment import devices

    return devices(device, {run.training.precision for run in runs})

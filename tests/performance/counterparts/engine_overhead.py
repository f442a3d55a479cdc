"""What engines cost beyond the work: many runs that do next to nothing, one per pack, through each engine.

``python tests/performance/counterparts/engine_overhead.py ENGINE RUNS`` measures one engine in this process and prints
JSON: "in-process", "local" or "ray". The work is training and evaluation, timed in-process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ENGINES = ("in-process", "local", "ray")
TRIVIAL = """
name = "trivial"
seeds = {runs}
[matrix]
loss = ["non-saturating"]
dataset = ["point"]
architecture = ["dirac"]
[training]
steps = 2
batch_size = 4
latent = 1
optimizer = {{ name = "sgd", lr = 0.1 }}
[evaluation]
every = 2
samples = 2
metrics = ["equilibrium"]
"""


class Overhead(NamedTuple):
    """What runs through an engine cost, in seconds.

    Attributes:
        wall: From the plan to the last record, on as many workers as there are.
        cpu: CPU time of this process and all that it started.
        work: CPU time of training and evaluation; 0 unless it was measured, in-process.
        workers: Workers at the same time.
    """

    wall: float
    cpu: float
    work: float
    workers: int


def measure(engine: str, runs: int) -> Overhead:
    """Return what an engine costs, measured in a new process."""
    command = [sys.executable, str(Path(__file__).resolve()), engine, str(runs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    if answer.returncode:
        raise ChildProcessError(f"{engine}, {runs} runs: {answer.stderr[-2000:]}")
    return Overhead(**json.loads(answer.stdout.splitlines()[-1]))


def measure_here(engine: str, runs: int) -> Overhead:
    """Return what an engine costs in this process, which should be new."""
    import bench
    from bench.compute import execution

    work = [0.0]
    execution.train = timed_iterator(execution.train, work)
    execution.evaluate = timed(execution.evaluate, work)
    workers = 2
    options: dict[str, Any] = {"workers": workers}
    if engine == "in-process":
        options = {"workers": 0}
    elif engine == "ray":
        import ray

        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)  # bench.run leaves it running
        options = {"workers": workers, "engine": "ray"}
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "trivial.toml"
        suite.write_text(TRIVIAL.format(runs=runs))
        before, began = cpu_seconds(), time.perf_counter()
        summary = bench.run(str(suite), results=folder, report="none", device="cpu", pack="off", **options)
        wall, cpu = time.perf_counter() - began, cpu_seconds() - before
    assert len(summary.recorded) == runs, summary.failed
    return Overhead(wall, cpu, work[0], 1 if engine == "in-process" else workers)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of all that it has started, whether they have ended or not."""
    this = psutil.Process()
    total = 0.0
    for process in (this, *this.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function that adds its CPU time to a number."""

    def call(*arguments: Any, **options: Any) -> Any:
        began = time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            spent[0] += time.process_time() - began

    return call


def timed_iterator(function: Callable[..., Iterator[Any]], spent: list[float]) -> Callable[..., Iterator[Any]]:
    """Return a function whose iterator adds its CPU time to a number."""

    def call(*arguments: Any, **options: Any) -> Iterator[Any]:
        iterator = function(*arguments, **options)
        advance = timed(lambda: next(iterator, None), spent)
        while (value := advance()) is not None:
            yield value

    return call


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], int(sys.argv[2]))._asdict()))

"""Decides how many workers share a GPU: the same runs are timed in one, two, four and eight processes at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

import torch

from bench.compute import environment
from bench.compute.checkpoints import History
from bench.compute.evaluated_samples import evaluation_latents
from bench.compute.evaluation import build_evaluator, evaluate
from bench.compute.process_apart import Apart, ProcessApart
from bench.compute.settings import Settings, core_count, is_small
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack
from bench.compute.training.real_data import RealData
from bench.errors import summarise_error
from bench.plan.grouping import Sizer, group_by_pack_key, pack_label, units_per_step
from bench.plan.runs import Run

COUNTS = (2, 4, 8)  # workers on one GPU, besides a single one
LEAST_GAIN = 0.1  # share of the time that twice as many workers must save: each takes memory, and a CPU core
WORTH = 120.0  # seconds: timing several workers takes about half a minute
WINDOW = 1.0  # seconds of steps, and at least as many of evaluations
CHUNK = 10  # steps between two looks at the clock


class Prepared(NamedTuple):
    """A pack that has trained and been evaluated once.

    Attributes:
        pack: The pack.
        evaluate: Evaluates its first run.
    """

    pack: Pack
    evaluate: Callable[[], None]


_prepared: list[Prepared] = []  # in this process, at most one


def workers_per_gpu(
    runs: Sequence[Run],
    workers: Sequence[Settings],
    size: Sizer,
    apart: Apart,
    notify: Callable[[str], None],
) -> int:
    """Return how many workers on each GPU train some runs in the shortest time, judged by the largest group of runs.

    Steps of small networks leave most of a GPU idle, and so do evaluations, whose work is partly the CPU's.

    Args:
        runs: The runs to train.
        workers: The settings of one worker for each GPU.
        size: The best size of a pack for runs that can share one (``pack_tuning.pack_sizer``).
        apart: A process that may use the first GPU.
        notify: Called with messages for the user.
    """
    group = max(group_by_pack_key(runs), key=_work, default=[])
    if is_small(group):
        return 1
    most = min(-(-len(group) // len(workers)), core_count() // workers[0].threads // len(workers))
    counts = [count for count in COUNTS if count <= most]
    if not counts:
        return 1
    with ExitStack() as stack:
        crew: list[Apart] = [apart]

        def measure(count: int) -> float:
            crew.extend(stack.enter_context(ProcessApart()) for _ in range(count - len(crew)))
            pack = min(size(group, len(workers)), -(-len(group) // (count * len(workers))))
            return time_together(crew[:count], group[:pack], workers[0])

        seconds: dict[int, float] = {}
        try:
            seconds[1] = measure(1)
            if seconds[1] * len(group) / len(workers) < WORTH:
                return 1
            for count in counts:
                seconds[count] = measure(count)
                if seconds[count] > (1 - LEAST_GAIN) * seconds[count // 2]:
                    break
        except Exception as error:  # most often the memory of the GPU; the run itself will tell what else is wrong
            notify(f"{pack_label(group[0])}: more workers on a GPU could not be timed ({summarise_error(error)})")
    return _best(seconds) if seconds else 1


def _best(seconds: dict[int, float]) -> int:
    """Return the smallest number of workers that is not much slower than any."""
    return next(count for count, each in sorted(seconds.items()) if each <= min(seconds.values()) / (1 - LEAST_GAIN))


def _work(group: Sequence[Run]) -> float:
    return sum(run.training.steps * units_per_step(run.training.model_dump()) for run in group)


def time_together(crew: Sequence[Apart], runs: Sequence[Run], settings: Settings) -> float:
    """Return the seconds that a run takes if each process trains and evaluates a pack like this one at the same time.

    Args:
        crew: The processes.
        runs: The runs of a pack.
        settings: The settings of a worker.

    Raises:
        Exception: A process failed.
    """
    with ThreadPoolExecutor(len(crew)) as threads:
        for function in (prepare, time_run):
            calls = [threads.submit(process.call, function, runs, settings) for process in crew]
            seconds = [call.result() for call in calls]
    return sum(seconds) / len(seconds) / len(crew)


def prepare(runs: Sequence[Run], settings: Settings) -> float:
    """Train and evaluate a pack once in this process, which selects kernels, records graphs and loads real data."""
    run, device = runs[0], torch.device(settings.device)
    _prepared.clear()
    environment.release_memory(device)
    environment.set_up_device(device)
    real = RealData.load(run.training.dataset, device)
    evaluator = build_evaluator(
        run.training.dataset, run.evaluation, run.extractor_hash, settings.inception_weights, device
    )
    pack = real.start_pack([each.training for each in runs], [each.seed for each in runs])
    latents = evaluation_latents(run.training, pack.shape, run.evaluation.samples, run.seed, data=real.data)

    def evaluate_first() -> None:
        state = real.game_state(run, pack.players[0], CHUNK)
        evaluate(state, latents, real.data, evaluator, History(CHUNK, []), None)

    with environment.limited_threads(settings.threads):
        list(train(pack, steps=CHUNK))
        evaluate_first()
    _prepared.append(Prepared(pack, evaluate_first))
    return 0.0


def time_run(runs: Sequence[Run], settings: Settings) -> float:
    """Return the seconds that each run of the prepared pack takes, if all its runs take the same time."""
    ((pack, evaluate_first),) = _prepared
    training = runs[0].training

    def take_steps() -> None:
        list(train(pack, CHUNK, steps=2 * CHUNK))  # the same steps again, as there may be few

    with environment.limited_threads(settings.threads):
        step, evaluation = _seconds(take_steps) / CHUNK / len(runs), _seconds(evaluate_first)
    evaluations = 1 + -(-training.steps // runs[0].evaluation.every)
    return training.steps * step + evaluations * evaluation


def _seconds(call: Callable[[], None]) -> float:
    """Return the mean time of calls, repeated for long enough that processes that were asked at once overlap."""
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < WINDOW:
        call()
        calls += 1
    return elapsed / calls

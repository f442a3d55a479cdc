"""Tunes the size of packs: times a few steps of packs of growing size, and picks the fastest that fits into memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch

from bench.compute import environment
from bench.compute.device_kinds import Kind, device_kinds
from bench.compute.process_apart import Apart, ProcessApart
from bench.compute.settings import Settings
from bench.compute.training.conditioning import classes_of
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack
from bench.compute.training.players import GENERATED_AT_ONCE, generate, latent_numbers
from bench.compute.training.real_data import RealData
from bench.errors import SuiteError, summarise_error
from bench.plan.grouping import Sizer, pack_label, timing_key
from bench.plan.runs import Run
from bench.plan.throughput import GAIN, Rates, read_rates, write_rates

SIZES = (1, 2, 4, 8, 16, 32, 64)
LARGER = (128, 256, 512)  # on GPUs only
SLOW = 0.05  # seconds: a longer step on the CPU is dominated by arithmetic, which packs do not reduce
MINIMUM_TIME = 0.05  # seconds to time at least, three times
SHORTEST = 5  # steps that timing a pack takes at least
PATIENCE = 2  # number of larger sizes without a gain before the search stops; a single timing may be an outlier


def pack_sizer(
    pack: int | Literal["auto", "off"],
    workers: Sequence[Settings],
    memory: float | None,
    notify: Callable[[str], None],
    apart: Apart | None = None,
) -> Sizer:
    """Return a function that decides how many runs of one kind share a pack, if so many workers train them.

    Args:
        pack: A number of runs, "off" for one run per pack, or "auto" to measure.
        workers: The settings of the workers.
        memory: The memory limit of each worker's packs, in GB. [default: an equal share of 80% of the available memory]
        notify: Called with messages for the user.
        apart: Where GPUs are measured; it must have ended when the workers start. [default: a new process]

    Raises:
        SuiteError: ``pack`` or ``memory`` is invalid, or ``memory`` is set although ``pack`` is not "auto".
    """
    if pack not in ("auto", "off") and not (isinstance(pack, int) and pack > 0):
        raise SuiteError(f"pack {pack!r}: expected a number of runs, 'auto' or 'off'")
    if memory is not None and not 0 < memory < math.inf:
        raise SuiteError(f"memory {memory}: expected a number of gigabytes above 0")
    if pack != "auto":
        if memory is not None:
            raise SuiteError(f"memory {memory:g}: only applies with pack 'auto', not {pack!r}")
        fixed = 1 if pack == "off" else pack
        return lambda runs, spread: fixed
    apart = apart or ProcessApart()
    kinds = device_kinds(workers, memory, apart)

    def size(runs: Sequence[Run], spread: int) -> int:
        largest = -(-len(runs) // spread)
        if largest == 1:
            return 1
        work = sum(run.training.steps for run in runs) / spread
        return min(_size_on(kind, runs, largest, work, notify, apart) for kind in kinds)

    return size


def _size_on(
    kind: Kind, runs: Sequence[Run], largest: int, work: float, notify: Callable[[str], None], apart: Apart
) -> int:
    """Return the best size of packs on one kind of device, measured if it is not known."""
    key = timing_key(runs[0])
    rates = read_rates(key, kind.name)
    if work < SHORTEST * len(SIZES):
        return 1 if rates is None else rates.best(kind.limit)
    if rates is None or not rates.suffice(largest, work, kind.limit):
        rates = _measure_on(kind, runs, largest, work, notify, apart)
        if rates is None:
            return 1
        write_rates(key, kind.name, rates)
    if rates.alone:
        notify(f"{pack_label(runs[0])}: these runs cannot share a pack, so each trains alone ({rates.alone})")
    return rates.best(kind.limit)


def _measure_on(
    kind: Kind, runs: Sequence[Run], largest: int, work: float, notify: Callable[[str], None], apart: Apart
) -> Rates | None:
    """Measure where workers will train: on CUDA apart from this process, which frees the device when it ends."""
    device = torch.device(kind.worker.device)
    arguments = kind.worker.threads, runs, device, largest, work, kind.limit
    if device.type != "cuda" and not apart.runs_elsewhere:
        return _measure_with_threads(*arguments)
    try:
        return apart.call(_measure_with_threads, *arguments)
    except ChildProcessError as error:
        notify(
            f"{pack_label(runs[0])}: the best size of packs could not be measured, so each run trains alone ({error})"
        )
        return None


def _measure_with_threads(threads: int, *arguments: Any) -> Rates | None:
    with environment.limited_threads(threads):
        return _measure_first_stable(*arguments)


def _measure_first_stable(
    runs: Sequence[Run], device: torch.device, largest: int, work: float, limit: float | None
) -> Rates | None:
    """Return the rates of the first cell that does not diverge immediately; None if there is none, or a run fails."""
    for run in {run.cell: run for run in runs}.values():
        try:
            return measure_rates(run, device, largest, work, limit)
        except ArithmeticError:
            continue
        except Exception:  # the run will fail with the same error when it trains
            return None
        finally:
            environment.release_memory(device)  # the workers are other processes
    return None


def measure_rates(
    run: Run, device: torch.device, largest: int, work: float = math.inf, limit: float | None = None
) -> Rates:
    """Time a step of packs of growing size until larger ones no longer pay off or fit, or training would end sooner.

    Args:
        run: The run to fill the packs with.
        device: The device to train on.
        largest: The largest pack of interest; the search stops at the first size that is at least as large.
        work: The steps that a worker has to train, over all runs. The search stops before a size that would take longer
            to time than these steps take.
        limit: The memory limit in bytes; None for no limit. The search stops before a size that would exceed it.

    Raises:
        ArithmeticError: The run diverges immediately.
    """
    seconds: dict[int, float] = {}
    memory: dict[int, int] = {}
    began = time.perf_counter()
    if device.type == "cpu":
        _start_pack(run, 1, device)  # memory that libraries allocate only once does not belong to the pack
    sizes = SIZES if device.type == "cpu" else (*SIZES, *LARGER)
    for size in sizes:
        if limit is not None and size * max((memory[each] / each for each in memory), default=0.0) > limit:
            return Rates(seconds, memory, room=limit)
        try:
            step, memory[size] = _time_step(run, size, device)
        except Exception as error:
            if size == 1:
                raise
            if not environment.is_out_of_memory(error) and not isinstance(error, ArithmeticError):
                return Rates(seconds, memory, ended=True, alone=summarise_error(error))
            if limit is not None and environment.is_out_of_memory(error):  # perhaps another process held the memory
                return Rates(seconds, memory, room=limit)
            return Rates(seconds, memory, ended=True)
        seconds[size] = step / size
        if _no_more_gain(list(seconds.values())) or (device.type == "cpu" and size == 1 and step > SLOW):
            return Rates(seconds, memory, ended=True)
        spent = time.perf_counter() - began  # the next size takes at least half as long as all before
        if size < largest and 1.5 * spent > work * min(seconds.values()):
            return Rates(seconds, memory, work=work)
        if size >= largest:
            break
    return Rates(seconds, memory, ended=size == sizes[-1])


def _no_more_gain(seconds: Sequence[float]) -> bool:
    """Return whether the last sizes are no faster per run than those before."""
    before, last = seconds[:-PATIENCE], seconds[-PATIENCE:]
    return bool(before) and min(last) > (1 - GAIN) * min(before)


def _time_step(run: Run, size: int, device: torch.device) -> tuple[float, int]:
    """Return the seconds of a step of a pack and its peak memory in bytes, on GPUs with that of an evaluation."""
    environment.release_memory(device)  # otherwise the pack could use freed memory, which would not be counted
    environment.set_up_device(device)
    before = environment.reserved_memory_bytes(device) or 0
    pack = _start_pack(run, size, device)
    second = _time_steps(pack, 1, 2)
    steps = max(1, round(MINIMUM_TIME / second))
    best = min(second, *(_time_steps(pack, first, first + steps) / steps for first in range(2, 2 + 3 * steps, steps)))
    if device.type != "cpu":
        _pause_as_in_training(pack, run, 2 + 3 * steps)
    return best, max(pack.nbytes, (environment.reserved_memory_bytes(device) or 0) - before)


def _pause_as_in_training(pack: Pack, run: Run, first: int) -> None:
    """Take a step with probes and generate samples, as every evaluation does."""
    real = RealData.load(run.training.dataset, pack.sampler.device)
    list(train(pack, first, probe=real.probe(run.training), steps=first + 1))
    numbers = latent_numbers(run.training, pack.shape) + classes_of(run.training, real.real_samples)
    sizes = pack.shape if run.training.translates else (numbers,)
    generate(pack.players[0].generator, torch.zeros(GENERATED_AT_ONCE, *sizes))


def _start_pack(run: Run, size: int, device: torch.device) -> Pack:
    """Return a pack after its first step, which selects kernels and fills caches."""
    pack = RealData.load(run.training.dataset, device).start_pack([run.training] * size, range(size))
    _time_steps(pack, 0, 1)
    return pack


def _time_steps(pack: Pack, first: int, last: int) -> float:
    """Return the seconds of some steps; on the CPU, only the time of this process, because others may be running."""
    size, began = len(pack), time.process_time()
    seconds = [
        sum(measurement.seconds for measurement in measurements) for measurements in train(pack, first, steps=last)
    ]
    if len(pack) < size:
        raise ArithmeticError("runs diverge immediately: there is nothing to time")
    on_cpu = pack.sampler.device.type == "cpu"
    return (time.process_time() - began) / torch.get_num_threads() if on_cpu else sum(seconds)

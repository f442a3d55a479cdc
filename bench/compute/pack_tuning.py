"""Tunes the size of packs: times a few steps of packs of growing size, and picks the fastest that fits into memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Literal

import torch

from bench.compute import environment
from bench.compute.settings import Settings
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack
from bench.compute.training.real_data import RealData
from bench.errors import SuiteError, summarise_error
from bench.plan.grouping import pack_label, timing_key
from bench.plan.runs import Run
from bench.plan.throughput import GAIN, Rates, read_rates, write_rates

SIZES = (1, 2, 4, 8, 16, 32, 64)
SLOW = 0.05  # seconds: a longer step on the CPU is dominated by arithmetic, which packs do not reduce
MINIMUM_TIME = 0.05  # seconds to time at least, three times
SHORTEST = 5  # steps that timing a pack takes at least
PATIENCE = 2  # number of larger sizes without a gain before the search stops; a single timing may be an outlier
MEMORY_SHARE = 0.8  # share of the available memory that packs may use


def pack_sizer(
    pack: int | Literal["auto", "off"],
    workers: Sequence[Settings],
    memory: float | None,
    notify: Callable[[str], None],
) -> Callable[[Sequence[Run]], int]:
    """Return a function that decides how many runs of one kind share a pack.

    Args:
        pack: A number of runs, "off" for one run per pack, or "auto" to measure.
        workers: The settings of the workers.
        memory: The memory limit of each worker's packs, in GB. [default: an equal share of 80% of the available memory]
        notify: Called with messages for the user.

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
        return lambda runs: fixed
    first = workers[0]
    device = torch.device(first.device)
    limit = _memory_limit(device, sum(worker.device == first.device for worker in workers), memory)
    threads = f"{first.threads} thread{'s' * (first.threads > 1)}"
    machine = f"{environment.device_name(device)}, {threads}, torch {torch.__version__}"

    def size(runs: Sequence[Run]) -> int:
        largest = -(-len(runs) // len(workers))  # the runs are spread over all workers before packs grow
        if largest == 1:
            return 1
        key, work = timing_key(runs[0]), sum(run.training.steps for run in runs) / len(workers)
        rates = read_rates(key, machine)
        if work < SHORTEST * len(SIZES):
            return 1 if rates is None else rates.best(limit)
        if rates is None or not rates.suffice(largest, work):
            with environment.limited_threads(first.threads):
                rates = _measure_first_stable(runs, device, largest, work)
            if rates is None:
                return 1
            write_rates(key, machine, rates)
        if rates.alone:
            notify(f"{pack_label(runs[0])}: these runs cannot share a pack, so each trains alone ({rates.alone})")
        return rates.best(limit)

    return size


def _measure_first_stable(runs: Sequence[Run], device: torch.device, largest: int, work: float) -> Rates | None:
    """Return the rates of the first cell that does not diverge immediately; None if there is none, or a run fails."""
    for run in {run.cell: run for run in runs}.values():
        try:
            return measure_rates(run, device, largest, work)
        except ArithmeticError:
            continue
        except Exception:  # the run will fail with the same error when it trains
            return None
        finally:
            environment.release_memory(device)  # the workers are other processes
    return None


def _memory_limit(device: torch.device, workers: int, memory: float | None) -> float | None:
    """Return the memory limit of each worker's packs in bytes, or None if there is none."""
    if memory is not None:
        return memory * 1e9
    available = environment.available_memory(device)
    return None if available is None else MEMORY_SHARE * available / workers


def measure_rates(run: Run, device: torch.device, largest: int, work: float = math.inf) -> Rates:
    """Time a step of packs of growing size until larger packs no longer pay off, or training would be done sooner.

    Args:
        run: The run to fill the packs with.
        device: The device to train on.
        largest: The largest pack of interest; the search stops at the first size that is at least as large.
        work: The steps that a worker has to train, over all runs. The search stops before a size that would take longer
            to time than these steps take.

    Raises:
        ArithmeticError: The run diverges immediately.
    """
    seconds: dict[int, float] = {}
    memory: dict[int, int] = {}
    began = time.perf_counter()
    if device.type == "cpu":
        _start_pack(run, 1, device)  # memory that libraries allocate only once does not belong to the pack
    for size in SIZES:
        try:
            step, memory[size] = _time_step(run, size, device)
        except Exception as error:
            if size == 1:
                raise
            if not environment.is_out_of_memory(error) and not isinstance(error, ArithmeticError):
                return Rates(seconds, memory, ended=True, alone=summarise_error(error))
            return Rates(seconds, memory, ended=True)
        seconds[size] = step / size
        if _no_more_gain(list(seconds.values())) or (device.type == "cpu" and size == 1 and step > SLOW):
            return Rates(seconds, memory, ended=True)
        spent = time.perf_counter() - began  # the next size takes at least half as long as all before
        if size < largest and 1.5 * spent > work * min(seconds.values()):
            return Rates(seconds, memory, work=work)
        if size >= largest:
            break
    return Rates(seconds, memory, ended=size == SIZES[-1])


def _no_more_gain(seconds: Sequence[float]) -> bool:
    """Return whether the last sizes are no faster per run than those before."""
    before, last = seconds[:-PATIENCE], seconds[-PATIENCE:]
    return bool(before) and min(last) > (1 - GAIN) * min(before)


def _time_step(run: Run, size: int, device: torch.device) -> tuple[float, int]:
    """Return the seconds of a step of a pack and its peak memory in bytes."""
    environment.release_memory(device)  # otherwise the pack could use freed memory, which would not be counted
    environment.set_up_device(device)
    before = environment.peak_memory_bytes(device) or 0
    pack = _start_pack(run, size, device)
    second = _time_steps(pack, 1, 2)
    steps = max(1, round(MINIMUM_TIME / second))
    best = min(second, *(_time_steps(pack, first, first + steps) / steps for first in range(2, 2 + 3 * steps, steps)))
    return best, max(pack.nbytes, (environment.peak_memory_bytes(device) or 0) - before)


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

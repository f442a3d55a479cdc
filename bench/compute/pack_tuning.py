"""How many runs of a kind train as one pack: what a few steps show to be fastest, within memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Literal

import torch

from bench.compute import environment
from bench.compute.execution import Settings
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.reals import load_data, reals_on
from bench.errors import SuiteError, summarise_error
from bench.plan.grouping import pack_label, timing_key
from bench.plan.runs import Run
from bench.plan.throughput import GAIN, Rates, read_rates, write_rates

TRIED = (1, 2, 4, 8, 16, 32, 64)
SLOW = 0.05  # seconds: a step on the CPU that takes longer is arithmetic, and no pack makes that less
CLOCK = 0.1  # seconds that are timed at the least, three times
PATIENCE = 2  # sizes in turn that gain nothing before no larger one is tried: one may have had bad luck
SHARE = 0.8  # of the memory that is left


def sizes(
    pack: int | Literal["auto", "off"], crew: Sequence[Settings], memory: float | None, tell: Callable[[str], None]
) -> Callable[[Sequence[Run]], int]:
    """The function that says how many of some runs of one kind may share a pack.

    Args:
        pack: A number, "off", or "auto": what is measured.
        crew: The workers.
        memory: Gigabytes that each of them may take; None: its part of what is left.
        tell: Called with what there is to say.

    Raises:
        SuiteError: ``pack`` is nothing of that; ``memory`` is no number of gigabytes, or nothing is measured.
    """
    if pack not in ("auto", "off") and not (isinstance(pack, int) and pack > 0):
        raise SuiteError(f"pack {pack!r}: expected a number of runs, 'auto' or 'off'")
    if memory is not None and not 0 < memory < math.inf:
        raise SuiteError(f"memory {memory}: expected a number of gigabytes above 0")
    if pack != "auto":
        if memory is not None:
            raise SuiteError(f"memory {memory:g}: it limits packs whose size is measured (pack 'auto'), not {pack!r}")
        fixed = 1 if pack == "off" else pack
        return lambda runs: fixed
    first = crew[0]
    device = torch.device(first.device)
    limit = _limit(device, sum(each.device == first.device for each in crew), memory)
    threads = f"{first.threads} thread{'s' * (first.threads > 1)}"
    name = f"{environment.device_name(device)}, {threads}, torch {torch.__version__}"

    def size(runs: Sequence[Run]) -> int:
        if len(runs) == 1:
            return 1
        one, known = timing_key(runs[0]), read_rates(timing_key(runs[0]), name)
        if known is None or not known.suffice(len(runs)):
            with environment.threads(first.threads):
                known = _measured(runs, device)
            if known is None:
                return 1
            write_rates(one, name, known)
        if known.alone:
            tell(f"{pack_label(runs[0])}: no pack can run this, each run trains alone ({known.alone})")
        return known.best(limit)

    return size


def _measured(runs: Sequence[Run], device: torch.device) -> Rates | None:
    """What the first cell shows that does not diverge at once; None: there is none, or a run alone fails."""
    for run in {run.cell: run for run in runs}.values():
        try:
            return measure(run, device, len(runs))
        except ArithmeticError:
            continue
        except Exception:  # the run will say so itself
            return None
        finally:
            environment.release_memory(device)  # the workers are other processes
    return None


def _limit(device: torch.device, workers: int, memory: float | None) -> float | None:
    left = environment.available_memory(device) if memory is None else None
    return memory and memory * 1e9 if left is None else SHARE * left / workers


def measure(run: Run, device: torch.device, count: int) -> Rates:
    """Times a step of packs of growing size, until that pays no more.

    Args:
        run: All runs of the packs are like this one.
        device: Where.
        count: How many there are: no pack much larger is tried.

    Raises:
        ArithmeticError: the run diverges at once.
    """
    seconds: dict[int, float] = {}
    taken: dict[int, int] = {}
    if device.type == "cpu":
        _time(run, 1, device)  # what the libraries allocate once is not memory of a pack
    for size in TRIED:
        try:
            step, taken[size] = _time(run, size, device)
        except Exception as error:
            if size == 1:
                raise
            if not environment.is_out_of_memory(error) and not isinstance(error, ArithmeticError):
                return Rates(seconds, taken, ended=True, alone=summarise_error(error))
            return Rates(seconds, taken, ended=True)
        seconds[size] = step / size
        if _gains_end(list(seconds.values())) or (device.type == "cpu" and size == 1 and step > SLOW):
            return Rates(seconds, taken, ended=True)
        if size >= count:
            break
    return Rates(seconds, taken, ended=size == TRIED[-1])


def _gains_end(seconds: Sequence[float]) -> bool:
    """Whether the last sizes are no faster, a run, than those before."""
    before, last = seconds[:-PATIENCE], seconds[-PATIENCE:]
    return bool(before) and min(last) > (1 - GAIN) * min(before)


def _time(run: Run, size: int, device: torch.device) -> tuple[float, int]:
    """Seconds of a step of a pack, and the bytes that it takes at its peak."""
    environment.release_memory(device)  # what is free already would take what the pack needs unseen
    environment.begin(device)
    data, before = load_data(run.training.dataset), environment.peak_memory_bytes(device) or 0
    reals, shape = reals_on(data.train, device), data.train.shape[1:]
    environment.set_tf32(run.training.tf32, device)
    pack = assemble([run.training] * size, range(size), shape, reals, len(data.train), device)
    _steps(pack, 0, 1)
    first = _steps(pack, 1, 2)  # the step before has chosen kernels and filled caches
    more = max(1, round(CLOCK / first))
    best = min(first, *(_steps(pack, begin, begin + more) / more for begin in range(2, 2 + 3 * more, more)))
    environment.set_tf32(False, device)
    return best, max(pack.nbytes, (environment.peak_memory_bytes(device) or 0) - before)


def _steps(pack: Pack, first: int, last: int) -> float:
    """Seconds of some steps: on the CPU those that this process was given, for others may work beside it."""
    size, began = len(pack), time.process_time()
    shares = [sum(each.seconds for each in measured) for measured in train(pack, first, steps=last)]
    if len(pack) < size:
        raise ArithmeticError("runs diverge at once: there is nothing to time")
    on_cpu = pack.batches.device.type == "cpu"
    return (time.process_time() - began) / torch.get_num_threads() if on_cpu else sum(shares)

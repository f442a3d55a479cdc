"""Where a run was made: versions, commit, machine and device; none of it is part of a run's identity."""

from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from bench.errors import DeviceError
from bench.version import __version__


def devices(asked: str) -> list[str]:
    """The devices that ``auto``, ``cpu``, ``cuda`` (all of them), ``cuda:N`` or ``mps`` stands for.

    Raises:
        DeviceError: this machine has no such device.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    every_cuda = [f"cuda:{index}" for index in range(count)]
    if asked == "cpu":
        return ["cpu"]
    if asked == "auto":
        return every_cuda or (["mps"] if torch.backends.mps.is_available() else ["cpu"])
    if asked == "mps" and torch.backends.mps.is_available():
        return ["mps"]
    if asked == "cuda" and every_cuda:
        return every_cuda
    if asked in every_cuda:
        return [asked]
    here = ["cpu", *(["cuda"] if every_cuda else []), *every_cuda]
    raise DeviceError(f"--device {asked}: this machine has no such device; it has {', '.join(here)}")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch and for numpy's libraries: the order of a sum, and so its bits, depend on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def versions() -> dict[str, Any]:
    """Versions of what decides numbers, and the commit where the package runs from a checkout."""
    names = ("torch", "torch-fidelity", "numpy", "scikit-learn")
    return {
        "ganbench": __version__,
        **_commit(),
        "python": platform.python_version(),
        **{name.replace("-", "_"): version(name) for name in names},
        "platform": platform.platform(),
    }


def _commit() -> dict[str, Any]:
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return {"commit": None, "dirty": None}
    git = ["git", "-C", str(checkout)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": any("results/" not in line for line in status.splitlines())}


def device_name(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def begin(device: torch.device) -> None:
    """Makes the device this process's own, with exact float32 products, and begins to measure its peak memory."""
    if device.type == "cuda":
        torch.cuda.set_device(device)  # events and streams belong to the current device
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(device)
    elif (clear := Path("/proc/self/clear_refs")).exists():
        with suppress(OSError):  # a statistic is not worth a run
            clear.write_text("5")
    set_tf32(False, device)


def set_tf32(allowed: bool, device: torch.device) -> None:
    """Whether float32 products on CUDA may be computed in TF32; evaluation never does."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if allowed else "highest")
        torch.backends.cudnn.allow_tf32 = allowed


def peak_memory_bytes(device: torch.device) -> int | None:
    """Peak since ``begin``: allocated on CUDA; resident of this process on Linux; else unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)


def keep_memory() -> None:
    """Lets glibc keep the memory that training frees, which every step asks for again; elsewhere nothing.

    Else blocks above 32 MiB, which feature maps reach, are the system's again whenever they are freed, and each of
    their pages has to be found and cleared anew: a fifth of a step of wide residual networks.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        m_mmap_threshold, m_trim_threshold, bound = -3, -1, 2**30
        if mallopt(m_mmap_threshold, bound):  # where it is refused, a trim threshold alone would make things worse
            mallopt(m_trim_threshold, 2**31 - 1)


def release_memory(device: torch.device) -> None:
    """Gives back what a pack that is no more has held."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the device or of the machine."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error)


def is_lost(error: BaseException) -> bool:
    """Whether an error stays in the device's context, so that all that this process asks of it fails from now on."""
    return isinstance(error, getattr(torch, "AcceleratorError", ()))  # torch 2.8 and later


def available_memory(device: torch.device) -> int | None:
    """Bytes that can still be had on CUDA, or on Linux; else unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    info = Path("/proc/meminfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), None)

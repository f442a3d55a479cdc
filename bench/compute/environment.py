"""The machine that runs train on: devices, threads, memory and versions. None of it is part of a run's identity."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from bench.errors import DeviceError
from bench.records.checkout import read_checkout
from bench.version import __version__

OUT_OF_MEMORY = ("allocate memory", "out of memory", "ALLOC_FAILED")  # of the CPU; of CUDA and MPS; of cuBLAS


def devices(requested: str, precisions: Collection[str] = ()) -> list[str]:
    """Return the devices that "auto", "cpu", "cuda" (all CUDA devices), "cuda:N" or "mps" refers to.

    Args:
        requested: The value of ``--device``.
        precisions: The precisions of the runs to train.

    Raises:
        DeviceError: This machine does not have the device, or the device does not support one of the precisions.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda = [f"cuda:{index}" for index in range(count)]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    choices = {"cpu": ["cpu"], "auto": cuda or mps or ["cpu"], "mps": mps, "cuda": cuda}
    choices |= {name: [name] for name in cuda}
    names = choices.get(requested)
    if not names:
        available = ", ".join(["cpu", *(["cuda"] if cuda else []), *cuda, *mps])
        raise DeviceError(f"--device {requested}: no such device on this machine; available: {available}")
    if names == ["mps"] and "float64" in precisions:
        raise DeviceError('--device mps does not support precision "float64"; use cpu')
    return names


@contextmanager
def limited_threads(count: int) -> Iterator[None]:
    """Limit torch and numpy's libraries to a number of threads, which affects the order of sums and so the bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def versions() -> dict[str, Any]:
    """Return the versions of the packages that affect results, and the commit if ganbench runs from a checkout."""
    names = ("torch", "torch-fidelity", "numpy", "scikit-learn")
    return {
        "ganbench": __version__,
        **_commit(),
        "python": platform.python_version(),
        **{name.replace("-", "_"): version(name) for name in names},
        "platform": platform.platform(),
    }


def _commit() -> dict[str, Any]:
    root = Path(__file__).parents[2]
    # an installed package may lie in a virtual environment within another project's working tree
    checkout = read_checkout(root) if (root / ".git").exists() else None
    if checkout is None:
        return {"commit": None, "dirty": None}
    commit, changes = checkout
    return {"commit": commit, "dirty": any("results/" not in change for change in changes)}


def device_name(device: torch.device) -> str:
    """Return the model name of the GPU or CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def set_up_device(device: torch.device) -> None:
    """Select a device for this process, disable TF32, and reset the peak memory statistics.

    Raises:
        DeviceError: It is a GPU that this machine does not have; the driver of a cluster cannot know.
    """
    if device.type == "cuda":
        if (device.index or 0) >= (found := torch.cuda.device_count()):
            raise DeviceError(f"{device}: torch finds {found or 'no'} GPU{'s' * (found > 1)} on {platform.node()}")
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic algorithms of cuBLAS need it
        torch.cuda.set_device(device)  # events and streams belong to the current device
        torch.cuda.init()
        torch.cuda.reset_peak_memory_stats(device)
        _set_tf32(False)
    elif (clear := Path("/proc/self/clear_refs")).exists():
        with suppress(OSError):  # a missing statistic should not fail the run
            clear.write_text("5")


@contextmanager
def tf32(allowed: bool, device: torch.device) -> Iterator[None]:
    """Allow TF32 for float32 matrix products and convolutions on CUDA inside the block, if ``allowed``."""
    if not allowed or device.type != "cuda":
        yield
        return
    _set_tf32(True)
    try:
        yield
    finally:
        _set_tf32(False)


def _set_tf32(allowed: bool) -> None:
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def peak_memory_bytes(device: torch.device) -> int | None:
    """Return the peak memory since ``set_up_device``, in bytes.

    On CUDA this is memory allocated by torch, on Linux the resident memory of this process; elsewhere None.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)


def reserved_memory_bytes(device: torch.device) -> int | None:
    """Return the peak memory since ``set_up_device`` that nothing else can use, in bytes.

    On CUDA this includes what torch has reserved and not yet allocated, and the pools of graphs.
    """
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else peak_memory_bytes(device)


def keep_freed_memory() -> None:
    """Make glibc keep freed memory in the process, because each training step allocates it again.

    By default, glibc returns blocks above 32 MiB to the system when they are freed, and feature maps can be that large.
    Faulting in and clearing their pages again took a fifth of each step of wide residual networks.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        m_mmap_threshold, m_trim_threshold, bound = -3, -1, 2**30
        if mallopt(m_mmap_threshold, bound):  # if this fails, setting only the trim threshold would slow things down
            mallopt(m_trim_threshold, 2**31 - 1)


def release_memory(device: torch.device) -> None:
    """Return unused memory to the system and the device. An error of the device is left to whatever uses it next."""
    gc.collect()
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    if device.type != "cpu":
        with suppress(RuntimeError):
            torch.get_device_module(device).empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the machine ran out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


def is_device_lost(error: BaseException) -> bool:
    """Return whether an error corrupts the device context, so that every later call in this process fails."""
    return isinstance(error, getattr(torch, "AcceleratorError", ())) and not is_out_of_memory(error)  # from torch 2.8


def available_memory(device: torch.device) -> int | None:
    """Return the available memory in bytes on CUDA, MPS or Linux; elsewhere None."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    info = Path("/proc/meminfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), None)

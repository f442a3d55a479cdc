"""Speed on a GPU: packs against single runs, graphs against separate kernels, evaluation there against torch-fidelity."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from bench.catalogue.metrics.frechet_on_device import device_distance, device_statistics
from bench.compute import environment
from bench.compute.training import loop
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.plan.specification import complete_training

Summary = dict[str, Any]
PROGRAMS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "mlp": ({"dataset": "digits", "architecture": "mlp", "loss": "non-saturating"}, (1, 8, 8)),
    "mlp wgan-gp": ({"dataset": "digits", "architecture": "mlp", "loss": "wgan-gp"}, (1, 8, 8)),
    "dcgan": ({"dataset": "cifar10", "architecture": "dcgan", "loss": "hinge", "batch_size": 64}, (3, 32, 32)),
}


def measure(
    device: torch.device, sizes: Sequence[int] = (1, 4, 16, 64), steps: int = 100, samples: int = 10_000
) -> Summary:
    """Return all timings on a device, in seconds."""
    environment.set_up_device(device)
    programs = {
        name: {
            "pack": {size: step_seconds(name, size, device, steps) for size in sizes},
            "without graphs": step_seconds(name, sizes[-1], device, steps, graphs=False),
            "deterministic": step_seconds(name, sizes[-1], device, steps, deterministic=True),
        }
        for name in PROGRAMS
    }
    return {
        "device": environment.device_name(device),
        "torch": torch.__version__,
        "step seconds": programs,
        "frechet distance": frechet_seconds(device, samples),
    }


def step_seconds(
    name: str, runs: int, device: torch.device, steps: int, *, graphs: bool = True, **keys: object
) -> float:
    """Return the seconds of a step of a pack, after steps that record graphs and choose algorithms."""
    table, shape = PROGRAMS[name]
    training = complete_training({**table, "steps": 10_000, **keys}, name)
    reals = (torch.rand(1000, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(device)
    pack = assemble([training] * runs, range(runs), shape, lambda i: reals[i.to(device)], len(reals), device)
    with _recording(graphs):
        list(train(pack, steps=10))
        measured = list(train(pack, 10, steps=10 + steps))
    environment.release_memory(device)
    return sum(each.seconds for part in measured for each in part) / steps


@contextmanager
def _recording(graphs: bool) -> Iterator[None]:
    """Let steps be recorded as CUDA graphs or not, inside the block."""
    if graphs:
        yield
        return
    with patch.object(loop, "GraphedSteps", lambda take_step, pack: take_step):
        yield


def frechet_seconds(device: torch.device, samples: int, size: int = 2048, rounds: int = 3) -> Summary:
    """Return the seconds of a Fréchet distance of features, ours on the device and torch-fidelity's, and both values."""
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(samples, size, generator=generator) + shift for shift in (0.0, 0.1))
    reference, theirs = device_statistics(real.to(device)), fid_features_to_statistics(real)
    ours = _timed(lambda: device_distance(reference, fake.to(device)), rounds)

    def torch_fidelity() -> float:
        statistics = fid_features_to_statistics(fake)
        return float(fid_statistics_to_metric(statistics, theirs, False)["frechet_inception_distance"])

    other = _timed(torch_fidelity, 1)
    return {"ours": ours[0], "torch-fidelity": other[0], "value": ours[1], "value of torch-fidelity": other[1]}


def _timed(call: Callable[[], float], rounds: int) -> tuple[float, float]:
    seconds, value = [], call() if rounds > 1 else 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        value = call()
        seconds.append(time.perf_counter() - began)
    return median(seconds), value

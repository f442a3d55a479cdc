"""One evaluation compared with ``torch_fidelity.calculate_metrics``: same samples, same extractor weights."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
import torch_fidelity
from counterparts.training import CPU, threads
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from bench.catalogue import find
from bench.catalogue.extractors import extractor_hash
from bench.catalogue.extractors.networks import PREFIX
from bench.catalogue.metrics.frechet import distance_to_statistics, feature_statistics
from bench.compute.evaluation import build_evaluator
from bench.compute.training.real_data import cached_dataset
from bench.plan.specification import Evaluation, choose

ROUNDS, SAMPLES, CORES = 5, 10_000, 2


class Timed(NamedTuple):
    """Median seconds of ours and theirs, and the difference of the values relative to theirs."""

    claim: str
    ours: float
    theirs: float
    agreement: float


class Images(Dataset):  # type: ignore[type-arg]
    """Images in memory: the fastest possible dataset."""

    def __init__(self, images: Tensor):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def samples_of(dataset: str, count: int) -> Tensor:
    """Images as a generator that is too dark would make them: held out ones, at nine tenths."""
    test = cached_dataset(choose("dataset", dataset)).test
    return (torch.from_numpy(test[np.arange(count) % len(test)]).float() * 0.9).to(torch.uint8)


def our_evaluation(samples: Tensor, dataset: str) -> Callable[[], float]:
    """Return our evaluation as a run calls it, with the statistics of the reference already computed."""
    asked = Evaluation(metrics=(choose("metric", "frechet"),), samples=len(samples))
    weights = extractor_hash(find("dataset", dataset).extractor)
    evaluator = build_evaluator(choose("dataset", dataset), asked, weights, None, CPU)
    return lambda: evaluator.measure(samples)["fd"]


def torch_fidelity_evaluation(samples: Tensor, dataset: str, cache_root: str | None = None) -> Callable[[], float]:
    """Return a call of torch-fidelity with its defaults: batches of 64, four loader processes.

    Args:
        samples: The generated images.
        dataset: Name of the real dataset.
        cache_root: Folder where the statistics of the reference are cached; None: extract the features of both sides.
    """
    reference = Images(torch.from_numpy(cached_dataset(choose("dataset", dataset)).train.copy()))
    cached = {"cache_root": cache_root, "input2_cache_name": dataset} if cache_root else {"cache": False}

    def call() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about four processes on two cores
            measured = torch_fidelity.calculate_metrics(
                input1=Images(samples),
                input2=reference,
                fid=True,
                feature_extractor=PREFIX + find("dataset", dataset).extractor,
                cuda=False,
                verbose=False,
                **cached,
            )
        return float(measured["frechet_inception_distance"])

    if cache_root:
        call()
    return call


def features_like_inceptions(count: int, dimension: int, seed: int) -> Tensor:
    """Return features with variances over six decades, like Inception's, along random axes."""
    generator = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(generator.standard_normal((dimension, dimension)))
    deviations = np.logspace(0, -3, dimension)
    features = (generator.standard_normal((count, dimension)) * deviations) @ axes.T + 0.4
    return torch.from_numpy(features.astype(np.float32))


def our_distance(features: Tensor, reference: Tensor) -> Callable[[], float]:
    """From features to the distance: covariance, and roots of a symmetric matrix's eigenvalues."""
    known = feature_statistics(reference)
    return lambda: distance_to_statistics(known, features)


def torch_fidelity_distance(features: Tensor, reference: Tensor) -> Callable[[], float]:
    """Return theirs: covariance, then square roots of the eigenvalues of a general matrix."""
    known = fid_features_to_statistics(reference)

    def call() -> float:
        statistics = fid_features_to_statistics(features)
        return float(fid_statistics_to_metric(statistics, known, verbose=False)["frechet_inception_distance"])

    return call


def our_trace(features: Tensor, reference: Tensor) -> Callable[[], float]:
    """The trace of (Σ₁Σ₂)^½ alone, from Σ₁ and a factor of Σ₂."""
    covariance, factor = _covariance(features), feature_statistics(reference).factor
    return lambda: float(np.sqrt(np.linalg.eigvalsh(factor.T @ covariance @ factor).clip(min=0)).sum())


def torch_fidelity_trace(features: Tensor, reference: Tensor) -> Callable[[], float]:
    """Return theirs, from Σ₁ and Σ₂, with the expression that torch-fidelity uses."""
    one, other = _covariance(features), _covariance(reference)
    return lambda: float(np.sum(np.sqrt(np.linalg.eigvals(one.dot(other)).astype("complex128")).real))


def _covariance(features: Tensor) -> NDArray[np.float64]:
    return np.cov(features.numpy(), rowvar=False)


def measure(
    rounds: int = ROUNDS,
    dataset: str = "fashion-mnist",
    samples: int = SAMPLES,
    dimension: int = 2048,
    cores: int = CORES,
) -> list[Timed]:
    """Measure all pairs, alternating between ours and theirs; reusable results are computed before the clock starts.

    ``cores`` sets the threads of torch and of numpy's BLAS. Use 1 on a shared machine: threads that wait for each other
    take up to fourteen times as long there, sometimes in ours and sometimes in theirs.
    """
    made = samples_of(dataset, samples)
    wide = [features_like_inceptions(samples, dimension, seed) for seed in (0, 1)]
    images = f"{samples} samples of {dataset}, FD"
    with threads(cores), threadpool_limits(cores), tempfile.TemporaryDirectory() as kept:
        ours = our_evaluation(made, dataset)
        pairs = {
            f"{images}; torch-fidelity's plain call": (ours, torch_fidelity_evaluation(made, dataset)),
            f"{images}; its reference statistics kept": (ours, torch_fidelity_evaluation(made, dataset, kept)),
            f"distance of {samples} × {dimension} features": (our_distance(*wide), torch_fidelity_distance(*wide)),
            f"its trace term, {dimension} × {dimension}": (our_trace(*wide), torch_fidelity_trace(*wide)),
        }
        return [_in_turn(claim, *pair, rounds) for claim, pair in pairs.items()]


def _in_turn(claim: str, ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> Timed:
    taken: tuple[list[float], list[float]] = ([], [])
    values = [0.0, 0.0]
    for _ in range(rounds):
        for which, function in enumerate((ours, theirs)):
            began = time.perf_counter()
            values[which] = function()
            taken[which].append(time.perf_counter() - began)
    return Timed(claim, median(taken[0]), median(taken[1]), abs(values[0] - values[1]) / abs(values[1]))


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CORES
    print(f"{count} of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    for found in measure(cores=count):
        print(f"{found.claim}: {found.ours:.2f} s against {found.theirs:.2f} s, {found.theirs / found.ours:.1f} times")
        print(f"    values differ by {found.agreement:.1e}")
    print(f"load {os.getloadavg()[0]:.1f} after")

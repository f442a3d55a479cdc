"""Leading eigenvalues of the game's Jacobian, from matrix-vector products; the matrix is never built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs
from torch import Tensor

from bench.catalogue.metrics import SpectrumOptions
from bench.catalogue.metrics.context import GameView

DENSE = 24  # up to this many parameters all eigenvalues are computed, as ARPACK needs more than it returns
RESTARTS = 100  # limit for ARPACK; each takes about as many products as its basis has vectors
Product = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def prepare(options: SpectrumOptions) -> Callable[[GameView], dict[str, float]]:
    """Return the metric: properties of the spectrum at the players' current parameters.

    Let v be the gradients of both players' losses, each by its own parameters, on one fixed batch, and A the Jacobian
    of −v, the continuous-time system (Mescheder et al. 2017, section 3).

    - ``spectrum_real`` is the largest real part of A's eigenvalues; negative means attracting.
    - ``spectrum_rotation`` is the largest |imaginary| / |real| among the eigenvalues of largest modulus (Berard et al.
      2020, section 4).
    - ``spectrum_radius`` is the largest modulus of the eigenvalues of I + ηA, the update of simultaneous gradient
      descent with the players' learning rates at this step. The scaling by an adaptive optimiser is ignored.

    They are NaN if ARPACK does not converge.
    """

    def measure(game: GameView) -> dict[str, float]:
        product, rates = transposed_product(game, options.samples)
        size, count, tolerance = len(rates), options.eigenvalues, options.tolerance
        leading = eigenvalues(product, size, count, "LM", tolerance)
        if not len(leading):
            return dict.fromkeys(("spectrum_real", "spectrum_rotation", "spectrum_radius"), float("nan"))
        shift = float(np.abs(leading).max())  # so that the tolerance is relative to the spectrum, not to a value near 0
        rightmost = eigenvalues(lambda w: product(w) + shift * w, size, count, "LR", tolerance) - shift
        update = eigenvalues(lambda w: w + product(rates * w), size, count, "LM", tolerance)
        with np.errstate(divide="ignore", invalid="ignore"):
            rotation = np.abs(leading.imag) / np.abs(leading.real)
        return {
            "spectrum_real": _largest(rightmost.real),
            "spectrum_rotation": _largest(rotation),
            "spectrum_radius": _largest(np.abs(update)),
        }

    return measure


def _largest(values: NDArray[np.float64]) -> float:
    numbers = values[~np.isnan(values)]
    return float(numbers.max()) if len(numbers) else float("nan")


def eigenvalues(product: Product, size: int, count: int, which: str, tolerance: float) -> NDArray[np.complex128]:
    """Return ``count`` eigenvalues at one end of the spectrum of a real matrix [size, size] that is given by products.

    The result is empty if ARPACK does not find all of them, since some of those that it finds may not be extreme.

    Args:
        product: w [size] → Aw.
        size: Number of rows of the matrix.
        count: Number of eigenvalues; of a small matrix all are returned.
        which: "LM" (largest modulus) or "LR" (largest real part).
        tolerance: Relative tolerance of ARPACK.
    """
    if size <= max(DENSE, 2 * count + 2):
        dense = np.stack([product(column) for column in np.eye(size)], axis=1)
        return np.linalg.eigvals(dense).astype(np.complex128)
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    basis = min(size, max(4 * count, 40))
    try:
        outermost = eigs(
            operator,
            k=count,
            which=which,
            v0=start,
            ncv=basis,
            maxiter=RESTARTS,
            tol=tolerance,
            return_eigenvectors=False,
        )
    except ArpackError:
        return np.empty(0, dtype=np.complex128)
    return np.asarray(outermost, dtype=np.complex128)


def transposed_product(game: GameView, samples: int) -> tuple[Product, NDArray[np.float64]]:
    """Return the product w → Aᵀw, in double precision, and the learning rate of every parameter.

    Aᵀ has the eigenvalues of A. One product takes one backward pass through the graph of the gradients, which is built
    once.
    """
    parameters, gradients = game.gradients(samples)
    # where a gradient is constant, as that of wasserstein for the critic's last bias, its derivatives are 0
    varying = [number for number, gradient in enumerate(gradients) if gradient.requires_grad]

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        pieces = torch.from_numpy(np.array(vector, dtype=np.float64).reshape(-1)).split([p.numel() for p in parameters])
        directions = [piece.view(p.shape).to(p) for piece, p in zip(pieces, parameters, strict=True)]
        products = torch.autograd.grad(
            [gradients[number] for number in varying],
            parameters,
            [directions[number] for number in varying],
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return -torch.cat([piece.flatten() for piece in products]).cpu().numpy()

    return product, game.learning_rates().numpy()


def dense_jacobian(game: GameView, samples: int) -> Tensor:
    """Return the Jacobian A of −v, [p, p], for games of few parameters; the critic's come first."""
    product, rates = transposed_product(game, samples)
    rows: list[Any] = [product(unit) for unit in np.eye(len(rates))]  # the columns of Aᵀ
    return torch.from_numpy(np.stack(rows))

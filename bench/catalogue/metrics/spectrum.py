"""Leading eigenvalues of the game's Jacobian, by products with it alone: the matrix is never built."""

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

DENSE = 24  # parameters up to which all eigenvalues are computed: ARPACK wants more than it is asked for
RESTARTS = 100  # of ARPACK, each about as many products as its basis has vectors
Product = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def prepare(options: SpectrumOptions) -> Callable[[GameView], dict[str, float]]:
    """The function that measures the spectrum at the players' position.

    Let v be the gradients of both players' losses, each by its own parameters, on one fixed batch, and A the Jacobian
    of −v, the continuous-time system (Mescheder et al. 2017, section 3). ``spectrum_real`` is the largest real part of
    A's eigenvalues (negative: attracting), ``spectrum_rotation`` the largest |imaginary| / |real| among those of the
    largest modulus (Berard et al. 2020, section 4), ``spectrum_radius`` the largest modulus of I + ηA, the update of
    simultaneous gradient descent with the learning rates that both players have at this step, where an adaptive
    optimiser's own scaling is left aside. NaN where ARPACK does not find all that it is asked for in time.
    """

    def measure(game: GameView) -> dict[str, float]:
        product, rates = transposed_product(game, options.samples)
        size, count, tolerance = len(rates), options.eigenvalues, options.tolerance
        leading = eigenvalues(product, size, count, "LM", tolerance)
        if not len(leading):
            return dict.fromkeys(("spectrum_real", "spectrum_rotation", "spectrum_radius"), float("nan"))
        shift = float(np.abs(leading).max())  # makes the tolerance relative to the spectrum, not to a value near 0
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
    known = values[~np.isnan(values)]
    return float(known.max()) if len(known) else float("nan")


def eigenvalues(product: Product, size: int, count: int, which: str, tolerance: float) -> NDArray[np.complex128]:
    """``count`` eigenvalues of a real matrix [size, size] that is known by its products, from one end of the spectrum.

    None where ARPACK does not find them all: some of them would not be the outermost.

    Args:
        product: w [size] → Aw.
        size: Of the matrix.
        count: How many; all of a small matrix.
        which: "LM" (largest modulus) or "LR" (largest real part).
        tolerance: Of ARPACK, relative.
    """
    if size <= max(DENSE, 2 * count + 2):
        dense = np.stack([product(column) for column in np.eye(size)], axis=1)
        return np.linalg.eigvals(dense).astype(np.complex128)
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(size)
    basis = min(size, max(4 * count, 40))
    try:
        found = eigs(
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
    return np.asarray(found, dtype=np.complex128)


def transposed_product(game: GameView, samples: int) -> tuple[Product, NDArray[np.float64]]:
    """W → Aᵀw, whose eigenvalues are those of A, and the learning rate of every parameter; in double precision.

    One product costs one backward pass through the graph of the gradients, which is built once.
    """
    parameters, gradients = game.gradients(samples)

    def product(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        pieces = torch.from_numpy(np.array(vector, dtype=np.float64).reshape(-1)).split([p.numel() for p in parameters])
        directions = [piece.view(p.shape).to(p) for piece, p in zip(pieces, parameters, strict=True)]
        found = torch.autograd.grad(
            gradients, parameters, directions, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return -torch.cat([each.flatten() for each in found]).cpu().numpy()

    return product, game.learning_rates().numpy()


def dense_jacobian(game: GameView, samples: int) -> Tensor:
    """The Jacobian of −v, column by column, for games of few parameters: the critic's first."""
    product, rates = transposed_product(game, samples)
    columns: list[Any] = [product(column) for column in np.eye(len(rates))]
    return torch.from_numpy(np.stack(columns))  # rows of the transpose's columns: A itself

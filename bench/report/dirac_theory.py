"""The Dirac-GAN in closed form (Mescheder et al. 2018, section 2 and appendix D): vector field and eigenvalues.

Real data is a point at 0, generated data a point at θ, and the critic's logit is ψx: r = 0 on real data, f = ψθ on
generated data. Both players descend their loss: dθ/dt = −g'(f)ψ and dψ/dt = −c'(f)θ, plus the terms of penalties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bench.evidence.statistics.intervals import Array

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(41)  # quadrature over N(0, 1)
SINGULAR = ("wgan-gp", "dragan")  # (|ψ| − 1)² has no derivative at the equilibrium


class Slopes(NamedTuple):
    """Derivatives of a loss with respect to the logits.

    Attributes:
        real: c'(r), with respect to the logit on real data.
        fake: c'(f), with respect to the logit on generated data.
        generator: g'(f).
        damping: ∂²c/∂r² + ∂²c/∂f² at the equilibrium, by which instance noise of variance 1 damps ψ.
        spread: The standard deviation of the noise on the loss's argument, in σ of instance noise; √2 for the
            difference of two logits.
    """

    real: Callable[[Any], Any]
    fake: Callable[[Any], Any]
    generator: Callable[[Any], Any]
    damping: float
    spread: float = 1


def sigmoid(t: Any) -> Any:
    """Return 1 / (1 + e⁻ᵗ)."""
    return 0.5 * (1 + np.tanh(t / 2))


def constant(value: float) -> Callable[[Any], Any]:
    """Return a constant slope."""
    return lambda t: np.full_like(t, value, dtype=float)


_CROSS_ENTROPY = (lambda r: -sigmoid(-r), sigmoid)
SLOPES: dict[str, Slopes] = {
    "minimax": Slopes(*_CROSS_ENTROPY, lambda f: -sigmoid(f), 0.5),
    "non-saturating": Slopes(*_CROSS_ENTROPY, lambda f: -sigmoid(-f), 0.5),
    "wasserstein": Slopes(constant(-1), constant(1), constant(-1), 0),
    "wgan-gp": Slopes(constant(-1), constant(1), constant(-1), 0),
    "hinge": Slopes(lambda r: -1.0 * (r < 1), lambda f: 1.0 * (f > -1), constant(-1), 0),
    "least-squares": Slopes(lambda r: r - 1, lambda f: f, lambda f: f - 1, 2),
    # Functions of differences of logits; by symmetry the real part is included in the generated one.
    "relativistic": Slopes(constant(0), sigmoid, lambda f: -sigmoid(-f), 0.5, spread=2**0.5),
    "relativistic-average": Slopes(constant(0), lambda f: 2 * sigmoid(f), lambda f: -2 * sigmoid(-f), 0.5),
}
PENALTIES = ("r1", "r2", "zero-centred", *SINGULAR, "weight-clip", "instance-noise", "consensus")
Penalties = Mapping[str, Mapping[str, Any]]  # name → options


def is_known(loss: str, penalties: Penalties) -> bool:
    """Return whether there is a closed form; losses and penalties of other packages have none."""
    return loss in SLOPES and all(name in PENALTIES for name in penalties)


def vector_field(loss: str, penalties: Penalties, theta: Array, psi: Array) -> tuple[Array, Array]:
    """Return (dθ/dt, dψ/dt) at points of the plane, with the expectation over instance noise and without clipping."""
    slopes = SLOPES[loss]
    noise = penalties.get("instance-noise")
    sigma = slopes.spread * noise["sigma"] if noise else 0.0
    nodes, weights = (NODES, WEIGHTS / WEIGHTS.sum()) if noise else (np.zeros(1), np.ones(1))
    theta_rate, psi_rate = np.zeros_like(theta), np.zeros_like(psi)
    for node, weight in zip(nodes, weights, strict=True):
        position = theta + sigma * node
        theta_rate -= weight * slopes.generator(psi * position) * psi
        psi_rate -= weight * (slopes.fake(psi * position) * position + slopes.real(psi * sigma * node) * sigma * node)
    psi_rate -= sum(_penalty_gradient(name, options, psi) for name, options in penalties.items())
    if "consensus" in penalties:
        rest = {name: options for name, options in penalties.items() if name != "consensus"}
        weight, step = penalties["consensus"]["weight"], 1e-5

        def energy(a: Array, b: Array) -> Array:
            v = vector_field(loss, rest, a, b)
            return np.asarray(0.5 * (v[0] ** 2 + v[1] ** 2))

        theta_rate -= weight * (energy(theta + step, psi) - energy(theta - step, psi)) / (2 * step)
        psi_rate -= weight * (energy(theta, psi + step) - energy(theta, psi - step)) / (2 * step)
    return theta_rate, psi_rate


def _penalty_gradient(name: str, options: Mapping[str, Any], psi: Array) -> Array:
    """Return ∂/∂ψ of a weighted penalty; ‖∇ₓD‖ is |ψ| everywhere."""
    if name in ("r1", "r2"):
        return np.asarray(options["weight"] * psi)
    if name == "zero-centred":
        return np.asarray(2 * options["weight"] * psi)
    if name in SINGULAR:
        return np.asarray(2 * options["weight"] * (np.abs(psi) - 1) * np.sign(psi))
    return np.zeros_like(psi)


def leading_eigenvalue(loss: str, penalties: Penalties) -> complex | None:
    """Return the eigenvalue with the largest real part at the equilibrium, with positive imaginary part if complex.

    The matrix is A = (0, −g'(0); −c'(0), −d) with the damping d of ψ; consensus optimization replaces it by A − γAᵀA
    (Mescheder et al. 2017). For minimax with r1 the result is −γ/2 + √(γ²/4 − ¼). None if the vector field is unknown
    or not differentiable at the equilibrium.
    """
    if not is_known(loss, penalties) or any(name in penalties for name in SINGULAR):
        return None
    slopes, zero = SLOPES[loss], np.zeros(1)
    damping = sum(
        {"r1": 1, "r2": 1, "zero-centred": 2}.get(name, 0) * options.get("weight", 0.0)
        for name, options in penalties.items()
    )
    if "instance-noise" in penalties:
        damping += slopes.damping * penalties["instance-noise"]["sigma"] ** 2
    matrix = np.array([[0.0, -slopes.generator(zero)[0]], [-slopes.fake(zero)[0], -damping]])
    if "consensus" in penalties:
        matrix = matrix - penalties["consensus"]["weight"] * matrix.T @ matrix
    return complex(max(np.linalg.eigvals(matrix), key=lambda value: (round(value.real, 9), value.imag)))

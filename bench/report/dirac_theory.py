"""The Dirac-GAN in closed form (Mescheder et al. 2018, section 2 and appendix D): its field and its eigenvalues.

Real data is at 0, the generator at θ, the critic's logit is ψx: r = 0 on real data and f = ψθ on generated. Both
players follow −∂L: dθ/dt = −g'(f)ψ and dψ/dt = −c'(f)θ, and what the penalties add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(41)  # quadrature over N(0, 1)
SINGULAR = ("wgan-gp", "dragan")  # (|ψ| − 1)² has no derivative at the equilibrium


class Slopes(NamedTuple):
    """Derivatives of a loss by the logits.

    Attributes:
        real: c'(r), by the logit on real data.
        fake: c'(f), by the logit on generated data.
        generator: g'(f).
        damping: ∂²c/∂r² + ∂²c/∂f² at the equilibrium: what instance noise of variance 1 damps ψ by.
        spread: Of noise on the logit that counts, in σ of instance noise: √2 for a difference of two.
    """

    real: Callable[[Any], Any]
    fake: Callable[[Any], Any]
    generator: Callable[[Any], Any]
    damping: float
    spread: float = 1


def sigmoid(t: Any) -> Any:
    """1 / (1 + e⁻ᵗ)."""
    return 0.5 * (1 + np.tanh(t / 2))


def constant(value: float) -> Callable[[Any], Any]:
    """The same slope everywhere."""
    return lambda t: np.full_like(t, value, dtype=float)


_CROSS_ENTROPY = (lambda r: -sigmoid(-r), sigmoid)
SLOPES: dict[str, Slopes] = {
    "minimax": Slopes(*_CROSS_ENTROPY, lambda f: -sigmoid(f), 0.5),
    "non-saturating": Slopes(*_CROSS_ENTROPY, lambda f: -sigmoid(-f), 0.5),
    "wasserstein": Slopes(constant(-1), constant(1), constant(-1), 0),
    "wgan-gp": Slopes(constant(-1), constant(1), constant(-1), 0),
    "hinge": Slopes(lambda r: -1.0 * (r < 1), lambda f: 1.0 * (f > -1), constant(-1), 0),
    "least-squares": Slopes(lambda r: r - 1, lambda f: f, lambda f: f - 1, 2),
    # functions of differences of logits, whose law is symmetric: what real data adds is in the generated part
    "relativistic": Slopes(constant(0), sigmoid, lambda f: -sigmoid(-f), 0.5, spread=2**0.5),
    "relativistic-average": Slopes(constant(0), lambda f: 2 * sigmoid(f), lambda f: -2 * sigmoid(-f), 0.5),
}
PENALTIES = ("r1", "r2", "zero-centred", *SINGULAR, "weight-clip", "instance-noise", "consensus")
Penalties = Mapping[str, Mapping[str, Any]]  # name → options


def is_known(loss: str, penalties: Penalties) -> bool:
    """Whether the closed forms are here: other packages' losses and penalties have none."""
    return loss in SLOPES and all(name in PENALTIES for name in penalties)


def field(loss: str, penalties: Penalties, theta: Array, psi: Array) -> tuple[Array, Array]:
    """(dθ/dt, dψ/dt) at points of the plane; instance noise by its expectation, clipping left aside."""
    slopes = SLOPES[loss]
    noise = penalties.get("instance-noise")
    sigma = slopes.spread * noise["sigma"] if noise else 0.0
    points, weights = (NODES, WEIGHTS / WEIGHTS.sum()) if noise else (np.zeros(1), np.ones(1))
    along_theta, along_psi = np.zeros_like(theta), np.zeros_like(psi)
    for point, weight in zip(points, weights, strict=True):
        shown = theta + sigma * point
        along_theta -= weight * slopes.generator(psi * shown) * psi
        along_psi -= weight * (slopes.fake(psi * shown) * shown + slopes.real(psi * sigma * point) * sigma * point)
    along_psi -= sum(_pull(name, options, psi) for name, options in penalties.items())
    if "consensus" in penalties:
        rest = {name: options for name, options in penalties.items() if name != "consensus"}
        weight, step = penalties["consensus"]["weight"], 1e-5

        def energy(a: Array, b: Array) -> Array:
            v = field(loss, rest, a, b)
            return np.asarray(0.5 * (v[0] ** 2 + v[1] ** 2))

        along_theta -= weight * (energy(theta + step, psi) - energy(theta - step, psi)) / (2 * step)
        along_psi -= weight * (energy(theta, psi + step) - energy(theta, psi - step)) / (2 * step)
    return along_theta, along_psi


def _pull(name: str, options: Mapping[str, Any], psi: Array) -> Array:
    """∂/∂ψ of a weighted penalty: ‖∇ₓD‖ is |ψ| everywhere."""
    if name in ("r1", "r2"):
        return np.asarray(options["weight"] * psi)
    if name == "zero-centred":
        return np.asarray(2 * options["weight"] * psi)
    if name in SINGULAR:
        return np.asarray(2 * options["weight"] * (np.abs(psi) - 1) * np.sign(psi))
    return np.zeros_like(psi)


def leading_eigenvalue(loss: str, penalties: Penalties) -> complex | None:
    """The eigenvalue with the largest real part at the equilibrium, of a pair the one above the real axis.

    Of A = (0, −g'(0); −c'(0), −d) with d what damps ψ, and with consensus of A − γAᵀA (Mescheder et al. 2017). With r1
    and minimax −γ/2 + √(γ²/4 − ¼). None where the field has no derivative there, or is not known.
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

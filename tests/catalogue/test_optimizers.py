"""Optimistic Adam by hand, and properties that every optimiser must have."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from bench.catalogue.optimistic_adam import OptimisticAdam
from bench.catalogue.optimizers import OPTIMIZERS, SCHEDULES, OptimizerOptions

GRADIENTS = [0.5, -2.0, 1.5, 0.1]


def test_optimistic_adam_by_hand() -> None:
    """θ ← θ − 2η dₜ + η dₜ₋₁, d = m̂ / (√v̂ + ε) (Daskalakis et al. 2018, algorithm 1)."""
    lr, first, second, eps = 0.1, 0.5, 0.9, 1e-8
    theta = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    optimizer = OptimisticAdam([theta], lr=lr, betas=(first, second), eps=eps)
    expected, mean, square, before = 3.0, 0.0, 0.0, 0.0
    for t, gradient in enumerate(GRADIENTS, 1):
        theta.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        mean = first * mean + (1 - first) * gradient
        square = second * square + (1 - second) * gradient**2
        direction = mean / (1 - first**t) / ((square / (1 - second**t)) ** 0.5 + eps)
        expected += -2 * lr * direction + lr * before
        before = direction
        assert theta.item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_descends_and_resumes_bit_by_bit(name: str) -> None:
    entry = OPTIMIZERS[name]

    def descend(theta: torch.Tensor, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            theta.grad = 2 * theta.detach()
            optimizer.step()

    at_once = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = entry.build([at_once], entry.options(lr=1e-2))
    descend(at_once, optimizer, 20)
    assert (at_once.abs() < torch.tensor([1.0, 2.0])).all()
    theta = torch.tensor([1.0, -2.0], requires_grad=True)
    optimizer = entry.build([theta], entry.options(lr=1e-2))
    descend(theta, optimizer, 7)
    again = theta.detach().clone().requires_grad_()
    resumed = entry.build([again], entry.options(lr=1e-2))
    resumed.load_state_dict(optimizer.state_dict())
    descend(again, resumed, 13)
    assert torch.equal(again, at_once)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_starts_at_the_full_rate_and_never_increases(name: str) -> None:
    shares = [SCHEDULES[name](step / 50) for step in range(51)]
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == pytest.approx(1 if name == "constant" else 0, abs=1e-12)


@pytest.mark.parametrize(("name", "original"), [("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)])
def test_steps_without_the_compiler_are_torchs_own_steps(name: str, original: type[torch.optim.Optimizer]) -> None:
    entry = OPTIMIZERS[name]
    options = entry.options()
    ours, theirs = (torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True) for _ in range(2))
    known = options.model_dump(exclude={*OptimizerOptions.model_fields, "final_beta2"})
    optimizers = [entry.build([ours], options), original([theirs], **known, fused=True)]
    assert isinstance(optimizers[0], original)
    steps: list[int] = []
    optimizers[0].register_step_post_hook(lambda *_: steps.append(1))
    for _ in range(20):
        for theta, optimizer in zip((ours, theirs), optimizers, strict=True):
            theta.grad = theta.detach().sin()
            optimizer.step()
    assert torch.equal(ours, theirs)
    assert len(steps) == 20


def test_training_does_not_import_the_compiler() -> None:
    code = (
        "import sys, torch\n"
        "from bench.catalogue.optimizers import OPTIMIZERS\n"
        "for entry in OPTIMIZERS.values():\n"
        "    theta = torch.ones(2, requires_grad=True)\n"
        "    theta.grad = torch.ones(2)\n"
        "    entry.build([theta], entry.options()).step()\n"
        "print('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

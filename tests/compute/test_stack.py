"""The networks of a stack give the same results as separate networks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.compute.training.descent import Descent
from bench.compute.training.players import build_players
from bench.compute.training.slow_weights import SlowWeights
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, choose, complete_training
from bench.plan.updates import Lookahead

CPU = torch.device("cpu")


def specify(**options: object) -> Training:
    architecture = {"name": "mlp", "width": 8, "depth": 2, **options}
    keys = {"dataset": "digits", "loss": "non-saturating", "latent": 2, "steps": 3, "precision": "float64"}
    return complete_training({**keys, "architecture": architecture}, "test")


def critic(training: Training, seed: int) -> nn.Module:
    return build_players(training, (1, 8, 8), seed, CPU).critic


class Odd(nn.Module):
    """A layer without a rule: x ↦ x + tanh(x W) W'."""

    def __init__(self, width: int):
        super().__init__()
        self.inner = nn.Parameter(torch.randn(width, 3) / 3)
        self.outer = nn.Parameter(torch.randn(3, width) / 3)

    def forward(self, samples: Tensor) -> Tensor:
        return samples + (samples @ self.inner).tanh() @ self.outer


@pytest.mark.parametrize("double_backward", [False, True])
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
def test_rules_equal_vmap(normalisation: str, double_backward: bool) -> None:
    """Compare values, gradients, those of a gradient's norm, and running statistics."""
    training = specify(normalisation=normalisation)
    points = torch.randn(3, 6, 1, 8, 8, dtype=torch.float64)

    def everything(by_rules: bool) -> list[Tensor]:
        networks = [critic(training, seed) for seed in range(3)]
        stack = Stack(networks, rules=by_rules, double_backward=double_backward)
        assert (stack._forward is not None) == by_rules
        inputs = points.clone().requires_grad_()
        logits = stack(inputs)
        (slopes,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
        wanted = (logits.square().mean() + slopes.flatten(2).norm(dim=2).mean(), stack.parameters)
        gradients = torch.autograd.grad(*wanted, allow_unused=True, materialize_grads=True)
        return [logits, slopes, *gradients, *(buffer.double() for buffer in stack.buffers.values())]

    for ours, theirs in zip(everything(True), everything(False), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_network_without_rules_trains_by_vmap() -> None:
    """The results equal those of separate networks, but not bit by bit."""
    networks = [nn.Sequential(nn.Linear(2, 5), Odd(5), nn.Linear(5, 1), nn.Flatten(0)).double() for _ in range(3)]
    samples = torch.randn(3, 4, 2, dtype=torch.float64)
    expected = torch.stack([network(run_samples) for network, run_samples in zip(networks, samples, strict=True)])
    stack = Stack(networks)
    assert stack._forward is None
    torch.testing.assert_close(stack(samples), expected, rtol=1e-12, atol=1e-12)


def test_networks_are_slices_of_the_stack() -> None:
    networks = [critic(specify(), seed) for seed in range(2)]
    before = [parameter.clone() for parameter in networks[1].parameters()]
    stack = Stack(networks)
    assert all(torch.equal(a, b) for a, b in zip(before, networks[1].parameters(), strict=True))
    with torch.no_grad():
        stack.flat.add_(1)
    assert all(torch.equal(a + 1, b) for a, b in zip(before, networks[1].parameters(), strict=True))


def repeated_layers() -> nn.Module:
    activation, between = nn.LeakyReLU(0.2), nn.Linear(5, 5)
    return nn.Sequential(nn.Linear(2, 5), activation, between, activation, between, nn.Linear(5, 1), nn.Flatten(0))


def five_iterations() -> nn.Module:
    return nn.Sequential(spectral_norm(nn.Linear(2, 5), n_power_iterations=5), nn.Linear(5, 1), nn.Flatten(0))


def by_columns() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 5), spectral_norm(nn.Linear(5, 5), dim=1), nn.Linear(5, 1), nn.Flatten(0))


def frozen() -> nn.Module:
    network = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0))
    network[0].weight.requires_grad_(False)
    return network


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (repeated_layers, 2),
        (frozen, 2),
        (five_iterations, 1),
        (by_columns, 1),
    ],  # vmap does not support power iterations
)
def test_a_stack_equals_its_networks(build: Callable[[], nn.Module], count: int) -> None:
    """Compare values and gradients after the weights have changed."""
    torch.manual_seed(0)
    networks = [build().double() for _ in range(count)]
    samples = torch.randn(count, 7, 2, dtype=torch.float64)
    stack = Stack(networks)
    with torch.no_grad():
        stack.flat.add_(torch.randn_like(stack.flat))
    networks = copy.deepcopy(networks)
    logits = stack(samples)
    gradients = torch.autograd.grad(logits.square().sum(), stack.parameters)
    alone = torch.stack([network(run_samples) for network, run_samples in zip(networks, samples, strict=True)])
    torch.testing.assert_close(logits, alone, rtol=1e-9, atol=1e-12)
    trained = [[each for each in network.parameters() if each.requires_grad] for network in networks]
    for index, own in enumerate(trained):
        expected = torch.autograd.grad(alone[index].square().sum(), own, retain_graph=True)
        for ours, theirs in zip(gradients, expected, strict=True):
            torch.testing.assert_close(ours[index], theirs, rtol=1e-9, atol=1e-12)


def test_a_frozen_parameter_is_not_trained() -> None:
    networks = [frozen(), frozen()]
    before = [network[0].weight.clone() for network in networks]
    stack = Stack(networks)
    assert [tuple(each.shape) for each in stack.parameters] == [(2, 5), (2, 1, 5), (2, 1)]
    descent = Descent(stack, [choose("optimizer", "adam")] * 2)
    descent.step(torch.autograd.grad(stack(torch.randn(2, 3, 2)).sum(), stack.parameters))
    assert all(torch.equal(network[0].weight, own) for network, own in zip(networks, before, strict=True))


def convolutions(memory_format: torch.memory_format) -> list[nn.Module]:
    networks = []
    for seed in range(2):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 2, 2), nn.Flatten())
        networks.append(network.to(dtype=torch.float64, memory_format=memory_format))
    return networks


def test_numbers_in_index_order_do_not_depend_on_the_memory_format() -> None:
    plain, last = (Stack(convolutions(each)) for each in (torch.contiguous_format, torch.channels_last))
    assert not torch.equal(plain.flat, last.flat)
    ordered = last.in_index_order(last.flat.detach())
    assert torch.equal(ordered, plain.flat.detach())
    assert torch.equal(last.from_index_order(ordered), last.flat)
    assert torch.equal(last.in_index_order(last.flat.detach()[1:]), ordered[1:])


def test_states_of_optimisers_and_slow_weights_carry_over_to_another_memory_format() -> None:
    """As when a run continues on another device: on CUDA in float32, convolutions are not channels-last."""
    ends = []
    for second in (torch.channels_last, torch.contiguous_format):
        state: tuple[dict[str, Any], dict[str, Any], dict[str, Tensor]] | None = None
        for memory_format in (torch.channels_last, second):
            networks = convolutions(memory_format)
            if state is not None:
                networks[1].load_state_dict(state[2])
            stack = Stack(networks)
            descent = Descent(stack, [choose("optimizer", "adam")] * 2)
            slow = SlowWeights(Lookahead(every=2), {"critic": stack})
            if state is not None:
                descent.load_state_dicts([state[0]] * 2)
                slow.load_state_dicts([state[1]] * 2)
            for _ in range(3):
                samples = torch.ones(2, 4, 3, 6, 6) * torch.linspace(0, 1, 6, dtype=torch.float64)
                descent.step(torch.autograd.grad(stack(samples).square().sum(), stack.parameters))
            slow.return_to()
            state = descent.state_dict(1), slow.state_dict(1), copy.deepcopy(networks[1].state_dict())
        ends.append(stack.in_index_order(stack.flat.detach())[1])
    torch.testing.assert_close(*ends)

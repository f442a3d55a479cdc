"""Flow matching: the velocity field of a Gaussian is known, and gives its mean and covariance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.architectures import DcganOptions, MlpOptions
from bench.catalogue.families import FlowMatchingOptions, Network
from bench.catalogue.families.flow_matching import TIMES, FlowMatching, Velocity, heun, model, time_features
from bench.catalogue.families.unet import TimedResidual, Unet

MEAN, DEVIATION = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])


class OfGaussian(nn.Module):
    """E[x₁ − x₀ | xₜ] for x₁ ~ N(MEAN, DEVIATION²): the regression of two jointly normal variables."""

    def forward(self, position: Tensor, time: Tensor) -> Tensor:
        t = time.unsqueeze(1)
        variance = (1 - t) ** 2 + t**2 * DEVIATION**2
        slope = (t * DEVIATION**2 - (1 - t)) / variance
        return MEAN + slope * (position - t * MEAN)


def test_samples_of_a_gaussian_have_its_mean_and_covariance() -> None:
    torch.manual_seed(0)
    latents = torch.randn(20_000, 2)
    samples = FlowMatching(OfGaussian(), (2,), steps=64)(latents)
    torch.testing.assert_close(samples, MEAN + DEVIATION * latents, atol=0.01, rtol=0)  # the flow is linear


def test_the_objective_is_least_for_the_conditional_mean() -> None:
    torch.manual_seed(0)
    real, noise = MEAN + DEVIATION * torch.randn(50_000, 2), torch.randn(50_000, 3)
    exact = FlowMatching(OfGaussian(), (2,), 1).objective(real, noise).mean()

    class Shifted(OfGaussian):
        def forward(self, position: Tensor, time: Tensor) -> Tensor:
            return super().forward(position, time) + 0.3

    shifted = FlowMatching(Shifted(), (2,), 1).objective(real, noise).mean()
    assert shifted - exact == pytest.approx(0.09, abs=0.02)


def test_times_are_uniform_and_lines_straight() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    class Recording(nn.Module):
        def forward(self, position: Tensor, time: Tensor) -> Tensor:
            seen.append((position, time))
            return torch.zeros_like(position)

    torch.manual_seed(0)
    real, noise = torch.randn(10_000, 1, 2, 2), torch.randn(10_000, 5)
    loss = FlowMatching(Recording(), (1, 2, 2), 1).objective(real, noise)
    ((position, time),) = seen
    start = noise[:, :4].view(-1, 1, 2, 2)
    torch.testing.assert_close(position, start + time.view(-1, 1, 1, 1) * (real - start))
    torch.testing.assert_close(loss, (real - start).square().mean(dim=(1, 2, 3)))
    assert time.mean().item() == pytest.approx(0.5, abs=0.01)
    assert time.var().item() == pytest.approx(1 / 12, abs=0.003)
    FlowMatching(Recording(), (1, 2, 2), 1, "logit-normal").objective(real, noise)
    logits = seen[-1][1].logit()
    assert logits.mean().item() == pytest.approx(-0.8, abs=0.02)
    assert logits.std().item() == pytest.approx(0.8, abs=0.02)


def test_times_are_logit_normal_but_for_points() -> None:
    def times(shape: tuple[int, ...], **options: str) -> str:
        return model(FlowMatchingOptions.model_validate(options), Network("mlp", MlpOptions()), 0, shape).times

    assert (times((2,)), times((1, 8, 8)), times((1, 64))) == ("uniform", "logit-normal", "logit-normal")
    assert (times((2,), times="logit-normal"), times((1, 8, 8), times="uniform")) == ("logit-normal", "uniform")


@pytest.mark.parametrize(("steps", "error"), [(1, 0.8), (10, 0.02), (100, 2e-4)])
def test_heun_is_of_second_order_also_with_a_last_step_of_euler(steps: int, error: float) -> None:
    """x' = x from 1 gives e at 1; the error falls by 100 for ten times the steps: one step of Euler is as good."""
    end = heun(lambda x, t: x, torch.ones(1, 1, dtype=torch.float64), steps)
    assert abs(end.item() - torch.e) < error


def test_the_field_is_not_evaluated_at_its_end() -> None:
    seen: list[float] = []

    def velocity(positions: Tensor, times: Tensor) -> Tensor:
        seen.append(times.item())
        return (3.0 - positions) / (1 - times)  # towards 3, where it would divide by zero

    assert heun(velocity, torch.zeros(1, 1), 4).item() == pytest.approx(3.0)
    assert seen == [0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]


@pytest.mark.parametrize("steps", [1, 5, 20, 21, 100])
def test_samples_end_where_the_network_says(steps: int) -> None:
    """The last twentieth of the times is not trained, so the last step is not shorter than that."""
    times: list[float] = []

    class Recorded(Velocity):
        def forward(self, positions: Tensor, at: Tensor) -> Tensor:
            times.append(at[0].item())
            return super().forward(positions, at)

    there = torch.tensor([[1.0, 2.0]])
    samples = FlowMatching(Recorded(Constant(there)), (2,), steps, "logit-normal")(torch.tensor([[5.0, -3.0]]))
    torch.testing.assert_close(samples, there)
    assert max(times) <= 0.95 + 1e-6
    starts = np.array([times[0], *times[2::2]]) if steps > 1 else np.array(times)
    np.testing.assert_allclose(starts, np.linspace(0, min(1 - 1 / steps, 0.95), steps), atol=1e-6)


def test_a_network_says_where_the_data_is() -> None:
    """Its velocity carries a position there in the time that is left; below 0.05 of it, more slowly."""
    there = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    velocity = Velocity(Constant(there))
    positions, times = torch.zeros(2, 2), torch.tensor([0.6, 0.99])
    torch.testing.assert_close(velocity(positions, times), torch.tensor([[2.5, 5.0], [20.0, 40.0]]))


class Constant(nn.Module):
    """A network that always says the same."""

    def __init__(self, said: Tensor):
        super().__init__()
        self.said = said

    def forward(self, positions: Tensor, times: Tensor) -> Tensor:
        assert times.shape == (len(positions), TIMES)
        return self.said


@pytest.mark.parametrize("size", [8, 9, 15, 28, 32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_unet_keeps_the_shape_and_sees_position_and_time(size: int, channels: int) -> None:
    torch.manual_seed(0)
    unet = Unet(DcganOptions(width=6), (channels, size, size), TIMES).double()
    images = torch.randn(3, channels, size, size, dtype=torch.float64)
    times = time_features(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64))
    result = unet(images, times)
    assert result.shape == images.shape
    changed = images.clone()
    changed[0, 0, 0, 0] += 1
    far = unet(changed, times) - result
    assert far[0, :, -1, -1].abs().min() > 0  # from corner to corner, through the smallest feature maps
    assert torch.equal(far[1:], torch.zeros_like(far[1:]))  # of its own sample alone
    later = unet(images, time_features(torch.tensor([0.1, 0.5, 0.8], dtype=torch.float64))) - result
    assert later[2].abs().min() > 0
    assert torch.equal(later[:2], torch.zeros_like(later[:2]))


def test_a_unet_has_a_block_on_the_way_down_and_one_on_the_way_up_at_each_size() -> None:
    """28 pixels become 14 and 7, with 6 and 12 channels."""
    unet = Unet(DcganOptions(width=6), (1, 28, 28), TIMES)
    seen: list[tuple[int, ...]] = []
    for module in unet.modules():
        if isinstance(module, TimedResidual):
            module.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    unet(torch.zeros(1, 1, 28, 28), torch.zeros(1, TIMES))
    assert seen == [(6, 14, 14), (12, 7, 7), (12, 7, 7), (12, 7, 7), (6, 14, 14)]

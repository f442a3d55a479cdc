"""The contracts of regularisers that change what the critic sees, or compare samples with changed copies."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.catalogue.consistency import Judged
from bench.catalogue.penalties import Penalty
from bench.compute.contracts.results import Plugin
from bench.compute.contracts.runs_apart import check_runs_apart, two_critics
from bench.compute.training.stack import Stack

PER_RUN_AND_SAMPLE, LIKE_LATENTS = "one value per run and sample", "like the latents it is given"


def check_new_inputs(plugin: Plugin, entry: Penalty, options: Any, critic: Stack, real: Tensor, fake: Tensor) -> None:
    """Check what ``augment``, ``consistency`` or ``latent`` of a regulariser returns.

    Raises:
        PluginError: It is not what the field of ``Penalty`` asks for, or it raises an exception.
    """
    if entry.augment is not None:
        for samples, is_real in ((real, True), (fake, False)):
            uniform = uniform_numbers(plugin, entry, samples)
            seen = plugin.call("augment", entry.augment, options, samples, uniform, is_real)
            plugin.check("augment", seen, samples.shape, "like the samples it is given", gradient=False)
            check_runs_apart(plugin, "augment", entry.augment, [samples, uniform], [options], [is_real])
        return
    judged = Judged(real, critic(real)), Judged(fake, critic(fake))
    if entry.consistency is not None:
        term = plugin.call("consistency", entry.consistency, options, critic, *judged, lambda k: _uniform(real, k))
        plugin.check("consistency", term, real.shape[:2], PER_RUN_AND_SAMPLE)
        _check_comparison_apart(plugin, entry, options, critic, real, fake)
    if entry.latent is not None:
        latents = torch.randn(*real.shape[:2], 3, dtype=real.dtype, device=real.device)
        logits, pair = [each.logits for each in judged], [real.clone().requires_grad_(), fake.clone().requires_grad_()]
        parts = (("move", [latents, latents], False), ("critic", logits, True), ("generator", pair, True))
        for part, inputs, is_term in parts:
            function = getattr(entry.latent, part)
            returned = plugin.call(part, function, options, *inputs)
            wanted, meaning = (real.shape[:2], PER_RUN_AND_SAMPLE) if is_term else (latents.shape, LIKE_LATENTS)
            plugin.check(part, returned, wanted, meaning, gradient=is_term)
            check_runs_apart(plugin, part, function, [each.detach() for each in inputs], [options])


def _check_comparison_apart(
    plugin: Plugin, entry: Penalty, options: Any, critic: Stack, real: Tensor, fake: Tensor
) -> None:
    """Check that ``consistency`` compares the samples of each run of a pack with those of that run alone."""
    critics = two_critics(critic.networks[0], real)
    if critics is None:
        return

    def compared(of_real: Tensor, of_fake: Tensor) -> Any:
        stream = torch.Generator(real.device).manual_seed(0)  # the same numbers at every call

        def draw(k: int) -> Tensor:
            return torch.rand(*of_real.shape[:2], k, dtype=real.dtype, device=real.device, generator=stream)

        seen, generated = Judged(of_real, critics(of_real)), Judged(of_fake, critics(of_fake))
        assert entry.consistency is not None
        return entry.consistency(options, critics, seen, generated, draw)

    check_runs_apart(plugin, "consistency", compared, [real, fake])


def uniform_numbers(plugin: Plugin, entry: Penalty, samples: Tensor) -> Tensor:
    """Return as many random numbers as ``uniforms`` of a regulariser asks for, [s, n, k].

    Raises:
        PluginError: It does not return a number.
    """
    count = plugin.call("uniforms", entry.uniforms, samples[0, 0].numel())
    if not isinstance(count, int) or count < 0:
        raise plugin.fault(f"uniforms returned {count!r}, expected how many random numbers a sample needs")
    return _uniform(samples, count)


def _uniform(samples: Tensor, count: int) -> Tensor:
    return torch.rand(*samples.shape[:2], count, dtype=samples.dtype, device=samples.device)

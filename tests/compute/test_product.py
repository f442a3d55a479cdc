"""Every loss × penalty × normalisation × architecture and every technique trains, and resumes bit by bit."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterator
from itertools import product
from math import gcd
from typing import Any, get_args

import numpy as np
import pytest
import torch
from network_shapes import WITHOUT_IMAGES, dataset_for, shape_for

from bench.catalogue.architectures import ARCHITECTURES, Normalisation
from bench.catalogue.losses import LOSSES
from bench.catalogue.penalties import PENALTIES
from bench.catalogue.techniques import techniques
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.real_data import real_samples_on
from bench.plan.specification import Training, complete_training
from bench.plan.tables import as_table

CPU = torch.device("cpu")
SMALL: dict[str, dict[str, Any]] = {
    "dirac": {},
    "mlp": {"width": 4, "depth": 1},
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
    "stylegan": {"width": 2, "widest": 4, "mapping_depth": 2},
    "r3gan": {"width": 2, "widest": 4, "blocks": 1},
    "wavegan": {"width": 2},
    "resnet-1d": {"width": 2, "blocks": 1},
}
LABELS = np.arange(8) % 2
NORMALISED = [name for name in SMALL if "normalisation" in ARCHITECTURES[name].options.model_fields]
NORMALISATIONS = get_args(Normalisation)
PENALTY = [None, *PENALTIES]
UPDATES: list[dict[str, Any]] = [  # training keys that change how the players are updated
    {"updates": "extragradient"},
    {"lookahead": {"every": 2}},
    {"optimizer": {"name": "adam", "max_norm": 0.01}},
    {"optimizer": {"name": "adam", "final_lr": 1e-5, "final_beta2": 0.9, "burn_in": 0.5}},
    {"ema": 0.9, "ema_warmup": 0.05},
    {"penalty": {"name": "r1", "final_weight": 1.0}, "updates": "extragradient", "lookahead": {"every": 2}},
]


def specify(
    name: str, normalisation: str, loss: str, penalty: str | None, keys: dict[str, Any] | None = None
) -> Training:
    options = {"normalisation": normalisation} if name in NORMALISED else {}
    table = {
        "dataset": dataset_for(name),
        "architecture": {"name": name, **SMALL[name], **options},
        "loss": loss,
        "penalty": penalty or "none",
        "batch_size": 3,
        "latent": 2,
        "steps": 2,
        **(keys or {}),
    }
    return complete_training(table, f"{name}, {normalisation}, {loss}, {penalty}")


def check(training: Training, shape: tuple[int, ...], device: torch.device = CPU, steps: int = 2) -> None:
    """Check that half of the steps, a checkpoint, and the other half with new players equal all steps at once."""
    reals = (torch.rand(8, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(device)

    def begin(seed: int) -> Pack:
        return assemble([training], [seed], shape, real_samples_on(reals.cpu().numpy(), device, LABELS, 2), 8, device)

    def go(pack: Pack, first: int, steps: int) -> None:
        ((last,),) = train(pack, first, steps=steps)
        assert last.diverged is None, training
        assert last.step == steps

    pack = begin(0)
    (at_once,) = pack.players
    before = [p.detach().clone() for p in (*at_once.generator.parameters(), *at_once.critic.parameters())]
    go(pack, 0, steps)
    interrupted = begin(0)
    go(interrupted, 0, steps // 2)
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    again = begin(7)
    again.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    go(again, steps // 2, steps)
    (resumed,) = again.players
    for one, other in ((at_once.generator, resumed.generator), (at_once.critic, resumed.critic)):
        for (name, a), b in zip(one.state_dict().items(), other.state_dict().values(), strict=True):
            if device.type == "cpu":
                assert torch.equal(a, b), (training, name)
            else:  # sums of atomic additions
                torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    after = (*at_once.generator.parameters(), *at_once.critic.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True)), training


PLAYERS: list[dict[str, Any]] = [
    {"pac": 3},
    {"unroll": 2},
    {"unroll": 2, "critic_optimizer": {"name": "rmsprop"}, "updates": "simultaneous"},
    {"loss": {"name": "non-saturating", "smoothing": 0.1}},
    {"top_k": {"final": 0.5, "decay": 0.5, "every": 1}},
    {"pac": 3, "unroll": 1, "top_k": {"final": 0.5, "decay": 0.5, "every": 1}},
]


@pytest.mark.parametrize(
    ("name", "keys"),  # the critic of the Dirac-GAN judges one number
    [(name, keys) for name in SMALL for keys in PLAYERS if name != "dirac" or "pac" not in keys],
    ids=str,
)
def test_techniques_of_the_players_resume_bit_by_bit(name: str, keys: dict[str, Any]) -> None:
    shape = shape_for(name)
    pairs = (("batch", None if "unroll" in keys else "r1"), ("spectral", "wgan-gp"), ("layer", "r1"))
    alone = (("none", None if name == "dirac" else "r1"),)
    for normalisation, penalty in pairs if name in NORMALISED else alone:
        plain = specify(name, normalisation, "non-saturating", penalty).model_dump(include={"steps", "latent"})
        table = {
            **plain,
            "dataset": dataset_for(name),
            "architecture": {
                "name": name,
                **SMALL[name],
                **({"normalisation": normalisation} if name in NORMALISED else {}),
            },
            "loss": "relativistic",
            "penalty": penalty or "none",
            "batch_size": 6,
        }
        check(complete_training({**table, **keys}, f"{name}, {keys}"), shape)


def choices(name: str) -> Iterator[tuple[str, str, str | None]]:
    if name in WITHOUT_IMAGES:
        normalisations = NORMALISATIONS if name in NORMALISED else ("none",)
        yield from product(normalisations, LOSSES, [p for p in PENALTY if p is None or not PENALTIES[p].images_only])
    else:
        yield from product(NORMALISATIONS if name in NORMALISED else ("none",), LOSSES, PENALTY)


def test_every_architecture_is_covered() -> None:
    assert SMALL.keys() == ARCHITECTURES.keys()
    assert len(list(choices("mlp"))) == 4 * len(LOSSES) * (1 + len(PENALTIES)) > 200


def run_all(name: str, share: int, device: torch.device = CPU) -> None:
    """Check every ``share``-th choice; if the number is coprime to all catalogue sizes, entries meet most others."""
    assert all(gcd(share, size) == 1 for size in (len(NORMALISATIONS), len(LOSSES), len(PENALTY)))
    shape = shape_for(name)
    for number, (normalisation, loss, penalty) in enumerate(choices(name)):
        if number % share == 0:
            check(specify(name, normalisation, loss, penalty, {}), shape, device)


@pytest.mark.parametrize("name", SMALL)
def test_a_share_of_the_product(name: str) -> None:
    run_all(name, 17 if name in NORMALISED else 5)


TECHNIQUE_LINES = [technique.line for group in techniques().values() for technique in group]
TECHNIQUE_STEPS = 6  # so that what happens every few steps happens, and the run stops in between


def specify_technique(line: str) -> Training:
    given = tomllib.loads(line)
    table = {
        "dataset": dataset_for(as_table(given.get("architecture", "mlp"))["name"]),
        "architecture": "mlp",
        "loss": "non-saturating",
        "batch_size": 12,
        "latent": 2,
        "steps": TECHNIQUE_STEPS,
        **given,
    }
    for key in ("architecture", "critic"):
        chosen = as_table(table.get(key, {}))
        if key in table:
            table[key] = {**(SMALL[chosen["name"]] if "name" in chosen else {}), **chosen}
    return complete_training(table, line)


@pytest.mark.parametrize("line", TECHNIQUE_LINES)
def test_every_technique_trains_and_resumes(line: str) -> None:
    training = specify_technique(line)
    check(training, shape_for(training.architecture.name), steps=TECHNIQUE_STEPS)


@pytest.mark.parametrize("line", TECHNIQUE_LINES)
def test_every_technique_gives_the_same_bits_in_a_pack_as_alone(line: str) -> None:
    training, seeds = specify_technique(line), [3, 1, 3, 2]
    shape = shape_for(training.architecture.name)
    reals = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def trained(seeds: list[int]) -> Pack:
        look_up = real_samples_on(reals.numpy(), CPU, LABELS, 2)
        pack = assemble([training] * len(seeds), seeds, shape, look_up, len(reals), CPU)
        ((*ends,),) = train(pack)
        assert not any(end.diverged for end in ends)
        return pack

    together = trained(seeds)
    for seed, players in zip(seeds, together.players, strict=True):
        (alone,) = trained([seed]).players
        for network, state in alone.state_dict().items():
            for name, value in state.items():
                assert torch.equal(value, players.state_dict()[network][name]), (network, name)


@pytest.mark.parametrize("name", SMALL)
def test_every_way_to_update_the_players(name: str) -> None:
    shape = shape_for(name)
    cells = list(choices(name))
    for number, keys in enumerate(UPDATES):
        for normalisation, loss, penalty in cells[number :: len(cells) // 3 + 1]:
            check(specify(name, normalisation, loss, penalty, keys), shape)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SMALL)
def test_the_whole_product(name: str) -> None:
    run_all(name, 1)


@pytest.mark.gpu
@pytest.mark.parametrize("name", SMALL)
def test_a_share_of_the_product_on_cuda(name: str) -> None:
    run_all(name, 7, torch.device("cuda"))

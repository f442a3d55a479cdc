"""Techniques of training that a suite can switch on, grouped by what they act on.

Losses, regularisers and optimisers come from their catalogues. To list another technique, such as a training key or an
option, add a row to ``TECHNIQUES``; the tests then train with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bench.catalogue import entries
from bench.catalogue.penalties import Penalty

LOSS = "loss"
GRADIENT = "critic's gradient"
WEIGHTS = "critic's weights"
INPUTS = "critic's inputs"
NETWORKS = "networks"
UPDATES = "updates and optimiser"
AVERAGING = "averaging"
DATA = "data"
GROUPS = (LOSS, GRADIENT, WEIGHTS, INPUTS, NETWORKS, UPDATES, AVERAGING, DATA)


class Technique(NamedTuple):
    """A technique.

    Attributes:
        acts_on: One of ``GROUPS``.
        line: The line, or lines, below ``[training]`` of a suite that switch it on.
        summary: What it does, with its source.
    """

    acts_on: str
    line: str
    summary: str

    @property
    def on_one_line(self) -> str:
        """``line`` as it is listed."""
        return self.line.replace("\n", ", ")


TECHNIQUES = (
    Technique(
        GRADIENT,
        'penalty = { name = "r1", every = 16 }',
        "lazy regularisation: any penalty, in every 16th update with 16 times its weight (Karras et al. 2020)",
    ),
    Technique(
        GRADIENT,
        'penalty = { name = "r1", weight = 0.05, final_weight = 0.005, burn_in = 0.5 }',
        "weights that decrease along half a cosine, as R3GAN trains (Huang et al. 2024)",
    ),
    Technique(
        WEIGHTS,
        'critic = { normalisation = "spectral" }',
        "spectral normalisation: weights divided by their largest singular value (Miyato et al. 2018)",
    ),
    Technique(
        WEIGHTS,
        'critic = { normalisation = "spectral", lipschitz = 20 }',
        "spectral normalisation with another Lipschitz constant than 1 (Miyato et al. 2018, Qin et al. 2020)",
    ),
    Technique(
        INPUTS,
        "pac = 2",
        "PacGAN: the critic judges several samples together (Lin et al. 2018)",
    ),
    Technique(
        INPUTS,
        'penalty = { name = "instance-noise", anneal = "linear" }',
        "noise that decreases to 0 at the last step (Sønderby et al. 2017)",
    ),
    Technique(
        INPUTS,
        'penalty = { name = "diffaugment", policy = ["translation", "cutout"] }',
        "some of the augmentations only (Zhao et al. 2020)",
    ),
    Technique(
        INPUTS,
        'penalty = { name = "flip", of = "both" }',
        "random mirror images of real and of generated images",
    ),
    Technique(
        INPUTS,
        'penalty = { name = "bcr", balance = 0 }',
        "CR-GAN: consistency on real samples only (Zhang et al. 2020)",
    ),
    Technique(
        NETWORKS, 'critic = { normalisation = "batch" }', "batch normalisation in the critic (Ioffe & Szegedy 2015)"
    ),
    Technique(NETWORKS, 'critic = { normalisation = "layer" }', "layer normalisation in the critic (Ba et al. 2016)"),
    Technique(NETWORKS, "critic = { maxout = 2 }", "maxout instead of an activation (Goodfellow et al. 2013)"),
    Technique(
        NETWORKS,
        "critic = { minibatch_deviation = 4 }",
        "minibatch standard deviation as a feature of the critic (Karras et al. 2018)",
    ),
    Technique(
        NETWORKS,
        'architecture = { name = "wavegan" }\ncritic = { phase_shuffle = 2 }',
        "random shifts of the critic's activations, for sounds (wavegan; Donahue et al. 2019)",
    ),
    Technique(
        NETWORKS,
        'architecture = { name = "resnet", pooling = "sum" }',
        "sum instead of mean over pixels in a residual critic (code of Miyato et al. 2018)",
    ),
    Technique(
        NETWORKS,
        "conditional = true",
        "labels for both players, by concatenation or by projection (Mirza & Osindero 2014, Miyato & Koyama 2018)",
    ),
    Technique(
        LOSS,
        'loss = { name = "non-saturating", smoothing = 0.1 }',
        "one-sided label smoothing: real labels of 0.9 (Salimans et al. 2016)",
    ),
    Technique(
        LOSS,
        "top_k = { final = 0.5, decay = 0.99, every = 100 }",
        "the generator learns only from its samples with the highest logits (Sinha et al. 2020)",
    ),
    Technique(UPDATES, "unroll = 5", "the generator looks ahead of further critic steps (Metz et al. 2017)"),
    Technique(UPDATES, "critic_steps = 5", "several updates of the critic per update of the generator"),
    Technique(
        UPDATES, "critic_optimizer = { lr = 4e-4 }", "another learning rate of the critic: TTUR (Heusel et al. 2017)"
    ),
    Technique(UPDATES, 'schedule = "linear"', "learning rates that decrease linearly to 0"),
    Technique(UPDATES, 'schedule = "cosine"', "learning rates that decrease as half a cosine to 0"),
    Technique(UPDATES, 'updates = "simultaneous"', "both players respond to each other's weights of the step before"),
    Technique(
        UPDATES,
        'updates = "extragradient"',
        "both players move from one point by gradients at a point ahead (Gidel et al. 2019)",
    ),
    Technique(
        UPDATES,
        "lookahead = { every = 2 }",
        "both players return part of the way to slow weights (Chavdarova et al. 2021)",
    ),
    Technique(
        UPDATES, 'optimizer = { name = "adam", max_norm = 1.0 }', "gradients clipped to a norm (Pascanu et al. 2013)"
    ),
    Technique(
        UPDATES,
        'optimizer = { name = "adam", betas = [0.0, 0.9], final_beta2 = 0.99, final_lr = 5e-5, burn_in = 0.5 }',
        "learning rate and β₂ that move along half a cosine, as R3GAN trains (Huang et al. 2024)",
    ),
    Technique(
        AVERAGING,
        "ema = 0.999\nema_warmup = 0.05",
        "averaging with a half-life that grows with training (Karras et al. 2020)",
    ),
    Technique(AVERAGING, "ema = 0.999", "exponential moving average of the generator (Yazıcı et al. 2019)"),
)


def techniques(known: Callable[[str], Mapping[str, Any]] = entries) -> dict[str, list[Technique]]:
    """Return all techniques by what they act on.

    Args:
        known: Kind → the entries of the catalogue to list, by default all.
    """
    rows = [
        *(Technique(LOSS, f'loss = "{name}"', entry.summary) for name, entry in known("loss").items()),
        *(
            Technique(_acts_on(name, entry), f'penalty = "{name}"', entry.summary)
            for name, entry in known("penalty").items()
        ),
        *(Technique(UPDATES, f'optimizer = "{name}"', entry.summary) for name, entry in known("optimizer").items()),
        *TECHNIQUES,
    ]
    return {group: [row for row in rows if row.acts_on == group] for group in GROUPS}


def _acts_on(name: str, entry: Penalty) -> str:
    if name == "flip":
        return DATA  # by default it is plain augmentation of real images
    if entry.term:
        return GRADIENT
    if entry.project:
        return WEIGHTS
    return UPDATES if entry.joint else INPUTS

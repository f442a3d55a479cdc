"""A suite of one run that takes two steps with a tiny network, for tests of what is around the training."""

from __future__ import annotations


def small_suite(dataset: str, evaluation: str, samples: int = 40) -> str:
    """Return the text of the suite.

    Args:
        dataset: The dataset, as a TOML value.
        evaluation: Further lines of the section [evaluation].
        samples: Generated samples per evaluation.
    """
    return f"""
name = "small"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [{dataset}]
architecture = [{{ name = "mlp", width = 8, depth = 1 }}]
[training]
steps = 2
batch_size = 8
latent = 4
[evaluation]
every = 2
samples = {samples}
{evaluation}
"""

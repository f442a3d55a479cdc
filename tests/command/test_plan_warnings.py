"""``ganbench plan`` and ``calibrate`` warn of useless measures and of combinations known to be unsound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.command import main

SUITE = """
name = "made"
seeds = 1
[matrix]
dataset = ["DATASET"]
loss = ["hinge"]
architecture = ["mlp"]
[evaluation]
metrics = ["METRIC"]
samples = SAMPLES
"""


@pytest.mark.parametrize(
    ("dataset", "samples", "metric", "warning"),
    [
        ("digits", 64, "frechet", "64 generated samples for 64 features (digits)"),
        ("digits", 65, "frechet", ""),
        ("digits", 64, "kid", ""),
        ("ring", 2, "frechet", "2 generated samples for 2 features (coordinates)"),
        ("ring", 3, "frechet", ""),
    ],
)
def test_too_few_samples_are_named_with_their_number(
    write_suite: Callable[[str], str], dataset: str, samples: int, metric: str, warning: str
) -> None:
    text = SUITE.replace("DATASET", dataset).replace("SAMPLES", str(samples)).replace("METRIC", metric)
    result = CliRunner().invoke(main, ["plan", write_suite(text)])
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    expected = f"Warning: {dataset}: FD is biased: {warning}; their covariance has full rank only with more than"
    assert (expected in output) == bool(warning)
    assert ("biased" in output) == bool(warning)


def test_a_calibration_names_the_measures_that_cannot_tell_real_data_from_untrained_generators() -> None:
    few, enough = (
        CliRunner().invoke(main, ["calibrate", "digits", "--seeds", "1", "--samples", samples])
        for samples in ("2", "100")
    )
    assert few.exit_code == enough.exit_code == 0
    assert "real data is no better than untrained generators by FD: runs that are classified by this" in few.output
    assert "no better" not in enough.output


COMBINATION = """
name = "made"
seeds = 2
[matrix]
dataset = ["ring"]
loss = [LOSSES]
architecture = ["mlp"]
[training]
KEYS
[evaluation]
metrics = ["modes"]
"""
SLOPE = "Warning: loss {} without a gradient penalty, weight-clip or spectral normalisation of the critic"


@pytest.mark.parametrize(
    ("losses", "keys", "warnings"),
    [
        (
            '"hinge", "wgan-gp"',
            'penalty = ["r1", "r2"]\ncritic = { normalisation = "batch" }',
            [f"Warning: penalty {name} with batch normalisation in the critic" for name in ("r1", "r2")],
        ),
        ('"hinge"', 'penalty = "r1"\ncritic = { normalisation = "layer" }', []),
        ('"hinge"', 'penalty = "instance-noise"\ncritic = { normalisation = "batch" }', []),
        ('"wasserstein", "hinge"', "", [SLOPE.format("wasserstein")]),
        ('"wgan-gp"', "", []),
        ('"wgan-gp"', 'penalty = "bcr"', [SLOPE.format("wgan-gp")]),
        ('"wasserstein"', 'critic = { normalisation = "spectral" }', []),
        ('"wasserstein"', 'penalty = "weight-clip"\ncritic_optimizer = { name = "rmsprop" }', []),
        ('"wasserstein"', 'penalty = "weight-clip"\ncritic_optimizer = { betas = [0.0, 0.9] }', []),
        ('"wasserstein"', 'penalty = "weight-clip"', ["Warning: penalty weight-clip with momentum 0.5"]),
        ('"hinge"', 'penalty = "weight-clip"', []),
        (
            '"hinge"',
            'penalty = "weight-clip"\ncritic = { normalisation = "spectral" }',
            ["Warning: penalty weight-clip with spectral normalisation"],
        ),
    ],
)
def test_unsound_combinations_are_named_with_their_source(
    write_suite: Callable[[str], str], losses: str, keys: str, warnings: list[str]
) -> None:
    result = CliRunner().invoke(
        main, ["plan", write_suite(COMBINATION.replace("LOSSES", losses).replace("KEYS", keys))]
    )
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert output.count("Warning") == len(warnings)
    for warning in warnings:
        assert warning in output
        cells = 1 + losses.count(",") if "batch" in warning else 1
        ending = output.partition(warning)[2].partition("); ")
        assert " et al. 20" in ending[0]
        assert ending[2].startswith(f"{cells} cell{'s' if cells > 1 else ''}")


def test_a_run_warns_too(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    text = COMBINATION.replace("LOSSES", '"wasserstein"').replace("KEYS", "steps = 1\nbatch_size = 4")
    arguments = ["run", write_suite(text), "--results", str(tmp_path), "--report", "none"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert " ".join(result.output.split()).count(SLOPE.format("wasserstein")) == 1


@pytest.mark.parametrize("penalty", ["diffaugment", "flip"])
def test_augmentation_of_points_is_refused(write_suite: Callable[[str], str], penalty: str) -> None:
    text = COMBINATION.replace("LOSSES", '"hinge"').replace("KEYS", f'penalty = "{penalty}"')
    result = CliRunner().invoke(main, ["plan", write_suite(text)])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    expected = f"penalty '{penalty}' changes images, but dataset 'ring' has samples of shape (2,)"
    assert result.stderr.rstrip().endswith(expected)

"""``ganbench plan`` and ``calibrate`` warn of measures that too few samples make useless."""

from __future__ import annotations

from collections.abc import Callable

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

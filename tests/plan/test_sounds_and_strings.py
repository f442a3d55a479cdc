"""What means nothing for sounds and strings is refused in one line; what their datasets offer is planned by default."""

from __future__ import annotations

import tomllib

import pytest

from bench.errors import GanbenchError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite, parse_suite

SUITE = """
name = "signals"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [{dataset}]
architecture = [{architecture}]
[training]
steps = 10
batch_size = 8
{training}
[evaluation]
{evaluation}
"""
TONES, STRINGS = '{ name = "tones", tones = 40 }', '{ name = "strings", strings = 40 }'
WAVEGAN, RESNET = '{ name = "wavegan", width = 2 }', '{ name = "resnet-1d", width = 2 }'


def planned(dataset: str, architecture: str, training: str = "", evaluation: str = "") -> list[Run]:
    text = SUITE.format(dataset=dataset, architecture=architecture, training=training, evaluation=evaluation)
    return plan_runs(parse_suite(tomllib.loads(text), "x.toml"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((TONES, '"dcgan"'), "architecture 'dcgan' makes square images of 8×8 to 256×256 pixels"),
        ((STRINGS, WAVEGAN), "architecture 'wavegan' makes sounds of one channel whose length is a power of two"),
        (('"ring"', RESNET), "architecture 'resnet-1d' makes sounds (1 × length) and strings (letters × length)"),
        (('"digits"', WAVEGAN), "architecture 'wavegan' makes sounds of one channel"),
        (
            (STRINGS, RESNET, "", 'extractor = "inception"'),
            "extractor 'inception' is for images, but there are only strings",
        ),
        ((TONES, WAVEGAN, 'penalty = "diffaugment"'), "penalty 'diffaugment' changes images"),
        ((TONES, WAVEGAN, "", 'metrics = ["ngrams"]'), "metric 'ngrams' needs strings, which dataset 'tones'"),
        ((STRINGS, RESNET, "", 'metrics = ["sliced-wasserstein"]'), "metric 'sliced-wasserstein' needs points"),
        ((STRINGS, RESNET, "", 'metrics = ["inception-score"]'), "metric 'inception-score' needs class probabilities"),
        (('{ name = "tones", length = 2048 }', WAVEGAN), "length"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_in_one_line(given: tuple[str, ...], told: str) -> None:
    with pytest.raises(GanbenchError) as caught:
        planned(*given)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "architecture", "extractor"),
    [
        (TONES, WAVEGAN, "spectrum"),
        (STRINGS, RESNET, "letters"),
        (TONES, RESNET, "spectrum"),
        (STRINGS, '"mlp"', "letters"),
    ],
)
def test_modes_and_the_distance_of_features_are_measured_by_default(
    dataset: str, architecture: str, extractor: str
) -> None:
    (run,) = planned(dataset, architecture)
    assert [metric.name for metric in run.evaluation.metrics] == ["modes", "frechet"]
    assert run.extractor_hash == extractor


def test_images_keep_their_extractor_beside_sounds() -> None:
    runs = planned(f'"digits", {TONES}', '"mlp"', "", 'extractor = "random"')
    assert runs[1].extractor_hash == "spectrum"
    assert runs[0].extractor_hash != "spectrum"


@pytest.mark.parametrize("name", ["tones", "strings"])
def test_the_suites_compare_four_techniques_on_three_seeds(name: str) -> None:
    runs = plan_runs(load_suite(name))
    assert len({run.cell for run in runs}) == 4
    assert len(runs) == 12

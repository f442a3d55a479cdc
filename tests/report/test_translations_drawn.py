"""Reports of translations show sources, translations and answers: on contact sheets and on the page."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from bench.catalogue.datasets import DATASETS
from bench.catalogue.datasets.translations import InvertedDigitsOptions, MovedPointsOptions
from bench.compute.events import Event
from bench.compute.execution import execute
from bench.compute.settings import Settings
from bench.errors import ResultsError
from bench.evidence.results import read_evidence
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.pairs import Pairs, kept_pairs, pairs_of
from bench.records.record import read_metadata, read_record, read_samples
from bench.records.schema import Samples
from bench.report.explanations import note
from bench.report.figures.contact_sheets import draw_contact_sheets
from bench.report.figures.sample_square import image_grid
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.page.samples import encode_samples
from bench.report.sample_views import describe_view, plane_of
from bench.report.translated_views import in_threes

SUITE = """
name = "drawn"
seeds = 1
[matrix]
family = ["pix2pix"]
dataset = ["moved-points", "inverted-digits"]
loss = ["hinge"]
[training]
architecture = { name = "mlp", width = 8, depth = 1 }
batch_size = 8
steps = 4
[evaluation]
every = 2
samples = 100
metrics = ["modes", "translation"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the suite."""
    path = tmp_path_factory.mktemp("drawn")
    (path / "suite.toml").write_text(SUITE)
    settings = Settings(folder=path / "results" / "drawn")
    assert "failed" not in {event.state for event in execute_all(str(path / "suite.toml"), settings)}
    return settings.folder


def execute_all(suite: str, settings: Settings) -> Iterator[Event]:
    for run in plan_runs(load_suite(suite)):
        yield from execute([run], settings, lambda: False)


def record_of(folder: Path, dataset: str) -> Path:
    return next(path for path in record_paths(folder) if read_metadata(path).axes["dataset"] == dataset)


def test_threes_are_source_translation_and_answer_in_rows_of_two() -> None:
    sources, images, answers = (np.full((12, 1, 2, 2), value, np.uint8) for value in (10, 20, 30))
    threes = in_threes(images, Pairs(sources, answers))
    assert threes[:, 0, 0, 0].tolist() == [10, 20, 30] * 12
    assert image_grid(threes)[0, ::3].tolist() == [10, 20, 30] * 2  # images of two pixels with one between them
    few = in_threes(images[:2], Pairs(sources, answers))
    assert few[:, 0, 0, 0].tolist() == [10, 20, 30] * 2 + [255] * 30


def test_contact_sheets_show_threes_of_images(folder: Path) -> None:
    evidence = read_evidence(folder)
    with styled():
        (sheet,) = draw_contact_sheets(evidence, "inverted-digits", Sheet(width=6.75))
        (picture,) = sheet.figure.axes[0].images
    shown = np.asarray(picture.get_array())
    data = DATASETS["inverted-digits"].load(InvertedDigitsOptions())
    made = read_samples(record_of(folder, "inverted-digits"))
    assert data.sources is not None
    for place, expected in enumerate((data.sources.test[0], made[0], data.test[0], data.sources.test[1])):
        assert np.array_equal(shown[:8, 9 * place : 9 * place + 8], expected[0])
    assert "In threes from left to right: source, translation, known answer" in sheet.description


def test_contact_sheets_show_sources_of_points_and_lines_to_answers(folder: Path) -> None:
    evidence = read_evidence(folder)
    plane = plane_of(evidence, "moved-points")
    assert plane is not None
    with styled():
        (sheet,) = draw_contact_sheets(evidence, "moved-points", Sheet(width=6.75))
        axes = sheet.figure.axes[0]
        (lines,) = [each for each in axes.collections if isinstance(each, LineCollection)]
    segments = np.stack(lines.get_segments())
    data = DATASETS["moved-points"].load(MovedPointsOptions())
    made = read_samples(record_of(folder, "moved-points"))[:60]
    unit = np.linalg.norm(segments[0, 1] - segments[0, 0]) / np.linalg.norm(data.test[0] - made[0])
    lengths = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1) / unit
    assert np.allclose(lengths, np.linalg.norm(data.test[:60] - made, axis=1), rtol=1e-3)
    assert "Lines lead from some translations to their known answers." in describe_view(evidence, "moved-points", plane)


def test_the_page_has_threes_of_images_and_sources_with_answers_of_points(folder: Path) -> None:
    evidence = read_evidence(folder)
    images = encode_samples(read_record(record_of(folder, "inverted-digits")), None, 2)
    assert images is not None
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(images["image"].partition(",")[2]))).convert("L"))
    data = DATASETS["inverted-digits"].load(InvertedDigitsOptions())
    assert data.sources is not None
    assert np.abs(picture[:8, :8].astype(int) - data.sources.test[0, 0]).max() <= 9  # 16 grey levels
    assert np.abs(picture[:8, 18:26].astype(int) - data.test[0, 0]).max() <= 9
    plane = plane_of(evidence, "moved-points")
    points = encode_samples(read_record(record_of(folder, "moved-points")), plane, 2)
    assert points is not None
    assert {"points", "sources", "answers"} <= points.keys()
    answers = np.frombuffer(base64.b64decode(points["answers"]), "<u2").reshape(-1, 2)
    assert plane is not None
    placed = (answers / 65535 * 2 - 1) * plane.reach
    moved = DATASETS["moved-points"].load(MovedPointsOptions()).test[:60]
    assert np.allclose(placed, moved[(np.abs(moved) <= plane.reach).all(axis=1)], atol=1e-3)


def test_the_explanation_says_what_a_collapse_of_a_translation_is(folder: Path) -> None:
    assert "or all sources get nearly the same translation (variety below 0.05)" in note(read_evidence(folder))


def test_damaged_pairs_end_in_one_sentence(folder: Path) -> None:
    metadata = read_metadata(record_of(folder, "inverted-digits"))
    for text in (
        "not base64!",
        base64.b64encode(b"not zlib").decode(),
        kept_pairs(*(np.zeros((1, 2)),) * 2)["sources"],
    ):
        samples = metadata.samples.model_copy(update={"sources": text})
        with pytest.raises(ResultsError, match="its sources or answers are damaged"):
            pairs_of(metadata.model_copy(update={"samples": samples}))
    plain = Samples.model_validate({"shape": (2, 2), "dtype": "float32"})
    assert pairs_of(metadata.model_copy(update={"samples": plain})) is None
    assert json.loads(metadata.model_dump_json())["samples"]["sources"]
    assert re.fullmatch(r"[\w+/=]+", metadata.samples.answers)

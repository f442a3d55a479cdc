"""Real samples beside generated ones: in rankings, on contact sheets and on the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_runs import drawn, record

from bench.evidence.results import Evidence, read_evidence
from bench.records.held_out import kept_held_out
from bench.report.figures.sample_square import image_grid
from bench.report.page.data import page_data
from bench.report.sample_views import real_samples_of

TEST = np.random.default_rng(0).integers(0, 256, (4, 1, 5, 5), dtype=np.uint8)


@pytest.fixture
def images(tmp_path: Path) -> Evidence:
    """Runs with images (of the bytes of 50 points), of which the second cell alone holds real ones."""
    for loss in ("minimax", "hinge"):
        kept = kept_held_out(TEST) if loss == "hinge" else {}
        for seed in range(2):
            record(
                tmp_path, loss, seed, (1.0, 0.5, 0.2, 0.1), dataset="digits", data={"fingerprint": "f"},
                samples={"shape": [16, 1, 5, 5], "dtype": "uint8", **kept},
            )  # fmt: skip
    return read_evidence(tmp_path / "made")


def test_a_ranking_ends_with_real_images(images: Evidence) -> None:
    figure = drawn(images, "ranking-digits")
    panel, canvas = figure.axes[0], figure.axes[-1]
    assert [label.get_text() for label in panel.get_yticklabels()][-1] == "real data"
    pictures = [np.asarray(image.get_array()) for image in canvas.images]
    lowest = min(canvas.images, key=lambda image: image.get_extent()[2])
    assert len(pictures) == 3
    assert np.array_equal(np.asarray(lowest.get_array()), image_grid(TEST))


def test_a_contact_sheet_ends_with_real_images(images: Evidence) -> None:
    (canvas,) = drawn(images, "samples-digits-mlp").axes
    texts = [text.get_text() for text in canvas.texts]
    assert {"real data", "test split"} <= set(texts)
    assert np.array_equal(np.asarray(canvas.images[-1].get_array()), image_grid(TEST))
    assert len(canvas.images) == 5


def test_the_page_has_real_images(images: Evidence) -> None:
    (dataset,) = page_data(images)["datasets"]
    assert dataset["real_samples"]["count"] == 4
    assert dataset["real_samples"]["image"].startswith("data:image/png;base64,")


def test_without_real_images_nothing_is_said_of_them(tmp_path: Path) -> None:
    record(tmp_path, "minimax", 0, (1.0, 0.5, 0.2, 0.1))
    record(tmp_path, "minimax", 1, (1.0, 0.5, 0.2, 0.1))
    evidence = read_evidence(tmp_path / "made")
    assert real_samples_of(evidence, "ring") is None
    assert page_data(evidence)["datasets"][0]["real_samples"] is None
    figure = drawn(evidence, "ranking-ring")
    assert "real data" not in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "real data" not in [text.get_text() for text in drawn(evidence, "samples-ring-mlp").axes[0].texts]

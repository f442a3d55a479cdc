"""The notes for an appendix: training settings, definitions, sentences, and boxes that TeX can fill."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_runs import record

from bench.evidence.results import Evidence, read_evidence
from bench.plan.specification import Training
from bench.report.definitions import definitions
from bench.report.tables import Layout, write_tables
from bench.report.training_settings import training

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def fashion() -> Evidence:
    return read_evidence(RESULTS / "fashion")


def settings(loss: str, dataset: str, **changed: object) -> dict[str, object]:
    def choice(name: str, **options: object) -> dict[str, object]:
        return {"name": name, "label": name, "options": options}

    return {
        **{"dataset": choice(dataset), "architecture": choice("mlp", width=64), "loss": choice(loss)},
        **{"penalty": [], "steps": 2000, "batch_size": 64, "critic_steps": 1, "latent": 16},
        "optimizer": choice("adam", lr=2e-4, betas=[0.5, 0.999], eps=1e-8, weight_decay=0.0),
        **changed,
    }


def of_runs(folder: Path, cells: dict[tuple[str, str], dict[str, object]], seeds: int = 3) -> Evidence:
    for (loss, dataset), changed in cells.items():
        for seed in range(seeds):
            given = settings(loss, dataset, **changed)
            record(folder, loss, seed, (1.0, 0.5, 0.2, 0.1), dataset=dataset, training=given)
    return read_evidence(folder)


def test_the_training_of_a_recorded_suite_is_told(fashion: Evidence, tmp_path: Path) -> None:
    write_tables(fashion, tmp_path)
    (paragraph,) = re.findall(r"\\paragraph\{Training\.\} (.*)\n", (tmp_path / "notes.tex").read_text())
    for text in (
        "Generator steps: 6,000",
        "Batch size: 64.",
        "Critic steps per generator step: 1.",
        "Labels: given to both players.",
        "r1 (weight 0.1, every 4) for non-saturating + r1",
        "Optimiser: Adam.",
        "Learning rate: 0.004; 0.002 for non-saturating and hinge.",
        "(0, 0.9) for hinge + spectral.",
        "Schedule of the learning rates: linear.",
        "Seeds: 0 to 4.",
    ):
        assert text in paragraph, text


OTHER_SETTINGS: dict[str, object] = {
    **{"schedule": "cosine", "steps": 7, "batch_size": 7, "latent": 7, "critic_steps": 7, "updates": "simultaneous"},
    **{"ema": 0.9, "ema_warmup": 0.5, "precision": "bf16", "tf32": True, "deterministic": True, "conditional": True},
    **{"lookahead": {"steps": 5, "alpha": 0.5}, "pac": 7, "top_k": {"share": 0.5}, "unroll": 7},
    "family": {"name": "vae", "label": "vae", "options": {"beta": 2.0}},
    "penalty": [{"name": "r1", "label": "r1", "options": {"weight": 0.5}}],
    "optimizer": {"name": "sgd", "label": "sgd", "options": {"lr": 0.5}},
    "critic_optimizer": {"name": "adam", "label": "adam", "options": {"lr": 0.5}},
    "critic": {"name": "mlp", "label": "mlp", "options": {"width": 7}},
    "architecture": {"name": "mlp", "label": "mlp", "options": {"width": 7}},
}
COLUMNS = {"dataset", "loss"}  # always axes of the tables


def test_every_setting_of_training_is_told(tmp_path: Path) -> None:
    assert OTHER_SETTINGS.keys() | COLUMNS == Training.model_fields.keys()
    usual = training(of_runs(tmp_path / "usual", {("hinge", "ring"): {}}, seeds=1))
    for key, value in OTHER_SETTINGS.items():
        assert training(of_runs(tmp_path / key, {("hinge", "ring"): {key: value}}, seeds=1)) != usual, key


def test_settings_name_the_fewest_axes_that_tell_them_apart(tmp_path: Path) -> None:
    cells = {
        ("minimax", "ring"): {},
        ("hinge", "ring"): {"critic_steps": 2, "steps": 1000},
        ("minimax", "grid"): {"batch_size": 128},
        ("hinge", "grid"): {"critic_steps": 2, "batch_size": 128},
    }
    text = training(of_runs(tmp_path, cells))
    assert "Critic steps per generator step: 1; 2 for hinge." in text
    assert "Batch size: 64; 128 for grid." in text
    assert "Generator steps on ring: 2,000; 1,000 for hinge. Generator steps on grid: 2,000." in text
    assert "Seeds: 0 to 2." in text


def test_a_setting_of_one_loss_names_only_this_loss(tmp_path: Path) -> None:
    updates = {"updates": "extragradient"}
    cells = {("minimax", "ring"): {}, ("hinge", "ring"): {}, ("extragradient", "ring"): updates}
    assert "Updates: extragradient for extragradient." in training(of_runs(tmp_path, cells))


def test_many_settings_become_a_range(tmp_path: Path) -> None:
    losses = ("minimax", "non-saturating", "wasserstein", "wgan-gp", "hinge", "least-squares", "relativistic")
    cells: dict[tuple[str, str], dict[str, object]] = {
        (loss, "ring"): {"steps": 1000 * n} for n, loss in enumerate(losses, 1)
    }
    assert "Generator steps: 1,000 to 7,000, different for each cell." in training(of_runs(tmp_path, cells, seeds=1))


def test_the_measures_of_the_tables_are_defined(fashion: Evidence, tmp_path: Path) -> None:
    write_tables(fashion, tmp_path, Layout(measures=("fd", "modes")))
    notes = (tmp_path / "notes.tex").read_text()
    assert "\\item[{FD}] Fréchet distance between Gaussians" in notes
    assert "\\item[{modes}] Classes to which a classifier assigns at least one generated sample." in notes
    assert [label for label, _ in definitions(fashion, ["overlap", "fd"])] == ["overlap", "FD"]


def test_sentences_begin_with_a_capital(fashion: Evidence, pair: Evidence, tmp_path: Path) -> None:
    for evidence in (fashion, pair):
        write_tables(evidence, tmp_path)
        notes = (tmp_path / "notes.tex").read_text()
        beginnings = re.findall(r"^\\(?:paragraph\{.*?\}|item\[\{.*?\}\]) (.)", notes, re.M)
        assert len(beginnings) > 12
        assert all(letter.isupper() for letter in beginnings), beginnings
        texts = re.findall(r"^\\(?:paragraph|item).*$", notes, re.M)
        assert all(text.endswith((".", ":")) for text in texts), texts


@pytest.mark.parametrize("inches", ["3.25", "3.5", "5.5"])
def test_the_notes_fill_their_lines(fashion: Evidence, tmp_path: Path, inches: str) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("apt-get install texlive-latex-recommended texlive-science")
    write_tables(fashion, tmp_path)
    (tmp_path / "paper.tex").write_text(
        f"\\documentclass{{article}}\\usepackage[textwidth={inches}in]{{geometry}}\\begin{{document}}"
        "\\input{notes.tex}\\end{document}"
    )
    subprocess.run(["pdflatex", "-interaction=nonstopmode", "paper.tex"], cwd=tmp_path, capture_output=True, check=True)
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert [line for line in log.splitlines() if line.startswith(("Underfull", "Overfull"))] == []

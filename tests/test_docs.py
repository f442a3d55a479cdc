"""The documents match the program: commands parse, examples run, numbers come from records, links and paths exist."""

from __future__ import annotations

import math
import re
import shlex
import statistics
import subprocess
import sys
import textwrap
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench.catalogue import TABLES, entries
from bench.catalogue.extractors import manifest
from bench.catalogue.losses import GanLoss
from bench.catalogue.metrics.measures import MEASURES, PROBES
from bench.command import main
from bench.plan.combinations import contradictions
from bench.plan.matrix import cells
from bench.plan.specification import complete_training
from bench.plan.suite import parse_suite, suite_files

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
SUITES = (ROOT / "docs" / "suites.md").read_text()
MARKDOWN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
RECORDED = [
    "quick",
    "ring",
    "grid",
    "digits",
    "fashion",
    "dirac",
    "techniques",
    "stacked-digits",
    "robustness",
    "gate",
    "lipschitz",
    "recipe",
    "critic-steps",
    "translation",
    "families",
    "scarce",
    "networks",
    "tones",
    "strings",
]
FOR_GPUS = {"cifar10", "ring-reference", "stacked-mnist", "stacked-mnist-r3gan"}
ALONE = "steps/s, timed alone"  # from speed.md, which has a test of its own


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.S)


def commands() -> list[list[str]]:
    texts = (README, *DOCUMENTS.values())
    lines = [
        line for text in texts for block in blocks(text, "bash") for line in block.replace("\\\n", " ").splitlines()
    ]
    calls = [shlex.split(part, comments=True) for line in lines for part in line.split("&&")]
    return [words[1 : words.index(">") if ">" in words else None] for words in calls if words[:1] == ["ganbench"]]


def test_the_docs_show_every_verb() -> None:
    assert {words[0] for words in commands()} == set(main.commands)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_parses(words: list[str]) -> None:
    verb = main.commands[words[0]]
    verb.make_context(words[0], words[1:])


def test_readme_is_one_screen_and_ci_runs_its_commands() -> None:
    assert len(README.splitlines()) <= 90
    installs = re.findall(r"^pip install .*?&& .*?(?=\s+#)", README, flags=re.M)
    assert installs == ["pip install . && ganbench run quick", "pip install '.[test]' && pytest"]
    assert "pip install --quiet '.[test]' && pytest" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.slow
def test_the_python_example_runs(tmp_path: Path) -> None:
    (example,) = [block for block in blocks(README, "python") if "import bench" in block]
    script = tmp_path / "example.py"
    script.write_text(
        'if __name__ == "__main__":\n' + textwrap.indent(example, "    ") + "    print(len(runs), len(curves))\n"
    )
    process = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    count, _ = process.stdout.split()[-2:]
    assert count == "5"


def test_the_readmes_loss_works() -> None:
    (example,) = [block for block in blocks(README, "python") if "GanLoss" in block]
    loss = eval(f"{{{example}}}", {"GanLoss": GanLoss})["pearson"]
    real, fake = torch.tensor([0.5]), torch.tensor([0.25])
    assert loss.critic(real, fake).item() == 0.125 + 0.78125
    assert loss.generator(real, fake).item() == 0.03125


def test_the_suite_of_the_docs_is_valid() -> None:
    example, *_ = blocks(SUITES, "toml")
    planned = cells(parse_suite(tomllib.loads(example), "docs/suites.md"))
    assert [(cell.axes["loss"], cell.axes["dataset"], cell.axes["penalty"]) for cell in planned] == [
        ("non-saturating", "ring", "none"),
        ("non-saturating", "ring", "wgan-gp (weight=0.3)"),
        ("non-saturating", "wide grid", "none"),
        ("non-saturating", "wide grid", "wgan-gp (weight=0.3)"),
        ("hinge", "ring", "wgan-gp (weight=0.3)"),
        ("hinge", "wide grid", "wgan-gp (weight=0.3)"),
    ]
    assert {cell.training.steps for cell in planned} == {3000, 5000}


def test_the_training_keys_of_the_docs_are_valid() -> None:
    _, *examples = (block for block in blocks(SUITES, "toml") if "[search]" not in block)
    for example in examples:
        training = {"dataset": "digits", "architecture": "mlp", "loss": "hinge", **tomllib.loads(example)}
        assert not list(contradictions(complete_training(training, "docs/suites.md")))


def test_the_search_of_the_docs_is_valid() -> None:
    from bench.plan.runs import plan_runs

    (search,) = (block for block in blocks(SUITES, "toml") if "[search]" in block)
    content = tomllib.loads(suite_files()["robustness"].read_text()) | tomllib.loads(search)
    assert len(plan_runs(parse_suite(content, "docs/suites.md"))) == 6 * 32


def test_the_docs_name_every_measure_and_the_measured_accuracies() -> None:
    for name in (*MEASURES, *PROBES, *entries("metric")):
        assert f"`{name}`" in DOCUMENTS["measures"]
    for name in ("digits", "fashion-mnist"):
        (row,) = [line for line in DOCUMENTS["measures"].splitlines() if line.startswith(f"| `{name}` |")]
        assert f"{100 * manifest(name)['test_accuracy']:.1f}%" in row


def test_the_docs_name_every_penalty_and_dataset() -> None:
    for name in entries("penalty"):
        assert f"`{name}`" in SUITES
    for name, entry in entries("dataset").items():
        assert f"`{entry.extractor}`" in DOCUMENTS["measures"], name


def test_the_docs_name_every_statistic_and_width() -> None:
    import inspect

    from bench.evidence import statistics
    from bench.report.figures import WIDTHS

    functions = {name for name in statistics.__all__ if inspect.isfunction(inspect.unwrap(getattr(statistics, name)))}
    assert len(functions) > 15
    for name in (*(functions - {"drop_missing", "exponential"}), *WIDTHS):
        assert f"`{name}`" in DOCUMENTS["report"], name


def test_contributing_names_every_table() -> None:
    for _, table in TABLES.values():
        assert f"`{table}`" in CONTRIBUTING
    assert all(entries(kind) for kind in TABLES)


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_results_match_the_current_suites(name: str) -> None:
    from bench.evidence.confirmation import confirmation_of
    from bench.plan.runs import plan_runs
    from bench.plan.suite import load_suite
    from bench.records.record import paths_by_run, read_metadata

    if name == "fashion" and not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("apt-get install dataset-fashion-mnist")
    recorded = paths_by_run(ROOT / "results" / name)
    suite = load_suite(name)
    runs = plan_runs(suite)
    if suite.search:
        runs += confirmation_of(runs, ROOT / "results" / name, suite, suite.seeds).runs
    assert {run.id for run in runs} == recorded.keys()
    assert read_metadata(recorded[runs[0].id]).cell == runs[0].cell


def test_all_suites_except_those_for_gpus_are_recorded_in_small_files() -> None:
    assert set(RECORDED) == suite_files().keys() - FOR_GPUS
    for path in (ROOT / "results").rglob("*"):
        if path.name != "report.html":  # not committed
            assert path.stat().st_size < 2_000_000, path


def test_the_readmes_table_matches_the_records() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| ") and "[" in line]
    recorded = (ROOT / "results" / "quick" / "table.md").read_text()
    assert len(rows) >= 4
    ring = recorded.partition("## ring")[2].partition("## ")[0]
    header, _, *recorded_rows = [split(line) for line in ring.splitlines() if line.startswith("|")]
    columns = split(next(line for line in README.splitlines() if line.startswith("| loss")))
    for row in rows:
        entries = dict(zip(columns, split(row), strict=True))
        (same,) = [dict(zip(header, each, strict=True)) for each in recorded_rows if each[0] == entries["loss"]]
        assert {name: same[name] for name in entries} == entries


@pytest.mark.parametrize("dataset", ["ring", "grid"])
def test_the_tables_of_losses_and_penalties_match_the_records(dataset: str) -> None:
    runs = bench.load(ROOT / "results" / dataset)
    text = DOCUMENTS["techniques"].partition(f"| {dataset}: failed, modes, high quality |")[2]
    header, _, *rows = text.partition("\n\n")[0].splitlines()
    assert len(rows) == 5
    for row in rows:
        loss, *cells = split(row)
        for penalty, cell in zip(split(header), cells, strict=True):
            own = runs[(runs["loss"] == loss) & (runs["penalty"] == penalty)]
            failed = (own["outcome"] != "stable").sum()
            quality = 100 * own["high_quality_final"].mean()
            assert cell == f"{failed}/{len(own)}, {own['modes_final'].mean():.1f}, {quality:.0f}%", (loss, penalty)


def test_the_failures_told_on_the_front_page_match_the_records() -> None:
    runs = bench.load(ROOT / "results" / "grid")
    assert not (runs["outcome"] == "stable")[runs["loss"] == "wasserstein"].any()
    runs = runs[runs["loss"] != "wasserstein"]
    failed = (runs["outcome"] != "stable").groupby(runs["penalty"]).sum()
    assert set(runs["penalty"].value_counts()) == {40}
    front, findings = (" ".join(text.split()) for text in (README, DOCUMENTS["techniques"]))
    assert f"{failed['none']} of 40 runs fail without one, {failed['r1']} with r1, {failed['wgan-gp']} with" in front
    expected = (
        f"{failed['none']} of 40 runs fail without one, {failed['r1']} of 40 with r1 and {failed['wgan-gp']} of 40"
    )
    assert expected in findings
    table = (ROOT / "results" / "grid" / "table.md").read_text().partition("## Failures with other thresholds")[2]
    header, _, *rows = [split(line) for line in table.partition("\n## ")[0].splitlines() if line.startswith("|")]

    def with_threshold(name: str, penalty: str) -> int:
        own = [row for row in rows if row[header.index("penalty")] == penalty]
        reported, other = (sum(int(row[header.index(column)]) for row in own) for column in ("as reported", name))
        return int(failed[penalty]) + other - reported

    r1, wgan, none = (with_threshold("never_learned × 0.8", penalty) for penalty in ("r1", "wgan-gp", "none"))
    fewer = with_threshold("collapsed − 0.1", "none")
    collapsed = int((runs["outcome"] == "collapsed")[runs["penalty"] == "none"].sum())
    assert f"{collapsed} of the {failed['none']} failures are collapses" in findings
    assert collapsed > failed["none"] / 2
    assert (runs["penalty"] != "none")[runs["still_improving"]].sum() == failed["r1"] + failed["wgan-gp"]
    assert f"r1 fails in {r1} of 40 runs, WGAN-GP's penalty in {wgan}, and {none} still fail" in findings
    assert f"and {fewer} of the 40 without a penalty" in findings
    searched = bench.load(ROOT / "results" / "techniques").query("dataset == 'grid' and loss == 'r1'")
    confirmed = searched[searched["phase"] == "confirmation"]["outcome"] != "stable"
    assert (
        f"r1 fails in {confirmed.sum()} of {len(confirmed)} runs on the grid at the setting that it found" in findings
    )
    steps = bench.load(ROOT / "results" / "critic-steps")
    of_five = steps[steps["critic_steps"] == 5]["outcome"] != "stable"
    assert f"five critic steps, [{of_five.sum()} of {len(of_five)}]" in front
    assert f"{of_five.sum()} of {len(of_five)} runs fails (it oscillates)" in findings
    assert (steps[steps["critic_steps"] == 1]["outcome"] != "stable").all()


def test_the_table_of_differences_matches_the_records() -> None:
    from bench.evidence.statistics import difference

    runs = bench.load(ROOT / "results" / "grid")
    text = DOCUMENTS["techniques"].partition("| grid: modes, points of high quality |")[2]
    header, _, *rows = text.partition("\n\n")[0].splitlines()
    assert len(rows) == 5
    for row in rows:
        loss, *cells = split(row)
        own = dict(iter(runs[runs["loss"] == loss].groupby("penalty")))
        for penalty, cell in zip(split(header), cells, strict=True):
            modes = difference(own[penalty]["modes_final"], own["none"]["modes_final"])
            quality = difference(own[penalty]["high_quality_final"], own["none"]["high_quality_final"])
            expected = (
                f"{modes.value:+.1f} [{modes.low:.1f}, {modes.high:.1f}], "
                f"{100 * quality.value:+.0f} [{100 * quality.low:.0f}, {100 * quality.high:.0f}]"
            )
            assert cell == expected.replace("-", "−"), (loss, penalty)


def test_the_table_of_shared_and_own_settings_matches_the_records() -> None:
    from bench.evidence.results import read_evidence

    searched = read_evidence(ROOT / "results" / "techniques").runs
    text = DOCUMENTS["techniques"].partition("| technique | ring: shared |")[2]
    _, _, *rows = text.partition("\n\n")[0].splitlines()
    assert len(rows) == 4
    for row in rows:
        technique, *cells = split(row)
        loss, penalty = ("non-saturating", "r1") if technique == "r1" else (technique, "none")
        found = []
        for dataset in ("ring", "grid"):
            shared = bench.load(ROOT / "results" / dataset)
            own = searched[(searched["dataset"] == dataset) & (searched["loss"] == technique)]
            for runs in (shared[(shared["loss"] == loss) & (shared["penalty"] == penalty)], own):
                failed = (runs["outcome"] != "stable").sum()
                found.append(f"{failed}/{len(runs)}, {runs['overlap_final'].mean():.3f}")
        assert cells == found


def averaged_column(column: str, header: list[str]) -> str:
    """The column of the averaged generator, where there is one."""
    name, _, kind = column.rpartition(" ")
    of_average = f"{name}, EMA {kind}"
    return of_average if of_average in header else column


@pytest.mark.parametrize("dataset", ["ring", "grid"])
def test_the_tables_of_the_techniques_match_the_records(dataset: str) -> None:
    recorded = (ROOT / "results" / "techniques" / "table.md").read_text().partition(f"\n## {dataset}\n")[2]
    header, _, *recorded_rows = [
        split(line) for line in recorded.partition("\n## ")[0].splitlines() if line.startswith("|")
    ]
    text = DOCUMENTS["techniques"].partition(f"results/techniques/figures/ranking-{dataset}.png)")[2].strip()
    columns, _, *rows = [split(line) for line in text.partition("\n\n")[0].splitlines()]
    at = [header.index(column) for column in columns]
    of_average = [header.index(averaged_column(column, header)) for column in columns]
    expected = {
        row[0]: [row[i] for i in (of_average if row[0] == "averaged" else at)]
        for row in recorded_rows
        if row[0] != "untrained"
    }
    assert {row[0]: row for row in rows} == expected
    failures = [int(row[columns.index("failed")].partition("/")[0]) for row in rows[:-1]]
    assert failures == sorted(failures)
    assert len(failures) == 22


@pytest.mark.parametrize(
    ("suite", "dataset", "first"),
    [("lipschitz", "ring", "critic"), ("recipe", "grid", "recipe"), ("critic-steps", "grid", "penalty | critic steps")],
)
def test_the_tables_of_taken_apart_techniques_match_the_records(suite: str, dataset: str, first: str) -> None:
    recorded = (ROOT / "results" / suite / "table.md").read_text().partition(f"\n## {dataset}\n")[2]
    header, _, *recorded_rows = [
        split(line) for line in recorded.partition("\n## ")[0].splitlines() if line.startswith("|")
    ]
    text = DOCUMENTS["techniques"].partition(f"| {first} | failed |")
    columns, _, *rows = [
        split(line) for line in (text[1] + text[2]).partition("\n\n")[0].splitlines() if line.startswith("|")
    ]
    at = [0, *(header.index(column.replace("critic steps", "critic_steps")) for column in columns[1:])]
    assert rows == [[row[i] for i in at] for row in recorded_rows if row[0] != "untrained"]


def test_the_groups_of_techniques_on_fashion_differ() -> None:
    """r1 and spectral, no regulariser, WGAN-GP: log FD differs between these groups and not within them."""
    from bench.evidence.statistics import holm, welch

    runs = bench.load(ROOT / "results" / "fashion")
    values = {loss: np.log(group["fd_final"]) for loss, group in runs.groupby("loss")}
    group_of = {"non-saturating + r1": 0, "hinge + spectral": 0, "non-saturating": 1, "hinge": 1, "wgan-gp": 2}
    pairs = list(combinations(group_of, 2))
    adjusted = holm([welch(values[one], values[other]).p for one, other in pairs])
    alike = [p for (one, other), p in zip(pairs, adjusted, strict=True) if group_of[one] == group_of[other]]
    apart = [p for (one, other), p in zip(pairs, adjusted, strict=True) if group_of[one] != group_of[other]]
    assert f"(p ≤ {max(apart):.2g}, Welch" in DOCUMENTS["techniques"].replace("\n  ", " ")
    assert f"none within a group (p = {min(alike):.2g})" in " ".join(DOCUMENTS["techniques"].split())


def test_no_two_parts_of_the_recipe_differ() -> None:
    from bench.evidence.statistics import holm, welch

    runs = bench.load(ROOT / "results" / "recipe")
    cells = [group["overlap_final"].to_numpy() for _, group in runs.groupby("loss")]
    least = min(holm([welch(one, other).p for one, other in combinations(cells, 2)]))
    words = " ".join(DOCUMENTS["techniques"].split())
    assert f"All {len(runs)} runs are stable and cover the 25 modes" in words
    assert runs["outcome"].eq("stable").all()
    assert runs["modes_final"].eq(25).all()
    assert f"no two differ significantly (p ≥ {math.floor(10 * least) / 10:.1f}, Welch" in words
    means = [cell.mean() for cell in cells]
    assert f"The overlaps are between {min(means):.2f} and {max(means):.2f}" in words


def test_the_table_of_random_settings_matches_the_records() -> None:
    recorded = (ROOT / "results" / "robustness" / "search.md").read_text().partition("## Which")[0].splitlines()
    header, _, *recorded_rows = [split(line) for line in recorded if line.startswith("|")]
    text = DOCUMENTS["techniques"].partition("## How much depends")[2].partition("\n## ")[0]
    columns, _, *rows = [split(line) for line in text.splitlines() if line.startswith("|")]
    at = [header.index(column) for column in columns]
    assert rows == [[row[i] for i in at] for row in recorded_rows]


def test_the_table_of_published_numbers_matches_the_records() -> None:
    recorded = (ROOT / "results" / "ring-reference" / "reproduction.md").read_text().splitlines()
    header, _, *recorded_rows = [split(line) for line in recorded if line.startswith("|")]
    text = DOCUMENTS["techniques"].partition("## A published result, repeated")[2].partition("\n## ")[0]
    columns, _, *rows = [split(line) for line in text.splitlines() if line.startswith("|")]
    at = [header.index(column) for column in columns]
    assert rows == [[row[i] for i in at] for row in recorded_rows if "Welfert" in row[-1]]


@pytest.mark.parametrize(
    ("page", "suite", "dataset", "heading", "cells"),
    [
        ("techniques", "digits", "digits", "## Digits", 14),
        ("techniques", "fashion", "fashion-mnist", "## Fashion-MNIST", 5),
        ("techniques", "networks", "digits", "## Six networks", 6),
        ("techniques", "stacked-digits", "stacked-digits", "## A thousand modes", 6),
        ("sound-and-text", "tones", "tones", "## Results of tones", 5),  # and the untrained generators
        ("sound-and-text", "strings", "strings", "## Results of strings", 4),
    ],
)
def test_the_tables_of_samples_match_the_records(page: str, suite: str, dataset: str, heading: str, cells: int) -> None:
    recorded = (ROOT / "results" / suite / "table.md").read_text().partition(f"\n## {dataset}\n")[2]
    header, _, *recorded_rows = [
        split(line) for line in recorded.partition("\n## ")[0].splitlines() if line.startswith("|")
    ]
    text = DOCUMENTS[page].partition(f"\n{heading}")[2].partition("\n## ")[0]
    columns, _, *rows = [split(line) for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == cells + 1  # and real data
    shown = [column for column in columns if column != ALONE]
    expected = [dict(zip(header, row, strict=True)) for row in recorded_rows]
    expected = [row for row in expected if row[header[0]] != "untrained" or "| untrained |" in text]
    expected[-1] = {k: "" if v == "real data" else v for k, v in expected[-1].items()} | {columns[0]: "real data"}
    for row, found in zip(rows, expected, strict=True):
        assert [row[columns.index(column)] for column in shown] == [found[column] for column in shown]


def test_the_speed_of_the_networks_is_that_of_each_alone() -> None:
    text = DOCUMENTS["techniques"].partition("\n## Six networks")[2].partition("\n## ")[0]
    cells = [split(line) for line in text.splitlines() if line.startswith("|")]
    shown = {row[0]: row[-1] for row in cells[2:] if row[-1]}
    recorded = (ROOT / "results" / "networks" / "speed.md").read_text().splitlines()
    header, _, *rows = [split(line) for line in recorded if line.startswith("|")]
    assert {row[0]: row[header.index("steps/s")] for row in rows} == shown
    rates = {name: float(text.split()[0]) for name, text in shown.items()}
    traces = bench.traces(ROOT / "results" / "networks")
    early = traces[(traces["measure"] == "fd") & (traces["step"] == 1000)].groupby("architecture")["value"]
    fd = early.apply(statistics.geometric_mean)
    words = " ".join(text.split())
    assert f"It takes {5000 / rates['mlp']:.0f} s for its 5,000 steps" in words
    seconds = {name: f"{1000 / rate:.0f} s" for name, rate in rates.items()}
    assert f"an FD of {fd['resnet']:.1f} after its first 1,000 steps, which take {seconds['resnet']}" in words
    conditional = "resnet, conditional"
    assert f"With labels they take {seconds[conditional]}, and its FD is {fd[conditional]:.1f}" in words


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        assert link.startswith("https://") or target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.*)$", target.read_text(), flags=re.M)
            anchors = {re.sub(r"[^\w -]", "", words.lower()).replace(" ", "-") for words in headings}  # as on GitHub
            assert heading in anchors, link


def test_the_paths_and_names_of_contributing_exist() -> None:
    table = [line for line in CONTRIBUTING.splitlines() if line.startswith("| a")]
    assert len(table) > 10
    for row in table:
        quoted = re.findall(r"`([^`]+)`", row)
        files = [ROOT / words for words in quoted if "/" in words]
        assert all(file.exists() for file in files), row
        folders = [file if file.is_dir() else file.parent for file in files]
        code = "".join(source.read_text() for folder in folders for source in folder.rglob("*.py"))
        for name in (words for words in quoted if "/" not in words):
            assert re.search(rf"(class |def |^){name}\b", code, flags=re.M), name


def split(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def test_every_picture_of_the_readme_is_there() -> None:
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / path).is_file()

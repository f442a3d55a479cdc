"""The report page: small, reproducible, and fully working in a browser from disk, without the network."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import bench.report.page
from bench.catalogue.metrics.measures import PROBES
from bench.evidence.results import Evidence, read_evidence
from bench.records.external.recorder import Recorder
from bench.records.samples import evenly_spaced
from bench.report.contrasts import contrasts
from bench.report.page import json_in_html, write_page
from bench.report.page.data import encode_contrasts, page_data
from bench.report.page.runs import round_number, thin_traces
from bench.report.page.samples import MAX_PER_RUN, Window, _encode_images, _encode_points

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
HOSTILE = "</script><img src=x onerror=\"window.broken='loss'\"><b>& 'hinge'"
REASON = "<svg onload=\"window.broken='reason'\">boom"
SOURCES = Path(__file__).parents[2] / "bench" / "report" / "page"
TIMEOUT = 60_000  # milliseconds; pages take long where several processes share few cores
expect.set_options(timeout=TIMEOUT)


def record_run(results: Path, dataset: str, loss: str, seed: int, steps: int = 8, **more: Any) -> None:
    """Record a run of other code whose distance halves at every evaluation, more slowly for some losses."""
    generator = np.random.default_rng([seed, len(loss)])
    place = {"dataset": dataset, "architecture": "mlp", "loss": loss, "seed": seed}
    given: dict[str, Any] = {"title": "Made <i>up</i>", "real": {"fd": 0.01}, "batch_size": 32, "critic_steps": 2}
    failed = more.pop("failed", None)
    with Recorder(results, suite="made", **place, **(given | more)) as recorder:
        for index in range(steps + 1):
            fd = 2.0 * 2.0 ** (-index * (0.5 + 0.1 * len(loss[:4]))) * np.exp(0.1 * generator.normal())
            values = {
                "fd": fd,
                "recall": (1 - 0.9**index) * generator.uniform(0.9, 1),
                "critic_loss": 1 / (1 + index),
                "gap": float(index),
            }
            recorder.log(100 * index, seconds=0.5 * index, **values)
            if dataset == "gaussians":
                recorder.samples(100 * index, generator.normal(size=(500, 2)).astype(np.float32))
            if dataset == "pictures":
                recorder.samples(100 * index, generator.integers(0, 256, (25, 1, 28, 28), dtype=np.uint8))
            if failed and index == 3:
                recorder.fail(failed)
                break


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Points of three losses, one with a hostile name, and two penalties; images with little metadata."""
    results = tmp_path_factory.mktemp("results")
    for loss in ("minimax", "wgan-gp", HOSTILE):
        for penalty in ("none", "r1"):
            for seed in range(3):
                failed = REASON if (loss, penalty, seed) == ("minimax", "none", 1) else None
                record_run(results, "gaussians", loss, seed, penalty=penalty, failed=failed)
    for seed in range(2):
        record_run(results, "pictures", "minimax", seed, penalty="none", batch_size=None, real={})
    return read_evidence(results / "made")


@pytest.fixture(scope="module")
def report(evidence: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(evidence, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    """Open the page from disk; afterwards there must be no network requests and no console messages."""
    problems: list[str] = []

    def opened(hash_: str = "", **options: Any) -> Page:
        page = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options}).new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url) if _is_elsewhere(request.url) else None)
        page.goto(report.as_uri() + hash_)
        page.wait_for_selector("#panels .chart svg")
        return page

    yield opened
    for context in browser.contexts:
        context.close()
    assert problems == []


def _is_elsewhere(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def column(page: Page, number: int, table: str = "run-table") -> list[str]:
    return page.locator(f"#{table} tbody tr > :nth-child({number})").all_inner_texts()


# Without a browser


def test_the_same_records_make_the_same_bytes(evidence: Evidence, report: Path, tmp_path: Path) -> None:
    again = read_evidence(Path(evidence.runs["record"].iloc[0]).parent.parent)
    assert write_page(again, tmp_path / "again.html").read_bytes() == report.read_bytes()


def test_labels_are_data(report: Path) -> None:
    text = report.read_text()
    assert "onerror=" in text  # within the data
    assert "<img src=x" not in text
    assert text.count("</script>") == 3
    assert "Made &lt;i&gt;up&lt;/i&gt;" in text
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[0])
    assert HOSTILE in {run["labels"][0] for run in data["runs"]}


def test_json_cannot_end_its_element() -> None:
    assert json_in_html({"b": "</script><!--", "a": None}) == '{"a":null,"b":"\\u003c/script>\\u003c!--"}'
    with pytest.raises(ValueError, match="JSON"):
        json_in_html(float("nan"))


def test_numbers_are_short_and_non_finite_ones_are_none() -> None:
    numbers = [round_number(value, 4) for value in (1.23456789, 864.0, 123456, 1.23456e-23, np.nan, -np.inf, None)]
    assert numbers == [1.235, 864, 123456, 1.235e-23, None, None, None]
    assert json.dumps(numbers[:4]) == "[1.235, 864, 123456, 1.235e-23]"


def test_evaluations_are_spread_with_both_ends() -> None:
    assert evenly_spaced(3, 8) == [0, 1, 2]
    assert evenly_spaced(9, 3) == [0, 4, 8]
    assert evenly_spaced(1, 3) == [0]


def test_points_come_back_from_base64() -> None:
    """Sixteen bits of [−2, 2]: at most half a step of 4 / 65535 off; the points outside are left out."""
    points = np.array([[[-2.0, 2.0], [0.3, -1.1], [2.5, 0.0], [np.nan, 0.0]]])
    encoded = _encode_points(points, [7], Window(2.0, [], 0.0), 1000)
    assert encoded["steps"] == [7]
    assert encoded["count"] == 4
    integers = np.frombuffer(base64.b64decode(encoded["points"][0]), "<u2")
    values = integers / 65535 * 4 - 2
    assert values == pytest.approx([-2.0, 2.0, 0.3, -1.1], abs=2 / 65535)


def test_points_are_as_few_as_there_is_room_for() -> None:
    points = np.zeros((20, 5000, 2))
    encoded = _encode_points(points, list(range(20)), Window(2.0, [], 0.0), MAX_PER_RUN)
    length = sum(map(len, encoded["points"]))
    assert 0.9 * MAX_PER_RUN < length <= MAX_PER_RUN + 8 * 3  # each evaluation is padded to whole groups of base64
    assert len(encoded["points"]) == 8


@pytest.mark.parametrize("shape", [(25, 1, 8, 8), (25, 3, 32, 32), (25, 3, 64, 64), (2, 1, 28, 28)])
def test_images_of_noise_are_as_few_as_there_is_room_for(shape: tuple[int, ...]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, *shape), dtype=np.uint8)
    kept = _encode_images(frames, list(range(20)), MAX_PER_RUN)
    assert kept is not None
    assert len(kept["image"]) <= MAX_PER_RUN
    assert (kept["steps"][0], kept["steps"][-1]) == (0, 19)
    assert kept["count"] <= shape[0]
    picture = np.asarray(Image.open(BytesIO(base64.b64decode(kept["image"].partition(",")[2]))).convert("RGB"))
    across = picture.shape[1] // len(kept["steps"])
    factor = -(-shape[-1] // 32)
    first = frames[0, 0].transpose(1, 2, 0)[::factor, ::factor].astype(int)
    shown = picture[: first.shape[0], : first.shape[1]]
    assert np.abs(shown - first).max() <= 9  # half of one of sixteen levels
    assert across * len(kept["steps"]) == picture.shape[1]


def repeated(evidence: Evidence, times: int) -> Evidence:
    """The same runs several times, as runs of further losses."""
    runs = [evidence.runs.assign(loss=f"loss {n}", run=evidence.runs["run"] + f"-{n}") for n in range(times)]
    traces = [evidence.traces.assign(loss=f"loss {n}", run=evidence.traces["run"] + f"-{n}") for n in range(times)]
    records = {f"{run}-{n}": record for n in range(times) for run, record in evidence.records.items()}
    return replace(evidence, runs=pd.concat(runs, ignore_index=True), traces=pd.concat(traces), records=records)


def test_two_hundred_runs_take_less_than_five_megabytes(tmp_path: Path) -> None:
    """101 evaluations with all probes, ten measures and samples exceed the room of the page."""
    generator = np.random.default_rng(0)
    measures = {f"measure {index}": False for index in range(10)}
    names = [*measures, *PROBES]
    for seed in range(10):
        place = {"dataset": "gaussians", "architecture": "mlp", "loss": "hinge", "seed": seed}
        with Recorder(tmp_path, suite="many", higher_is_better=measures, batch_size=64, **place) as recorder:
            for step, row in enumerate(np.exp(generator.normal(size=(101, len(names)))).tolist()):
                values = dict(zip(names, row, strict=True))
                recorder.log(step, seconds=step / 7, **values | {"critic_accuracy": values["critic_accuracy"] % 1})
                if step % 10 == 0:
                    recorder.samples(step, generator.normal(size=(500, 2)).astype(np.float32))
    evidence = repeated(read_evidence(tmp_path / "many"), 20)
    page = write_page(evidence, tmp_path / "report.html")
    assert len(evidence.runs) == 200
    assert 4.5e6 < page.stat().st_size < 5e6


def test_runs_say_from_where_they_have_learned(evidence: Evidence) -> None:
    """FD is judged on its way from untrained to real data, in logarithms if that is known, else to 0."""
    data = page_data(evidence)
    for run in data["runs"]:
        record = evidence.records[run["id"]]
        untrained, real = record.trace["fd"][0], record.metadata.real.get("fd")
        share = evidence.rules.thresholds("fd").never_learned  # of the way, which may be left
        expected = untrained**share * real ** (1 - share) if real else share * untrained
        assert run["learned_from"] == pytest.approx(expected, rel=1e-3)


def test_comparisons_are_columns_and_rows_of_few_digits() -> None:
    frame = pd.DataFrame({"a": ["x"], "b": ["y"], "p": [0.0123456], "n_a": [np.int64(3)], "low": [np.nan]})
    assert encode_contrasts(frame) == {"columns": ["a", "b", "p", "n_a", "low"], "rows": [["x", "y", 0.01235, 3, None]]}
    assert encode_contrasts(None) is None


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read_in_light_and_in_dark() -> None:
    """WCAG AA: 4.5 for text, 3 for controls and lines."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    pairs = dict(re.findall(r"--(\w+): light-dark\((#\w{6}, #\w{6})\)", (SOURCES / "page.css").read_text()))
    for theme in (0, 1):
        colours = {name: pair.split(", ")[theme] for name, pair in pairs.items()}
        for text in ("ink", "muted", "accent"):
            for ground in ("paper", "panel", "chosen"):
                assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground, theme)
        for mark in ("edge", "real", "accent", "black"):
            assert contrast(colours[mark], colours["paper"]) >= 3, (mark, theme)


# In a browser


def test_it_opens_and_shows_the_outcomes_of_the_runs(visit: Callable[..., Page]) -> None:
    page = visit()
    assert page.title() == "Made <i>up</i> – ganbench"
    assert "20 runs in 7 cells on 2 datasets" in page.inner_text("#summary")
    assert page.inner_text("#count") == "18 runs"
    assert page.locator("#cells .stack").count() == 6
    assert page.locator("#rows .row").count() == 18
    assert page.locator("#sheets canvas").count() == 18
    assert page.locator("#panels .chart svg").count() == 2
    assert page.evaluate("window.broken") is None
    assert page.locator("img").count() == 0
    assert HOSTILE in column(page, 1)


def test_headings_sort_by_mouse_and_by_keyboard(visit: Callable[..., Page]) -> None:
    page = visit()
    head = page.locator("#run-table th[data-key=best]")
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    best = [float(text) for text in column(page, 6)]
    assert best == sorted(best)
    page.keyboard.press("Enter")  # the heading keeps the focus
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(text) for text in column(page, 6)] == sorted(best, reverse=True)
    page.locator("#run-table th[data-key=final] button").click()
    assert head.get_attribute("aria-sort") == "none"
    assert column(page, 5)[-1] == "–"  # the diverged run


def test_a_median_is_of_steps_at_which_all_were_measured(visit: Callable[..., Page]) -> None:
    """As in ``run_curves.median_curve``; a run that diverged counts as the worst from then on."""
    source = (Path(bench.report.page.__file__).parent / "curves.js").read_text()
    middle = """(ys) => {
      const sorted = [...ys].sort((a, b) => a - b), half = sorted.length / 2;
      return Number.isInteger(half) ? (sorted[half - 1] + sorted[half]) / 2 : sorted[Math.floor(half)];
    }"""
    medians = visit().evaluate(
        """([source, middle]) => {
          const names = ["isDiverged", "median"], functions = [(run) => run.diverged, eval(middle)];
          const mediansOf = new Function(...names, `${source}; return mediansOf;`)(...functions);
          const line = (diverged, ...points) => ({
            series: "a", run: { diverged }, points: points.map(([step, y]) => ({ step, x: step, y })),
          });
          const of = (...lines) => mediansOf(lines, { higher: false }).map(({ x, y }) => [x, y]);
          return [
            of(line(false, [0, 4], [10, 5], [20, 6]), line(false, [0, 6], [20, 8])),
            of(line(false, [0, 4], [10, 5]), line(false, [0, 6], [10, 7]), line(true, [0, 5])),
            of(line(false, [0, 4], [10, 5]), line(true, [0, 6])),
            of(line(false, [0, 4], [10, 5]), line(false, [0, null], [10, null])),
          ];
        }""",
        [source, middle],
    )
    assert medians == [[[0, 5], [20, 7]], [[0, 5], [10, 7]], [[0, 5], [10, None]], [[0, 4], [10, 5]]]


def test_traces_are_thinned_to_the_same_steps_and_the_last_of_each_run() -> None:
    def entry(dataset: int, steps: list[int]) -> dict[str, Any]:
        return {
            "dataset": dataset,
            "evaluations": len(steps),
            "evaluation_steps": steps,
            "trace": {"fd": steps, "kl": 1},
        }

    steps = list(range(0, 1010, 10))
    entries = [entry(0, steps), entry(0, steps[:45]), entry(1, steps[:5])]
    length = sum(len(json.dumps(each["trace"], separators=(",", ":"))) for each in entries)
    assert thin_traces(entries, length) == entries
    whole, ended, other = (each["evaluation_steps"] for each in thin_traces(entries, length // 5))
    assert len(whole) < 25
    assert 440 not in whole
    assert ended == [step for step in whole if step < 440] + [440]
    assert (whole[0], whole[-1]) == (0, 1000)
    assert other == [0, 40]


def test_filters_act_on_everything(visit: Callable[..., Page]) -> None:
    page = visit()
    page.get_by_role("search").get_by_role("combobox", name="penalty").select_option("r1")
    assert set(column(page, 2)) == {"r1"}
    assert page.locator("#rows .row").count() == 9
    assert page.locator("#panels .chart").count() == 1
    page.get_by_role("combobox", name="outcome").select_option("diverged")
    assert page.inner_text("#count") == "0 of 18 runs"
    assert "No run matches the filters" in page.inner_text("#runs-note")
    page.get_by_role("button", name="Reset").click()
    assert page.inner_text("#count") == "18 runs"
    page.get_by_role("searchbox").fill("minimax SEED 2")
    expect(page.locator("#count")).to_have_text("2 of 18 runs")
    assert set(column(page, 1)) == {"minimax"}
    page.get_by_role("button", name="Reset").click()
    page.locator("#cells button").first.click()
    assert page.inner_text("#count") == "3 of 18 runs"
    assert page.locator("#cells tr.chosen").count() == 1


def test_measure_axis_and_panels_are_chosen(visit: Callable[..., Page]) -> None:
    page = visit()
    assert page.is_checked("#log")

    def expect_text(pattern: str) -> None:
        """Wait until a text of the first chart matches: charts are redrawn asynchronously."""
        texts = page.locator("#panels .chart").first.locator("svg text")
        expect(texts.filter(has_text=re.compile(pattern)).first).to_be_attached()

    expect_text("generator steps")
    expect_text("FD")
    assert "threshold for having learned" in page.inner_text("#curve-legend")
    page.select_option("#measure", "recall")
    assert "threshold for having learned" not in page.inner_text("#curve-legend")  # runs are classified by FD
    page.select_option("#x-axis", "images")
    expect_text("samples seen by the critic")
    expect_text("recall")
    expect_text(r"51\.2k|50,000")  # 800 steps · 2 critic steps · 32
    assert page.is_disabled("#log")  # recall is 0 at first
    assert "recall final" in page.inner_text("#cells")
    assert "recall final" in page.inner_text("#run-table thead")
    page.select_option("#measure", "gap")
    assert "mean logit" in page.inner_text("#curve-note")
    page.select_option("#panel-by", "")
    assert page.locator("#panels .chart").count() == 1
    page.select_option("#dataset", "1")
    page.select_option("#x-axis", "images")
    assert "2 of 2 runs have no FD against samples seen by the critic" in page.inner_text("#curve-note")


def test_points_of_a_curve_have_a_tooltip_and_open_their_run(visit: Callable[..., Page]) -> None:
    page = visit()
    chart = page.locator("#panels .chart").first
    chart.scroll_into_view_if_needed()
    plot = chart.locator(".root path.background").first.bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + 2, plot["y"] + 12)
    tooltip = page.locator("#tooltip")
    tooltip.wait_for()
    text = tooltip.inner_text()
    assert "FD 2" in text or "FD 1" in text
    assert "seed" in text
    assert "step 0" in text
    run = re.findall(r"run (\w{16})", text)[0]
    page.mouse.click(plot["x"] + 2, plot["y"] + 12)
    assert run in page.locator("dialog").inner_text()


def test_a_run_opens_by_mouse_keyboard_and_link(visit: Callable[..., Page], evidence: Evidence) -> None:
    page = visit()
    page.locator("#run-table tbody tr", has_text="diverged").locator("td").nth(1).click()
    dialog = page.locator("dialog")
    assert "gaussians · minimax · none · seed 1" in dialog.inner_text()
    assert REASON[1:] in dialog.inner_text()
    assert page.evaluate("window.broken") is None
    for words in ("batch size", "environment", "training, s", "origin", "identity", "real data"):
        assert words in dialog.inner_text().lower()
    dialog.locator("#run-chart svg").wait_for()
    assert dialog.locator(".strip canvas").count() == 4  # it ended at the fourth evaluation
    dialog.locator("summary").click()
    assert dialog.locator("details tbody tr").count() == 4
    dialog.locator("#run-measure").select_option("critic_loss")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator("#run-table tbody button").nth(3).focus()
    page.keyboard.press("Enter")
    assert "seed 0" in dialog.locator("h2").inner_text()
    dialog.get_by_role("button", name="Next").click()
    assert "seed 1" in dialog.locator("h2").inner_text()
    identity = page.evaluate("location.hash").partition("=")[2]
    linked = visit(f"#run={evidence.runs['run'].iloc[-1]}")
    assert "pictures" in linked.locator("dialog h2").inner_text()
    assert linked.locator("dialog .strip .pixels").count() > 2
    assert identity in set(evidence.runs["run"])


def test_rows_of_the_timeline_are_walked_by_arrows(visit: Callable[..., Page]) -> None:
    page = visit()
    rows = page.locator("#rows .row")
    assert page.locator("#rows .row[tabindex='0']").count() == 1
    rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert "seed 1" in page.locator("dialog h2").inner_text()


def test_samples_follow_the_slider(visit: Callable[..., Page]) -> None:
    page = visit()
    assert page.inner_text("#moment-step") == "800"
    picture = "document.querySelector('#sheets canvas').toDataURL()"
    last = page.evaluate(picture)
    page.locator("#moment").focus()
    page.keyboard.press("Home")
    assert page.inner_text("#moment-step") == "0"
    assert page.evaluate(picture) != last
    page.select_option("#dataset", "1")
    assert page.locator("#sheets .pixels").count() == 2


def facts(page: Page) -> list[str]:
    return page.locator("#contrast .value").all_inner_texts()


def test_two_cells_are_compared_either_way_round(visit: Callable[..., Page], evidence: Evidence) -> None:
    page = visit()
    made = contrasts(evidence, "gaussians")
    assert made is not None
    row = made.iloc[2]
    page.select_option("#cell-a", row["a"])
    page.select_option("#cell-b", row["b"])
    ratio, low, high = (float(number) for number in re.findall(r"[\d.]+", facts(page)[0]))
    assert (ratio, low, high) == pytest.approx((row["ratio"], row["low"], row["high"]), rel=0.01)
    assert facts(page)[1] == f"{100 * row['better']:.0f}%"
    assert facts(page)[2] == f"{row['failed_a']} of {row['n_a']}, {row['failed_b']} of {row['n_b']}"
    assert float(facts(page)[4].split("; ")[1]) == pytest.approx(row["smallest"], rel=0.05)
    assert row["verdict"] in page.inner_text("#contrast .verdict")
    page.locator("#contrast-chart svg").wait_for()
    page.locator("#swap").click()
    assert page.locator("#cell-a").input_value() == row["b"]
    ratio, low, high = (float(number) for number in re.findall(r"[\d.]+", facts(page)[0]))
    assert (ratio, low, high) == pytest.approx((1 / row["ratio"], 1 / row["high"], 1 / row["low"]), rel=0.01)
    assert row["verdict"] in page.inner_text("#contrast .verdict")
    assert page.locator("#contrast-table tbody tr").count() == 5
    other = page.locator("#contrast-table tbody tr:not(.chosen) button").first
    name = other.inner_text()
    other.click()
    assert page.locator("#cell-b").input_value() == name
    page.select_option("#cell-b", page.locator("#cell-a").input_value())
    assert "two different cells" in page.inner_text("#contrast")
    page.select_option("#dataset", "1")
    assert "fewer than two cells" in page.inner_text("#comparison")


def wait_until(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition, asked from outside: the page's policy forbids it to evaluate strings itself."""
    until = monotonic() + TIMEOUT / 1000
    while not page.evaluate(condition):
        assert monotonic() < until, f"not true in time: {condition}"
        page.wait_for_timeout(20)


def test_the_theme_is_the_systems_until_it_is_chosen(visit: Callable[..., Page]) -> None:
    page = visit(color_scheme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    title = "document.querySelector('#panels .chart svg .role-axis-title text')"
    label = f"getComputedStyle({title}).fill"
    dark, of_dark = page.evaluate(ground), page.evaluate(label)
    page.locator("#theme").click()
    wait_until(page, f"{title} && {label} !== {of_dark!r}")  # charts are redrawn asynchronously
    assert page.evaluate(ground) == "rgb(255, 255, 255)" != dark
    page.reload()
    page.wait_for_selector("#panels .chart svg")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_the_data_are_downloaded(visit: Callable[..., Page], evidence: Evidence) -> None:
    page = visit()
    with page.expect_download() as expected:
        page.get_by_role("button", name="Download runs").click()
    rows = list(csv.DictReader(expected.value.path().read_text().splitlines()))
    assert expected.value.suggested_filename == "runs.csv"
    assert [row["run"] for row in rows] == evidence.runs["run"].tolist()
    assert HOSTILE in {row["loss"] for row in rows}
    assert [float(row["fd_best"]) for row in rows] == pytest.approx(evidence.runs["fd_best"].tolist(), rel=1e-5)
    with page.expect_download() as expected:
        page.get_by_role("button", name="Download traces").click()
    traces = pd.read_csv(expected.value.path())
    assert len(traces) == len(evidence.traces)
    here = traces[(traces["run"] == rows[0]["run"]) & (traces["measure"] == "fd")]
    assert here["images"].tolist() == [64 * step for step in here["step"]]


def test_every_control_has_a_name_and_headings_are_in_order(visit: Callable[..., Page]) -> None:
    page = visit()
    page.locator("#run-table tbody button").first.click()
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, select, input, a, summary, [role=img], [role=region], dialog")].filter((each) =>
          !(each.textContent.trim() && !/^(SELECT|DIALOG)$/.test(each.tagName)) && !each.labels?.length &&
          !each.getAttribute("aria-label") && !document.getElementById(each.getAttribute("aria-labelledby"))).map((each) => each.outerHTML)"""
    )
    assert nameless == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for landmark in ("main", "header", "nav", "[role=search]"):
        assert page.locator(landmark).count() == 1


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_sticks_out_of_a_narrow_window(visit: Callable[..., Page], width: int) -> None:
    """Once all charts are drawn: while one is, it is resized to its panel."""
    page = visit(viewport={"width": width, "height": 800})
    wait_until(page, "[...document.querySelectorAll('#panels .chart')].every((each) => each.querySelector('svg'))")
    wait_until(page, f"document.documentElement.scrollWidth <= {width}")
    page.locator("#run-table tbody button").first.click()
    page.locator("#run-chart svg").wait_for()
    dialog = "document.querySelector('dialog')"
    wait_until(page, f"{dialog}.scrollWidth === {dialog}.clientWidth")


def test_unknown_values_are_marked_as_unknown(evidence: Evidence) -> None:
    data = page_data(evidence)
    image = data["runs"][-1]
    assert image["images_per_step"] is None
    assert data["datasets"][1]["measures"][0]["real"] is None
    assert image["speed"] is not None
    assert image["final"][0] is not None
    assert ["batch size", "–"] in next(
        rows for title, rows in data["pool"][image["specification"]] if title == "training"
    )

"""A random draw of runs with their outcomes, and sheets of their samples, to check outcomes by eye.

``python -m bench.report.verdict_sheets RESULTS_FOLDER OUTPUT [--runs 60] [--seed 0] [--blind]`` draws from all
suites in ``RESULTS_FOLDER``, in turn from every group of suite, dataset and outcome, and writes ``runs.md`` and
``sheet-N.png``. With ``--blind`` the sheets do not show outcomes, so that a reader can judge the samples first.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bench.evidence.outcomes import load
from bench.records.record import read_metadata, read_samples
from bench.report.figures.sample_square import image_grid
from bench.report.sample_views import visible_channels
from bench.report.signal_views import as_shown

PER_SHEET, COLUMNS = 12, 4


def draw_runs(results: Path, count: int, seed: int) -> pd.DataFrame:
    """Return ``count`` random runs that keep samples, taken in turn from every suite, dataset and outcome.

    Args:
        results: A folder with one folder of results per suite.
        count: Number of runs, or fewer if there are fewer.
        seed: Of the draw.
    """
    frames = [load(folder) for folder in sorted(results.iterdir()) if (folder / "records").is_dir()]
    runs = pd.concat(frames, ignore_index=True)
    metadata = [read_metadata(Path(path)) for path in runs["record"]]
    runs = runs[[each.keeps_samples and len(each.samples.shape or ()) in (2, 3, 4) for each in metadata]]
    runs = runs[runs["dataset"] != "point"]
    shuffled = runs.sample(frac=1, random_state=np.random.RandomState(seed))
    turn = shuffled.groupby(["suite", "dataset", "outcome"]).cumcount()
    chosen = shuffled.assign(turn=turn).sort_values(["turn"], kind="stable").head(count)
    return chosen.sort_values(["suite", "dataset", "outcome", "run"]).reset_index(drop=True)


def table_of(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a Markdown table of the runs."""
    yield "| # | suite | dataset | run | modes | high quality or confident | primary: best → final | outcome |"
    yield "|---|---|---|---|---|---|---|---|"
    for number, row in runs.iterrows():
        quality = row.get("high_quality_final")
        quality = row["confident_final"] if pd.isna(quality) else quality
        best, final = (row[f"{row['primary']}_{kind}"] for kind in ("best", "final"))
        primary = f"{row['primary']} {best:.3g} → {final:.3g}"
        name = Path(row["record"]).stem.rsplit("-", 1)[0]
        modes = f"{row['modes_final']:.0f} of {row['modes_real']:.0f}"
        cells = [str(number), row["suite"], row["dataset"], name, modes, f"{100 * quality:.0f}%", primary]
        yield f"| {' | '.join([*cells, row['outcome']])} |"


def draw_sheets(runs: pd.DataFrame, output: Path, *, blind: bool = False) -> list[Path]:
    """Write the samples of the runs as PNG files, twelve runs on each, and return their paths.

    Args:
        runs: The runs of :func:`draw_runs`.
        output: The folder to write to.
        blind: Whether to leave outcomes out of the titles.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    paths = []
    for start in range(0, len(runs), PER_SHEET):
        figure = Figure(figsize=(16, 12), layout="constrained")
        panels = list(figure.subplots(PER_SHEET // COLUMNS, COLUMNS).flat)
        for panel in panels:
            panel.set_axis_off()
        for panel, (number, row) in zip(panels, runs.iloc[start : start + PER_SHEET].iterrows(), strict=False):
            path = Path(row["record"])
            metadata = read_metadata(path)
            samples, modes = as_shown(read_samples(path), metadata), metadata.data.modes
            panel.set_title(f"{number}: {row['dataset']}" + ("" if blind else f" · {row['outcome']}"))
            if isinstance(samples, list):
                panel.text(0, 1, "\n".join(samples), family="monospace", va="top")
                continue
            if samples.ndim == 4:
                panel.imshow(image_grid(visible_channels(samples)), cmap="gray", vmin=0, vmax=255)
                continue
            if modes is not None:
                for x, y, *_ in modes.centres:
                    panel.add_patch(Circle((x, y), 3 * modes.sigma, fill=False, edgecolor="#D55E00"))
            panel.plot(*samples.T[:2], "k.", ms=2)
            panel.set_aspect("equal")
        paths.append(output / f"sheet-{start // PER_SHEET}.png")
        figure.savefig(paths[-1], dpi=60)
    return paths


def main() -> None:
    """Draw runs and write their table and sheets."""
    parser = argparse.ArgumentParser(prog="python -m bench.report.verdict_sheets", description=main.__doc__)
    parser.add_argument("results", type=Path, help="folder with one folder of results per suite")
    parser.add_argument("output", type=Path, help="folder for runs.md and the sheets")
    parser.add_argument("--runs", type=int, default=60, help="number of runs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    parser.add_argument("--blind", action="store_true", help="leave outcomes out of the sheets")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    runs = draw_runs(options.results, options.runs, options.seed)
    (options.output / "runs.md").write_text("\n".join(table_of(runs)) + "\n", encoding="utf-8")
    draw_sheets(runs, options.output, blind=options.blind)


if __name__ == "__main__":
    main()

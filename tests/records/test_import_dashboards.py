"""Tables as dashboards export them: one file per measure or per run, one column per run, event files, wall-clock times."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bench
from bench.command import main
from bench.errors import TableError
from bench.records.external.import_table import Imported, import_table
from bench.records.external.role_patterns import role_pattern
from bench.records.listing import record_paths
from bench.records.record import read_metadata

FIXED = {"dataset": "c10", "architecture": "dcgan"}
ONE = {**FIXED, "loss": "hinge", "seed": 0}
FID = "Wall time,Step,Value\n1619761818.5,0,398.1\n1619761914.5,1000,41.2\n1619762009.5,2000,23.9\n"
LOSS = "Wall time,Step,Value\n1619761818.5,0,1.38\n1619761914.5,1000,0.7\n1619762009.5,2000,0.6\n"
WIDE = (
    '"Step","hinge-s0 - fid","hinge-s0 - fid__MIN","hinge-s0 - fid__MAX","wgan-gp-s1 - fid","wgan-gp-s1 - fid__MIN"\n'
    '"0","398.1","398.1","398.1","401.7","401.7"\n"1000","41.2","41.2","41.2","44.0","44.0"\n'
)


def imported(folder: Path, given: list[str], *mapped: str, fixed: Any = FIXED, **options: Any) -> Imported:
    pairs = [(column, role) for column, _, role in (text.rpartition("=") for text in mapped)]
    paths = [folder / name for name in given]
    return import_table(paths, suite="theirs", mapped=pairs, fixed=fixed, results=folder / "results", **options)


def values(folder: Path) -> dict[Any, float]:
    """Return loss, seed, step and measure → value."""
    traces = bench.traces(folder / "results")
    columns = ["loss", "seed", "step", "measure"]
    return dict(zip(map(tuple, traces[columns].to_numpy().tolist()), traces["value"].tolist(), strict=True))


def endings(folder: Path) -> dict[Any, str]:
    runs = bench.load(folder / "results")
    return {(run.loss, run.seed): run.outcome_reason for run in runs.itertuples()}


def refused(folder: Path, *given: Any, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        imported(folder, *given, **options)
    assert "\n" not in str(caught.value)
    assert not (folder / "results").exists()
    return str(caught.value)


def write(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return [f"{name}.csv" for name in files]


def test_files_with_one_measure_each_are_one_run(tmp_path: Path) -> None:
    files = write(tmp_path, tb_fid=FID, tb_loss=LOSS)
    maps = ["tb_fid.csv:Value=fid", "tb_loss.csv:Value=critic_loss", "Step=step", "Wall time=seconds"]
    assert len(imported(tmp_path, files, *maps, fixed=ONE).runs) == 1
    assert values(tmp_path) == {
        ("hinge", 0, 0, "fid"): 398.1, ("hinge", 0, 1000, "fid"): 41.2, ("hinge", 0, 2000, "fid"): 23.9,
        ("hinge", 0, 0, "critic_loss"): 1.38, ("hinge", 0, 1000, "critic_loss"): 0.7, ("hinge", 0, 2000, "critic_loss"): 0.6,
    }  # fmt: skip
    seconds = bench.traces(tmp_path / "results").query("measure == 'fid'")["seconds"].tolist()
    assert seconds == [0, 96, 191]  # since the first row, not since 1970
    origin = read_metadata(record_paths(tmp_path)[0]).origin or {}
    assert [each["table"] for each in origin["tables"]] == files
    assert len({each["sha256"] for each in origin["tables"]}) == 2


def test_files_may_log_at_different_steps(tmp_path: Path) -> None:
    files = write(tmp_path, a="Step,fid\n0,400\n2000,30\n", b="Step,critic_loss\n1000,0.5\n2000,0.4\n")
    imported(tmp_path, files, "Step=step", "fid=fid", "critic_loss=critic_loss", fixed=ONE)
    assert values(tmp_path) == {
        ("hinge", 0, 0, "fid"): 400, ("hinge", 0, 2000, "fid"): 30,
        ("hinge", 0, 1000, "critic_loss"): 0.5, ("hinge", 0, 2000, "critic_loss"): 0.4,
    }  # fmt: skip


def test_rows_of_one_step_with_different_measures_are_joined(tmp_path: Path) -> None:
    """As the logger of Lightning writes them."""
    files = write(tmp_path, log="fid,step,loss\n,0,0.7\n400,0,\n,100,0.6\n40,100,\n")
    imported(tmp_path, files, "step=step", "fid=fid", "loss=critic_loss", fixed=ONE)
    assert sorted(values(tmp_path).values()) == [0.6, 0.7, 40, 400]
    assert bench.load(tmp_path / "results")["steps_done"].tolist() == [100]


@pytest.mark.parametrize("measures", ["named", "mapped"])
def test_names_of_files_give_roles(tmp_path: Path, measures: str) -> None:
    for loss in ("hinge", "wgan-gp"):
        for seed in (0, 11):
            folder = tmp_path / "runs" / f"{loss}_s{seed}"
            folder.mkdir(parents=True)
            (folder / "fid.csv").write_text(FID)
            (folder / "critic_loss.csv").write_text(LOSS)
    if measures == "named":
        done = imported(tmp_path, ["runs/{loss}_s{seed}/{measure}.csv"], "Step=step", "Value=value")
    else:
        maps = ["fid.csv:Value=fid", "critic*:Value=critic_loss", "Step=step"]
        done = imported(tmp_path, ["runs/{loss}_s{seed}/*.csv"], *maps)
    assert sorted((run.axes["loss"], run.seed) for run in done.runs) == [
        ("hinge", 0), ("hinge", 11), ("wgan-gp", 0), ("wgan-gp", 11),
    ]  # fmt: skip
    assert values(tmp_path)["wgan-gp", 11, 2000, "critic_loss"] == 0.6
    assert len(values(tmp_path)) == 4 * 2 * 3


def test_labels_in_names_of_files_are_numbers_if_all_are(tmp_path: Path) -> None:
    files = write(tmp_path, **{"lr1e-4": FID, "lr0.0002": FID})
    done = imported(tmp_path, ["lr{optimizer.lr}.csv"], "Step=step", "Value=fid", fixed=ONE)
    assert sorted(run.axes["optimizer.lr"] for run in done.runs) == [1e-4, 2e-4]
    assert len(files) == 2


def test_patterns_read_names(tmp_path: Path) -> None:
    pattern = role_pattern("a/{loss}-s{seed}/*.csv", is_path=True)
    assert pattern.match("a/wgan-gp-s12/x.csv") == {"loss": "wgan-gp", "seed": "12"}
    assert pattern.match("a/b/wgan-s1/x.csv") is None
    assert pattern.match("a/wgan-sx/x.csv") is None
    assert role_pattern("{loss}/{loss}-{Seed}", is_path=True).match("a/a-3") == {"loss": "a", "seed": "3"}
    assert role_pattern("{loss}/{loss}-{seed}", is_path=True).match("a/b-3") is None
    assert role_pattern("a[0-9] - {method}", is_path=False).match("a[0-9] - x/y") == {"method": "x/y"}
    with pytest.raises(TableError, match="two ways: loss is 'wgan' or 'wgan-gp'"):
        role_pattern("{loss}-{penalty}.csv", is_path=True).match("wgan-gp-none.csv")
    with pytest.raises(TableError, match="expected a role between the braces"):
        role_pattern("{}.csv", is_path=True)


def test_columns_of_many_runs_are_imported_by_one_command(tmp_path: Path) -> None:
    done = imported(tmp_path, write(tmp_path, wide=WIDE), "Step=step", "{loss}-s{seed} - fid=fid")
    assert values(tmp_path) == {
        ("hinge", 0, 0, "fid"): 398.1, ("hinge", 0, 1000, "fid"): 41.2,
        ("wgan-gp", 1, 0, "fid"): 401.7, ("wgan-gp", 1, 1000, "fid"): 44.0,
    }  # fmt: skip
    assert done.notices == ("ignored 3 columns that end in __MIN or __MAX",)


def test_the_name_of_a_run_can_be_a_label(tmp_path: Path) -> None:
    files = write(tmp_path, wide=WIDE.replace("wgan-gp-s1 - fid", "other - kid"))
    done = imported(tmp_path, files, "Step=step", "{method} - fid=fid", fixed=ONE)
    assert [run.axes["method"] for run in done.runs] == ["hinge-s0"]
    assert done.notices[1] == "not imported, because no --map names them: 'other - kid'"


def test_several_measures_of_many_runs(tmp_path: Path) -> None:
    text = "Step,a - fid,a - critic_loss,b - fid,b - critic_loss\n0,400,1,401,2\n100,40,1,41,nan\n"
    imported(tmp_path, write(tmp_path, wide=text), "Step=step", "{loss} - {measure}=value", fixed={**FIXED, "seed": 3})
    assert values(tmp_path)["a", 3, 100, "critic_loss"] == 1
    assert math.isnan(values(tmp_path)["b", 3, 100, "critic_loss"])
    assert endings(tmp_path) == {("a", 3): "", ("b", 3): "no finite critic loss at step 100"}


UNALIGNED = "Step,a - fid,b - fid\n0,398.1,\n1,,401.7\n1000,41.2,\n1001,,44.0\n2000,30.0,\n2001,,33.0\n"


@pytest.mark.parametrize("by", ["column", "pattern"])
def test_rows_without_a_value_are_not_rows_of_the_run(tmp_path: Path, by: str) -> None:
    files = write(tmp_path, unaligned=UNALIGNED)
    if by == "pattern":
        imported(tmp_path, files, "Step=step", "{method} - fid=fid", fixed=ONE)
    for name in ("a", "b") if by == "column" else ():
        imported(tmp_path, files, "Step=step", f"{name} - fid=fid", fixed={**ONE, "method": name})
    runs = bench.load(tmp_path / "results").set_index("method")
    assert runs["outcome"].tolist() == ["stable", "stable"]
    assert runs["steps_done"].to_dict() == {"a": 2000, "b": 2001}
    assert runs["fid_final"].to_dict() == {"a": 30, "b": 33}
    assert bench.traces(tmp_path / "results")["step"].tolist() == [0, 1000, 2000, 1, 1001, 2001]


def test_seeds_of_one_cell_at_other_steps_are_complete(tmp_path: Path) -> None:
    text = UNALIGNED.replace("a - fid", "s0 - fid").replace("b - fid", "s1 - fid")
    imported(tmp_path, write(tmp_path, log=text), "Step=step", "s{seed} - fid=fid", fixed={**FIXED, "loss": "hinge"})
    assert endings(tmp_path) == {("hinge", 0): "", ("hinge", 1): ""}


CRASH = "Step,hinge-s0 - fid,hinge-s1 - fid\n0,398.1,401.7\n1000,41.2,44.0\n2000,30.0,\n3000,25.0,\n4000,24.0,\n"


@pytest.mark.parametrize("by", ["column", "pattern", "files"])
def test_a_crashed_run_is_told_however_it_is_imported(tmp_path: Path, by: str) -> None:
    files = write(tmp_path, crash=CRASH)
    if by == "pattern":
        imported(tmp_path, files, "Step=step", "{loss}-s{seed} - fid=fid")
    elif by == "column":
        for seed in (0, 1):
            imported(tmp_path, files, "Step=step", f"hinge-s{seed} - fid=fid", fixed={**ONE, "seed": seed})
    else:
        rows = [line.split(",") for line in CRASH.splitlines()[1:]]
        for seed in (0, 1):
            text = "".join(f"{row[0]},{row[1 + seed]}\n" for row in rows if row[1 + seed])
            (tmp_path / f"s{seed}.csv").write_text(f"Step,Value\n{text}")
        imported(tmp_path, ["s{seed}.csv"], "Step=step", "Value=fid", fixed={**FIXED, "loss": "hinge"})
    assert endings(tmp_path) == {("hinge", 0): "", ("hinge", 1): "ended at step 1,000 of 4,000"}
    runs = bench.load(tmp_path / "results")
    assert math.isnan(runs["fid_final"][1])


@pytest.mark.parametrize(("cell", "reason"), [("nan", "no finite FID at step 2,000"), ("inf", "no finite FID at step 2,000"), ("", "")])  # fmt: skip
def test_a_logged_nan_is_a_failure_and_an_empty_cell_is_not(tmp_path: Path, cell: str, reason: str) -> None:
    files = write(tmp_path, log=f"Step,fid\n0,400\n1000,41\n2000,{cell}\n")
    imported(tmp_path, files, "Step=step", "fid=fid", fixed=ONE)
    assert endings(tmp_path) == {("hinge", 0): reason}
    steps = bench.traces(tmp_path / "results")["step"].tolist()
    assert steps == ([0, 1000, 2000] if cell else [0, 1000])


def test_a_run_without_any_value_has_failed(tmp_path: Path) -> None:
    files = write(tmp_path, log="Step,a - fid,b - fid\n0,400,\n1000,41,\n")
    done = imported(tmp_path, files, "Step=step", "{method} - fid=fid", fixed=ONE)
    assert len(done.runs) == 2
    reasons = bench.load(tmp_path / "results").set_index("method")["outcome_reason"]
    assert reasons.to_dict() == {"a": "", "b": "no finite FID at step 0"}


def test_a_failure_in_a_row_without_values_counts(tmp_path: Path) -> None:
    files = write(tmp_path, log="Step,fid,why\n0,400,\n1000,41,\n1500,,out of memory\n")
    imported(tmp_path, files, "Step=step", "fid=fid", "why=reason", fixed=ONE)
    (run,) = bench.load(tmp_path / "results").to_dict("records")
    assert (run["outcome_reason"], run["outcome_step"]) == ("out of memory", 1500)


REPEATED = "Step,fid,seconds\n0,400,0\n1000,90,10\n1000,41,12\n2000,30,20\n"


def test_a_repeated_step_is_an_error_unless_the_last_value_is_asked_for(tmp_path: Path) -> None:
    files = write(tmp_path, log=REPEATED)
    maps = ["Step=step", "fid=fid", "seconds=seconds"]
    message = refused(tmp_path, files, *maps, fixed=ONE)
    assert message == (
        "log.csv: line 3 and line 4 both give fid at step 1,000 of c10 · dcgan · hinge · seed 0; "
        "--repeated-steps last keeps the last value"
    )
    imported(tmp_path, files, *maps, fixed=ONE, repeated_steps="last")
    traces = bench.traces(tmp_path / "results")
    assert traces["value"].tolist() == [400, 41, 30]
    assert traces["seconds"].tolist() == [0, 12, 20]


def test_a_resumed_run_keeps_its_last_values_across_files(tmp_path: Path) -> None:
    files = write(tmp_path, first="Step,fid\n0,400\n1000,90\n2000,80\n", second="Step,fid\n1000,41\n3000,30\n")
    message = refused(tmp_path, files, "Step=step", "fid=fid", fixed=ONE)
    assert "first.csv: line 3 and second.csv: line 2 both give fid at step 1,000" in message
    assert "if they hold different measures, map each (--map first.csv:fid=fid)" in message
    imported(tmp_path, files, "Step=step", "fid=fid", fixed=ONE, repeated_steps="last")
    assert bench.traces(tmp_path / "results")["value"].tolist() == [400, 41, 80, 30]


def test_wall_clock_times_count_from_the_first_row_of_each_run(tmp_path: Path) -> None:
    text = "Step,fid,seed,t\n0,400,0,1619761818\n9,40,0,1619761918\n0,401,1,1619770000\n9,41,1,1619770060\n"
    maps = ["Step=step", "fid=fid", "seed=seed", "t=seconds"]
    imported(tmp_path, write(tmp_path, log=text), *maps, fixed={**FIXED, "loss": "hinge"})
    assert bench.traces(tmp_path / "results")["seconds"].tolist() == [0, 100, 0, 60]


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (("1619761818000", "1619761918000"), "are these milliseconds since 1970?"),
        (("5", "1619761918"), "are counted from 1970 (1619761918), others are not (5)"),
        (("-5", "5"), "seconds of c10 · dcgan · hinge · seed 0 are below 0 (-5)"),
        (("2021-04-30 07:50", "2021-04-30 07:52"), "expected a number, not '2021-04-30 07:50', which is a date"),
    ],
)
def test_other_times_are_refused(tmp_path: Path, times: tuple[str, str], text: str) -> None:
    files = write(tmp_path, log=f"Step,fid,t\n0,400,{times[0]}\n9,40,{times[1]}\n")
    assert text in refused(tmp_path, files, "Step=step", "fid=fid", "t=seconds", fixed=ONE)


def test_a_folder_stands_for_its_tables(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write(tmp_path / "run", fid="Step,fid\n0,400\n", loss="Step,critic_loss\n0,1\n")
    (tmp_path / "run" / "notes.md").write_text("no table")
    imported(tmp_path, ["run"], "Step=step", "fid=fid", "critic_loss=critic_loss", fixed=ONE)
    assert values(tmp_path) == {("hinge", 0, 0, "fid"): 400, ("hinge", 0, 0, "critic_loss"): 1}


WRONG: list[tuple[str, list[str], list[str], Any, str]] = [
    ("no file", ["x{seed}.csv"], ["Step=step"], FIXED, "no file matches"),
    ("missing", ["nothing.csv"], ["Step=step"], FIXED, "nothing.csv cannot be read: No such file"),
    ("twice", ["a.csv", "a.csv"], ["Step=step", "Value=fid"], ONE, "a.csv is given twice"),
    ("same measure", ["a.csv", "b.csv"], ["Step=step", "Value=fid"], ONE, "map each (--map a.csv:Value=fid)"),
    ("no column anywhere", ["a.csv", "b.csv"], ["Stepp=step", "Value=fid"], ONE, "a.csv has no column 'Stepp'; did you mean 'Step'?"),
    ("no measure in one", ["a.csv", "b.csv"], ["Step=step", "a.csv:Value=fid"], ONE, "b.csv: no column is mapped to a measure"),
    ("file of no one", ["a.csv", "b.csv"], ["Step=step", "c.csv:Value=fid"], ONE, "a.csv has no column 'c.csv:Value'"),
    ("role twice", ["{loss}.csv"], ["Step=step", "Value=fid"], ONE, "'loss' is given twice"),
    ("no match", ["wide.csv"], ["Step=step", "{loss}-x{seed} - fid=fid"], FIXED, "wide.csv has no column that matches '{loss}-x{seed} - fid'"),
    ("plain and pattern", ["wide.csv"], ["Step=step", "{loss}-s{seed} - fid=fid", "hinge-s0 - fid__MIN=kid"], FIXED, "'kid' has one column, but other columns are mapped by a pattern"),
    ("pattern twice", ["wide.csv"], ["Step=step", "{loss} - fid=fid"], ONE, "'loss' is given twice"),
    ("unknown measure", ["{measure}.csv"], ["Step=step", "Value=value"], ONE, "unknown measure 'a'"),
    ("no value", ["{measure}.csv"], ["Step=step", "Value=fid"], ONE, "with {measure} in its name, use --map COLUMN=value"),
    ("reserved", ["{value}.csv"], ["Step=step", "Value=fid"], ONE, "{value} cannot be the name of an axis"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "maps", "fixed", "text"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG]
)
def test_what_does_not_fit_gives_one_line(tmp_path: Path, given: Any, maps: Any, fixed: Any, text: str) -> None:
    write(tmp_path, a=FID, b=LOSS)
    if "wide.csv" in given:
        write(tmp_path, wide=WIDE)
    assert text in refused(tmp_path, given, *maps, fixed=fixed)


def test_tables_must_give_the_same_axes(tmp_path: Path) -> None:
    files = write(tmp_path, a="Step,fid,lr\n0,400,0.1\n", b="Step,kid\n0,1\n")
    message = refused(tmp_path, files, "Step=step", "fid=fid", "kid=kid", "lr=optimizer.lr", fixed=ONE)
    assert message == "b.csv gives no value of 'optimizer.lr', which other tables give"


def test_the_command_takes_several_files_and_a_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, s0=FID, s1=FID.replace("23.9", "nan"))
    words = ["import", "s{seed}.csv", "--suite", "theirs", "--map", "Step=step", "--map", "Value=fid"]
    words += ["--set", "dataset=c10", "--set", "architecture=dcgan", "--set", "loss=hinge"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "not imported, because no --map names them: 'Wall time'",
        "recorded 2 runs of 1 cell (1 diverged) in results/theirs/records; next: ganbench report results/theirs",
    ]


def event_folders(folder: Path) -> None:
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    for loss, seed in (("hinge", 0), ("wgan-gp", 1)):
        with SummaryWriter(folder / f"{loss}-s{seed}") as writer:
            for step in (0, 1000, 2000):
                writer.add_scalar("metrics/fid", 400 - step / 10 + seed, step, walltime=1619761818 + step)
                writer.add_scalar("loss/D", 0.5, step, walltime=1619761818 + step, new_style=True)


TAGS = ["metrics/fid=fid", "loss/D=critic_loss", "Wall time=seconds"]


@pytest.mark.parametrize("by", ["pattern", "label"])
def test_folders_of_event_files_are_runs(tmp_path: Path, by: str) -> None:
    event_folders(tmp_path / "logs")
    if by == "pattern":
        done = imported(tmp_path, ["logs/{loss}-s{seed}"], *TAGS)
        names = [("hinge", 0), ("wgan-gp", 1)]
    else:
        done = imported(tmp_path, ["logs"], *TAGS, "Run=loss", fixed={**FIXED, "seed": 7})
        names = [("hinge-s0", 7), ("wgan-gp-s1", 7)]
    assert done.notices == ()
    found = values(tmp_path)
    assert {key[:2] for key in found} == set(names)
    assert [found[(*names[1], step, "fid")] for step in (0, 1000, 2000)] == [401, 301, 201]
    assert found[(*names[0], 2000, "critic_loss")] == 0.5
    seconds = bench.traces(tmp_path / "results").query("measure == 'fid'")["seconds"].tolist()
    assert seconds == [0, 1000, 2000] * 2


def test_one_folder_of_event_files_is_one_run(tmp_path: Path) -> None:
    event_folders(tmp_path / "logs")
    imported(tmp_path, ["logs/hinge-s0"], *TAGS, fixed=ONE)
    assert len(values(tmp_path)) == 6


def test_several_folders_of_event_files_need_a_meaning(tmp_path: Path) -> None:
    event_folders(tmp_path / "logs")
    message = refused(tmp_path, ["logs"], *TAGS, fixed=ONE)
    assert "2 folders with event files ('hinge-s0', 'wgan-gp-s1')" in message
    assert "'FOLDER/{loss}-s{seed}', or --map Run=loss" in message


@pytest.mark.parametrize(
    ("content", "text"), [(b"", "has event files without scalars"), (bytes(range(256)) * 9, "scalars")]
)
def test_event_files_without_scalars_are_told(tmp_path: Path, content: bytes, text: str) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.out.tfevents.1").write_bytes(content)
    assert text in refused(tmp_path, ["logs"], *TAGS, fixed=ONE)


def test_event_files_name_the_package_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing", None)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.out.tfevents.1").write_bytes(b"")
    message = refused(tmp_path, ["logs"], *TAGS, fixed=ONE)
    assert "need the package tensorboard: pip install 'ganbench[tensorboard]'" in message


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("[z-a]{seed}.csv", "not a valid pattern: bad character range"),
        ("[!]{seed}.csv", "not a valid pattern"),
        ("{loss}{seed}.csv", "two roles follow each other"),
        ("a\0.csv", "cannot be read"),
        ("x" * 5000, "File name too long"),
        ("pipe.csv", "it is not a file"),
        ("empty", "has neither tables (.csv, .jsonl, .parquet, …) nor event files"),
    ],
)
def test_names_that_are_no_tables_give_one_line(tmp_path: Path, given: str, text: str) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "empty").mkdir()
    assert text in refused(tmp_path, [given], "Step=step", "Value=fid", fixed={**FIXED, "loss": "a"})

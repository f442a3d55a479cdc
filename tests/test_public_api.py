"""The public API: what ``bench`` exports, and the plug-in package of docs/extending.md, which uses nothing else."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import bench

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text()
EXTENDING = (ROOT / "docs" / "extending.md").read_text()
PYPROJECT, SUITE = re.findall(r"```toml\n(.*?)```", EXTENDING, flags=re.S)
FILES: dict[str, str] = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", EXTENDING, flags=re.S))
ENTRIES = {
    "losses": "pearson",
    "penalties": "one-sided",
    "optimizers": "adagrad",
    "architectures": "shallow",
    "datasets": "spiral",
    "metrics": "random-slices",
}


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run code in another process that finds the packages in a folder, as if it were site-packages."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "GANBENCH_DATA": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the page, installed as pip does, and its suite."""
    folder = tmp_path_factory.mktemp("site-packages")
    for name, code in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code)
    metadata = folder / "example-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
    lines = []
    for group, points in tomllib.loads(PYPROJECT)["project"]["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (folder / "suite.toml").write_text(SUITE)
    return folder


def test_bench_exports_its_public_names_and_no_others() -> None:
    assert dir(bench) == sorted(bench.__all__)
    assert set(bench.__all__) == {*bench._HOMES, "__version__"}
    for name in bench.__all__:
        assert getattr(bench, name)
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        bench.train  # noqa: B018


def test_types_and_values_come_from_the_same_modules() -> None:
    """The imports for type checkers name the same objects as the table for imports on first use."""
    (block,) = [node for node in ast.parse(Path(bench.__file__).read_text()).body if isinstance(node, ast.If)]
    typed = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        typed |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    assert typed.keys() == bench._HOMES.keys()
    for name, (module, attribute) in typed.items():
        assert getattr(sys.modules[str(module)], attribute) is getattr(bench, name)


def test_importing_bench_loads_nothing_large(tmp_path: Path) -> None:
    code = "import sys, bench; print(sorted({'torch', 'pandas', 'numpy', 'pydantic'} & sys.modules.keys()))"
    assert python(code, tmp_path).stdout == "[]\n"


def test_the_page_lists_every_public_name() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.M)
    assert sorted(listed) == sorted(set(bench.__all__) - {"__version__"})


def test_the_package_imports_only_from_bench_itself() -> None:
    assert len(FILES) == 8
    imported = set()
    for code in FILES.values():
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                assert not any(alias.name.partition(".")[0] == "bench" for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "bench":
                assert node.module == "bench"
                imported |= {alias.name for alias in node.names}
    assert imported <= set(bench.__all__)
    assert {"GanLoss", "Penalty", "OptimizerEntry", "Architecture", "Dataset", "Metric"} <= imported


def test_list_shows_the_entries_without_loading_torch(installed: Path) -> None:
    code = (
        "import sys\n"
        "from bench.command import main\n"
        "main(['list'], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = python(code, installed)
    assert done.returncode == 0, done.stderr
    sections = {block.splitlines()[0]: block for block in re.split(r"\n(?=\w)", done.stdout)}
    for kind, name in ENTRIES.items():
        assert re.search(rf"^  {name} +\S", sections[kind], flags=re.M), kind


def test_a_suite_of_plugged_in_entries_trains_and_reports(installed: Path) -> None:
    """All six kinds in one suite: their names and options are in the records, and their values in the frames."""
    code = "import bench; print(bench.run('suite.toml', workers=0, pack='off', device='cpu').missing)"
    done = python(code, installed)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    runs = bench.load(installed / "results" / "example")
    assert sorted(runs["loss"]) == ["non-saturating", "pearson"]
    assert set(runs["dataset"]) == {"spiral (points=1000)"}
    assert set(runs["architecture"]) == {"shallow (width=16)"}
    assert set(runs["penalty"]) == {"one-sided (weight=1.0)"}
    assert set(runs["optimizer"]) == {"adagrad (lr=0.01)"}
    assert (runs["swd_final"] > 0).all()
    assert (runs["spread_final"] > 0).all()  # declared by the metric
    curves = bench.traces(installed / "results" / "example")
    assert set(curves.loc[curves["measure"] == "swd", "step"]) == {0, 10, 20}
    penalties = curves.loc[curves["measure"] == "penalty_one-sided"].dropna()
    assert isinstance(penalties, pd.DataFrame)
    assert (penalties["value"] >= 0).all()
    assert len(penalties) == 4  # two runs, at the two evaluations after the first step
    report = (installed / "results" / "example" / "table.md").read_text()
    assert "pearson" in report
    assert "SWD" in report

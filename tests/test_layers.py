"""The way of the data is one way: plan and evidence import no torch, and no layer imports one after it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bench"
PLAN = {"errors", "files", "options", "catalogue", "specification", "suite", "matrix", "planning", "rebuilding", "losses", "penalties",
        "optimizers", "rules", "architectures", "datasets", "metrics", "extractors", "packing", "pack_rates", "events",
        "work"}  # fmt: skip
COMPUTE = {
    "random_streams",
    "reals",
    "stacked_layers",
    "stacks",
    "packs",
    "pack_sizes",
    "captured",
    "players",
    "batches",
    "game",
    "position",
    "probes",
    "optimistic_adam",
    "training",
    "evaluation",
    "calibration",
    "checkpoints",
    "environment",
    "attempts",
    "execution",
    "measuring",
    "metadata",
    "timing",
    "engines",
    "interruption",
}
SEAM = {"records", "frames", "timings", "foreign", "snapshots", "logbook", "caller", "recorder", "importing",
        "spreadsheet", "table_roles", "table_runs"}  # fmt: skip
EVIDENCE = {
    "statistics",
    "trials",
    "failing",
    "gate",
    "compare",
    "compare_speed",
    "outcomes",
    "verdicts",
    "primary",
    "report",
    "costs",
}
SURFACE = {"cli", "confirming", "verbs", "running", "progress", "terminal", "terminal_evidence", "__main__", "__init__"}
HEAVY = {
    "architectures": {"layers", "mlp", "dcgan", "dcgan_upsample", "resnet", "dirac", "fused"},
    "metrics": {
        "modes",
        "frechet",
        "reference",
        "neighbours",
        "kernel",
        "sliced_wasserstein",
        "birthday",
        "spectrum",
        "path_angle",
        "equilibrium",
    },
    "extractors": {"networks", "__main__"},
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer(parts: tuple[str, ...]) -> str:
    head = parts[0]
    if len(parts) > 1 and parts[1] in HEAVY.get(head, ()):
        return "compute"
    layers = {"plan": PLAN, "compute": COMPUTE, "seam": SEAM, "evidence": EVIDENCE, "surface": SURFACE}
    for name, members in layers.items():
        if head in members:
            return name
    raise AssertionError(f"bench.{head} belongs to no layer; say which in this test")


def imported(path: Path) -> set[str]:
    """Modules of a file imported when it is (not inside functions, and not for types alone)."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names if node.module == "bench")}
    return found - {"bench"}


ALLOWED = {
    "plan": {"plan"},
    "compute": {"plan", "compute", "seam"},
    "seam": {"plan", "seam"},
    "evidence": {"plan", "seam", "evidence"},
    "surface": {"plan", "compute", "seam", "evidence", "surface"},
}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_layer_imports_one_after_it(path: Path) -> None:
    parts = tuple(part for part in path.relative_to(PACKAGE).with_suffix("").parts if part != "__init__") or (
        "__init__",
    )
    own = layer(parts)
    for name in imported(path):
        if name.startswith("bench.") and name != "bench.__version__":
            other = layer(tuple(name.split(".")[1:]))
            assert other in ALLOWED[own], f"bench.{'.'.join(parts)} ({own}) imports {name} ({other})"
        if own in ("plan", "seam", "evidence"):
            assert name.partition(".")[0] not in ("torch", "torchvision", "torch_fidelity"), f"{path} imports {name}"


@pytest.mark.parametrize(
    "code",
    [
        "import bench.cli, bench.suite; [bench.suite.load_suite(name) for name in bench.suite.suite_files()]",
        "from bench.suite import load_suite; from bench.planning import plan_runs; plan_runs(load_suite('quick'))",
        "from bench.suite import load_suite; from bench.planning import plan_runs; from bench.packing import divide; "
        "import bench.pack_rates; divide(plan_runs(load_suite('quick')), lambda alike: 8, 2)",
        "from bench.report import evidence, figures, tables; import bench.records, bench.statistics, bench.costs",
    ],
)
def test_plan_and_evidence_run_without_torch(code: str) -> None:
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

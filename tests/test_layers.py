"""The packages of ``bench`` stand in one order: each imports only those below it, and few of them need torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bench"

# From the foundation up. What shares a line stands side by side: neither imports the other.
ORDER: list[set[str]] = [
    {"version", "escaping", "notation"},
    {"errors"},
    {"files"},
    {"catalogue"},
    {"plan"},
    {"records"},
    {"compute", "evidence"},
    {"report"},
    {"summary"},
    {"running", "measuring", "sampling"},
    {"confirming"},
    {"__init__"},
    {"command"},
    {"__main__"},
]
WITH_TORCH = {
    "compute",
    "running",
    "measuring",
    "sampling",
    "confirming",
}  # the others load it only where something is trained
NEEDS_TORCH = {  # modules of the catalogue that a run loads by name
    "architectures": {
        *(
            "layers",
            "equalised",
            "resampling",
            "mlp",
            "dcgan",
            "dcgan_upsample",
            "resnet",
            "stylegan",
            "r3gan",
            "dirac",
        ),
        *("one_dimensional", "resnet_1d", "wavegan"),
        *("conditional", "conditional_resnet"),
    },
    "metrics": {
        "birthday",
        "classification_accuracy",
        "context",
        "equilibrium",
        "frechet",
        "frechet_on_device",
        "inception_score",
        "intra_class",
        "kernel",
        "modes",
        "neighbours",
        "ngrams",
        "path_angle",
        "path_length",
        "real_features",
        "sharpness",
        "small_classifier",
        "sliced_wasserstein",
        "spectrum",
        "translation",
        "usefulness",
    },
    "families": {
        "vae",
        "flow_matching",
        "unet",
        "autoregressive",
        "quantisation",
        "cyclegan",
        "pix2pix",
        "translators",
    },
    "extractors": {
        "networks",
        "signal_features",
        "own_networks",
        "own_training",
        "torch_fidelity_networks",
        "__main__",
    },
}
TORCH = {"torch", "torchvision", "torch_fidelity"}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def home(dotted: str) -> str:
    """The package, or single module, of ``bench`` that a module belongs to."""
    return dotted.split(".")[1] if "." in dotted else "__init__"


def height(name: str) -> int:
    found = [number for number, names in enumerate(ORDER) if name in names]
    assert found, f"bench.{name} has no place in the order; say which in this test"
    return found[0]


def imported(path: Path) -> set[str]:
    """Modules that a file imports when it is loaded, and those that its functions import."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            single = node.module == "bench"
            found |= {f"bench.{alias.name}" for alias in node.names} if single else {node.module}
    return found


def loaded_at_once(path: Path) -> set[str]:
    """Distributions that a file imports when it is loaded: not inside functions, and not for types alone."""
    body = ast.parse(path.read_text()).body
    names = [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in body if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = home(dotted(path)) if path.name != "__main__.py" or path.parent != PACKAGE else "__main__"
    if own == "__init__":
        return  # the public names are looked up when they are asked for
    for name in imported(path):
        if name == "bench" or not name.startswith("bench."):
            continue
        other = home(name)
        same = other == own
        assert same or height(other) < height(own), f"{dotted(path)} imports {name}, which does not stand below it"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_what_trains_loads_torch(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts[0] in WITH_TORCH or (parts[0] == "catalogue" and parts[-1] in NEEDS_TORCH.get(parts[1], ())):
        return
    if parts[:2] in {("catalogue", "annealed_adam"), ("catalogue", "optimistic_adam")}:
        return
    assert not loaded_at_once(path) & TORCH


@pytest.mark.parametrize(
    "code",
    [
        "import bench.command; from bench.plan import suite; [suite.load_suite(name) for name in suite.suite_files()]",
        "from bench.plan.suite import load_suite; from bench.plan.runs import plan_runs; plan_runs(load_suite('quick'))",
        "from bench.plan.suite import load_suite; from bench.plan.runs import plan_runs; "
        "from bench.plan.grouping import divide; import bench.plan.throughput; "
        "divide(plan_runs(load_suite('quick')), lambda *_: 8, 2)",
        "from bench.report import figures, page, tables; from bench.evidence import gate, results, statistics; "
        "import bench.records.record, bench.records.costs",
    ],
)
def test_plan_and_evidence_run_without_torch(code: str) -> None:
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

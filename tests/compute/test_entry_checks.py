"""``ganbench check`` finds the faults of entries of other packages, and none in those of ganbench."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from plugin_packages import Package, clear_caches, package_in

from bench.catalogue import ADDABLE, known_names
from bench.command import main
from bench.compute.contracts.entry_checks import CHECKS, check_entry

SMALL: dict[str, dict[str, int]] = {
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
    "stylegan": {"width": 2, "widest": 4, "mapping_depth": 2},
    "r3gan": {"width": 2, "widest": 4, "blocks": 1},
    "wavegan": {"width": 2},
    "resnet-1d": {"width": 2, "blocks": 1},
}
OF_FILES = {"huggingface", "image-arrays", "image-folder", "point-arrays"}  # they need a path
ENTRIES = [(kind, name) for kind in ADDABLE for name in sorted(known_names(kind)) if name not in OF_FILES]
STANDS = {  # checks that do not apply to an entry, apart from those that apply to no entry of its kind
    ("loss", "relativistic-average"),
    *(("architecture", name) for name in ("dcgan-upsample", "resnet")),  # batch normalisation in the critic
}

PLUGINS = """
import torch
from torch.nn import functional as F
from bench import Architecture, Dataset, GanLoss, Metric, OptimizerEntry, Options, Penalty, TermOptions, make_data
from bench import Measure, input_gradients

def critic(real, fake):
    return F.softplus(-real) + F.softplus(fake)

def generator(real, fake):
    return F.softplus(-fake)

sound = GanLoss("", critic, generator)
scalar = GanLoss("", lambda r, f: critic(r, f).mean(), generator)
mixed = GanLoss("", lambda r, f: critic(r - f.mean(), f), generator)
declared = GanLoss("", lambda r, f: critic(r - f.mean(), f), generator, mixes_samples=True)
deaf = GanLoss("", lambda r, f: F.softplus(-r), generator)
naive = GanLoss("", lambda r, f: -r.sigmoid().log() - (1 - f.sigmoid()).log(), generator)
hiding = GanLoss("", lambda r, f: critic(r, f).nan_to_num(), generator)

masking = Penalty("", TermOptions, lambda critic, r, f, u: input_gradients(critic, r).square().sum(dim=2).nan_to_num())
squared = Penalty("", TermOptions, lambda critic, r, f, u: input_gradients(critic, r).square().sum(dim=2))
cut = Penalty("", Options, perturb=lambda options, x, normal, done: (x + normal).detach())

def descent(parameters, options):
    return torch.optim.SGD(parameters, lr=0.01)

class Skipping(torch.optim.SGD):
    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = parameter.grad.nan_to_num()
        return super().step(closure)

class Counting(torch.optim.SGD):
    def __init__(self, parameters, lr):
        super().__init__(parameters, lr=lr)
        self.count = 0
    def step(self, closure=None):
        self.count += 1
        for group in self.param_groups:
            group["lr"] = 0.01 * self.count
        return super().step(closure)

plain = OptimizerEntry("", Options, descent)
skipping = OptimizerEntry("", Options, lambda parameters, options: Skipping(parameters, lr=0.01))
counting = OptimizerEntry("", Options, lambda parameters, options: Counting(parameters, 0.01))

def points(shape):
    return None if len(shape) == 1 else "points"

networks = {name: Architecture("", Options, f"plugged_{name}", points)
            for name in ("linear", "unused", "batched", "noisy", "clean")}
linear, unused, batched, noisy, clean = networks.values()

def random(options):
    import numpy as np
    values = np.random.default_rng(int(torch.randint(10**9, ()))).normal(size=(60, 2)).astype(np.float32)
    return make_data(values[:50], values[50:])

def fixed(options):
    import numpy as np
    values = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    return make_data(values[:50], values[50:])

def gappy(options):
    data = fixed(options)
    data.train[0, 0] = float("nan")
    return data

changing, cloud, holed = (Dataset("", Options, lambda options: (2,), load, "coordinates")
                          for load in (random, fixed, gappy))

def metric(name):
    return Metric("", Options, f"plugged_metrics:{name}", lambda extractor, modes: None, measures={
        name: Measure(name, False)})

mean, ratio, restless, raising = metric("mean"), metric("ratio"), metric("restless"), metric("raising")
"""
NETWORKS = """
import torch
from torch import nn

def generator(options, latent, shape):
    return nn.Sequential(nn.Linear(latent, 8), nn.Tanh(), nn.Linear(8, *shape))

def critic(options, shape):
    return nn.Sequential(nn.Linear(*shape, 8), nn.Tanh(), LAYER nn.Linear(8, 1), nn.Flatten(0))
"""
LAYERS = """

class Batched(nn.Module):
    def forward(self, x):
        return x - x.mean(dim=0)

class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)

class Clean(nn.Module):
    def forward(self, x):
        return x.nan_to_num()

class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
    def forward(self, x):
        return x
"""
METRICS = """
def mean(context, options):
    return lambda sampled: {"mean": sampled.samples.float().mean().item()}

def ratio(context, options):
    return lambda sampled: {"ratio": (sampled.samples.std(dim=0) / sampled.samples.std(dim=0)).mean().item()}

def restless(context, options):
    return lambda sampled: {"restless": float(next(COUNT))}

def raising(context, options):
    def measure(sampled):
        if sampled.samples.std(dim=0).max() < 1e-6:
            raise ZeroDivisionError("no spread")
        return {"raising": 1.0}
    return measure

import itertools
COUNT = itertools.count()
"""
FAULTS = [
    ("loss", "scalar", "shapes", "critic returned shape [], expected [6] (one value per sample)"),
    ("loss", "mixed", "single samples", "critic: the loss of a sample depends on logits of others"),
    ("loss", "deaf", "gradients", "critic: no gradient reaches the logits of generated samples"),
    ("loss", "naive", "gradients", "critic: the gradient is not finite for logits from −80 to 80"),
    ("loss", "naive", "bad values", "critic is not finite for logits from −80 to 80"),
    ("loss", "hiding", "bad values", "critic hides NaN among the logits of real samples"),
    ("penalty", "masking", "bad values", "term hides NaN in what it is given"),
    ("penalty", "cut", "gradients", "perturb: returned values without a gradient"),
    ("optimizer", "skipping", "bad values", "a step hides NaN in the gradient"),
    ("optimizer", "counting", "resuming", "a resumed run differs from one that was not interrupted, in generator."),
    ("architecture", "unused", "gradients", "critic: no gradient reaches its parameter '2.scale'"),
    ("architecture", "batched", "single samples", "critic: the logit of a sample depends on other samples"),
    ("architecture", "clean", "bad values", "critic hides NaN in its input"),
    ("dataset", "holed", "shapes", "1 of 100 training values is not finite"),
    ("metric", "ratio", "samples all alike", "ratio of samples that are all alike is NaN"),
    ("metric", "restless", "repetition", "restless of the same samples is "),
    ("metric", "raising", "samples all alike", "raised ZeroDivisionError: no spread"),
]
SOUND = [
    *(("loss", name) for name in ("sound", "declared")),
    *(("penalty", "squared"), ("optimizer", "plain"), ("architecture", "linear"), ("dataset", "cloud")),
    *(("metric", "mean"), ("architecture", "noisy")),
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site-packages", monkeypatch)
    groups = {"loss": "losses", "penalty": "penalties"}
    points: dict[str, dict[str, str]] = {}
    for kind, name in {(kind, name) for kind, name, *_ in [*FAULTS, *SOUND]}:
        points.setdefault(groups.get(kind, f"{kind}s"), {})[name] = name
    package.write(PLUGINS, points)
    for name in ("linear", "unused", "batched", "noisy", "clean"):
        layer = "" if name == "linear" else f"{name.capitalize()}(),"
        package.write(NETWORKS.replace("LAYER", layer) + LAYERS, {}, f"plugged_{name}")
    package.write(METRICS, {}, "plugged_metrics")
    yield package
    package.forget()
    clear_caches()


def checked(*words: str) -> Result:
    return CliRunner().invoke(main, ["check", *words])


@pytest.mark.parametrize(("kind", "name", "what", "told"), FAULTS)
def test_a_fault_is_told_in_one_line(package: Package, kind: str, name: str, what: str, told: str) -> None:
    result = checked(name)
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith(f"{kind} '{name}' (package plugged)\n")
    (line,) = re.findall(rf"^  {what} +failed: (.*)$", result.stdout, flags=re.M)
    assert told in line


@pytest.mark.parametrize(("kind", "name"), SOUND)
def test_sound_entries_pass(package: Package, kind: str, name: str) -> None:
    result = checked(name)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()[1:]
    assert lines
    assert all(re.fullmatch(r"  [a-z ]+ (ok|not applicable: .+)", line) for line in lines)
    if name == "noisy":
        assert "packs              not applicable: it draws random numbers of its own" in result.stdout
    if name == "declared":
        assert "single samples     not applicable: it says that it mixes samples" in result.stdout


def test_a_package_is_checked_as_a_whole(package: Package) -> None:
    result = checked("Plugged")
    assert result.exit_code == 1
    headings = re.findall(r"^(\w+) '([\w-]+)' \(package plugged\)$", result.stdout, flags=re.M)
    assert set(headings) == {(kind, name) for kind, name, *_ in [*FAULTS, *SOUND]}


def test_a_package_with_the_name_of_one_of_its_entries_is_checked_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package_in(tmp_path / "site", monkeypatch)
    package.write(PLUGINS, {"losses": {"plugged": "sound", "hider": "hiding"}})
    assert re.findall(r"^(\w+ '\w+')", checked("plugged").stdout, flags=re.M) == ["loss 'plugged'", "loss 'hider'"]
    assert checked("plugged").exit_code == 1
    assert "unknown key 'width'" in checked('{ name = "plugged", width = 4 }').stderr


def test_a_loss_that_is_nan_is_not_said_to_mix_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = package_in(tmp_path / "site", monkeypatch)
    code = 'never = GanLoss("", lambda r, f: (f - r) * float("nan"), lambda r, f: -f)\n'
    package.write(PLUGINS + code, {"losses": {"never": "never"}})
    output = checked("never").stdout
    assert "single samples     ok" in output
    assert "gradients          failed: critic: the gradient is not finite" in output


def test_a_misspelt_group_of_entry_points_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entries would otherwise be missing without a word."""
    package = package_in(tmp_path / "site", monkeypatch)
    package.write(PLUGINS, {"losses": {"sound": "sound"}, "loss": {"other": "sound"}})
    told = "package plugged: entry points 'ganbench.loss' are not read; did you mean 'ganbench.losses'?"
    assert checked("plugged").exit_code == 2
    assert told in checked("plugged").stderr
    assert told in CliRunner().invoke(main, ["list"]).stderr


def test_a_table_gives_options_and_a_kind_chooses_among_entries_of_one_name(package: Package) -> None:
    assert "architecture 'mlp'" in checked('{ name = "mlp", width = 4, depth = 1 }').stdout
    package.write(PLUGINS.replace("sound =", "hinge2 ="), {"losses": {"twice": "hinge2"}, "metrics": {"twice": "mean"}})
    both = checked("twice").stdout
    assert "loss 'twice'" in both
    assert "metric 'twice'" in both
    assert checked("twice", "--kind", "metric").stdout.startswith("metric 'twice'")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["hingee"], "no entry and no package with entries is called 'hingee'; did you mean 'hinge'?"),
        (["hinge", "--kind", "los"], "--kind: unknown kind 'los'; did you mean 'loss'?"),
        (["hinge", "--kind", "metric"], "--kind metric: no metric is called 'hinge'"),
        (['{ name = "mlp", widht = 4 }'], "architecture 'mlp': unknown key 'widht'; did you mean 'width'?"),
        (["{ width = 4 }"], "expected a name, or a table such as"),
        (["vae"], "family 'vae' has no contract to check: other packages cannot add families"),
        (["gan", "--kind", "family"], "--kind: unknown kind 'family'"),
        (["image-folder"], "dataset 'image-folder': path is missing"),
    ],
)
def test_mistakes_of_the_user_end_with_status_2_and_one_line(words: list[str], told: str) -> None:
    result = checked(*words)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert told in result.stderr


def test_every_kind_that_other_packages_can_add_has_checks() -> None:
    assert set(ADDABLE) == set(CHECKS)


def test_an_entry_that_cannot_be_loaded_is_told(package: Package) -> None:
    package.write("import a_missing_library\n", {"losses": {"broken": "loss"}}, "plugged_broken")
    result = checked("broken")
    assert result.exit_code == 2
    assert "loss 'broken' (package plugged) cannot be loaded: ModuleNotFoundError" in result.stderr
    assert "shapes             failed: loss 'broken' (package plugged) cannot be loaded" in checked("plugged").stdout


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_entries_of_ganbench_keep_their_contracts(kind: str, name: str) -> None:
    results = list(check_entry(kind, name, SMALL.get(name) if kind == "architecture" else None))
    assert results
    assert not [result for result in results if result.state == "failed"]
    if "not found" not in results[0].why:  # it may have to be downloaded
        assert results[0].state == "ok"
    left_out = [result.name for result in results if result.state == "not applicable" and results[0].state == "ok"]
    if kind in ("loss", "architecture"):
        assert left_out == (["single samples"] if (kind, name) in STANDS else [])

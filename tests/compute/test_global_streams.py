"""Code that draws random numbers: dropout, noise in a layer or a loss. The same run gives the same bits every time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from plugin_packages import Package, clear_caches, package_in

import bench
from bench.compute.engines.in_process import in_process
from bench.compute.settings import Settings
from bench.compute.training.global_streams import GlobalStream, drawing_from, global_state
from bench.compute.training.pack import Pack
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

PLUGINS = """
import random
import numpy as np
from torch.nn import functional as F
from bench import Architecture, GanLoss, Options, Penalty, TermOptions

def architecture(module):
    return Architecture(module, Options, module, lambda shape: None)

dropout = architecture("plugged_dropout")
noise = architecture("plugged_noise")
quiet = architecture("plugged_quiet")
own_generator = architecture("plugged_own")
shared_generator = architecture("plugged_shared")

def smoothed(real, fake):
    return F.softplus(-(real * random.uniform(0.7, 1.2))) + F.softplus(fake) * np.random.uniform(0.9, 1.1)

smoothing = GanLoss("random targets", smoothed, lambda real, fake: F.softplus(-fake))
"""

NETWORKS = """
import torch
from torch import nn
{layer}

def generator(options, latent, shape):
    return nn.Sequential(nn.Linear(latent, 8), {name}, nn.Linear(8, *shape))

def critic(options, shape):
    return nn.Sequential(nn.Linear(*shape, 8), {name}, nn.Linear(8, 1), nn.Flatten(0))
"""

NOISE = """
class Noise(nn.Module):
    def forward(self, x):
        return x + 0.1 * torch.randn_like(x)
"""

OWN = """
class Noise(nn.Module):
    def __init__(self):
        super().__init__()
        self.random = torch.Generator().manual_seed(0)
    def forward(self, x):
        return x + 0.1 * torch.randn(x.shape, generator=self.random)
"""

SUITE = """
name = "drawing"
seeds = 2
[matrix]
loss = ["{loss}"]
dataset = [{{ name = "ring", points = 500 }}]
architecture = ["{architecture}"]
[training]
steps = 120
batch_size = 8
latent = 4
[evaluation]
every = 60
samples = 64
metrics = ["frechet"]
"""

CASES = [("hinge", "dropout"), ("hinge", "noise"), ("smoothing", "mlp")]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site-packages", monkeypatch)
    package.write(NETWORKS.format(layer="", name="nn.Dropout(0.5)"), {}, "plugged_dropout")
    package.write(NETWORKS.format(layer=NOISE, name="Noise()"), {}, "plugged_noise")
    package.write(NETWORKS.format(layer="", name="nn.Tanh()"), {}, "plugged_quiet")
    package.write(NETWORKS.format(layer=OWN, name="Noise()"), {}, "plugged_own")
    shared = OWN.replace("class Noise", "RANDOM = torch.Generator()\n\nclass Noise").replace("=self.random", "=RANDOM")
    shared = shared.replace("        self.random = torch.Generator().manual_seed(0)\n", "")
    package.write(NETWORKS.format(layer=shared, name="Noise()"), {}, "plugged_shared")
    names = ("dropout", "noise", "quiet", "own_generator", "shared_generator")
    package.write(PLUGINS, {"architectures": {name: name for name in names}, "losses": {"smoothing": "smoothing"}})
    yield package
    package.forget()
    clear_caches()


@pytest.fixture
def plan(package: Package, tmp_path: Path) -> Callable[[str, str], list[Run]]:
    """A function that plans two runs with a loss and an architecture."""

    def planned(loss: str, architecture: str) -> list[Run]:
        path = tmp_path / f"{loss}-{architecture}.toml"
        path.write_text(SUITE.format(loss=loss, architecture=architecture))
        return plan_runs(load_suite(str(path)))

    return planned


def train(packs: list[list[Run]], folder: Path, stop_after: int | None = None) -> list[str]:
    """Train packs in this process; return the notices. With ``stop_after``, stop after that many chunks."""
    chunks = 0

    def stopping() -> bool:
        nonlocal chunks
        chunks += 1
        return stop_after is not None and chunks > stop_after

    events = list(in_process(packs, [Settings(folder=folder)], stopping if stop_after else lambda: False))
    assert not [event.text for event in events if event.state == "failed"]
    return [event.progress.notice for event in events if event.progress and event.progress.notice]


def curves(folder: Path) -> pd.DataFrame:
    frame = bench.traces(folder)
    return frame.loc[frame["measure"] != "seconds", ["seed", "step", "measure", "value"]]


@pytest.mark.parametrize(("loss", "architecture"), CASES)
def test_a_run_gives_the_same_bits_alone_in_a_pack_and_resumed(
    plan: Callable[[str, str], list[Run]], loss: str, architecture: str, tmp_path: Path
) -> None:
    runs = plan(loss, architecture)
    train([[run] for run in runs], tmp_path / "alone")
    torch.manual_seed(1)
    random.seed(2)
    np.random.seed(3)
    train([[run] for run in reversed(runs)], tmp_path / "again")
    notices = train([runs], tmp_path / "packed")
    assert any("retrying in a pack of 1" in notice for notice in notices)
    train([[run] for run in runs], tmp_path / "resumed", stop_after=2)
    assert len(list((tmp_path / "resumed" / "checkpoints").iterdir())) == 1
    assert any("resumes from step" in notice for notice in train([[run] for run in runs], tmp_path / "resumed"))
    expected = curves(tmp_path / "alone")
    for name in ("again", "packed", "resumed"):
        assert curves(tmp_path / name).equals(expected), name


@pytest.mark.parametrize(("loss", "architecture"), CASES)
def test_the_generators_of_the_caller_stay_as_they_are(
    plan: Callable[[str, str], list[Run]], loss: str, architecture: str, tmp_path: Path
) -> None:
    before = global_state(torch.device("cpu"))
    train([plan(loss, architecture)[:1]], tmp_path / "results")
    assert global_state(torch.device("cpu")).equals(before)


def test_runs_with_different_seeds_draw_different_numbers() -> None:
    drawn = []
    for seed in (0, 1):
        with drawing_from(seed, "layers"):
            drawn.append((torch.rand(()).item(), np.random.rand(), random.random()))
    assert not {*drawn[0]} & {*drawn[1]}


def test_a_stream_continues_and_can_be_saved_after_any_block(tmp_path: Path) -> None:
    def draw() -> tuple[float, float, float]:
        return torch.rand(()).item(), float(np.random.rand()), random.random()

    stream = GlobalStream(3, "layers")
    with stream.active():
        draw()
    assert stream.drawn
    torch.save(stream.state_dict(), tmp_path / "state.pt")
    with stream.active():
        expected = draw()
    with stream.active():
        pass
    assert not stream.drawn
    restored = GlobalStream(4, "layers")
    restored.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    with restored.active():
        assert draw() == expected


def test_code_that_draws_nothing_shares_packs(plan: Callable[[str, str], list[Run]], tmp_path: Path) -> None:
    runs = plan("hinge", "quiet")
    assert not train([runs], tmp_path / "packed")
    assert set(bench.load(tmp_path / "packed")["pack"]) == {2}


def test_a_fixed_pack_size_is_one_for_runs_that_draw(
    plan: Callable[[str, str], list[Run]], tmp_path: Path, no_figures: None
) -> None:
    plan("hinge", "dropout")
    suite = str(tmp_path / "hinge-dropout.toml")
    summary = bench.run(suite, results=tmp_path / "results", workers=0, pack=2, device="cpu")
    assert summary.notices == ["dropout: these runs draw random numbers of their own, so each trains alone"]
    assert set(bench.load(summary.folder)["pack"]) == {1}


@pytest.mark.parametrize("architecture", ["own_generator", "shared_generator"])
def test_a_generator_of_its_own_is_told(
    plan: Callable[[str, str], list[Run]], architecture: str, tmp_path: Path, no_figures: None
) -> None:
    """Its state is in no checkpoint, and the runs of a pack would share it."""
    plan("hinge", architecture)
    suite = str(tmp_path / f"hinge-{architecture}.toml")
    summary = bench.run(suite, results=tmp_path / "results", workers=0, pack="off", device="cpu")
    (notice,) = summary.notices
    told = f"architecture '{architecture}' (package plugged) draws random numbers from a generator of its own"
    assert notice.startswith(told)


def test_built_in_code_is_not_watched(runs: list[Run], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing built in draws from the global generators, so saving their states would only cost time."""
    packs: list[Pack] = []
    original = Pack.__init__

    def remember(pack: Pack, *arguments: object) -> None:
        original(pack, *arguments)  # type: ignore[arg-type]
        packs.append(pack)

    monkeypatch.setattr(Pack, "__init__", remember)
    before = global_state(torch.device("cpu"))
    train([runs[:2]], tmp_path / "results")
    assert packs
    assert not packs[0]._global_streams
    assert global_state(torch.device("cpu")).equals(before)

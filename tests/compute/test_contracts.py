"""The dry check of plug-ins: one line per faulty plug-in, with what was given and expected; all other cells train."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from plugin_packages import Package, clear_caches, package_in

import bench
from bench.command import main
from bench.compute.training.global_streams import global_state
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.running import Summary

PLUGINS = """
from torch.nn import functional as F
from bench import Architecture, GanLoss, Metric, OptimizerEntry, Options, Penalty, TermOptions, input_gradients

def softplus(t):
    return F.softplus(t)

def critic(real, fake):
    return softplus(-real) + softplus(fake)

def generator(real, fake):
    return softplus(-fake)

def negated_in_place(real, fake):
    real.neg_()
    return softplus(real) + softplus(fake)

def hidden_in_place(real, fake):
    fake.data.zero_()
    return softplus(-real)

def own_result_in_place(real, fake):
    sum = softplus(-real)
    sum += softplus(fake)
    return sum

def raises(real, fake):
    raise ValueError("label smoothing needs a target")

good = GanLoss("fine", own_result_in_place, generator)
class MarginOptions(Options):
    margin: float

def margin_critic(real, fake, margin):
    if margin < 0:
        raise ValueError("a negative margin")
    return (margin - real).relu() + (margin + fake).relu()

def margin_generator(real, fake, margin):
    return margin - fake

marginal = GanLoss("a margin", margin_critic, margin_generator, options=MarginOptions)
scalar = GanLoss("mean", lambda r, f: critic(r, f).mean(), generator)
column = GanLoss("a column", lambda r, f: critic(r, f)[:, None], generator)
generator_mean = GanLoss("mean", critic, lambda r, f: generator(r, f).mean())
in_place = GanLoss("in place", negated_in_place, generator)
in_place_hidden = GanLoss("in place", hidden_in_place, generator)
not_a_number = GanLoss("NaN", lambda r, f: critic(r, f) * float("nan"), generator)
numbers = GanLoss("no tensor", lambda r, f: 1.0, generator)
detached = GanLoss("no gradient", lambda r, f: critic(r, f).detach(), generator)
raising = GanLoss("raises", raises, generator)
needs_real = GanLoss("uses real logits", critic, lambda r, f: softplus(r - f))
def leaves(real, fake):
    raise SystemExit(0)

leaving = GanLoss("ends the program", leaves, generator)
no_loss = critic

def architecture(module):
    return Architecture(module, Options, module, lambda shape: None)

sound = architecture("plugged_sound")
two_columns = architecture("plugged_columns")
three_numbers = architecture("plugged_three")
writing = architecture("plugged_writing")
no_module = architecture("plugged_missing")
no_network = architecture("plugged_function")
labelled = architecture("plugged_sound")._replace(conditional="plugged_labels")
mislabelled = architecture("plugged_sound")._replace(conditional="plugged_three_labels")

def penalty(term, **changed):
    return Penalty("", TermOptions, term, **changed)

class NearOptions(TermOptions):
    reach: float = 0.1

def near_term(critic, real, fake, uniform, reach):
    if reach < 0:
        raise ValueError(f"a negative reach: {reach}")
    return input_gradients(critic, real + reach).square().sum(dim=2)

class JointOptions(Options):
    weight: float = 1.0
    power: float = 2.0

def powered(critics, generators, power):
    return sum(each.abs().pow(power).flatten(1).sum(dim=1) for each in critics)

near = Penalty("", NearOptions, near_term)
deaf = Penalty("", NearOptions, lambda critic, real, fake, uniform: critic(real))
powers = Penalty("", JointOptions, joint=powered)
squared = penalty(lambda critic, r, f, u: input_gradients(critic, r).square().sum(dim=2))
mean_penalty = penalty(lambda critic, r, f, u: input_gradients(critic, r).square().mean())
mixed_term = penalty(lambda critic, r, f, u: critic(r) * critic(r).mean())
mixed_noise = Penalty("", Options, perturb=lambda options, x, normal, done: x + normal.mean())
mixed_copies = Penalty("", Options, augment=lambda options, x, u, real: x - x.mean(dim=0), uniforms=lambda size: 1)
two_parts = Penalty("", TermOptions, lambda *a: None, perturb=lambda *a: None)
without_weight = Penalty("", Options, lambda critic, r, f, u: input_gradients(critic, r).square().sum(dim=2))
cropping = Penalty("", Options, perturb=lambda options, samples, normal, done: samples[..., :1])

grey = Penalty("", Options, augment=lambda options, x, u, real: x if real else x.mean(dim=2), uniforms=lambda size: 1)
halved = Penalty("", Options, augment=lambda options, x, u, real: x * u[..., :1], uniforms=lambda size: "two")
summed = Penalty("", TermOptions, consistency=lambda o, critic, real, fake, draw: real.logits.sum(dim=1))
weightless = Penalty("", Options, consistency=lambda o, critic, real, fake, draw: real.logits)
alike = Penalty("", TermOptions, consistency=lambda o, critic, real, fake, draw: (
    real.logits - critic(real.samples * draw(1))).square())

def optimizer(build):
    return OptimizerEntry("", Options, build)

def descent(parameters, options, **changed):
    from torch.optim import SGD
    return SGD(parameters, lr=0.01)

def whole_norm(parameters, options):
    from torch.optim import SGD
    class Normed(SGD):
        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                p.grad /= p.grad.norm()
            return super().step(closure)
    return Normed(parameters, lr=0.01)

plain = optimizer(descent)
normed = optimizer(whole_norm)
no_optimizer = optimizer(lambda parameters, options: None)

def metric(name):
    return Metric("", Options, f"plugged_metrics:{name}", lambda extractor, modes: None)

known = metric("known")
text = metric("text")
vector = metric("vector")
nothing = metric("nothing")
undeclared = metric("undeclared")
twice = metric("twice")
writes = metric("writes")
late = metric("late")
"""

NETWORKS = """
from math import prod
from torch import nn

def generator(options, latent, shape):
    return nn.Sequential(nn.Linear(latent, 8), nn.ReLU(), nn.Linear(8, prod(shape)))

def critic(options, shape):
    return nn.Sequential(nn.Linear(prod(shape), 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0))
"""

LABELLED = """
from math import prod
from torch import nn

def generator(options, latent, classes, shape):
    return nn.Sequential(nn.Linear(latent + classes, prod(shape)))

def critic(options, classes, shape):
    return nn.Sequential(nn.Linear(prod(shape) + classes, 1), nn.Flatten(0))
"""

METRICS = """
def known(context, options):
    return lambda sampled: {"swd": sampled.samples.abs().mean()}
def text(context, options):
    return lambda sampled: {"swd": "small"}
def vector(context, options):
    return lambda sampled: {"swd": sampled.samples.mean(dim=0)}
def nothing(context, options):
    return lambda sampled: None
def undeclared(context, options):
    return lambda sampled: {"vendi": 1.0}
def twice(context, options):
    return lambda sampled: {"fd": 1.0}
def writes(context, options):
    def measure(sampled):
        sampled.features.sub_(1)
        return {"swd": 1.0}
    return measure
def late(context, options):
    calls = []
    def measure(sampled):
        calls.append(1)
        if len(calls) == 3:
            raise ArithmeticError("singular matrix")
        return {"swd": 1.0}
    return measure
"""

LOADERS = """
import numpy as np
from bench import Dataset, Options, make_data

def seeded(options):
    np.random.seed(0)
    return drawn(options)

def drawn(options):
    points = np.random.rand(60, 2).astype(np.float32)
    return make_data(points[:50], points[50:])

calls = []

def different(options):
    calls.append(1)
    points = np.random.default_rng(len(calls)).random((60, 2)).astype(np.float32)
    return make_data(points[:50], points[50:])

seeding = Dataset("", Options, lambda options: (2,), seeded, "coordinates")
changing = Dataset("", Options, lambda options: (2,), different, "coordinates")
"""

SUITE = """
name = "plugged"
seeds = 2
[matrix]
loss = {losses}
dataset = [{{ name = "ring", points = 500 }}]
architecture = {architectures}
[training]
steps = 4
batch_size = 8
latent = 4
{training}
[evaluation]
every = 2
samples = 64
metrics = {metrics}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site-packages", monkeypatch)
    modules = {
        "plugged_sound": NETWORKS,
        "plugged_columns": NETWORKS.replace(", nn.Flatten(0)", ""),
        "plugged_three": NETWORKS.replace("nn.Linear(8, prod(shape))", "nn.Linear(8, 3)"),
        "plugged_writing": NETWORKS.replace(
            "    return nn.Sequential(nn.Linear(prod", "    return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(prod"
        ),
        "plugged_labels": LABELLED,
        "plugged_three_labels": LABELLED.replace(
            "nn.Linear(latent + classes, prod(shape))", "nn.Linear(latent + classes, 3)"
        ),
        "plugged_function": "def generator(options, latent, shape):\n    return abs\ncritic = generator\n",
        "plugged_metrics": METRICS,
    }
    for module, code in modules.items():
        package.write(code, {}, module)
    names = re.findall(r"^(\w+) = (GanLoss|architecture|penalty|Penalty|optimizer|metric|critic)", PLUGINS, flags=re.M)
    groups = {"GanLoss": "losses", "critic": "losses", "architecture": "architectures", "metric": "metrics"}
    groups |= {"penalty": "penalties", "Penalty": "penalties", "optimizer": "optimizers"}
    points: dict[str, dict[str, str]] = {}
    for name, factory in names:
        points.setdefault(groups[factory], {})[name] = name
    package.write(PLUGINS, points)
    yield package
    package.forget()
    clear_caches()


@pytest.fixture
def train(package: Package, tmp_path: Path, no_figures: None) -> Callable[..., Summary]:
    """A function that trains a suite of some plug-ins in this process."""

    def run(
        losses: tuple[str, ...] = ("hinge",),
        architectures: tuple[str, ...] = ("sound",),
        training: str = "",
        metrics: tuple[str, ...] = ("frechet",),
        **options: object,
    ) -> Summary:
        path = tmp_path / "suite.toml"
        lists = {"losses": list(losses), "architectures": list(architectures), "metrics": list(metrics)}
        path.write_text(SUITE.format(training=training, **lists))
        return bench.run(str(path), results=tmp_path / "results", workers=0, device="cpu", **options)  # type: ignore[arg-type]

    return run


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("scalar", "critic returned shape [], expected [8] (one value per sample)"),
        ("column", "critic returned shape [8, 1], expected [8] (one value per sample)"),
        ("generator_mean", "generator returned shape [], expected [8] (one value per sample)"),
        ("in_place", "critic changes its input of shape [8] in place"),
        ("in_place_hidden", "critic changes its input of shape [8] in place"),
        ("numbers", "critic returned a float, expected a tensor [8]"),
        ("detached", "critic returned values without a gradient"),
        ("raising", "critic raised ValueError: label smoothing needs a target (plugged.py, line "),
        ("leaving", "critic raised SystemExit: 0"),
        ("needs_real", "set generator_needs_real=True"),
    ],
)
def test_a_faulty_loss_is_named_once_and_the_other_cells_train(
    train: Callable[..., Summary], loss: str, told: str
) -> None:
    summary = train(losses=(loss, "hinge", "good"))
    (fault,) = summary.faults
    assert fault.startswith(f"loss {loss!r} (package plugged): ")
    assert told in fault
    assert {run.training.loss.name for run in summary.faults[fault]} == {loss}
    assert len(summary.faults[fault]) == 2
    assert {run.training.loss.name for run in summary.recorded} == {"hinge", "good"}
    assert not [path for path in summary.folder.glob("records/*") if loss in path.name.split("-")]


def test_both_functions_of_a_loss_get_its_options(train: Callable[..., Summary]) -> None:
    """The loss of a margin 1 is the hinge loss, but for a constant of the generator; faults name the loss."""
    summary = train(training="pac = 2", settings={"loss": {"name": "marginal", "margin": 1.0}})
    hinge = train(training="pac = 2")
    pairs = [(bench.traces(each.folder), each.runs[0].id) for each in (summary, hinge)]
    losses = [frame[(frame["run"] == run) & (frame["measure"] == "critic_loss")]["value"] for frame, run in pairs]
    assert losses[0].dropna().tolist() == losses[1].dropna().tolist() != []
    faulty = train(settings={"loss": {"name": "marginal", "margin": -1.0}})
    (fault,) = faulty.faults
    assert fault.startswith(
        "loss 'marginal' (package plugged): critic raised ValueError: a negative margin (plugged.py"
    )


@pytest.mark.parametrize(
    ("architecture", "told"),
    [
        ("two_columns", "critic returned shape [8, 1], expected [8] (one value per sample)"),
        ("three_numbers", "generator returned shape [8, 3], expected [8, 2] (samples of dataset 'ring')"),
        ("writing", "critic changes its input of shape [8, 2] in place"),
        ("no_module", "building the generator raised ModuleNotFoundError: No module named 'plugged_missing'"),
        ("no_network", "generator returned a builtin_function_or_method, expected a torch.nn.Module"),
    ],
)
def test_a_faulty_architecture_is_named(train: Callable[..., Summary], architecture: str, told: str) -> None:
    summary = train(architectures=("mlp", architecture))
    (fault,) = summary.faults
    assert fault.startswith(f"architecture {architecture!r} (package plugged): {told}")
    assert {run.training.architecture.name for run in summary.recorded} == {"mlp"}


def test_the_conditional_form_of_an_architecture_is_checked(train: Callable[..., Summary]) -> None:
    summary = train(architectures=("labelled", "mislabelled"), training="conditional = true")
    (fault,) = summary.faults
    told = "generator with labels returned shape [8, 3], expected [8, 2] (samples of dataset 'ring')"
    assert fault == f"architecture 'mislabelled' (package plugged): {told}"
    assert {run.training.architecture.name for run in summary.recorded} == {"labelled"}


def test_a_loss_that_is_never_finite_diverges_as_any_other(train: Callable[..., Summary]) -> None:
    summary = train(losses=("not_a_number",))
    assert not summary.faults
    assert set(bench.load(summary.folder)["outcome"]) == {"diverged"}


@pytest.mark.parametrize(
    ("training", "told"),
    [
        (
            'penalty = "mixed_term"',
            "penalty 'mixed_term' (package plugged): term mixes the runs of a pack",
        ),
        (
            'penalty = "mixed_noise"',
            "penalty 'mixed_noise' (package plugged): perturb mixes the runs of a pack",
        ),
        (
            'penalty = "mixed_copies"',
            "penalty 'mixed_copies' (package plugged): augment mixes the runs of a pack",
        ),
        (
            'penalty = "mean_penalty"',
            "penalty 'mean_penalty' (package plugged): term returned shape [], expected [1, 8]",
        ),
        (
            'penalty = "two_parts"',
            "term and perturb of term, perturb, project, joint, augment, consistency and latent is set, expected exactly one",
        ),
        ('penalty = "without_weight"', "its options have no 'weight', which term needs (use bench.TermOptions)"),
        ('penalty = { name = "near", reach = -1.0 }', "term raised ValueError: a negative reach: -1.0"),
        ('penalty = "deaf"', "got an unexpected keyword argument 'reach'"),
        ('penalty = "grey"', "augment returned shape [1, 8], expected [1, 8, 2]"),
        ('penalty = "halved"', "uniforms returned 'two', expected how many random numbers a sample needs"),
        ('penalty = "summed"', "consistency returned shape [1], expected [1, 8]"),
        ('penalty = "weightless"', "its options have no 'weight', which consistency needs (use bench.TermOptions)"),
        ('penalty = "cropping"', "perturb returned shape [1, 8, 1], expected [1, 8, 2]"),
        ('optimizer = "normed"', "the update of one row of the parameters depends on the other rows"),
        ('optimizer = "no_optimizer"', "build returned a NoneType, expected a torch.optim.Optimizer"),
    ],
)
def test_a_faulty_penalty_or_optimiser_is_named(train: Callable[..., Summary], training: str, told: str) -> None:
    summary = train(training=training)
    (fault,) = summary.faults
    assert told in fault
    assert not summary.recorded


@pytest.mark.parametrize(("name", "option"), [("near", "reach = 2.0"), ("powers", "power = 1.0")])
def test_a_penalty_gets_the_options_that_it_adds(train: Callable[..., Summary], name: str, option: str) -> None:
    for given in ("", f", {option}"):
        summary = train(losses=("good",), training=f'penalty = {{ name = "{name}"{given} }}')
        assert not summary.faults
    finals = bench.load(summary.folder)["fd_final"]
    assert len(finals) == finals.nunique() == 4, "the option changes nothing"


def test_weights_of_an_architecture_that_is_gone_say_so(train: Callable[..., Summary], package: Package) -> None:
    summary = train(keep=("weights",))
    record = next(summary.folder.glob("records/*"))
    package.uninstall()
    told = r"\.safetensors needs architecture 'sound', which no installed package provides"
    with pytest.raises(bench.GanbenchError, match=told):
        bench.generator(record)


def test_sound_plugins_of_all_kinds_train(train: Callable[..., Summary]) -> None:
    training = 'penalty = ["squared", "alike"]\noptimizer = "plain"'
    summary = train(losses=("good",), training=training, metrics=("frechet", "known"))
    assert not summary.faults
    assert len(summary.recorded) == 2
    runs = bench.load(summary.folder)
    assert (runs["swd_final"] > 0).all()


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("text", "metric 'text' (package plugged): measure 'swd' is 'small', expected a number"),
        ("vector", "metric 'vector' (package plugged): measure 'swd' has shape [2], expected one number"),
        ("nothing", "metric 'nothing' (package plugged): returned None, expected a dict: measure → number"),
        ("writes", "metric 'writes' (package plugged): changes the samples or features it is given in place"),
        ("undeclared", "returned the measure 'vendi', but it is not known whether more is better; declare it"),
        ("twice", "metric 'frechet' and metric 'twice' (package plugged) both return the measure 'fd'"),
    ],
)
def test_a_faulty_metric_is_named_before_the_first_step(
    train: Callable[..., Summary], metric: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    monkeypatch.setattr("bench.compute.execution.train", lambda *_: steps.append(1))
    summary = train(metrics=("frechet", metric))
    (fault,) = summary.faults
    assert told in fault
    assert len(summary.faults[fault]) == 2
    assert not steps
    assert not [notice for notice in summary.notices if "retrying" in notice]


def test_an_exception_of_a_metric_after_some_steps_names_it(train: Callable[..., Summary]) -> None:
    summary = train(metrics=("frechet", "late"), pack="off")
    told = "metric 'late' (package plugged) raised ArithmeticError: singular matrix (plugged_metrics.py, line "
    (fault,) = summary.faults
    assert fault.startswith(told)
    assert "\n" not in fault
    assert set(summary.failed) == {str(run) for run in summary.faults[fault]}


def test_an_entry_that_cannot_be_loaded_concerns_only_the_suites_that_use_it(
    package: Package, train: Callable[..., Summary]
) -> None:
    package.write("import a_missing_library\n", {"losses": {"broken": "loss"}}, "plugged_broken")
    assert len(train(losses=("good",)).recorded) == 2
    with pytest.raises(
        bench.GanbenchError, match=r"^.*loss 'broken' \(package plugged\) cannot be loaded: .*a_missing"
    ):
        train(losses=("broken",))
    with pytest.raises(bench.GanbenchError, match=r"plugged:no_loss is a function, but must be a bench.GanLoss"):
        train(losses=("no_loss",))


def test_list_names_what_it_leaves_out(package: Package) -> None:
    package.write("import a_missing_library\n", {"losses": {"broken": "loss", "hinge": "loss"}}, "plugged_broken")
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 0
    assert "  good " in result.stdout
    assert re.search(r"^  broken +\(cannot be loaded\)$", result.stdout, flags=re.M)
    assert "ganbench: loss 'broken' (package plugged) cannot be loaded: " in result.stderr
    assert "ganbench: loss 'hinge': the entry of ganbench is used, not that of another package" in result.stderr


def test_a_name_that_two_packages_give_is_refused(
    package: Package, train: Callable[..., Summary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "more" / "another-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: another\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ganbench.losses]\ngood = another:good\n")
    monkeypatch.syspath_prepend(str(tmp_path / "more"))
    package.forget()
    told = "loss 'good' is provided more than once: another:good, plugged:good; rename one, or uninstall its package"
    with pytest.raises(bench.GanbenchError, match=told):
        train(losses=("good",))


def test_time_refuses_a_faulty_plugin(package: Package, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(
        SUITE.format(losses=["hinge", "scalar"], architectures=["mlp"], training="", metrics=["frechet"])
    )
    command = ["time", str(tmp_path / "suite.toml"), "--results", str(tmp_path / "r"), "--device", "cpu"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "ganbench: loss 'scalar' (package plugged): critic returned shape []" in result.stderr


def test_the_command_tells_each_fault_once_and_exits_with_2(train: Callable[..., Summary], tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(
        SUITE.format(losses=["scalar", "hinge"], architectures=["mlp", "sound"], training="", metrics=["frechet"])
    )
    command = [
        "run",
        str(tmp_path / "suite.toml"),
        "--results",
        str(tmp_path / "r"),
        "--device",
        "cpu",
        "--workers",
        "1",
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert result.stderr.count("loss 'scalar'") == 1
    assert "4 of 8 runs have no record" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_check_draws_nothing_and_changes_no_run(train: Callable[..., Summary], package: Package) -> None:
    """A run has the same numbers whether the check took place or not, and the caller's generator does not move."""
    before = torch.get_rng_state()
    summary = train(losses=("good",), pack="off")
    assert torch.equal(torch.get_rng_state(), before)
    checked = bench.traces(summary.folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.compute.contracts.dry_check._check", lambda *_: ("", False))
        for path in summary.folder.glob("records/*"):
            path.unlink()
        unchecked = bench.traces(train(losses=("good",), pack="off").folder)
    columns = ["seed", "step", "measure", "value"]
    assert checked[columns].equals(unchecked[columns])


def test_suites_without_plugins_are_not_checked(tiny_runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.compute.contracts.dry_check import dry_check
    from bench.compute.settings import Settings

    monkeypatch.setattr("bench.compute.contracts.dry_check._check", lambda *_: pytest.fail("checked"))
    findings = dry_check(tiny_runs, Settings(folder=Path()), print)
    assert findings.sound(tiny_runs) == tiny_runs


def test_a_loader_that_gives_other_data_each_time_is_named(package: Package, tmp_path: Path, no_figures: None) -> None:
    package.write(LOADERS, {"datasets": {"seeding": "seeding", "changing": "changing"}}, "plugged_data")
    text = SUITE.format(losses=["hinge"], architectures=["mlp"], training="", metrics=["frechet"])
    (tmp_path / "suite.toml").write_text(text.replace('[{ name = "ring", points = 500 }]', '["seeding", "changing"]'))
    before = global_state(torch.device("cpu"))
    summary = bench.run(str(tmp_path / "suite.toml"), results=tmp_path / "r", workers=0, device="cpu")
    (fault,) = summary.faults
    assert fault.startswith("dataset 'changing' (package plugged): its loader returns other data each time")
    assert {run.training.dataset.name for run in summary.recorded} == {"seeding"}
    after = global_state(torch.device("cpu"))
    assert after.equals(before)


def test_runs_are_planned_without_the_plugins_code(package: Package, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(
        SUITE.format(losses=["hinge"], architectures=["no_module"], training="", metrics=["frechet"])
    )
    assert len(plan_runs(load_suite(str(tmp_path / "suite.toml")))) == 2

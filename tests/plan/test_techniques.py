"""The list of techniques is complete, and every line of it is a valid suite."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from bench.catalogue import entries
from bench.catalogue.techniques import GROUPS, Technique, techniques
from bench.command import main
from bench.plan.specification import Training, complete_training

ROWS = [row for group in techniques().values() for row in group]
SETTINGS = {  # what a suite chooses anyway: no technique
    "training": {
        "dataset",
        "architecture",
        "critic",
        "optimizer",
        "steps",
        "batch_size",
        "latent",
        "family",
        "precision",
        "tf32",
        "deterministic",
    },
    "architecture": {
        *("width", "depth", "activation", "normalisation_eps", "start"),
        *("widest", "mapping_depth", "noise", "blocks", "group"),
    },
    "penalty": {"weight", "bound", "sigma", "shift", "generator_weight"},
    "optimizer": {"lr", "betas", "eps", "weight_decay", "momentum", "alpha"},
    "loss": set[str](),
}


def tables() -> list[dict[str, Any]]:
    return [tomllib.loads(row.line) for row in ROWS]


def test_every_group_has_techniques_and_no_line_is_listed_twice() -> None:
    assert tuple(techniques()) == GROUPS
    assert all(techniques().values())
    lines = [row.line for row in ROWS]
    assert len(lines) == len(set(lines)) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line)
def test_every_line_changes_training(row: Technique) -> None:
    base: dict[str, Any] = {"dataset": "cifar10", "architecture": "mlp", "loss": "hinge", "optimizer": "adam"}
    training = complete_training({**base, **tomllib.loads(row.line)}, row.line)
    default = row.line in ('loss = "hinge"', 'optimizer = "adam"')
    assert (training == complete_training(base, "base")) == default
    assert row.summary


@pytest.mark.parametrize("kind", ["loss", "penalty", "optimizer"])
def test_every_entry_of_the_catalogue_is_listed(kind: str) -> None:
    assert {table[kind] for table in tables() if isinstance(table.get(kind), str)} == set(entries(kind))


def test_every_training_key_is_a_technique_or_a_setting() -> None:
    named = {key for table in tables() for key in table} | SETTINGS["training"]
    assert set(Training.model_fields) <= named
    for key, field in Training.model_fields.items():
        for value in get_args(field.annotation):
            if isinstance(value, str) and value != field.default and key not in SETTINGS["training"]:
                assert {key: value} in tables(), (key, value)


def option_tables(kind: str) -> Iterator[Mapping[str, Any]]:
    """Yield the options that lines give to entries of a kind."""
    keys = {"architecture": ("architecture", "critic"), "optimizer": ("optimizer", "critic_optimizer")}
    for table in tables():
        for key in keys.get(kind, (kind,)):
            if isinstance(table.get(key), dict):
                yield table[key]


@pytest.mark.parametrize("kind", ["loss", "penalty", "optimizer", "architecture"])
def test_every_option_is_a_technique_or_a_setting(kind: str) -> None:
    known = {
        option
        for entry in entries(kind).values()
        for option in getattr(getattr(entry, "options", None), "model_fields", ())
    }
    assert known <= {key for table in option_tables(kind) for key in table} | SETTINGS[kind]


def test_the_command_lists_each_technique_on_one_line() -> None:
    result = CliRunner().invoke(main, ["list", "techniques"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == list(GROUPS)
    for row in ROWS:
        assert any(line.startswith(f"  {row.on_one_line} ") and line.endswith(row.summary) for line in lines), row


def test_an_unknown_list_is_refused() -> None:
    result = CliRunner().invoke(main, ["list", "technique"])
    assert result.exit_code == 2
    assert "techniques" in result.stderr

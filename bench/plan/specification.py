"""What one run is told to do: training and evaluation, complete, frozen and validated against the catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BeforeValidator,
    Field,
    PositiveInt,
    SerializeAsAny,
    ValidationError,
    field_validator,
)

from bench.catalogue import Options, find, suggestion
from bench.errors import SuiteError

Table = Mapping[str, Any]
Model = TypeVar("Model", bound=Options)


class Choice(Options):
    """A name of a catalogue and its options, all of them; ``label`` is how tables and figures call it."""

    name: str
    label: str
    options: SerializeAsAny[Options]

    def __str__(self) -> str:
        return self.label


def choose(kind: str, given: object, defaults: Table | None = None) -> Choice:
    """The choice that a name, or a table with a name and options, makes in the catalogue of ``kind``.

    Raises:
        SuiteError: unknown name, unknown option, or an option of a wrong type.
    """
    table = as_table(given)
    name, label = table.pop("name", None), table.pop("label", None)
    if not isinstance(name, str):
        raise SuiteError(f"expected the name of one {kind}, or a table with a name, not {given!r}")
    model = getattr(find(kind, name), "options", Options)
    options = validated(model, {**(defaults or {}), **table}, f"{kind} {name!r}")
    details = ", ".join(f"{key}={value}" for key, value in table.items())
    return Choice(name=name, label=str(label or name + (f" ({details})" if details else "")), options=options)


def chosen(kind: str) -> BeforeValidator:
    """A validator that takes a name or a table of the catalogue of ``kind``."""
    return BeforeValidator(lambda given: given if isinstance(given, Choice) else choose(kind, given))


def as_table(given: object) -> dict[str, Any]:
    """A name as the table that it stands for; a table as a copy."""
    return dict(given) if isinstance(given, Mapping) else {"name": given}


class Training(Options):
    """How one run is trained; every key may be an axis of a matrix.

    ``architecture`` is the generator's, and ``critic`` the critic's with all that differs; ``latent`` is the dimension
    of the standard normal latent; ``schedule`` how both learning rates fall to 0 over the run; ``ema`` the decay of an
    average of the generator, evaluated beside it (0: none).
    """

    dataset: Annotated[Choice, chosen("dataset")]
    architecture: Annotated[Choice, chosen("architecture")]
    critic: Annotated[Choice, chosen("architecture")]
    loss: Annotated[Choice, chosen("loss")]
    penalty: Annotated[tuple[Annotated[Choice, chosen("penalty")], ...], Field(strict=False)]
    optimizer: Annotated[Choice, chosen("optimizer")]
    critic_optimizer: Annotated[Choice, chosen("optimizer")]
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    steps: PositiveInt = 3000
    batch_size: PositiveInt = 128
    latent: PositiveInt = 16
    critic_steps: PositiveInt = 1
    updates: Literal["alternating", "simultaneous"] = "alternating"
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Literal["float32", "float64", "bf16"] = "float32"
    tf32: bool = False

    @field_validator("penalty")
    @classmethod
    def _each_once(cls, penalty: tuple[Choice, ...]) -> tuple[Choice, ...]:
        return _distinct(penalty, "a penalty")


class Evaluation(Options):
    """When and how a run is measured: every so many generator steps, before the first and after the last."""

    metrics: Annotated[tuple[Annotated[Choice, chosen("metric")], ...], Field(strict=False, min_length=1)]
    every: PositiveInt = 500
    samples: Annotated[int, Field(ge=2)] = 2500

    @field_validator("metrics")
    @classmethod
    def _each_once(cls, metrics: tuple[Choice, ...]) -> tuple[Choice, ...]:
        return _distinct(metrics, "a metric")


def _distinct(choices: tuple[Choice, ...], what: str) -> tuple[Choice, ...]:
    names = [choice.name for choice in choices]
    if len(set(names)) < len(names):
        raise ValueError(f"{what} stands there twice")
    return choices


DEFAULTS: Table = {"optimizer": {"name": "adam"}}  # choices that a suite may leave open


def changes_options(value: object) -> bool:
    """Whether a value changes options of a choice, and leaves its name."""
    return isinstance(value, Mapping) and "name" not in value


def merge(base: Table, changes: Table) -> dict[str, Any]:
    """``base`` with ``changes``: a table without a name changes only the options it gives, all else replaces."""
    merged = dict(base)
    for key, value in changes.items():
        merged[key] = merge(as_table(base.get(key, {})), value) if changes_options(value) else value
    return merged


def complete_training(table: Table, where: str) -> Training:
    """A training section with everything that it leaves open filled in.

    The critic is the generator's architecture with the family's own differences and those of ``critic``;
    ``critic_optimizer`` is ``optimizer`` with what it says otherwise; ``penalty`` is what the loss brings along.

    Raises:
        SuiteError: anything missing, unknown or of a wrong type; the text begins with ``where``.
    """
    full = merge(DEFAULTS, table)
    try:
        for key in ("dataset", "architecture", "loss", "optimizer"):
            if key not in full:
                raise SuiteError(f"no {key} is given, neither in [matrix] nor in [training]")
            full[key] = choose(key, full[key])
        full["critic"] = _critic(full["architecture"], full.get("critic", {}), as_table(table["architecture"]))
        own = {"optimizer": full.get("critic_optimizer", {})}
        full["critic_optimizer"] = choose("optimizer", merge(merge(DEFAULTS, table), own)["optimizer"])
        full["penalty"] = _penalties(full.get("penalty"), find("loss", full["loss"].name).penalties)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from None
    return validated(Training, full, where)


def _penalties(given: object, own: tuple[str, ...]) -> object:
    """What the suite says, or what the loss brings along; a table without a name changes that one's options."""
    if given is None:
        return own
    if isinstance(given, Mapping) and changes_options(given) and len(own) == 1:
        given = {"name": own[0], **given}
    return () if given == "none" else given if isinstance(given, list | tuple) else (given,)


def _critic(architecture: Choice, given: object, generator_table: Table) -> Choice:
    table = as_table(given)
    name = table.pop("name", architecture.name)
    table.pop("label", None)
    defaults = dict(find("architecture", name).critic_defaults) if isinstance(name, str) else {}
    if name == architecture.name:
        own = {key: value for key, value in generator_table.items() if key not in ("name", "label")}
        defaults |= own
    return choose("architecture", {"name": name, **table}, defaults)


def validated(model: type[Model], table: Table, where: str) -> Model:
    """``model`` made of ``table``.

    Raises:
        SuiteError: names the place, the key, what was expected and the nearest valid key.
    """
    try:
        return model.model_validate(table)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from None
    except ValidationError as error:
        raise SuiteError(f"{where}: {_explanation(model, error)}") from None


def _explanation(model: type[Options], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}{suggestion(key, model.model_fields) or '; it takes none'}"
    if first["type"] == "missing":
        return f"{key} is missing"
    message = first["msg"].removeprefix("Value error, ").partition(" after validation")[0]
    message = (message[0].lower() + message[1:]).replace("tuple", "list").replace("dictionary", "table")
    return f"{key}: {message}" + ("" if isinstance(first["input"], Mapping) else f", not {first['input']!r}")


TRAINING_KEYS = tuple(Training.model_fields)


def check_key(key: str, known: tuple[str, ...], where: str) -> None:
    """Accepts a known key.

    Raises:
        SuiteError: the text gives the nearest known one.
    """
    if key not in known:
        raise SuiteError(f"{where}: unknown key {key!r}{suggestion(key, known)}")

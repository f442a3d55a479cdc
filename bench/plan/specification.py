"""The training and evaluation of one run: complete, frozen and validated against the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, ValidationError

from bench.catalogue import Options, find
from bench.catalogue.architectures.critic_options import check_critic
from bench.catalogue.extractors import ExtractorChoice
from bench.catalogue.families import GAN
from bench.errors import SuiteError
from bench.escaping import quote
from bench.plan.families import check_keys
from bench.plan.mistakes import Mistakes, SeveralMistakesError, explanations, ordered
from bench.plan.tables import as_table, changes_options, merge
from bench.plan.top_k import TopK, as_top_k
from bench.plan.updates import Lookahead, lookahead_or_none

TomlTable = Mapping[str, Any]
Model = TypeVar("Model", bound=Options)


class Choice(Options):
    """An entry of the catalogue with all its options; ``label`` is its name in tables and figures."""

    name: str
    label: str
    options: SerializeAsAny[Options]

    def __str__(self) -> str:
        return self.label


def choose(kind: str, given: object, defaults: TomlTable | None = None) -> Choice:
    """Return the entry of the catalogue that a name, or a table with a name and options, stands for.

    Raises:
        SuiteError: The name or an option is unknown, or an option has the wrong type.
    """
    table = as_table(given)
    name, label = table.pop("name", None), table.pop("label", None)
    if not isinstance(name, str):
        raise SuiteError(f"expected the name of one {kind}, or a table with a name, not {quote(given)}")
    model = getattr(find(kind, name), "options", Options)
    options = validated(model, {**(defaults or {}), **table}, f"{kind} {name!r}")
    details = ", ".join(f"{key}={value}" for key, value in table.items())
    return Choice(name=name, label=str(label or name + (f" ({details})" if details else "")), options=options)


def chosen(kind: str) -> BeforeValidator:
    """Return a validator that accepts a name, or a table with a name and options."""
    return BeforeValidator(lambda given: given if isinstance(given, Choice) else choose(kind, given))


def _distinct(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    names = [choice.name for choice in choices]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is listed twice")
    return choices


class Training(Options):
    """How a run is trained. Every key can be an axis of a matrix.

    Attributes:
        dataset: The dataset.
        architecture: The architecture of the generator.
        critic: The architecture of the critic. In a suite, only what differs from the generator's.
        loss: The loss.
        penalty: The gradient penalties and other regularisers.
        optimizer: The optimiser of the generator.
        critic_optimizer: The optimiser of the critic. In a suite, only what differs from the generator's.
        schedule: How both learning rates decay to 0 over the run.
        steps: Generator steps.
        batch_size: Samples per batch.
        latent: Dimension of the standard normal latent.
        critic_steps: Critic steps per generator step.
        updates: Whether the generator is updated against the critic after its last update, or before it, or both
            players by an extragradient step.
        ema: Decay of an exponential moving average of the generator, which is evaluated too; 0 for none.
        precision: Floating-point format of the networks.
        tf32: Whether matrix products on a GPU may use TF32.
        deterministic: Whether a GPU may only use algorithms that give the same bits each time.
        ema_warmup: Limit of the average's half-life, as a share of the steps done; 0 for no limit.
        lookahead: Return of both players to slow weights, or None.
        pac: Samples that the critic judges together, as one (PacGAN).
        top_k: How many of a batch the generator learns from; "none" for all (top-k training).
        unroll: Steps of the critic that the generator's loss looks ahead (unrolled GAN).
        conditional: Whether both players get the labels of the dataset.
        family: The family of models. Some have a loss of their own, and no critic.
    """

    dataset: Annotated[Choice, chosen("dataset")]
    architecture: Annotated[Choice, chosen("architecture")]
    critic: Annotated[Choice, chosen("architecture")]
    loss: Annotated[Choice, chosen("loss")]
    penalty: Annotated[tuple[Annotated[Choice, chosen("penalty")], ...], Field(strict=False), AfterValidator(_distinct)]
    optimizer: Annotated[Choice, chosen("optimizer")]
    critic_optimizer: Annotated[Choice, chosen("optimizer")]
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    steps: int = Field(default=3000, gt=0, le=1_000_000_000)
    batch_size: int = Field(default=128, gt=0, le=1_000_000)
    latent: int = Field(default=16, gt=0, le=1_000_000)
    critic_steps: int = Field(default=1, gt=0, le=100_000)
    updates: Literal["alternating", "simultaneous", "extragradient"] = "alternating"
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    precision: Literal["float32", "float64", "bf16"] = "float32"
    tf32: bool = False
    ema_warmup: Annotated[float, Field(ge=0, le=1)] = 0.0
    lookahead: Annotated[Lookahead | None, BeforeValidator(lookahead_or_none)] = None
    pac: int = Field(default=1, gt=0, le=1_000)
    top_k: Annotated[TopK | None, BeforeValidator(as_top_k)] = None
    unroll: int = Field(default=0, ge=0, le=1_000)
    deterministic: bool = False
    conditional: bool = False
    family: Annotated[Choice, chosen("family")] = Choice(name=GAN, label=GAN, options=Options())

    @property
    def is_gan(self) -> bool:
        """Whether a generator is trained against a critic, from latents or from sources."""
        return not find("family", self.family.name).loss

    @property
    def translates(self) -> bool:
        """Whether the generator translates sources."""
        return bool(find("family", self.family.name).translates)

    @property
    def paired(self) -> bool:
        """Whether the generator learns translations from sources with their answers."""
        return bool(find("family", self.family.name).paired)


class Evaluation(Options):
    """When and how a run is evaluated.

    Attributes:
        metrics: The metrics.
        every: Generator steps between evaluations. The first is before training, the last after the last step.
        samples: Generated samples per evaluation.
        extractor: The feature extractor of images. [default: the dataset's own]
    """

    metrics: Annotated[
        tuple[Annotated[Choice, chosen("metric")], ...], Field(strict=False, min_length=1), AfterValidator(_distinct)
    ]
    every: int = Field(default=500, gt=0, le=1_000_000_000)
    samples: int = Field(default=2500, ge=2, le=10_000_000)
    extractor: ExtractorChoice | None = None


DEFAULTS: TomlTable = {"optimizer": {"name": "adam"}}  # used if a suite does not set them


def complete_training(table: TomlTable, where: str) -> Training:
    """Fill in the defaults of a training section.

    The critic has the generator's architecture, changed by the defaults for critics and then by ``critic``;
    ``critic_optimizer`` is ``optimizer`` with its own changes; ``penalty`` defaults to the penalties of the loss.

    Raises:
        SuiteError: A key is missing or unknown, or a value has the wrong type; the message begins with ``where``.
    """
    full, mistakes, own = merge(DEFAULTS, table), Mistakes(), ""
    with mistakes.noted(where):
        full["family"] = choose("family", full.get("family", GAN))
        own = find("family", full["family"].name).loss
        check_keys(full["family"].name, table)
    if own:
        full["loss"] = Choice(name=own, label=own, options=Options())
    elif mistakes:
        full.setdefault("loss", _STAND_IN)  # the family that is meant may have a loss of its own
    for key in ("dataset", "architecture", "loss", "optimizer"):
        with mistakes.noted(where):
            if key not in full:
                raise SuiteError(f"{key} is missing: set it in [matrix] or [training]")
            full[key] = full[key] if isinstance(full[key], Choice) else choose(key, full[key])
    if isinstance(architecture := full.get("architecture"), Choice):
        with mistakes.noted(where):
            full["critic"] = _critic(architecture, full.get("critic", {}), as_table(table["architecture"]))
    if isinstance(full["optimizer"], Choice):
        changes = {"optimizer": full.get("critic_optimizer", {})}
        with mistakes.noted(where):
            full["critic_optimizer"] = choose("optimizer", merge(merge(DEFAULTS, table), changes)["optimizer"])
    chosen_loss = "" if own or not isinstance(loss := full.get("loss"), Choice) else loss.name
    of_loss = find("loss", chosen_loss).penalties if chosen_loss else ()
    penalties, full["penalty"] = _penalties(full.get("penalty"), of_loss), []
    for penalty in penalties:
        with mistakes.noted(where):
            full["penalty"].append(choose("penalty", penalty))
    if mistakes:  # the other keys are checked beside choices that stand in for those with a mistake
        for key in ("family", "dataset", "architecture", "critic", "loss", "optimizer", "critic_optimizer"):
            full[key] = full[key] if isinstance(full.get(key), Choice) else _STAND_IN
    with mistakes.noted():
        training = validated(Training, full, where)
    mistakes.check()
    return training


_STAND_IN = Choice(name="", label="", options=Options())


def _penalties(given: object, of_loss: tuple[str, ...]) -> Iterable[object]:
    """Return the given penalties, or those of the loss. A table without a name changes the options of the latter."""
    if given is None:
        return of_loss
    if isinstance(given, Mapping) and changes_options(given) and len(of_loss) == 1:
        given = {"name": of_loss[0], **given}
    return () if given == "none" else given if isinstance(given, list | tuple) else (given,)


def _critic(architecture: Choice, given: object, generator_table: TomlTable) -> Choice:
    table = as_table(given)
    name = table.pop("name", architecture.name)
    table.pop("label", None)
    defaults = dict(find("architecture", name).critic_defaults) if isinstance(name, str) else {}
    if name == architecture.name:
        defaults |= {key: value for key, value in generator_table.items() if key not in ("name", "label")}
    critic = choose("architecture", {"name": name, **table}, defaults)
    check_critic(architecture.options, critic.options, table, own=critic.name != architecture.name)
    return critic


def validated(model: type[Model], table: TomlTable, where: str, context: Mapping[str, Any] | None = None) -> Model:
    """Return ``table`` as a ``model``.

    Args:
        model: The type to return.
        table: The values of its fields.
        where: The place, with which messages begin.
        context: What the model's validators need besides.

    Raises:
        SuiteError: The table is not valid. The message names the place, and of every mistake the key, what was expected
            and the closest valid key.
    """
    try:
        return model.model_validate(table, context=context)
    except SuiteError as error:
        raise SuiteError(f"{where}: {error}") from None
    except ValidationError as error:
        found = ordered(f"{where}: {text}" for text in explanations(model, error))
        raise (SuiteError(found[0]) if len(found) == 1 else SeveralMistakesError(found)) from None


TRAINING_KEYS = tuple(Training.model_fields)

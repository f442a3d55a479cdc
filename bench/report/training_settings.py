"""How the runs of a report were trained, in words: what most have in common, and which cells differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from bench.catalogue.families import GAN
from bench.escaping import as_label
from bench.evidence.results import Evidence
from bench.records.schema import Metadata

FEW, FEW_NUMBERS = 12, 6  # values of one key that are listed one by one
NEUTRAL = (0, False, "none")  # values of options that change nothing
USUAL = {"eps": 1e-8, "normalisation_eps": 1e-5, "lipschitz": 1.0, "burn_in": 1.0, "every": 1}  # these do not either
OPTIONS = {"lr": "learning rate", "betas": "betas", "final_beta2": "last beta 2"}
OTHERS = {
    "schedule": "schedule of the learning rates",
    "ema": "decay of the averaged generator",
    "ema_warmup": "warm-up of the averaged generator",
    "lookahead": "lookahead",
    "precision": "precision",
    "pac": "samples that the critic judges together",
    "top_k": "top-k",
    "unroll": "unrolled critic steps",
    "tf32": "TF32",
    "deterministic": "deterministic algorithms",
}
NAMES = {"adam": "Adam", "optimistic-adam": "optimistic Adam", "rmsprop": "RMSprop", "sgd": "SGD"}


class Cell(NamedTuple):
    """The labels of a cell by axis, and its settings in words by key."""

    labels: Mapping[str, str]
    settings: Mapping[str, str]


def training(evidence: Evidence) -> str:
    """Return steps, batch size, optimisers, critic steps, penalties, networks and seeds of all cells.

    A setting that differs is listed with the labels of its cells, on as few axes as distinguish them.
    """
    cells = list(_cells(evidence))
    keys = dict.fromkeys(key for cell in cells for key in cell.settings)
    sentences = [sentence for key in keys for sentence in _sentences(evidence, cells, key)]
    found = ["Each cell has the setting that a search found for it."] if evidence.search else []
    return " ".join([*found, *sentences])


def _cells(evidence: Evidence) -> Iterator[Cell]:
    axes = ["dataset", *evidence.axes]
    for _, runs in evidence.runs.groupby(axes, sort=False, dropna=False):
        labels = {axis: str(runs[axis].iloc[0]) for axis in axes}
        settings = dict(_settings(evidence.metadata[str(runs["run"].iloc[0])]))
        yield Cell(labels, {**settings, "seeds": _in_words(sorted(map(int, runs["seed"])))})


def _settings(metadata: Metadata) -> Iterator[tuple[str, str]]:
    """Yield what a run was trained with, in words, without what it leaves at a neutral value."""
    given = metadata.training.settings
    yield "generator steps", f"{given['steps']:,}"
    if given.get("batch_size"):
        yield "batch size", f"{given['batch_size']:,}"
    yield "critic steps per generator step", f"{given.get('critic_steps', 1)}"
    if given.get("updates") not in (None, "alternating"):
        yield "updates", str(given["updates"])
    if given.get("latent"):
        yield "latent dimension", f"{given['latent']}"
    if (given.get("family") or {"name": GAN})["name"] != GAN:
        yield "family", _choice(given["family"])
    if given.get("conditional"):
        yield "labels", "given to both players"
    yield "networks", _networks(given)
    penalties = given.get("penalty")
    texts = [_choice(each) for each in penalties] if isinstance(penalties, list) else [as_label(penalties or "none")]
    yield "regularisers", " and ".join(texts) or "none"
    yield from _optimisers(given)
    for key, name in OTHERS.items():
        if given.get(key) not in (None, *NEUTRAL, "constant", "float32") and (key, given[key]) != ("pac", 1):
            yield name, as_label(_value(given[key]))


def _networks(given: Mapping[str, Any]) -> str:
    generator, critic = given["architecture"], given.get("critic")
    if critic is None:
        return _choice(generator)
    if critic["name"] != generator["name"]:
        return f"{_choice(generator)} with critic {_choice(critic)}"
    options = generator.get("options") or {}
    others = [
        f"{key.replace('_', ' ')} {_value(value)}"
        for key, value in (critic.get("options") or {}).items()
        if value != options.get(key) and key != "activation"
    ]
    return _choice(generator) + (f", critic with {' and '.join(map(as_label, others))}" if others else "")


def _optimisers(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the optimiser and its options, of the critic only where they differ."""
    own, critic = given.get("optimizer"), given.get("critic_optimizer")
    if not isinstance(own, dict):
        return
    yield "optimiser", as_label(NAMES.get(own["name"], own["name"]))
    options = own.get("options", {})
    for key, value in options.items():
        if _matters(key, value):
            yield OPTIONS.get(key, key.replace("_", " ")), _value(value)
    for key, value in (critic or {}).get("options", {}).items():
        if value != options.get(key):
            yield f"{OPTIONS.get(key, key.replace('_', ' '))} of the critic", _value(value)


def _choice(choice: Mapping[str, Any]) -> str:
    """An entry of the catalogue with its options that matter."""
    options = choice.get("options") or {}
    words = [f"{key.replace('_', ' ')} {_value(value)}" for key, value in options.items() if _matters(key, value)]
    return as_label(f"{choice['name']} ({', '.join(words)})" if words else str(choice["name"]))


def _matters(key: str, value: object) -> bool:
    if value is None or value == USUAL.get(key):
        return False
    return not isinstance(value, str | int | float) or value not in NEUTRAL


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_value, value))})"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return _joined([str(seed) for seed in seeds[:12]]) + (f" and {len(seeds) - 12} more" if len(seeds) > 12 else "")


def _sentences(evidence: Evidence, cells: Sequence[Cell], key: str) -> Iterator[str]:
    """Yield the values of a setting; for each dataset apart if a value depends on the dataset and on other axes."""
    name = key[:1].upper() + key[1:]
    axes = _deciding_axes(evidence, cells, key)
    if axes[:1] == ("dataset",) and len(axes) > 1:
        for dataset in dict.fromkeys(cell.labels["dataset"] for cell in cells):
            own = [cell for cell in cells if cell.labels["dataset"] == dataset]
            if any(key in cell.settings for cell in own):
                yield f"{name} on {as_label(dataset)}: {_describe(own, key, axes[1:])}."
    else:
        yield f"{name}: {_describe(cells, key, axes)}."


def _describe(cells: Sequence[Cell], key: str, axes: Sequence[str]) -> str:
    """The value that most cells have, if they have one, and then the others with the labels of their cells."""
    values = [cell.settings.get(key) for cell in cells]
    known = [value for value in dict.fromkeys(values) if value is not None]
    numbers = [_as_number(value) for value in known]
    if None not in numbers and len(known) > FEW_NUMBERS:
        low, high = (min(known, key=_as_number), max(known, key=_as_number))  # type: ignore[arg-type]
        return f"{low} to {high}, different for each cell"
    if len(known) > FEW:
        return "different for each cell"
    if len(axes) == 1 and _is_axis(cells, key, axes[0]):
        return f"as in the tables ({_joined(list(dict.fromkeys(cell.labels[axes[0]] for cell in cells)))})"
    usual = max(dict.fromkeys(values), key=values.count)
    others = [f"{value} for {_joined(_places(cells, key, value, axes))}" for value in known if value != usual]
    return "; ".join([*([usual] if usual is not None else []), *others])


def _is_axis(cells: Sequence[Cell], key: str, axis: str) -> bool:
    """Whether the labels of an axis are the values of a setting, of which one may be left out as the usual one."""
    known = all(cell.settings[key] == cell.labels[axis] for cell in cells if key in cell.settings)
    return known and len({cell.labels[axis] for cell in cells if key not in cell.settings}) <= 1


def _as_number(value: str) -> float | None:
    try:
        return float(value.replace(",", ""))
    except ValueError:
        return None


def _deciding_axes(evidence: Evidence, cells: Sequence[Cell], key: str) -> tuple[str, ...]:
    """The fewest axes whose labels determine the value of a setting, with the dataset first."""
    axes = [axis for axis in ("dataset", *evidence.axes) if len({cell.labels[axis] for cell in cells}) > 1]
    for count in range(len(axes)):
        for chosen in combinations(axes, count):
            places = {(tuple(cell.labels[axis] for axis in chosen), cell.settings.get(key)) for cell in cells}
            if len(places) == len({place for place, _ in places}):
                return chosen
    return tuple(axes)


def _places(cells: Sequence[Cell], key: str, value: str, axes: Sequence[str]) -> list[str]:
    found = [
        " · ".join(as_label(cell.labels[axis]) for axis in axes) for cell in cells if cell.settings.get(key) == value
    ]
    return list(dict.fromkeys(found))


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

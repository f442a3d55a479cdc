"""Differences of specification between baseline and candidate, which are refused unless the user allows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import PydanticUndefined

from bench.catalogue import find, suggestion
from bench.errors import GanbenchError, ResultsError
from bench.evidence.gate.cell_tests import count_of
from bench.evidence.results import Evidence
from bench.plan.rebuilding import KINDS
from bench.plan.specification import Training
from bench.records.schema import Metadata

ALL = "all"  # allows every difference
MOST_NAMED = 4  # differences in a message; a refusal names the others by their keys
UNKNOWN = object()
Settings = dict[str, Any]


def check_specifications(
    one: Evidence, other: Evidence, pairs: Mapping[str, tuple[Metadata, Metadata]], allowed: Collection[str]
) -> list[str]:
    """Check that both sides train and judge the same, except for the settings that may differ.

    Args:
        one: The baseline.
        other: The candidate.
        pairs: Name of each cell that both sides have → a record of each side.
        allowed: Keys that may differ, such as ``steps`` or ``optimizer.lr``; ``optimizer`` allows all its options, and
            ``all`` every key.

    Returns:
        The differences that were found and allowed, one sentence each.

    Raises:
        ResultsError: There are others, or an allowed key does not exist.
    """
    cells: dict[tuple[str, str], list[str]] = {}
    for cell, (left, right) in pairs.items():
        for key, sentence in differences(left, right):
            cells.setdefault((key, sentence), []).append(cell)
    found = {
        (key, f"{sentence}{_where(names, len(pairs))}"): None for (key, sentence), names in cells.items()
    } | dict.fromkeys(_differences_of_rules(one, other))
    _check_keys(allowed, [key for key, _ in found], one, other)
    refused = [(key, sentence) for key, sentence in found if not _is_allowed(key, allowed)]
    if refused:
        sentences = [sentence for _, sentence in refused[:MOST_NAMED]]
        if len(refused) > MOST_NAMED:
            sentences.append(f"{count_of(len(refused) - MOST_NAMED, 'more difference')}")
        keys = list(dict.fromkeys(key for key, _ in refused))
        options = " ".join(f"--allow {key}" for key in keys) if len(keys) <= MOST_NAMED else f"--allow {ALL}"
        raise ResultsError(
            f"not comparable: the sides are specified differently: {'; '.join(sentences)}. To compare them anyway: "
            f"{options}"
        )
    return [sentence for _, sentence in found]


def differences(one: Metadata, other: Metadata) -> list[tuple[str, str]]:
    """Return the settings of training that differ between two records, each as its key and a sentence.

    Labels and options of the dataset are left out: data is compared by its fingerprint. A setting that only one record
    has is compared with its default, because records leave out what their version of ganbench did not know. Records of
    other code say what they know, so there it is left out.
    """
    return [] if _have_same_identity(one, other) else _unequal_settings(one, other)


def changed_defaults(pairs: Iterable[tuple[Metadata, Metadata]]) -> list[str]:
    """Return the defaults of options of plug-ins that differ between both sides, one sentence each.

    The identity of a cell leaves defaults out, so these are changes of code, which a comparison tests.

    Args:
        pairs: A record of each side, for each cell that both have.
    """
    same = [pair for pair in pairs if _have_same_identity(*pair)]
    return list(dict.fromkeys(sentence for pair in same for _, sentence in _unequal_settings(*pair)))


def _have_same_identity(one: Metadata, other: Metadata) -> bool:
    return one.cell == other.cell and not (one.of_other_code or other.of_other_code)


def _unequal_settings(one: Metadata, other: Metadata) -> list[tuple[str, str]]:
    of_other_code = one.of_other_code or other.of_other_code
    sides = [_known_settings(each) for each in (one, other)]
    found = []
    for key in sides[0] | sides[1]:
        left, right = (side.get(key, UNKNOWN) for side in sides)
        if UNKNOWN in (left, right):
            default = UNKNOWN if of_other_code else _default(key, sides)
            if default is UNKNOWN:
                continue
            left, right = (default if value is UNKNOWN else value for value in (left, right))
        if left != right:
            found.append((key, f"{key} is {_format(left)} in the baseline and {_format(right)} in the candidate"))
    return found


def _known_settings(metadata: Metadata) -> Settings:
    """Return the settings of a record; those of other code that nobody gave it are left out.

    The steps of a run of other code are the last ones that it logged, so those of a failed run say nothing.
    """
    settings = _settings(metadata.training.settings)
    if not metadata.of_other_code:
        return settings
    if metadata.ending.status != "finished":
        settings.pop("steps", None)
    return {key: value for key, value in settings.items() if value is not None and (key, value) != ("critic_steps", 1)}


def _settings(training: Mapping[str, Any]) -> Settings:
    """Return the settings of training as one table with dotted keys: ``optimizer``, ``optimizer.lr``, ``steps``."""
    settings: Settings = {}
    for key, value in training.items():
        if key == "dataset":
            settings[key] = value["name"]
        elif isinstance(value, list):
            settings[key] = " + ".join(sorted(_name(each) for each in value)) or "none"
            for each in value:
                settings |= _options(f"{key}.{_name(each)}", each)
        else:
            settings[key] = _name(value) if isinstance(value, Mapping) and "name" in value else value
            settings |= _options(key, value)
            if isinstance(settings[key], Mapping):  # a plain table, such as lookahead, has no name
                settings[key] = "set"
    return settings


def _name(value: Any) -> str:
    return str(value["name"] if isinstance(value, Mapping) and "name" in value else value)


def _options(key: str, value: Any) -> Settings:
    options = value.get("options", value) if isinstance(value, Mapping) else {}
    return {f"{key}.{name}": option for name, option in options.items() if name not in ("name", "label")}


def _default(key: str, sides: list[Settings]) -> Any:
    """Return the default of a setting; UNKNOWN if it has none, or if it is an option of a choice that differs."""
    section, _, option = key.rpartition(".")
    if not section:
        field = Training.model_fields.get(key)
        return UNKNOWN if field is None or field.default is PydanticUndefined else field.default
    kind, _, name = section.partition(".")
    names = [side.get(kind) for side in sides]
    if names[0] != names[1]:
        return UNKNOWN
    try:
        entry = find(KINDS.get(kind, kind.removesuffix("_optimizer")), name or str(names[0]))
    except (GanbenchError, KeyError):  # of a package that is not installed, or a plain table
        return UNKNOWN
    field = getattr(getattr(entry, "options", None), "model_fields", {}).get(option)
    return UNKNOWN if field is None or field.default is PydanticUndefined else field.default


def _differences_of_rules(one: Evidence, other: Evidence) -> Iterator[tuple[str, str]]:
    left, right = (evidence.rules.model_dump() for evidence in (one, other))
    for key in left:
        if left[key] != right[key]:
            words = [_format("default" if value is None else value) for value in (left[key], right[key])]
            yield f"outcome.{key}", f"outcome.{key} is {words[0]} in the baseline and {words[1]} in the candidate"


def _check_keys(allowed: Collection[str], found: Collection[str], one: Evidence, other: Evidence) -> None:
    rules = [f"outcome.{key}" for key in type(one.rules).model_fields]
    known = {ALL, "outcome", *Training.model_fields, *rules, *found}
    for metadata in {each.cell: each for side in (one, other) for each in side.metadata.values()}.values():
        known.update(_settings(metadata.training.settings))
    known |= {key.rpartition(".")[0] for key in known if "." in key}
    for key in allowed:
        if key not in known:
            raise ResultsError(f"--allow: no setting {key!r}{suggestion(key, known)}")


def _is_allowed(key: str, allowed: Collection[str]) -> bool:
    return any(key == each or each == ALL or key.startswith(f"{each}.") for each in allowed)


def _where(names: list[str], count: int) -> str:
    if len(names) == count:
        return ""
    more = f" and {count_of(len(names) - 1, 'other cell')}" if len(names) > 1 else ""
    return f" ({names[0]}{more})"


def _format(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format, value))}]"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

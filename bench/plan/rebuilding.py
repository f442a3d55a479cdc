"""Runs rebuilt from their records, with another seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.catalogue import Options, find
from bench.catalogue.families import GAN
from bench.errors import SuiteError
from bench.plan.datasets import describe_files, load_dataset
from bench.plan.extraction import hash_of_extractor
from bench.plan.runs import Run
from bench.plan.specification import Choice, Evaluation, Training, choose, validated

# keys of a specification → kinds of the catalogue, where the two differ
KINDS = {"critic": "architecture", "critic_optimizer": "optimizer", "metrics": "metric"}


def rebuild(metadata: Mapping[str, Any], seed: int, inception_weights: Path | None = None) -> Run:
    """Return the run of a record, with another seed.

    Args:
        metadata: The metadata of the record.
        seed: The new seed.
        inception_weights: File with the Inception weights.

    Raises:
        SuiteError: ganbench did not train the recorded run, or would now train it with different numbers.
        DataError: The dataset is missing.
    """
    where = f"record of {metadata['suite']}, seed {metadata['seed']}"
    if metadata.get("origin"):
        raise SuiteError(f"{where}: trained by other code, which ganbench cannot run")
    training = validated(Training, _restored(metadata["training"]), where)
    evaluation = validated(Evaluation, _restored(metadata["evaluation"]), where)
    data = load_dataset(training.dataset, download=True)
    run = Run(
        suite=metadata["suite"],
        version=metadata["version"],
        title=metadata["title"],
        axes=metadata["axes"],
        training=training,
        evaluation=evaluation,
        seed=metadata["seed"],
        data_fingerprint=data.fingerprint_for(training.conditional),
        extractor_hash=hash_of_extractor(training.dataset, evaluation, inception_weights),
        found=describe_files(training.dataset, data),
    )
    if run.id != metadata["run"]:
        raise SuiteError(
            f"{where}: the code, data or feature extractor has changed since it was recorded; run the suite again"
        )
    return replace(run, seed=seed)


def _restored(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section of a record with its choices rebuilt from their names and options."""
    is_own_loss = find("family", section.get("family", {}).get("name", GAN)).loss != ""

    def choice(key: str, value: Any) -> Any:
        if isinstance(value, list):
            return [choice(key, item) for item in value]
        if not isinstance(value, Mapping) or "options" not in value:  # a plain table, such as the extractor
            return value
        if key == "loss" and is_own_loss:
            return Choice(name=value["name"], label=value["label"], options=Options())
        return choose(KINDS.get(key, key), {"name": value["name"], "label": value["label"], **value["options"]})

    return {key: choice(key, value) for key, value in section.items()}

"""The weights of generators that runs leave behind: safetensors files with all that is needed to build them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from torch import Tensor, nn

from bench.catalogue import find, known_names
from bench.catalogue.datasets import Data
from bench.catalogue.families import GAN
from bench.compute.kept_files import check_can_keep
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.players import Players, build_generator, place, with_converged_spectral_norm
from bench.errors import GanbenchError, ResultsError, summarise_error
from bench.files import NotAFileError, atomic_write, describe_error, read_regular
from bench.plan.runs import Run
from bench.plan.specification import Choice, choose
from bench.records.addresses import place_of
from bench.version import __version__


class Description(BaseModel):
    """What a file of weights says of its generator, as JSON in its header under the key ``ganbench``.

    Attributes:
        version: The version of ganbench that wrote the file.
        run: The identity of the run.
        title: The cell and the seed, in words.
        seed: The seed.
        step: The number of generator steps done.
        architecture: The name of the architecture.
        options: The options of the architecture.
        latent: The dimension of the latent.
        family: The name of its family of models.
        family_options: The options of the family.
        precision: The format of the networks, a value of the training key.
        shape: The shape of a sample.
        images: Whether samples are images in [−1, 1], to be converted to uint8; otherwise they are points.
        sha256: The digest of the weights; empty in files of earlier versions.
        classes: The names of the classes of a conditional generator; none if it takes no labels.
        class_counts: The number of training samples of each class.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    run: str
    title: str
    seed: int
    step: int
    architecture: str
    options: dict[str, Any]
    latent: PositiveInt
    precision: str
    shape: Annotated[tuple[PositiveInt, ...], Field(min_length=1)]
    images: bool
    sha256: str = ""
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    family: str = GAN
    family_options: dict[str, Any] = Field(default_factory=dict)

    @property
    def numbers(self) -> int:
        """How many random numbers a sample is a function of."""
        options = choose("family", {"name": self.family, **self.family_options}).options
        count: int = find("family", self.family).latent_numbers(self.latent, self.shape, options)
        return count


@dataclass(frozen=True)
class KeptWeights:
    """The content of a file of weights.

    Attributes:
        path: The file.
        description: How to build the generator.
        states: The state of the network "generator", and of "average" if training kept a moving average.
    """

    path: Path
    description: Description
    states: Mapping[str, Mapping[str, Tensor]]

    def build(self, average: bool, device: torch.device, *, fused: bool = True) -> nn.Module:
        """Return the generator, or its moving average, as it was evaluated: on a device, in eval mode.

        Args:
            average: Whether to return the moving average.
            device: The device.
            fused: Whether pairs of layers may be computed as one operation, as in training.

        Raises:
            ResultsError: The run kept no moving average, or the weights do not fit the architecture.
            GanbenchError: The architecture is unknown here.
        """
        about, name = self.description, "average" if average else "generator"
        if name not in self.states:
            raise ResultsError(f"{self.path} has no moving average, because the run was trained with ema = 0")
        try:
            options = find("architecture", about.architecture).options.model_validate_json(json.dumps(about.options))
            choice = Choice(name=about.architecture, label=about.architecture, options=options)
            with drawing_from(about.seed, "generator weights"):
                family = choose("family", {"name": about.family, **about.family_options})
                network = build_generator(choice, about.latent, about.shape, len(about.classes), family)
            if fused:
                network = place(network, about.precision, device)
            network.load_state_dict(dict(self.states[name]))
        except GanbenchError:
            if about.architecture not in known_names("architecture"):
                missing = f"architecture {about.architecture!r}, which no installed package provides"
                raise ResultsError(f"{self.path} needs {missing}") from None
            raise
        except Exception as error:  # the code, or the options, of the architecture have changed since
            problem = summarise_error(error)
            raise ResultsError(f"{self.path} does not fit architecture {about.architecture!r}: {problem}") from None
        network.eval().requires_grad_(False)
        return with_converged_spectral_norm(network) if average else network


def keep_weights(path: Path, run: Run, players: Players, data: Data, step: int) -> None:
    """Write the weights of a run's generator, and of its moving average, atomically.

    Args:
        path: The file to write.
        run: The run.
        players: Its networks.
        data: The dataset.
        step: The number of generator steps done.

    Raises:
        ResultsError: The file cannot be written.
    """
    from safetensors.torch import save

    states = players.state_dict()
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous().clone()  # the networks of a pack share one tensor
        for name in ("generator", "average")
        for key, value in states.get(name, {}).items()
    }
    about = Description(
        version=__version__,
        run=run.id,
        title=str(run),
        seed=run.seed,
        step=step,
        architecture=run.training.architecture.name,
        options=run.training.architecture.options.model_dump(mode="json"),
        latent=run.training.latent,
        precision=run.training.precision,
        family=run.training.family.name,
        family_options=run.training.family.options.model_dump(mode="json"),
        shape=data.train.shape[1:],
        images=data.train.dtype == np.uint8,
        sha256=_digest(tensors),
        **(described_classes(data) if run.training.conditional else {}),
    )
    content = save(tensors, metadata={"ganbench": about.model_dump_json()})
    try:
        with atomic_write(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise ResultsError(f"weights {path} cannot be written: {describe_error(error)}") from None


def described_classes(data: Data) -> dict[str, tuple[Any, ...]]:
    """Return the names of a dataset's classes and the number of training samples of each, for a ``Description``."""
    assert data.labels is not None
    counts = np.bincount(data.labels.train, minlength=len(data.labels.names))
    return {"classes": data.labels.names, "class_counts": tuple(counts.tolist())}


def read_weights(path: Path) -> KeptWeights:
    """Read a file of weights.

    Raises:
        ResultsError: There is no such file, it cannot be read, it is damaged, or ganbench did not write it.
    """
    check_can_keep(f"{path}")
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = read_regular(path)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = Description.model_validate_json(header["__metadata__"]["ganbench"])
        tensors = load(content)
        if about.sha256 not in ("", _digest(tensors)):
            raise ValueError("the weights are not those that were written")
    except FileNotFoundError:
        raise ResultsError(f"there is no file {place_of(path)}") from None
    except NotAFileError as error:
        raise ResultsError(f"{path} is {error}") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {describe_error(error)}") from None
    except (SafetensorError, ValidationError, ValueError, KeyError, TypeError, RecursionError):
        raise ResultsError(f"{path} is damaged, or was not written by ganbench run --keep weights") from None
    states: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        network, _, key = name.partition(".")
        states.setdefault(network, {})[key] = tensor
    return KeptWeights(path, about, states)


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names, types, shapes and bytes of tensors, in the order of their names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

"""Generators that runs have left behind: what ``bench.generator`` and ``ganbench sample`` do."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.catalogue import find, is_added, naming
from bench.compute import environment
from bench.compute.chosen_labels import OfOneClass, one_hot_labels
from bench.compute.chosen_weights import find_weights
from bench.compute.evaluated_samples import quantised
from bench.compute.kept_weights import KeptWeights, read_weights
from bench.compute.training.global_streams import drawing_from
from bench.compute.training.players import generate
from bench.compute.training.random_streams import stream
from bench.compute.translated import as_floats
from bench.errors import ResultsError
from bench.escaping import quote
from bench.files import atomic_write, describe_error

EXPORTED = ".pth"  # the only suffix under which torch-fidelity looks for TorchScript


@dataclass(frozen=True)
class Generator:
    """A trained generator, or its moving average.

    Attributes:
        module: The network in eval mode: latents [n, latent] → samples [n, *shape], images in [−1, 1]. If it is
            conditional, latents are followed by the label as one-hot numbers, [n, latent + classes]. A translator maps
            sources [n, *shape] instead, images in [−1, 1].
        latent: The dimension of the standard normal latent; of a translator the numbers of a source.
        shape: The shape of a sample.
        run: The identity of the run.
        title: The cell and the seed of the run, in words.
        step: The number of generator steps done.
        average: Whether this is the moving average.
        classes: The names of the classes of a conditional generator; none if it takes no labels.
    """

    module: nn.Module
    latent: int
    shape: tuple[int, ...]
    run: str
    title: str
    step: int
    average: bool
    _kept: KeptWeights
    classes: tuple[str, ...] = ()

    def sample(self, count: int, seed: int = 0, label: str | int | None = None) -> NDArray[Any]:
        """Return samples as they are measured, [count, *shape]: images as uint8, points as float32.

        On the CPU, the same seed gives the same samples.

        Args:
            count: The number of samples.
            seed: The seed of the latents. They are not those of the run's evaluations.
            label: The class of a conditional generator, by its name or its position. [default: all classes, each as
                often as in the training split]

        Raises:
            ResultsError: The number, the seed or the label is not valid, or a sample is not finite.
        """
        self._check_latents("sample", "translate sources of yours with Generator.translate")
        for name, value, least in (("count", count, 1), ("seed", seed, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ResultsError(f"{name} {quote(value)}: expected a whole number of at least {least}")
        labels = one_hot_labels(self._kept.description, count, seed, label)
        latents = torch.cat([torch.randn(count, self.latent, generator=stream(seed, "samples")), labels], dim=1)
        name, device = self._kept.description.architecture, next(self.module.parameters()).device
        with drawing_from(seed, "sample layers", device), naming("architecture", name):
            samples = generate(self.module, latents)
        return self._measured(samples)

    def translate(self, sources: NDArray[Any], *, back: bool = False) -> NDArray[Any]:
        """Return the translations of sources as they are measured, [n, *shape]: images as uint8, points as float32.

        Args:
            sources: uint8 images or float32 points, [n, *shape], as in the dataset.
            back: Whether to translate back, from samples to sources; only CycleGANs can.

        Raises:
            ResultsError: The generator does not translate, or not back; or the sources have another type or shape.
        """
        about = self._kept.description
        if not find("family", about.family).translates:
            raise ResultsError(f"{self.title}: family {about.family!r} does not translate; draw samples instead")
        network = getattr(self.module, "back", None) if back else self.module
        if network is None:
            raise ResultsError(f"{self.title}: family {about.family!r} has no way back")
        given, dtype = np.asarray(sources), np.dtype(np.uint8 if about.images else np.float32)
        if given.dtype != dtype or given.shape[1:] != self.shape or not len(given):
            wanted = f"{dtype} [n, {', '.join(map(str, self.shape))}]"
            raise ResultsError(f"sources: expected {wanted}, not {given.dtype} {list(given.shape)}")
        return self._measured(generate(network, as_floats(torch.from_numpy(given.copy()))))

    def _measured(self, samples: Tensor) -> NDArray[Any]:
        if not samples.isfinite().all():
            raise ResultsError(f"{self.title}: samples are not finite, because the run diverged at step {self.step:,}")
        like = np.empty(0, np.uint8 if self._kept.description.images else np.float32)
        return quantised(samples, like).numpy()

    def _check_latents(self, verb: str, instead: str) -> None:
        family = self._kept.description.family
        if find("family", family).translates:
            raise ResultsError(
                f"{self.title}: family {family!r} translates sources, so there is nothing to {verb}; {instead}"
            )

    def export(self, path: str | Path, label: str | int | None = None) -> None:
        """Write the generator as TorchScript, which runs without ganbench: latents → samples as they are measured.

        Images are uint8 with three channels, as torch-fidelity expects them.

        Args:
            path: The file to write.
            label: The class of a conditional generator, whose latents are then all that it takes.

        Raises:
            ResultsError: The path has another suffix than .pth, the label is not valid or missing, the generator
                cannot be traced, or the file cannot be written.
        """
        self._check_latents("export for programs that draw latents", "translate with Generator.translate")
        path = Path(path)
        if path.suffix != EXPORTED:
            raise ResultsError(f"{path}: expected a name that ends in {EXPORTED}, which torch-fidelity reads")
        about = self._kept.description
        network = self._kept.build(self.average, torch.device("cpu"), fused=False)
        if label is not None:
            network = OfOneClass(network, one_hot_labels(about, 1, 0, label)[0].tolist())
        elif about.classes:
            raise ResultsError(f"{self.title}: an exported generator has one class; choose it with --label")
        plain = _Measured(network, about.images)
        few, more = (torch.randn(count, self.latent, generator=stream(0, "export")) for count in (2, 5))
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch.jit is deprecated, but torch-fidelity reads nothing newer
            try:
                traced = torch.jit.trace(plain, few)
                faithful = torch.equal(traced(more), plain(more))
            except Exception as error:
                place = (
                    f" (package code of {about.architecture!r})" if is_added("architecture", about.architecture) else ""
                )
                raise ResultsError(f"{self.title}: the generator cannot be traced: {error}{place}") from None
            if not faithful:
                raise ResultsError(
                    f"{self.title}: the generator cannot be traced, because it depends on the batch size"
                )
            try:
                with atomic_write(path) as partial:
                    traced.save(str(partial))
            except OSError as error:
                raise ResultsError(f"{path} cannot be written: {describe_error(error)}") from None


class _Measured(nn.Module):
    """A generator followed by the conversion of its samples to what is measured."""

    def __init__(self, network: nn.Module, images: bool):
        super().__init__()
        self.network, self.images = network.float(), images

    def forward(self, latents: Tensor) -> Tensor:
        """Return images as uint8 [n, 3, height, width], or points as float32."""
        samples: Tensor = self.network(latents.float())
        if not self.images:
            return samples
        images = ((samples + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return images.repeat(1, 3, 1, 1) if images.shape[1] == 1 else images


def generator(
    run: str | Path, *, average: bool = False, results: str | Path = "results", device: str = "auto"
) -> Generator:
    """Return the generator of a run that was trained with ``--keep weights``.

    Args:
        run: A record (.parquet), a file of weights (.safetensors), or the first characters of a run's identity. Both
            files may be at an address.
        average: Whether to return the moving average of the generator, which training with ``ema`` keeps.
        results: The folder, or the address, to search for an identity.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Raises:
        ResultsError: There is no such run, it has no weights, they are damaged, or it has no moving average.
        DeviceError: The device is not available.
    """
    kept = read_weights(find_weights(run, results))
    about = kept.description
    module = kept.build(average, torch.device(environment.devices(device)[0]))
    return Generator(
        module, about.numbers, about.shape, about.run, about.title, about.step, average, kept, about.classes
    )

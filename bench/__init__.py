"""ganbench: is this way of training a GAN stable?

``run`` trains the runs of a suite that have no record yet. ``load`` returns one row per run, and ``traces`` everything
measured over time, both as pandas frames. ``measure`` measures samples that exist already, without training.
``generator`` returns the generator of a run that was trained with ``keep="weights"``.
``Recorder`` publishes a run of any other training script as a record.

The other names are for packages that add losses, penalties, optimisers, architectures, datasets or metrics: see
docs/extending.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.version import __version__

if TYPE_CHECKING:
    from bench.catalogue import Options
    from bench.catalogue.architectures import Architecture
    from bench.catalogue.consistency import LatentConsistency
    from bench.catalogue.datasets import Data, Dataset
    from bench.catalogue.datasets.data import Labels, Modes, Sources, make_data
    from bench.catalogue.datasets.signals import RecognisedModes, Signal
    from bench.catalogue.losses import GanLoss
    from bench.catalogue.metrics import Metric
    from bench.catalogue.metrics.context import Context, GameView, Sampled, Translated
    from bench.catalogue.metrics.measures import Measure
    from bench.catalogue.optimizers import OptimizerEntry
    from bench.catalogue.penalties import Penalty, input_gradients
    from bench.catalogue.term_options import TermOptions
    from bench.compute.events import Evaluated, Event, Progress
    from bench.errors import DataError, GanbenchError, MissingDataError
    from bench.evidence.outcomes import load
    from bench.measuring import measure
    from bench.records.external.recorder import Recorder
    from bench.records.frames import traces
    from bench.running import run_suite as run
    from bench.sampling import Generator, generator

__all__ = [
    "Architecture",
    "Context",
    "Data",
    "DataError",
    "Dataset",
    "Evaluated",
    "Event",
    "GameView",
    "GanLoss",
    "GanbenchError",
    "Generator",
    "Labels",
    "LatentConsistency",
    "Measure",
    "Metric",
    "MissingDataError",
    "Modes",
    "OptimizerEntry",
    "Options",
    "Penalty",
    "Progress",
    "RecognisedModes",
    "Recorder",
    "Sampled",
    "Signal",
    "Sources",
    "TermOptions",
    "Translated",
    "__version__",
    "generator",
    "input_gradients",
    "load",
    "make_data",
    "measure",
    "run",
    "traces",
]

_HOMES = {
    "Architecture": "bench.catalogue.architectures",
    "Context": "bench.catalogue.metrics.context",
    "Data": "bench.catalogue.datasets.data",
    "DataError": "bench.errors",
    "Dataset": "bench.catalogue.datasets",
    "Evaluated": "bench.compute.events",
    "Event": "bench.compute.events",
    "GameView": "bench.catalogue.metrics.context",
    "GanLoss": "bench.catalogue.losses",
    "GanbenchError": "bench.errors",
    "Generator": "bench.sampling",
    "Labels": "bench.catalogue.datasets.data",
    "LatentConsistency": "bench.catalogue.consistency",
    "Measure": "bench.catalogue.metrics.measures",
    "Metric": "bench.catalogue.metrics",
    "MissingDataError": "bench.errors",
    "Modes": "bench.catalogue.datasets.data",
    "OptimizerEntry": "bench.catalogue.optimizers",
    "Options": "bench.catalogue",
    "Penalty": "bench.catalogue.penalties",
    "Progress": "bench.compute.events",
    "RecognisedModes": "bench.catalogue.datasets.signals",
    "Recorder": "bench.records.external.recorder",
    "Sampled": "bench.catalogue.metrics.context",
    "Signal": "bench.catalogue.datasets.signals",
    "Sources": "bench.catalogue.datasets.data",
    "TermOptions": "bench.catalogue.term_options",
    "Translated": "bench.catalogue.metrics.context",
    "generator": "bench.sampling",
    "input_gradients": "bench.catalogue.penalties",
    "load": "bench.evidence.outcomes",
    "make_data": "bench.catalogue.datasets.data",
    "measure": "bench.measuring",
    "run": "bench.running",
    "traces": "bench.records.frames",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: the command answers before pandas and torch are loaded."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), "run_suite" if name == "run" else name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)

"""ganbench: is this way of training a GAN stable?

``run`` trains what of a suite has no record yet; ``load`` gives one row a run, ``traces`` all that was measured over
time, both as pandas frames. ``Recorder`` lets any training script publish its run as a record beside them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.version import __version__

if TYPE_CHECKING:
    from bench.evidence.outcomes import load
    from bench.records.external.recorder import Recorder
    from bench.records.frames import traces
    from bench.running import run_suite as run

__all__ = ["Recorder", "__version__", "load", "run", "traces"]

_HOMES = {
    "Recorder": ("bench.records.external.recorder", "Recorder"),
    "load": ("bench.evidence.outcomes", "load"),
    "traces": ("bench.records.frames", "traces"),
    "run": ("bench.running", "run_suite"),
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for when it is asked for: the command answers before pandas and torch are there."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)

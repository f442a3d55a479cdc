"""Ray carries packs to the nodes of a cluster, or to workers on this machine.

Records and checkpoints are written to the results folder, which all nodes must see, so that a pack continues on another
node if its own is lost. What travels through Ray are runs and events only.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

from bench.compute.engines.retries import attempt, retry_event
from bench.compute.environment import keep_freed_memory, limited_threads
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.errors import DeviceError, GanbenchError, SuiteError, summarise_error
from bench.plan.grouping import split_in_half
from bench.plan.runs import Run

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Message = tuple[str, Any, Any, str, bool]  # an event without its run, which is named by its identity
RETRIES = 3  # how often Ray starts a pack again whose worker or node was lost
ANSWER = 10.0  # seconds to wait for the head of a cluster
POLL = 0.2  # seconds between two looks at what has ended


class Channel:
    """The actor, next to the driver, that workers send events to and ask whether to stop."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._stopping = False

    def send(self, message: Message | None = None) -> bool:
        """Keep a message until the driver takes it; return whether to save checkpoints and stop."""
        if message is not None:
            self._messages.append(message)
        return self._stopping

    def take(self, stopping: bool) -> list[Message]:
        """Return the messages since the last call, for the driver, which says whether workers should stop."""
        self._stopping = stopping
        messages, self._messages = self._messages, []
        return messages


class Caller:
    """The actor that calls functions on a node for the driver."""

    def call(self, function: Callable[..., Result], arguments: Any, options: Any) -> Result:
        """Return what a function of a module returns."""
        return function(*arguments, **options)


class RayCluster:
    """A connection to a Ray cluster. Leaving the block ends it, and with it all packs that it carries.

    Args:
        address: The address of a cluster that this machine belongs to, "auto", or None for Ray on this machine alone.
            If the program has connected already, that connection is used.

    Raises:
        SuiteError: Ray is not installed.
        DeviceError: No cluster has this address.
    """

    runs_elsewhere = True

    def __init__(self, address: str | None = None):
        if find_spec("ray") is None:
            raise SuiteError("engine 'ray' needs the package ray: pip install 'ganbench[ray]'")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        self._ray: Any = ray
        self._ends = not ray.is_initialized()
        if self._ends:
            try:
                _check_reachable(address)
                ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
            except (OSError, ValueError, RuntimeError) as error:
                what = f"--address {address}: no Ray cluster there" if address else "Ray cannot start here"
                raise DeviceError(f"{what}: {summarise_error(error)}") from None
        resources = ray.cluster_resources()
        self._caller: Any = None
        self.cpus, self.gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ends:
            self._ray.shutdown()

    @property
    def devices_of_a_name(self) -> int:
        """How many GPUs are called "cuda:0": every task sees only its own."""
        return max(1, self.gpus)

    def workers(self, common: Settings, device: str, requested: int | None, runs: int) -> list[Settings]:
        """Return the settings of each worker, of which there are no more than runs.

        Args:
            common: What all workers share.
            device: "auto", "cpu" or "cuda".
            requested: The number of packs that train at the same time. [default: one per GPU, or as many as CPUs allow]
            runs: The number of runs to train.

        Raises:
            SuiteError: No workers were asked for.
            DeviceError: The cluster has no such device, or too few CPUs.
        """
        if requested == 0:
            raise SuiteError("--workers 0: engine 'ray' trains in processes of the cluster, not in this one")
        if device not in ("auto", "cpu", "cuda") or (device == "cuda" and not self.gpus):
            has = f"{self.cpus} CPUs and {self.gpus} GPUs"
            raise DeviceError(f"--device {device}: the Ray cluster has {has}; available: auto, cpu, cuda")
        if common.threads > self.cpus:
            raise DeviceError(f"--threads {common.threads}: the Ray cluster has {self.cpus} CPUs")
        on_gpus = self.gpus > 0 and device != "cpu"
        count = max(1, min(runs, requested or (self.gpus if on_gpus else self.cpus // common.threads)))
        weights = common.inception_weights.resolve() if common.inception_weights else None
        settings = replace(
            common,
            folder=common.folder.resolve(),  # tasks have other working directories
            device="cuda:0" if on_gpus else "cpu",
            inception_weights=weights,
            workers=count,
        )
        return [settings] * count

    def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Return what a function of a module returns on a node, on a GPU of its own if the cluster has any.

        Raises:
            Exception: What the function raised.
            ChildProcessError: The worker or the node was lost.
        """
        ray = self._ray
        if self._caller is None:
            needs = {"num_cpus": 1, "num_gpus": min(1, self.gpus)}
            self._caller = ray.remote(Caller).options(**needs).remote()
        try:
            result: Result = ray.get(self._caller.call.remote(function, arguments, options))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            self.close()
            raise ChildProcessError(summarise_error(error)) from None
        return result

    def close(self) -> None:
        """End the worker of ``call``, which frees its GPU; the next call starts another one."""
        if self._caller is not None:
            self._ray.kill(self._caller)
        self._caller = None

    def engine(
        self, packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """Execute packs as tasks of Ray; if a pack is lost again and again, its halves are tried (see ``Engine``)."""
        self.close()
        ray = self._ray
        beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        channel = ray.remote(Channel).options(num_cpus=0, scheduling_strategy=beside).remote()
        settings, runs = workers[0], {run.id: run for pack in packs for run in pack}
        share = min(1.0, self.gpus / len(workers)) if settings.device != "cpu" else 0
        carry = ray.remote(_carry).options(num_cpus=settings.threads, num_gpus=share, max_retries=RETRIES)
        tasks = {carry.remote(list(pack), settings, channel): list(pack) for pack in packs}
        error: GanbenchError | None = None
        try:
            while tasks:
                ended, _ = ray.wait(list(tasks), timeout=POLL)
                for message in ray.get(channel.take.remote(error is not None or stopping())):
                    name, state, *rest = message
                    if name in runs:  # a pack that Ray started again tells once more of runs that ended before
                        yield Event(runs[name] if state == "progress" else runs.pop(name), state, *rest)
                for task in ended:
                    unfinished = [run for run in tasks.pop(task) if run.id in runs]
                    problem = self._problem(task)
                    if isinstance(problem, GanbenchError):
                        error = error or problem
                    elif len(unfinished) == 1 and problem is not None:
                        yield Event(runs.pop(unfinished[0].id), "failed", text=summarise_error(problem))
                    elif unfinished and problem is not None:
                        for half in split_in_half(unfinished):
                            yield retry_event(half, len(unfinished), summarise_error(problem))
                            tasks[carry.remote(half, settings, channel)] = half
        finally:
            for task in tasks:
                ray.cancel(task, force=True)
            ray.kill(channel)
        if error is not None:
            raise error

    def _problem(self, task: Any) -> BaseException | None:
        """Return the error with which a task has ended: its own, or that of Ray, which has started it several times."""
        try:
            self._ray.get(task)
        except self._ray.exceptions.RayTaskError as error:
            return error.cause
        except self._ray.exceptions.RayError as error:
            return error
        return None


def _check_reachable(address: str | None) -> None:
    """Raise an OSError if nothing answers at an address like host:port; Ray itself tries for minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), ANSWER).close()


def _carry(pack: list[Run], settings: Settings, channel: Any) -> None:
    """Execute a pack on a node, and send its events to the driver."""
    import ray

    keep_freed_memory()
    answers = [ray.get(channel.send.remote())]
    if answers[-1]:
        return
    with limited_threads(settings.threads):
        for event in attempt(pack, settings, lambda: answers[-1]):
            message = (event.run.id, event.state, event.progress, event.text, event.fault)
            answers[-1] = ray.get(channel.send.remote(message))

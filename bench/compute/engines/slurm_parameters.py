"""What a user asks Slurm for, under the names of submitit, checked before anything is submitted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from bench.catalogue import suggestion
from bench.errors import SuiteError
from bench.escaping import as_label, quote

Parameters = dict[str, Any]
OURS = ("nodes", "ntasks_per_node", "gpus_per_task", "num_gpus", "map_count")  # a job is one process on one node
TIME = re.compile(r"(?:(\d{1,5})-)?(\d{1,7})(?::(\d{1,2}))?(?::(\d{1,2}))?")
KINDS: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(("cpus_per_task", "gpus_per_node", "array_parallelism"), (int, "a whole number")),
    **dict.fromkeys(("cpus_per_gpu", "signal_delay_s"), (int, "a whole number")),
    **dict.fromkeys(("use_srun", "stderr_to_stdout"), (bool, "true or false")),
    **dict.fromkeys(("setup", "teardown", "srun_args"), (list, 'a list of texts, such as ["module load cuda"]')),
    "additional_parameters": (dict, 'a table, such as { reservation = "gan" }'),
}
HOUR = 60  # minutes that a job takes at most, unless the user says otherwise


def check_installed() -> None:
    """Check that submitit is installed.

    Raises:
        SuiteError: It is not.
    """
    if find_spec("submitit") is None:
        raise SuiteError("engine 'slurm' needs the package submitit: pip install 'ganbench[slurm]'")


def checked(given: Mapping[str, Any]) -> Parameters:
    """Return the parameters for submitit that a user has given.

    Args:
        given: Values by name: parameters of submitit's ``SlurmExecutor``, with ``time`` in minutes or as Slurm writes
            it, such as "8:00:00" or "1-12:00:00".

    Raises:
        SuiteError: A name or a value is not valid; the message says which is nearest.
    """
    from submitit import SlurmExecutor

    known = SlurmExecutor._valid_parameters() - {*OURS}
    parameters = {"time": HOUR, **given}
    for name, value in given.items():
        if name in OURS:
            raise SuiteError(f"--slurm {name}: cannot be set, because each job is one process on one node")
        if name not in known:
            raise SuiteError(f"--slurm {as_label(name)}: no such parameter{suggestion(name, known)}")
        kind, expected = KINDS.get(name, (object, "a value"))
        if not isinstance(value, kind) or (kind is int and (value < 0 or isinstance(value, bool))):
            raise SuiteError(f"--slurm {name}={as_label(value)}: expected {expected}")
    parameters["time"] = minutes(parameters["time"])
    additional = {"requeue": True, **parameters.get("additional_parameters", {})}
    return {**parameters, "additional_parameters": additional}


def minutes(time: object) -> int:
    """Return a time limit in minutes, rounded up.

    Args:
        time: Minutes, or text as for sbatch: minutes, minutes:seconds, hours:minutes:seconds, days-hours,
            days-hours:minutes or days-hours:minutes:seconds.

    Raises:
        SuiteError: It is neither, or no time at all.

    Examples:
        >>> minutes("8:00:00"), minutes("1-12"), minutes("90"), minutes("0:30")
        (480, 2160, 90, 1)
    """
    match = None if isinstance(time, bool | float) else TIME.fullmatch(str(time))
    if match is None:
        raise SuiteError(f"--time {quote(time)}: expected minutes (90), hours (8:00:00) or days (1-12:00:00)")
    days, *rest = (int(group or 0) for group in match.groups())
    has_hours = match[1] is not None or match[4] is not None
    hours, minute, second = rest if has_hours else (0, *rest[:2])
    total = days * 24 * 60 + hours * 60 + minute + math.ceil(second / 60)
    if total == 0:
        raise SuiteError(f"--time {quote(time)}: a job needs at least a minute")
    return total


def gpus_of(parameters: Mapping[str, Any]) -> int:
    """Return how many GPUs each job has. Of those asked for as ``gres`` only one is used."""
    asked = f"{parameters.get('gres', '')} {parameters.get('additional_parameters', '')}"
    return int(parameters.get("gpus_per_node") or ("gpu" in asked))

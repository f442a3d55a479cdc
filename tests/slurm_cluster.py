"""A Slurm cluster of one node on this machine, with the daemons of Debian's packages slurm-wlm and munge.

Slurm believes that the node has two GPUs, whose device files lead nowhere.
"""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")
START = 60  # seconds
GPUS = 2

CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
KillWait=20
ReturnToService=2
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return which of Slurm's programs is not on this machine; "" if all are."""
    return next((name for name in NEEDED if find(name) is None), "")


def find(name: str) -> str | None:
    """Return the path of a program, which may lie where only administrators look."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


@contextmanager
def cluster(folder: Path) -> Iterator[Path]:
    """Start a cluster, and yield the path of its configuration, for SLURM_CONF.

    The key and all files lie in the folder, and the daemons listen on this machine only.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = platform.node().split(".")[0]
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            host=host, user=getpass.getuser(), folder=folder, gpus=GPUS, ports=[free_port(), free_port()]
        )
    )
    for number in range(GPUS):
        (folder / f"gpu{number}").symlink_to("/dev/null")  # Slurm takes only devices
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    environment = {**os.environ, "SLURM_CONF": str(configuration)}
    daemons = []
    try:
        for command in (munged, ["slurmctld", "-D", "-i"], ["slurmd", "-D"]):
            log = (folder / f"{command[0]}.out").open("w")
            path = find(command[0])
            assert path is not None
            daemons.append(subprocess.Popen([path, *command[1:]], env=environment, stdout=log, stderr=log))
            log.close()
            time.sleep(0.5)
        wait_until_idle(environment, folder)
        yield configuration
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(60)


def wait_until_idle(environment: dict[str, str], folder: Path) -> None:
    """Wait until the node takes jobs; if it never does, show what the daemons wrote."""
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        answer = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True)
        if answer.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("*.out")))
    raise AssertionError(f"Slurm did not start: {answer.stdout} {answer.stderr}\n{logs}")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

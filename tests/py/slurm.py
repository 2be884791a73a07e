# SPDX-License-Identifier: BSD-2-Clause
"""A Slurm of a test's own: a controller and one node on this machine, known to nobody else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: No other service is asked who somebody is: all are root. Jobs are processes and nothing more.
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/none
CredType=cred/none
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """Say why no Slurm can be had here; None if it can."""
    if not all(map(shutil.which, ("slurmctld", "slurmd", "sbatch"))):
        return "slurmctld, slurmd and slurm-client are not installed"
    return None if os.geteuid() == 0 else "a slurmd that starts jobs is root's"


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start one; give the environment of those who use it."""
    with socket.socket() as one, socket.socket() as two:
        ports = []
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    text = _CONFIGURATION.format(
        host=socket.gethostname().split(".")[0], ports=ports, folder=folder
    )
    (folder / "slurm.conf").write_text(text)
    environ = {"SLURM_CONF": str(folder / "slurm.conf")}
    started = []
    try:
        for name in ("slurmctld", "slurmd"):
            with (folder / f"{name}.log").open("wb") as log:
                started.append(
                    subprocess.Popen([name, "-D"], env=os.environ | environ, stdout=log, stderr=log)
                )
        deadline = time.monotonic() + 120
        while "idle" not in asked("sinfo", "--noheader", environ=environ):
            logs = "".join(log.read_text() for log in folder.glob("*.log"))
            assert time.monotonic() < deadline, logs
            time.sleep(0.1)
        yield environ
    finally:
        asked("scancel", "--signal=KILL", "--me", environ=environ)
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def asked(*words: str, environ: dict[str, str]) -> str:
    """Ask it something."""
    done = subprocess.run(
        words, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    return done.stdout

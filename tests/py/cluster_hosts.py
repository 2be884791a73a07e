# SPDX-License-Identifier: BSD-2-Clause
"""Hosts of a cluster, as network namespaces of this machine, joined by a switch."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_SUBNET = "10.77.0"
PORT = 8786
#: A cluster that finds out in seconds what takes minutes by default.
HASTY = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
}


def why_not() -> str | None:
    """Say why no namespaces can be had here; None if they can."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    if os.geteuid() != 0:
        return "network namespaces are root's"
    name = f"rsh{os.getpid()}probe"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return None if done.returncode == 0 else f"no network namespaces: {done.stderr.strip()}"


@dataclass
class Hosts:
    """A switch and hosts; use it as `with`: their processes end, and they are gone."""

    names: tuple[str, ...]
    folder: Path
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Make them."""
        hub = self._space("hub")
        try:
            _ip("netns", "add", hub)
            _ip("-n", hub, "link", "add", "switch", "type", "bridge")
            _ip("-n", hub, "link", "set", "switch", "up")
            for name in self.names:
                space = self._space(name)
                _ip("netns", "add", space)
                _ip("-n", hub, "link", "add", name, "type", "veth", "peer", "eth0", "netns", space)
                _ip("-n", hub, "link", "set", name, "master", "switch", "up")
                _ip("-n", space, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
                _ip("-n", space, "link", "set", "eth0", "up")
                _ip("-n", space, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what they run, and take them away."""
        for process in self._started:
            self.kill(process)
        for name in (*self.names, "hub"):
            subprocess.run(
                ["ip", "netns", "del", self._space(name)], capture_output=True, check=False
            )

    def address(self, name: str) -> str:
        """Return a host's address."""
        return f"{_SUBNET}.{self.names.index(name) + 1}"

    def line(self, name: str, *words: str | Path) -> list[str]:
        """Return the line that runs a command on a host."""
        return ["ip", "netns", "exec", self._space(name), *map(str, words)]

    def start(
        self, name: str, *words: str | Path, env: dict[str, str], hidden: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process of a host, which does not see what is in the folder that is hidden."""
        line = self.line(name, *words)
        if hidden is not None:
            hide = f'mount -t tmpfs none "{hidden}" && exec "$@"'
            line = self.line(name, "sh", "-c", hide, "sh", *words)
        log = (self.folder / f"{name}.log").open("wb")
        with log:
            process = subprocess.Popen(
                line, env=env, cwd="/", stdout=log, stderr=log, start_new_session=True
            )
        self._started.append(process)
        return process

    def scheduler(self, name: str, env: dict[str, str]) -> str:
        """Start a scheduler, and return its address."""
        words = ("--host", self.address(name), "--port", str(PORT), "--no-dashboard")
        self.start(name, sys.executable, "-m", "dask", "scheduler", *words, env=env | HASTY)
        return f"tcp://{self.address(name)}:{PORT}"

    def worker(
        self, name: str, scheduler: str, env: dict[str, str], hidden: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a worker of one thread, with files of its own, and another one when it ends.

        A worker ends when it has been cut off and finds that the scheduler has given it up.
        """
        words = ("--nthreads", "1", "--no-dashboard", "--host", self.address(name))
        place = ("--local-directory", self.folder / name)
        line = (sys.executable, "-m", "dask", "worker", scheduler, *words, *place)
        again = ("sh", "-c", 'while :; do "$@"; done', "sh")
        return self.start(name, *again, *line, env=env | HASTY, hidden=hidden)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process with all that it has started."""
        for child in _below(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        process.wait()

    def cut(self, name: str) -> None:
        """Take a host off the switch: nobody is told, packets get lost."""
        _ip("-n", self._space("hub"), "link", "set", name, "down")

    def join(self, name: str) -> None:
        """Put it back."""
        _ip("-n", self._space("hub"), "link", "set", name, "up")

    def _space(self, name: str) -> str:
        return f"rsh{os.getpid()}{name}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _below(pid: int) -> list[int]:
    """Return a process and all that come of it."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found

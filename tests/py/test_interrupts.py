# SPDX-License-Identifier: BSD-2-Clause
"""Interrupts leave no process, not even one that has wiped its environment: the mark on it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

#: The gate, interrupted in the instant in which its command has begun, and is known to nobody yet.
INSTANT = """\
import contextlib, os, pathlib, signal, subprocess, sys, time
from raceshim import _cli
from raceshim.evidence import _run

if sys.argv.pop(1) == "at-once":
    _run.interrupts_kept = contextlib.nullcontext
begin = subprocess.Popen._execute_child

def begin_and_interrupt(process, *words):
    begin(process, *words)
    if words[0][-2:] == ["sleep", "1000"]:
        place = pathlib.Path("/proc", str(process.pid))
        while (place / "comm").read_text() != "sleep\\n" or (place / "environ").read_bytes():
            time.sleep(0.01)
        print(process.pid, flush=True)
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGTERM)

subprocess.Popen._execute_child = begin_and_interrupt
sys.exit(_cli.main())
"""


def is_over(pid: int) -> bool:
    """Wait for the end of a process, of whomever."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    ended = bool(poll.poll(30_000))
    os.close(fd)
    return ended


@pytest.mark.parametrize("words", [(), ("--runs", "3"), ("--runs", "5", "--jobs", "2")])
def test_a_command_that_wipes_its_environment_is_ended_too(
    raceshim: Raceshim, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """In each thread that runs one, and whatever waits for it goes on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script = f"exec env -i sh -c 'echo $$ >{fifo}; exec sleep 1000'"
    gate = subprocess.Popen(
        raceshim.line("gate", *words, "--", "sh", "-c", script),
        env=raceshim.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pids: set[int] = set()
    while len(pids) < (2 if "--jobs" in words else 1):
        pids |= {int(line) for line in fifo.read_text().splitlines()}
    gate.send_signal(signal.SIGTERM)
    assert gate.wait(timeout=60) == 130
    assert all(is_over(pid) for pid in pids)


@pytest.mark.parametrize("how", ["kept", "at-once"])
def test_an_interrupt_waits_until_the_command_is_known(raceshim: Raceshim, how: str) -> None:
    line = (sys.executable, "-c", INSTANT, how, "gate", "--", "env", "-i", "sleep", "1000")
    with subprocess.Popen(
        line,
        env=raceshim.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as gate:
        assert gate.stdin is not None
        assert gate.stdout is not None
        pid = int(gate.stdout.readline())
        fd = os.pidfd_open(pid)
        try:
            gate.stdin.write("\n")
            gate.stdin.close()
            assert gate.wait(timeout=60) == 130
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            assert bool(poll.poll(0)) == (how == "kept")
        finally:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            os.close(fd)

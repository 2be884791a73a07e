# SPDX-License-Identifier: BSD-2-Clause
"""Run a command that something is recorded of, which is shown when it has ended."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

from raceshim._errors import ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run to the end, whatever signals come: they are the command's, and the summary follows."""
    forwarded = (signal.SIGTERM, signal.SIGHUP)
    ours: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _frame: object) -> None:
        if number == signal.SIGINT:  # the terminal has sent it to the command too
            return
        early.append(number)
        for process in ours:
            process.send_signal(number)

    before = {number: signal.getsignal(number) for number in (*forwarded, signal.SIGINT)}
    for number, old in before.items():
        if old is not signal.SIG_IGN:  # what is ignored, the command inherits so
            signal.signal(number, forward)
    try:
        process = subprocess.Popen(command, env=dict(environ), close_fds=False)
        ours.append(process)
        for missed in early:
            process.send_signal(missed)
        return process.wait()
    except FileNotFoundError:
        raise UsageError(f"no such command: {command[0]}") from None
    except OSError as error:
        raise ToolError(f"cannot run {command[0]}: {error.strerror}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

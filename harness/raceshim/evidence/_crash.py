# SPDX-License-Identifier: BSD-2-Clause
"""Crashes that no detector tells of: `abort`, a failed assertion, a trap.

ThreadSanitizer reports SEGV, BUS and FPE itself. Of other ends by a signal that leaves a core the
kernel tells, or whoever has waited for the process; there is no stack then, so the program stands
for the place. Whose program is not known, of that nothing can be said but that it died.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim.report._model import Frame, Report, Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.evidence._processes import ProcessLog

#: Signals of which a program leaves a core by default; all others are somebody's who wants its end.
CRASHES = frozenset(
    {
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGQUIT,
        signal.SIGSEGV,
        signal.SIGSYS,
        signal.SIGTRAP,
        signal.SIGXCPU,
        signal.SIGXFSZ,
    }
)
#: What makes the detector report it after all. The program ends with an exit status then.
_STACK = {
    signal.SIGABRT: "handle_abort=1",
    signal.SIGILL: "handle_sigill=1",
    signal.SIGTRAP: "handle_sigtrap=1",
}


def with_crashes(processes: Sequence[ProcessLog]) -> tuple[ProcessLog, ...]:
    """Add the reports of crashes that no detector has told of; the logs are in their order."""
    told = []
    for number, process in enumerate(processes, 1):
        # One that became another program by exec has the end of that one.
        replaced = any(
            one.pid == process.pid and one.detector == process.detector
            for one in processes[number:]
        )
        crash = None if replaced else _crash_of(process)
        if crash is None:
            told.append(process)
        else:
            parsed = replace(process.parsed, reports=(*process.parsed.reports, crash))
            told.append(replace(process, parsed=parsed))
    return tuple(told)


def _crash_of(process: ProcessLog) -> Report | None:
    """Return the report of a crash that only the signal tells of, if it was one."""
    if process.program is None or process.status is None or not os.WIFSIGNALED(process.status):
        return None
    number = os.WTERMSIG(process.status)
    if number not in CRASHES or not _fell_silent(process):
        return None
    if number == signal.SIGABRT and process.parsed.reports:
        return None  # so ends the detector itself, after a report, with abort_on_error=1
    name = signal.Signals(number).name
    text = f"{name}: process {process.pid} ({process.program}) was ended by this signal\n"
    label = "ended by it, and nobody told of the stack"
    if signal.Signals(number) in _STACK:
        label += f" (TSAN_OPTIONS={_STACK[signal.Signals(number)]} lets the detector)"
    frame = Frame(None, None, 0, 0, process.program, None)
    stack = Stack(label, "other", (frame,), None, restored=True)
    return Report("raceshim", name, process.pid, (stack,), None, None, complete=True, text=text)


def _fell_silent(process: ProcessLog) -> bool:
    """Whether ThreadSanitizer watched a process, and nobody has recorded its end."""
    return not (
        process.completed
        or process.printed
        or process.begun_anew
        or process.parsed.failures
        or not process.parsed.complete
        or process.detector not in ("thread", "unknown")
    )

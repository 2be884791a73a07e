# SPDX-License-Identifier: BSD-2-Clause
"""Signs of life and of death: a detector has started, or it or its program has broken down.

What the runtimes print with `verbosity=1` when they start:

    ThreadSanitizer      ***** Running under ThreadSanitizer v3 (pid N) *****    (v2: gcc 12)
    AddressSanitizer     ==N==AddressSanitizer Init done
    HWAddressSanitizer   nothing of its own
    MemorySanitizer      MemorySanitizer init done                       (no pid)
    LeakSanitizer, UndefinedBehaviorSanitizer    nothing of their own

All but gcc's UndefinedBehaviorSanitizer print `==N==Installed the sigaction for signal 11`, which
gives MemorySanitizer's start its pid.
"""

from __future__ import annotations

import re

from raceshim._report_model import Failure, Start

_PID = re.compile(r"==(\d{1,10})==")
_STARTS = (
    re.compile(
        r"\*{5} Running under (?P<name>ThreadSanitizer) v\d+ \(pid (?P<pid>\d{1,10})\) \*{5}"
    ),
    re.compile(r"==(?P<pid>\d{1,10})==(?P<name>AddressSanitizer) Init done$"),
    re.compile(r"(?P<name>MemorySanitizer) init done$"),
)
_FAILURES = (
    (re.compile(r"\w+Sanitizer:? CHECK failed: "), "CHECK failed"),
    (
        re.compile(
            r"FATAL: \w+Sanitizer: (unexpected memory mapping|memory layout is incompatible)"
        ),
        "unexpected memory mapping",
    ),
    (
        re.compile(r"\w+Sanitizer: starting new threads after multi-threaded fork"),
        "starting new threads after multi-threaded fork",
    ),
    (re.compile(r"\w+Sanitizer: nested bug in the same thread"), "nested bug"),
    (re.compile(r"\w+Sanitizer:DEADLYSIGNAL"), "DEADLYSIGNAL"),
    (re.compile(r"ERROR: \w+Sanitizer failed to "), "out of memory"),
    (re.compile(r"\w+Sanitizer has encountered a fatal error"), "fatal error"),
    (re.compile(r"FATAL: \w+Sanitizer"), "FATAL"),
)


class LifeSigns:
    """Collects starts and failures from the lines of a log."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.failures: list[Failure] = []
        self._pid: int | None = None  # the last one named

    def feed(self, line: str) -> bool:
        """Take a line; say whether it is a failure."""
        pid = _PID.match(line)
        if pid is not None:
            self._pid = int(pid[1])
        if "Sanitizer" not in line:
            return False
        for form in _STARTS:
            start = form.search(line)
            if start is not None:
                named = start.groupdict().get("pid")
                number = int(named) if named else self._pid
                if number is not None:
                    self.starts.append(Start(start["name"], number))
                return False
        for form, kind in _FAILURES:
            if form.search(line):
                self.failures.append(Failure(kind, int(pid[1]) if pid else None, line))
                return True
        return False

    def more(self, text: str) -> None:
        """Add the lines that follow the last failure (the stack of a failed check)."""
        last = self.failures[-1]
        self.failures[-1] = Failure(last.kind, last.pid, f"{last.text}\n{text}")

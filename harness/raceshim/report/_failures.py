# SPDX-License-Identifier: BSD-2-Clause
"""Signs of life and of death: a detector has started, or it or its program has broken down.

What the runtimes print with `verbosity=1` when they start:

    ThreadSanitizer      ***** Running under ThreadSanitizer v3 (pid N) *****    (v2: gcc 12)
    AddressSanitizer     ==N==AddressSanitizer Init done
    MemorySanitizer      MemorySanitizer init done                              (no pid)
    HWAddressSanitizer   HWAddressSanitizer init done                           (no pid)
    LeakSanitizer, UndefinedBehaviorSanitizer    nothing of their own

clang 14, clang 19 and gcc 12 agree in this. All but gcc's UndefinedBehaviorSanitizer also print
`==N==Installed the sigaction for signal 11` before, from where those without a pid get theirs
(ThreadSanitizer does so before it opens its `log_path`, hence on stderr).
"""

from __future__ import annotations

import re

from raceshim.report._frames import parse_frame
from raceshim.report._model import Failure, Start

_PID = re.compile(r"==(\d{1,10})==")
_STARTS = (
    re.compile(
        r"\*{5} Running under (?P<name>ThreadSanitizer) v\d+ \(pid (?P<pid>\d{1,10})\) \*{5}"
    ),
    re.compile(r"==(?P<pid>\d{1,10})==(?P<name>AddressSanitizer) Init done$"),
    re.compile(r"(?P<name>MemorySanitizer|HWAddressSanitizer) init done$"),
)
_NAME = "(?:Thread|Address|Memory|Leak|UndefinedBehavior)Sanitizer"
_FAILURES = tuple(
    (re.compile(form.replace("NAME", _NAME)), kind)
    for form, kind in (
        ("NAME:? CHECK failed: ", "CHECK failed"),
        ("FATAL: NAME: unexpected memory mapping", "unexpected memory mapping"),
        ("FATAL: NAME: memory layout is incompatible", "unexpected memory mapping"),
        (
            "NAME: starting new threads after multi-threaded fork",
            "starting new threads after multi-threaded fork",
        ),
        ("NAME: nested bug in the same thread", "nested bug"),
        ("NAME:DEADLYSIGNAL", "DEADLYSIGNAL"),
        ("ERROR: (?:HW)?NAME failed to ", "out of memory"),
        ("NAME has encountered a fatal error", "fatal error"),
        ("FATAL: (?:HW)?NAME", "FATAL"),
    )
)


class LifeSigns:
    """Collects starts and failures from the lines of a log."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.failures: list[Failure] = []
        self._pid: int | None = None  # the last one named
        self._frames: int | None = None  # the frames read below a failed check

    def feed(self, line: str) -> bool:
        """Take a line; say whether it belongs to a failure."""
        if self._frames is not None:
            frame = parse_frame(line)
            if frame is not None and frame[0] == self._frames:
                last = self.failures[-1]
                self.failures[-1] = Failure(last.kind, last.pid, f"{last.text}\n{line}")
                self._frames += 1
                return True
            self._frames = None
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
                self._frames = 0 if kind == "CHECK failed" else None
                return True
        return False

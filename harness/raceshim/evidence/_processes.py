# SPDX-License-Identifier: BSD-2-Clause
"""What a process left behind: its reports, and the proof that a detector watched it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raceshim.evidence._exit_record import take_record, take_start
from raceshim.report._parse import ParsedLog, parse_log, parse_valgrind_xml

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.evidence._late import Names
    from raceshim.evidence._logs import LogFolder

#: The detectors' names for themselves.
_DETECTORS = {
    "ThreadSanitizer": "thread",
    "AddressSanitizer": "address",
    "MemorySanitizer": "memory",
    "HWAddressSanitizer": "hwaddress",
    "LeakSanitizer": "leak",
    "UndefinedBehaviorSanitizer": "undefined",
}
_NAME = re.compile("|".join(sorted(_DETECTORS, key=len, reverse=True)))

#: Detectors that read UBSAN_OPTIONS too, and leave a record when they end a program.
_OTHERS = ("address", "hwaddress", "memory", "leak")


@dataclass(frozen=True, slots=True)
class ProcessLog:
    """What one process left.

    `program`, its `modules` and whether it was `threaded` are known when the process has ended of
    its own accord, `completed`, and the runtime leaves a record of that (ThreadSanitizer's do).
    `forked` processes run what another one has started. What was `printed` in place of a log may
    be a part of what the process had to say, and so proves nothing about the rest. A log that was
    `begun_anew` has lost what was in it. Of who left no record the kernel may know the wait
    `status`.
    """

    detector: str
    pid: int | None
    program: str | None
    completed: bool
    parsed: ParsedLog
    threaded: bool | None = None
    modules: tuple[str, ...] = ()
    forked: bool = False
    printed: bool = False
    begun_anew: bool = False
    status: int | None = None


def read_processes(logs: LogFolder, names: Names | None = None) -> tuple[ProcessLog, ...]:
    """Read all logs of a folder, in the order in which they began; `names` completes them."""
    anew = logs.begun_anew()
    return tuple(
        replace(_read(path, logs, names), begun_anew=path.name.partition("-")[2] in anew)
        for path in logs.files()
    )


def _read(path: Path, logs: LogFolder, names: Names | None) -> ProcessLog:
    name, _, pid = path.name.partition("-")[2].removesuffix(".xml").rpartition(".")
    data = path.read_bytes()
    if path.name.endswith(".xml"):
        return ProcessLog(name, int(pid), None, completed=False, parsed=parse_valgrind_xml(data))
    text = data.decode(errors="replace")
    if names is not None:
        text = names.complete(text, path.stat().st_mtime_ns)
    record, text = take_record(text)
    started, text = take_start(text)
    parsed = parse_log(text)
    detector = detector_of(parsed)
    if record is None or detector in _OTHERS:
        detector = "thread" if started else detector
        program = record.program if record else logs.ends.program(int(pid))
        status = logs.ends.status(int(pid))
        return ProcessLog(
            detector, int(pid), program, completed=False, parsed=parsed, status=status
        )
    return ProcessLog(
        "thread",
        int(pid),
        record.program,
        completed=True,
        parsed=parsed,
        threaded=record.threaded,
        modules=record.modules,
        forked=record.origin != int(pid),
    )


def detector_of(parsed: ParsedLog) -> str:
    """Tell whose log it is; a start says more than a report, which may be a guest runtime's."""
    names = [*(s.detector for s in parsed.starts), *(r.detector for r in parsed.reports)]
    for failure in parsed.failures:
        names += _NAME.findall(failure.text)
    return _DETECTORS.get(names[0], names[0]) if names else "unknown"

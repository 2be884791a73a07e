# SPDX-License-Identifier: BSD-2-Clause
"""What a process left behind: its reports, and the proof that a detector watched it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._report import ParsedLog, parse_log, parse_valgrind_xml

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim._logs import LogFolder

_MAP = re.compile(
    r"^==(\d+)==Process memory map follows:\n(.*?)^==\1==End of process memory map\.$\n?",
    re.MULTILINE | re.DOTALL,
)
#: The detectors' names for themselves.
_DETECTORS = {
    "ThreadSanitizer": "thread",
    "AddressSanitizer": "address",
    "MemorySanitizer": "memory",
    "HWAddressSanitizer": "hwaddress",
    "LeakSanitizer": "leak",
    "UndefinedBehaviorSanitizer": "undefined",
}
#: The first one is the program, but for the runtime's own copy of its read-only data.
_MAPPED_FILE = re.compile(r"\t(/(?!.*/tsan\.rodata\.)[^\n]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ProcessLog:
    """What one process left.

    `program` is known when the process has ended of its own accord, `completed`, and the runtime
    leaves a record of that (ThreadSanitizer's do).
    """

    detector: str
    pid: int
    program: str | None
    completed: bool
    parsed: ParsedLog


def read_processes(logs: LogFolder) -> tuple[ProcessLog, ...]:
    """Read all logs of a folder."""
    return tuple(_read(path) for path in logs.files())


def _read(path: Path) -> ProcessLog:
    name, _, pid = path.name.partition("-")[2].removesuffix(".xml").rpartition(".")
    data = path.read_bytes()
    if path.name.endswith(".xml"):
        return ProcessLog(name, int(pid), None, completed=False, parsed=parse_valgrind_xml(data))
    text = data.decode(errors="replace")
    record = _MAP.search(text)
    program = None
    if record is not None:
        text = text[: record.start()] + text[record.end() :]
        mapped = _MAPPED_FILE.search(record[2])
        program = mapped[1] if mapped else None
    parsed = parse_log(text)
    detector = "thread" if record is not None else _detector(parsed)
    return ProcessLog(detector, int(pid), program, completed=record is not None, parsed=parsed)


def _detector(parsed: ParsedLog) -> str:
    """Tell whose log it is; a start says more than a report, which may be a guest runtime's."""
    names = [*(s.detector for s in parsed.starts), *(r.detector for r in parsed.reports)]
    return _DETECTORS.get(names[0], names[0]) if names else "unknown"

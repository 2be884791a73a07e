# SPDX-License-Identifier: BSD-2-Clause
"""ThreadSanitizer's own words on a process: one line when it starts, a record when it ends.

The record is the list of what was mapped at the end (`print_module_map=1`). It tells the program,
its modules, and whether there ever was a thread: with the first one the runtime makes a thread of
its own in the background, which stays to the end. That one's stack is glibc's: one page that
nobody may touch, and an anonymous mapping right above it. The stack is as large as the limit on
the main one says, or larger where its neighbour merges with it.

What the rule gets wrong makes a process look threaded that is not: a page which the program guards
itself, and a forked child, in which clang's and gcc's runtimes start the background thread anyway.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

#: An option whose file cannot be opened makes the runtime say so in its log, and go on: the one
#: line at the start that does not come with others on stderr.
START_OPTION = "profile_memory=/dev/null/raceshim"

_START = re.compile(
    r"^ThreadSanitizer: failed to open memory profile file '/dev/null/raceshim\.\d+'\n",
    re.MULTILINE,
)
_RECORD = re.compile(
    r"^==(\d+)==Process memory map follows:\n(.*?)^==\1==End of process memory map\.$\n?",
    re.MULTILINE | re.DOTALL,
)
_MAPPING = re.compile(r"^\t0x([0-9a-f]+)-0x([0-9a-f]+)\t([^\n]*)$", re.MULTILINE)
#: The runtime's own copy of its read-only data has a file too, named after the process in which
#: it started: a forked child has its parent's.
_RODATA = re.compile(r"/tsan\.rodata\.(\d+)")
#: The least that glibc makes a thread's stack of.
_LEAST_STACK = 16384
_PAGE = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """What a process was when it ended.

    `threaded` is whether it ever may have had a thread, `origin` the process in which the runtime
    started: the process itself, or the one that it was forked from.
    """

    modules: tuple[str, ...]
    threaded: bool
    origin: int | None

    @property
    def program(self) -> str | None:
        """The file that was executed."""
        return self.modules[0] if self.modules else None


def take_start(text: str) -> tuple[bool, str]:
    """Return whether a log begins with a start, and the log without it."""
    rest, count = _START.subn("", text)
    return count > 0, rest


def take_record(text: str) -> tuple[ExitRecord | None, str]:
    """Return the record in a log, if there is one, and the log without it."""
    found = _RECORD.search(text)
    if found is None:
        return None, text
    return read_record(found[2]), text[: found.start()] + text[found.end() :]


def read_record(maps: str) -> ExitRecord:
    """Read the lines of a record."""
    modules: dict[str, None] = {}
    threaded = False
    origin = None
    guard_end = -1
    for low, high, name in _MAPPING.findall(maps):
        start, end = int(low, 16), int(high, 16)
        if name:
            guard_end = -1
            rodata = _RODATA.search(name)
            if rodata is not None:
                origin = int(rodata[1])
            elif name.startswith("/"):
                modules[name] = None
            continue
        threaded = threaded or (start == guard_end and end - start >= _LEAST_STACK)
        guard_end = end if end - start == _PAGE else -1
    return ExitRecord(tuple(modules), threaded, origin)

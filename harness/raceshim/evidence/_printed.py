# SPDX-License-Identifier: BSD-2-Clause
"""Reports that a command has printed: of processes whose TSAN_OPTIONS somebody has overwritten.

Such a process has no log: it reports on its stderr, and a test runner shows that on its stdout,
indented or behind a prefix of its own. Here lines are sorted by prefix and parsed without it. What
a log holds too is not told twice.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim.evidence._processes import ProcessLog, detector_of
from raceshim.report._parse import ParsedLog, parse_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from raceshim.evidence._scan import Scanner
    from raceshim.report._parse import Failure, Report

#: What a report begins with, or ends with.
_EDGE = re.compile(
    r"==\d{1,10}== ?(?:ERROR|WARNING): \w{1,32}Sanitizer: ?|WARNING: ThreadSanitizer\b"
    r"|SUMMARY: \w{1,32}Sanitizer: |==\d{1,10}==\w{1,32}Sanitizer"
    r"|(?<=\s)\S+:\d{1,9}: runtime error: "
)
_COLOUR = re.compile(r"\x1b\[[\d;]*[mK]")
_CLOCK = re.compile(r"\d\d:\d\d:\d\d(?:[.,]\d+)?|\d{4}-\d\d-\d\d|\d+\.\d+")
#: One line alone has no prefix: the program was in the middle of a line.
_FEWEST = 2

_APPEND = (
    'let it append: TSAN_OPTIONS="$TSAN_OPTIONS ...", or in CMake '
    'ENVIRONMENT_MODIFICATION "TSAN_OPTIONS=string_append::..."'
)


def read_printed(
    scanners: Iterable[Scanner], logged: Iterable[ProcessLog]
) -> tuple[ProcessLog, ...]:
    """Return what was printed and is in no log, by process."""
    known_reports = {_identity(report) for log in logged for report in log.parsed.reports}
    known_failures = {failure for log in logged for failure in log.parsed.failures}
    reports: dict[int | None, list[Report]] = {}
    failures: dict[int | None, list[Failure]] = {}
    whole = True
    for scanner in scanners:
        found = list(_parse(scanner))
        # Nothing is kept but what a detector has printed.
        whole = whole and not scanner.cut and bool(found or not scanner.lines)
        for parsed in found:
            torn = not all(report.complete for report in parsed.reports)  # and says so itself
            whole = whole and (parsed.complete or torn)
            for report in parsed.reports:
                if _identity(report) not in known_reports:
                    known_reports.add(_identity(report))
                    reports.setdefault(report.pid, []).append(report)
            for failure in parsed.failures:
                if failure not in known_failures:
                    known_failures.add(failure)
                    failures.setdefault(failure.pid, []).append(failure)
    if not whole:
        reports.setdefault(None, [])
    return tuple(
        _process(pid, reports.get(pid, []), failures.get(pid, []), whole=whole or pid is not None)
        for pid in dict.fromkeys((*reports, *failures))
    )


def leave_out(
    printed: Iterable[ProcessLog], foreign: Callable[[Report], bool], *, nameless: bool
) -> tuple[ProcessLog, ...]:
    """Return the processes without some of their reports, and none that has nothing else.

    With `nameless` the breakdowns that name no process go too.
    """
    left = []
    for process in printed:
        parsed = process.parsed
        reports = tuple(report for report in parsed.reports if not foreign(report))
        failures = tuple(f for f in parsed.failures if f.pid is not None or not nameless)
        if reports or failures or not parsed.complete:
            kept = replace(parsed, reports=reports, failures=failures)
            left.append(replace(process, parsed=kept))
    return tuple(left)


def notes(
    printed: Sequence[ProcessLog], terminals: Sequence[str], *, evidence: bool
) -> tuple[str, ...]:
    """Say what else the reader should know; `evidence` tells whether any detector left a log."""
    told = []
    if any(process.parsed.reports for process in printed):
        told.append(
            "there are reports that were printed and not logged: something that the command "
            f"runs sets TSAN_OPTIONS anew; {_APPEND}"
        )
    elif not evidence:
        told.append(
            "if the program was built with a detector, something that the command runs may set "
            f"TSAN_OPTIONS anew; {_APPEND}"
        )
    if terminals and not evidence:
        told.append(
            f"{' and '.join(terminals)} was not searched for reports, being a terminal; "
            "`--output scan` does, and the command then writes to a pipe"
        )
    return tuple(told)


def _process(
    pid: int | None, reports: list[Report], failures: list[Failure], *, whole: bool
) -> ProcessLog:
    whole = whole and all(report.complete for report in reports)
    parsed = ParsedLog(tuple(reports), (), tuple(failures), whole)
    return ProcessLog(detector_of(parsed), pid, None, completed=False, parsed=parsed, printed=True)


def _identity(report: Report) -> Report:
    """Return a report without what may have got between its lines."""
    return replace(report, text="")


def _parse(scanner: Scanner) -> Iterator[ParsedLog]:
    """Parse what was kept: one log for each prefix, as if there were none."""
    lines = [
        _COLOUR.sub("", line.decode(errors="replace")).removesuffix("\r") for line in scanner.lines
    ]
    streams: dict[str, list[str]] = {}
    last = ""
    for last, line in _unmix(lines):
        streams.setdefault(last, []).append(line)
    for prefix, stream in streams.items():
        end = "" if prefix == last and not scanner.ended else "\n"
        parsed = parse_log("\n".join(stream) + end)
        if parsed.reports or parsed.failures or not parsed.complete:
            yield parsed


def _unmix(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give each line's prefix and the line without it.

    Blanks behind a prefix are indentation, which may be another at the next report.
    """
    prefixes = _Prefixes(lines)
    indents: dict[str, str] = {}
    for line in lines:
        prefix, end = prefixes.find(line)
        rest = line[end:]
        edge = _EDGE.search(rest)
        if edge is not None:
            before = rest[: edge.start()]
            indents[prefix] = "" if before.strip() else before
        yield prefix, rest.removeprefix(indents.get(prefix, "")) if rest.strip() else ""


class _Prefixes:
    """What test runners and CI put in front of lines: a number, a name, the time.

    A prefix is what stands before an edge of a report, and before one other line at least.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        """Learn them."""
        self._plain: set[str] = set()
        self._timed: dict[str, re.Pattern[str]] = {}
        for line in lines:
            edge = _EDGE.search(line)
            prefix = line[: edge.start()].rstrip() if edge else ""
            if prefix:
                self._learn(prefix)
        self._lengths = sorted({len(prefix) for prefix in self._plain}, reverse=True)
        seen = Counter(self.find(line)[0] for line in lines)
        self._plain = {prefix for prefix in self._plain if seen[prefix] >= _FEWEST}
        self._timed = {key: form for key, form in self._timed.items() if seen[key] >= _FEWEST}

    def find(self, line: str) -> tuple[str, int]:
        """Return a line's prefix and where it ends."""
        for length in self._lengths:
            if line[:length] in self._plain:
                return line[:length], length
        for prefix, form in self._timed.items():
            match = form.match(line)
            if match is not None:
                return prefix, match.end()
        return "", 0

    def _learn(self, prefix: str) -> None:
        if _CLOCK.search(prefix) is None:
            self._plain.add(prefix)
            return
        parts, end = [], 0
        for clock in _CLOCK.finditer(prefix):
            parts.append(re.escape(prefix[end : clock.start()]))
            parts.append(re.sub(r"\d+", r"\\d+", re.escape(clock[0])))
            end = clock.end()
        form = "".join(parts) + re.escape(prefix[end:])
        self._timed[form] = re.compile(form)

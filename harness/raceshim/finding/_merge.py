# SPDX-License-Identifier: BSD-2-Clause
"""Findings: reports of one bug put together, however many there are and wherever they come from.

`merge` makes findings of reports, `merge_findings` of findings. The order of what goes in is of
no importance to either, and it is all the same how the reports were spread over processes, runs
and machines: a finding is the sum of its reports.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from pathlib import PurePath
from typing import TYPE_CHECKING

from raceshim.finding._fingerprint import KIND_CLASSES, Fingerprint, Site, fingerprint, parts
from raceshim.finding._frames import bare_function

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.finding._flight import Flight
    from raceshim.report._model import Report

#: Names for one and the same race, the one that tells most first.
_TELLING = ("heap-use-after-free", "data race on vptr")


@dataclass(frozen=True, slots=True)
class FindingAccess:
    """One side of a finding for display: the detector's own words for where and what.

    `access` is "write", "atomic read", "free"; empty where the kind has no access.
    """

    function: str | None
    file: str | None
    line: int
    access: str
    column: int = 0
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A bug, and the reports of it.

    `report` is the one that tells most; `kind`, `accesses`, `long_key` and `doubts` are of that
    one. `accesses` are in the fingerprint's order, which is not that of the report. `ways` are the
    long keys of all reports: more than one tells that the bug is reached on several paths.
    `doubts` say what the fingerprint lacks, if anything. `flight` is what its threads did before.
    """

    fingerprint: str
    long_key: str
    kind: str
    kind_class: str
    accesses: tuple[FindingAccess, ...]
    report: Report
    count: int
    pids: tuple[int, ...]
    programs: tuple[str, ...]
    ways: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    flight: Flight | None = None

    @property
    def title(self) -> str:
        """One line that says what and where: `data race in bump / reset`."""
        names = [bare_function(access.function or "?") for access in self.accesses]
        if self.kind_class == "died" and self.programs and not names:
            names = [PurePath(self.programs[0]).name]
        return f"{self.kind} in {' / '.join(names)}" if names else self.kind


def finding(report: Report, *, program: str | None = None, roots: Sequence[str] = ()) -> Finding:
    """Return the finding of one report."""
    return finding_of(report, fingerprint(report, roots), program)


def merge(
    reports: Iterable[Report], *, program: str | None = None, roots: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Put the reports of each bug together. `program` is the one that they are from."""
    return merge_findings(
        finding(part, program=program, roots=roots) for report in reports for part in parts(report)
    )


def merge_findings(*groups: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put findings of one bug together: of several processes, runs or machines. Worst first."""
    bugs: dict[str, list[Finding]] = {}
    for group in groups:
        for one in group:
            bugs.setdefault(one.fingerprint, []).append(one)
    return tuple(sorted((_sum(same) for same in bugs.values()), key=_order))


def finding_of(report: Report, known: Fingerprint, program: str | None) -> Finding:
    """Return the finding of one report whose fingerprint is known."""
    return Finding(
        fingerprint=known.text,
        long_key=known.long_key,
        kind=report.kind,
        kind_class=known.kind_class,
        accesses=() if _is_placeless(known) else tuple(_access(site) for site in known.sites),
        report=report,
        count=1,
        pids=() if report.pid is None else (report.pid,),
        programs=() if program is None else (program,),
        ways=(known.long_key,),
        doubts=known.doubts,
    )


def _is_placeless(known: Fingerprint) -> bool:
    """Whether it is a crash of which nothing but the program is known."""
    frames = [site.frame for site in known.sites if site.frame is not None]
    return known.kind_class == "died" and not any(f.function or f.file or f.offset for f in frames)


def _access(site: Site) -> FindingAccess:
    frame, access = site.frame, site.stack.access if site.stack else None
    return FindingAccess(
        frame.function if frame else None,
        frame.file if frame else None,
        frame.line if frame else 0,
        f"{'atomic ' if access.atomic else ''}{access.operation}" if access else "",
        frame.column if frame else 0,
        access.thread if access else "",
    )


def _sum(same: list[Finding]) -> Finding:
    if len(same) == 1:
        return same[0]
    return replace(
        reduce(_better, same),
        count=sum(one.count for one in same),
        pids=tuple(sorted({pid for one in same for pid in one.pids})),
        programs=tuple(sorted({program for one in same for program in one.programs})),
        ways=tuple(sorted({way for one in same for way in one.ways})),
    )


def _better(one: Finding, other: Finding) -> Finding:
    """Return the finding whose report tells more; of equals always the same."""
    this, that = _worth(one), _worth(other)
    if this != that:
        return one if this > that else other
    if one.report.text != other.report.text:
        return one if one.report.text < other.report.text else other
    # The same text, read as parts of a project at different places.
    return min(one, other, key=lambda each: repr((each.accesses, each.long_key, each.report)))


def _worth(one: Finding) -> tuple[bool, int, int, int]:
    report = one.report
    telling = next((-at for at, kind in enumerate(_TELLING) if one.kind.startswith(kind)), -9)
    return (
        report.complete,
        telling,
        len(report.stacks),
        sum(frame.line > 0 for stack in report.stacks for frame in stack.frames),
    )


def _order(one: Finding) -> tuple[int, str, str]:
    return KIND_CLASSES.index(one.kind_class), one.title, one.fingerprint

# SPDX-License-Identifier: BSD-2-Clause
"""The last events before each report: asked of the processes of a command, put to its findings.

The library's flight recorder, in a program that is linked with it or preloaded, leaves a trace
beside each of the first reports of a process. That it is of this report, and of no other one, the
process's number, the report's own and the thread that made it tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError, UsageError
from raceshim.cc import _prefix
from raceshim.evidence._preload import preloaded
from raceshim.finding._flight import Flight, FlightThread
from raceshim.finding._merge import merge
from raceshim.formats._plain import one_line
from raceshim.trace._model import INSTANT, OURS
from raceshim.trace._read import read_file
from raceshim.trace._text import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from raceshim._gate import CommandVerdict
    from raceshim.evidence._logs import LogFolder
    from raceshim.evidence._processes import ProcessLog
    from raceshim.finding._merge import Finding
    from raceshim.report._model import Report
    from raceshim.trace._model import Event, Trace

VARIABLE = "RACESHIM_FLIGHT"
#: Seconds and MiB that each process keeps.
_KEPT = "10:4"
_FILE = re.compile(r"flight\.(\d+)\.trace(\.\d+)?")
_REASON = re.compile(r"(report|signal) (\d+)")
_THREAD = re.compile(r"Thread (T\d+) (?:'.*?' )?\(tid=(\d+)")
_DETECTOR = "ThreadSanitizer"
#: So many lines are shown of each thread, and so many notes of one sort.
_LINES = 6
_NOTES = 3
_STATIC = b"second_deadlock_stack"  # an option that the runtime knows
_LINKED = b".note.raceshim"


class FlightFolder:
    """Where the processes of a command leave their traces."""

    def __init__(self, folder: str) -> None:
        """Make the folder, if there is none; what is in it stays."""
        self.path = Path(folder).absolute()
        if "%" in folder or ":" in str(self.path):
            raise UsageError(f"--flight {folder}: a folder without % and : in its path")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--flight {folder}: {error.strerror}") from None
        self._before = set(self.path.iterdir())

    def environment(self, base: Mapping[str, str], logs: LogFolder) -> dict[str, str]:
        """Return the environment of processes that keep their last events."""
        told = {VARIABLE: f"{self.path}/flight.%p.trace:{_KEPT}:auto:quiet"}
        return preloaded({**base, **told}, _prefix.shared_library(), logs.path)

    def files(self, pid: int) -> list[Path]:
        """Return what a process has left, in the order of its writing."""
        found = [
            (int((m[2] or ".1")[1:]), path)
            for path in self.path.iterdir()
            if path not in self._before and (m := _FILE.fullmatch(path.name)) and int(m[1]) == pid
        ]
        return [path for _, path in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Left:
    """One file: why it was written, when, and by which thread."""

    path: Path
    trace: Trace
    what: str
    number: int
    event: Event


def attach(verdict: CommandVerdict, folder: FlightFolder, roots: Sequence[str]) -> CommandVerdict:
    """Return a verdict whose findings have the last events, and notes where there are none."""
    found: dict[str, Flight] = {}
    notes: list[str] = []
    for process in verdict.run.processes:
        if process.pid is None or not process.parsed.reports:
            continue
        left, damaged = _read(folder.files(process.pid))
        notes += damaged
        flights = list(_match(process, left))
        for report, flight in flights:
            for finding in merge([report], program=process.program, roots=roots):
                found.setdefault(finding.fingerprint, flight)
        if not flights:
            notes.append(_why(process))
    told = dict.fromkeys(notes)
    more = [f"and {len(told) - _NOTES} more without last events"] if len(told) > _NOTES else []
    return replace(
        verdict,
        findings=_with(verdict.findings, found),
        tolerated=_with(verdict.tolerated, found),
        notes=(*verdict.notes, *list(told)[:_NOTES], *more),
    )


def _with(findings: Sequence[Finding], found: Mapping[str, Flight]) -> tuple[Finding, ...]:
    return tuple(replace(one, flight=found.get(one.fingerprint)) for one in findings)


def _read(files: Sequence[Path]) -> tuple[list[_Left], list[str]]:
    left, damaged = [], []
    for path in files:
        try:
            trace = read_file(path)
        except ToolError as error:
            damaged.append(one_line(str(error)))
            continue
        for event in reversed(trace.events):
            reason = _REASON.fullmatch(event.text or "") if event.name == OURS else None
            if reason and event.kind == INSTANT:
                left.append(_Left(path, trace, reason[1], int(reason[2]), event))
                break
    return left, damaged


def _match(process: ProcessLog, left: Sequence[_Left]) -> Iterator[tuple[Report, Flight]]:
    """Yield the reports of a process that have a file."""
    ours = [one for one in process.parsed.reports if one.detector == _DETECTOR]
    warnings = [one for one in ours if f"WARNING: {_DETECTOR}" in one.text]
    deaths = [one for one in ours if f"ERROR: {_DETECTOR}" in one.text]
    for one in left:
        reports = warnings[one.number - 1 : one.number] if one.what == "report" else deaths[:1]
        for report in reports:
            tids = _tids(report, process.pid or 0)
            if one.what == "report" and one.trace.track(one.event.track).tid not in tids:
                continue  # of another process with that number, or another report
            reason = f"{one.what} {one.number}"
            threads = tuple(_thread(one, tid) for tid in tids)
            yield report, Flight(str(one.path), process.pid or 0, reason, threads)


def _tids(report: Report, pid: int) -> list[int]:
    """Return the kernel's numbers of the threads that a report is about, its own one first."""
    known = {f"thread {name}": int(tid) for name, tid in _THREAD.findall(report.text)}
    known["main thread"] = pid
    threads = [stack.access.thread for stack in report.stacks if stack.access is not None]
    return list(dict.fromkeys(known[name] for name in threads if name in known)) or [pid]


def _thread(left: _Left, tid: int) -> FlightThread:
    trace, end = left.trace, left.event.time
    tracks = {number for number, track in trace.tracks.items() if track.tid == tid}
    events = [e for e in trace.events if e.track in tracks and e.time <= end and e != left.event]
    label = next((trace.track(number).label for number in tracks), f"thread {tid}")
    lines = tuple(f"-{(end - e.time) / 1e9:.6f} s  {told(e)}" for e in events[-_LINES:])
    return FlightThread(label, tid, len(events), lines)


def _why(process: ProcessLog) -> str:
    """Say why a process that reported has left no file."""
    who = f"process {process.pid}" + (f" ({process.program})" if process.program else "")
    image = b""
    if process.program:
        try:
            image = Path(process.program).read_bytes()
        except OSError:
            image = b""
    if _STATIC in image and _LINKED not in image:
        return (
            f"no last events of {who}: its detector is linked in, and tells no library of its "
            "reports; link it by raceshim cc -Wl,-u,rsh_flight_start"
        )
    return f"no last events of {who}: it has left no file (a static program, a changed environment)"

# SPDX-License-Identifier: BSD-2-Clause
"""Judge. The verdict comes from evidence; an exit status alone proves nothing.

For a command, in this order:

1. A report by a detector, in any process, shuts the gate (1): whatever the command's exit status
   is, whoever swallowed it, and however the process ended afterwards.
2. Without a report the verdict is inconclusive (4) when no process ran under the detector, when a
   log is cut off or the detector itself broke down, when the command failed or was ended by its
   timeout (what it did not do, nobody has looked at), and when instrumented processes go on after
   it.
3. Otherwise it is clean (0).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from raceshim._errors import CLEAN, INCONCLUSIVE, RACES
from raceshim._outcomes import function_name
from raceshim._run import describe_status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim._evidence import ProcessLog
    from raceshim._report import Failure, Report, Stack
    from raceshim._run import Ended, LeftBehind

_RUNTIME_PLACES = ("/libsanitizer/", "/sanitizer_common/", "/compiler-rt/", "/tsan/rtl/")
_RUNTIME_MODULES = ("libtsan", "libasan", "libubsan", "libclang_rt", "libc.so", "vgpreload")
_VERDICTS = {CLEAN: "clean", RACES: "races", INCONCLUSIVE: "inconclusive"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Reports that say the same: the first of them, how many, and from which processes."""

    report: Report
    functions: tuple[str, ...]
    count: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command that has ended, and everything that it left."""

    command: tuple[str, ...]
    ended: Ended | None
    processes: tuple[ProcessLog, ...]
    started: frozenset[str]
    left: tuple[LeftBehind, ...]


@dataclass(frozen=True, slots=True)
class CommandVerdict:
    """What a command is found to be, and why."""

    run: CommandRun
    exit_code: int
    reasons: tuple[str, ...]
    findings: tuple[Finding, ...]
    failures: tuple[Failure, ...]

    @property
    def verdict(self) -> str:
        """The verdict as a word."""
        return _VERDICTS[self.exit_code]


def judge_command(run: CommandRun, detector: str | None) -> CommandVerdict:
    """Judge a command; `detector` is the one that must have run, None accepts any."""
    findings = find(run.processes)
    failures = tuple(f for p in run.processes for f in p.parsed.failures)
    if findings:
        return CommandVerdict(run, RACES, (), findings, failures)
    doubts = tuple(_doubts(run, detector, failures))
    return CommandVerdict(run, INCONCLUSIVE if doubts else CLEAN, doubts, findings, failures)


def find(processes: Iterable[ProcessLog]) -> tuple[Finding, ...]:
    """Put the reports that say the same together."""
    groups: dict[tuple[object, ...], list[Report]] = {}
    for process in processes:
        for report in process.parsed.reports:
            groups.setdefault(key(report), []).append(report)
    return tuple(
        Finding(
            same[0],
            tuple(dict.fromkeys(site(stack)[1] for stack in accesses(same[0]))),
            len(same),
            tuple(sorted({r.pid for r in same if r.pid is not None})),
        )
        for same in groups.values()
    )


def key(report: Report) -> tuple[object, ...]:
    """Return what two reports of one race have in common, whoever came first."""
    return (report.detector, report.kind, *sorted(site(stack) for stack in accesses(report)))


def accesses(report: Report) -> Sequence[Stack]:
    """Return the stacks that a report is about: both accesses, or the first stack."""
    found = [s for s in report.stacks if s.role in ("access", "previous")]
    return found or report.stacks[:1]


def site(stack: Stack) -> tuple[str, str]:
    """Return file and function of the first frame that is the user's."""
    for frame in stack.frames:
        module = PurePath(frame.module or "").name
        if (
            frame.file is not None
            and not any(place in frame.file for place in _RUNTIME_PLACES)
            and not module.startswith(_RUNTIME_MODULES)
        ):
            return PurePath(frame.file).name, function_name(frame.function)
    for frame in stack.frames:
        return PurePath(frame.module or "").name, function_name(frame.function)
    return "", "?"


def _doubts(run: CommandRun, detector: str | None, failures: tuple[Failure, ...]) -> Iterable[str]:
    ended = run.ended
    if ended is None:
        yield "there was no command to run"
        return
    ran = {p.detector for p in run.processes} | run.started
    if not (ran if detector is None else ran & {detector}):
        yield _no_evidence(detector, ran)
    if ended.timed_out:
        yield f"the command was ended by its timeout after {ended.seconds:.0f} s"
    elif ended.status:
        yield f"the command failed ({describe_status(ended.status)}) and nothing was reported"
    for failure in failures:
        pid = "" if failure.pid is None else f" in process {failure.pid}"
        yield f"the detector or its program broke down{pid}: {failure.kind}"
    for process in run.processes:
        if not process.parsed.complete:
            yield f"the log of process {process.pid} is cut off or damaged"
    for left in run.left:
        yield f"process {left.pid} goes on under the detector: {left.command}"


def _no_evidence(detector: str | None, ran: set[str]) -> str:
    wanted = "a detector" if detector is None else f"the {detector} detector"
    text = f"no process ran under {wanted}"
    if ran:
        return f"{text} (but under: {', '.join(sorted(ran))})"
    return f"{text}; was it built with `raceshim cc` or -fsanitize?"

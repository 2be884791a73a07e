# SPDX-License-Identifier: BSD-2-Clause
"""Judge. The verdict comes from evidence; an exit status alone proves nothing.

For a command, in this order:

1. A finding that nobody has answered for and whose kind is not tolerated, in any process, shuts
   the gate (1): whatever the command's exit status is, whoever swallowed it, and however the
   process ended afterwards.
2. Without one the verdict is inconclusive (4) when no process ran under the detector, when one
   died or was not instrumented, when no thread was ever created in any, when the command failed or
   was ended by its timeout (what it did not do, nobody has looked at), and when instrumented
   processes go on after it. So it is when a canary was planted and not caught: what was silent was
   the gate.
3. Otherwise it is clean (0).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from raceshim._errors import CLEAN, INCONCLUSIVE, RACES
from raceshim._policy import Policy
from raceshim._states import evidence, lacks_ends, lacks_threads, own_program
from raceshim.evidence._run import describe_status
from raceshim.suppress._apply import Applied, apply, merge_applied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from raceshim.evidence._canary import Canary
    from raceshim.evidence._hang import Hanging
    from raceshim.evidence._processes import ProcessLog
    from raceshim.evidence._run import Ended, LeftBehind
    from raceshim.finding._merge import Finding
    from raceshim.formats._result import ProcessEvidence
    from raceshim.report._parse import Failure, Report, Stack
    from raceshim.suppress._apply import Suppression

#: Reasons of one sort that are told; the processes' states have them all.
_TOLD = 10
_VERDICTS = {CLEAN: "clean", RACES: "races", INCONCLUSIVE: "inconclusive"}


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command that has ended, and everything that it left.

    `canary` tells what became of the known race, if one was planted; it is not among `processes`.
    `starts` is how often ThreadSanitizer was seen to start, at least. `hanging` are processes that
    were at something when the command's time was over. `folder` is the working directory, None
    where it is the gate's own.
    """

    command: tuple[str, ...]
    ended: Ended | None
    processes: tuple[ProcessLog, ...]
    started: frozenset[str]
    left: tuple[LeftBehind, ...]
    canary: Canary | None = None
    starts: int = 0
    hanging: tuple[Hanging, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class CommandVerdict:
    """What a command is found to be, and why.

    `findings` shut the gate, `tolerated` ones are of a kind that the policy only tells of. `notes`
    are advice. `doubts` are why nothing would be known without the findings.
    """

    run: CommandRun
    exit_code: int
    reasons: tuple[str, ...]
    applied: Applied
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]
    tolerated: tuple[Finding, ...]
    processes: tuple[ProcessEvidence, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The verdict as a word."""
        return _VERDICTS[self.exit_code]


def judge_command(  # noqa: PLR0913 - what a verdict rests on
    run: CommandRun,
    detector: str | None,
    suppressions: Sequence[Suppression] = (),
    *,
    policy: Policy | None = None,
    needs_threads: bool = False,
    roots: Sequence[str] = (),
    today: date | None = None,
) -> CommandVerdict:
    """Judge a command; `detector` is the one that must have run, None accepts any.

    `needs_threads` asks of ThreadSanitizer that some process had more than one. `roots` are the
    folders of the project's sources: findings name files as they are below them.
    """
    day = date.today() if today is None else today  # noqa: DTZ011 - expiry dates are the user's
    each = [
        apply(suppressions, p.parsed.reports, today=day, program=p.program, roots=roots)
        for p in run.processes
    ]
    late = [
        apply(suppressions, (one.report,), today=day, program=one.program, roots=roots)
        for one in run.hanging
    ]
    applied = merge_applied(apply(suppressions, (), today=day), *each, *late)
    shut, tolerated = (policy or Policy()).part(applied.kept)
    failures = tuple(f for p in run.processes for f in p.parsed.failures)
    processes = evidence(
        run.processes, [(*one.kept, *(item.finding for item in one.suppressed)) for one in each]
    )
    ran = {process.detector for process in run.processes if not process.printed} | run.started
    if not ran and run.ended is not None:
        processes = (own_program(run.command, detector, run.folder), *processes)
    doubts = tuple(_doubts(run, detector, processes, ran, needs_threads=needs_threads))
    reasons = (run.canary.reasons if run.canary else ()) if shut else doubts
    code = RACES if shut else INCONCLUSIVE if doubts else CLEAN
    return CommandVerdict(
        run, code, reasons, applied, failures, shut, tolerated, processes, doubts=doubts
    )


def accesses(report: Report) -> Sequence[Stack]:
    """Return the stacks that a report is about: both accesses, or the first stack."""
    found = [s for s in report.stacks if s.role in ("access", "previous")]
    return found or report.stacks[:1]


def _doubts(
    run: CommandRun,
    detector: str | None,
    processes: Sequence[ProcessEvidence],
    ran: set[str],
    *,
    needs_threads: bool,
) -> Iterable[str]:
    ended = run.ended
    if ended is None:
        yield "there was no command to run"
        return
    if not (ran if detector is None else ran & {detector}):
        yield _no_evidence(detector, ran, processes)
    if ended.timed_out:
        yield f"the command was ended by its timeout after {ended.seconds:.0f} s"
    elif ended.status:
        yield f"the command failed ({describe_status(ended.status)}), and no finding says why"
    going_on = {left.pid for left in run.left}
    for state in ("DIED", "NOT-INSTRUMENTED"):
        yield from _capped(
            f"{_named(process)}: {state}: {reason}"
            for process in processes
            if process.state == state and process.pid not in going_on
            if process.pid is not None or process.state == "DIED"  # the other one is told above
            for reason in process.reasons
        )
    if needs_threads and lacks_threads(run.processes, run.starts):
        yield "NO-EVIDENCE: no process ever created a thread, so there was no race to be seen"
    known = run.left or any(process.state == "DIED" for process in processes)
    if needs_threads and not known and lacks_ends(run.processes, run.starts):
        yield "NO-EVIDENCE: no process left a record of its end: all crashed or were killed"
    for left in run.left:
        yield f"process {left.pid} goes on under the detector: {left.command}"
    if run.canary is not None:
        yield from run.canary.reasons


def _capped(reasons: Iterable[str]) -> Iterable[str]:
    told = list(reasons)
    yield from told[:_TOLD]
    if len(told) > _TOLD:
        yield f"and {len(told) - _TOLD} more like this; --json writes all of them"


def _named(process: ProcessEvidence) -> str:
    if process.pid is None:
        return "a process"
    program = f" ({process.program})" if process.program else ""
    return f"process {process.pid}{program}"


def _no_evidence(detector: str | None, ran: set[str], processes: Sequence[ProcessEvidence]) -> str:
    wanted = "a detector" if detector is None else f"the {detector} detector"
    text = f"no process ran under {wanted}"
    if ran:
        return f"{text} (but under: {', '.join(sorted(ran))})"
    return "; ".join([text, *(f"{one.state}: {why}" for one in processes for why in one.reasons)])

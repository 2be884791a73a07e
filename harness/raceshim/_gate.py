# SPDX-License-Identifier: BSD-2-Clause
"""Judge. The verdict comes from evidence; an exit status alone proves nothing.

For a command, in this order:

1. A finding that nobody has answered for, in any process, shuts the gate (1): whatever the
   command's exit status is, whoever swallowed it, and however the process ended afterwards.
2. Without one the verdict is inconclusive (4) when no process ran under the detector, when a log
   is cut off or the detector itself broke down, when the command failed or was ended by its
   timeout (what it did not do, nobody has looked at), and when instrumented processes go on after
   it. So it is when a canary was planted and not caught: what was silent was the gate.
3. Otherwise it is clean (0).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from raceshim._errors import CLEAN, INCONCLUSIVE, RACES
from raceshim._run import describe_status
from raceshim._suppress import Applied, apply, merge_applied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim._canary import Canary
    from raceshim._evidence import ProcessLog
    from raceshim._finding import Finding
    from raceshim._report import Failure, Report, Stack
    from raceshim._run import Ended, LeftBehind
    from raceshim._suppress import Suppression

_VERDICTS = {CLEAN: "clean", RACES: "races", INCONCLUSIVE: "inconclusive"}


@dataclass(frozen=True, slots=True)
class CommandRun:
    """A command that has ended, and everything that it left.

    `canary` tells what became of the known race, if one was planted; it is not among `processes`.
    """

    command: tuple[str, ...]
    ended: Ended | None
    processes: tuple[ProcessLog, ...]
    started: frozenset[str]
    left: tuple[LeftBehind, ...]
    canary: Canary | None = None


@dataclass(frozen=True, slots=True)
class CommandVerdict:
    """What a command is found to be, and why."""

    run: CommandRun
    exit_code: int
    reasons: tuple[str, ...]
    applied: Applied
    failures: tuple[Failure, ...]

    @property
    def verdict(self) -> str:
        """The verdict as a word."""
        return _VERDICTS[self.exit_code]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What shuts the gate."""
        return self.applied.kept


def judge_command(
    run: CommandRun,
    detector: str | None,
    suppressions: Sequence[Suppression] = (),
    *,
    roots: Sequence[str] = (),
    today: date | None = None,
) -> CommandVerdict:
    """Judge a command; `detector` is the one that must have run, None accepts any.

    `roots` are the folders of the project's sources: findings name files as they are below them.
    """
    day = date.today() if today is None else today  # noqa: DTZ011 - expiry dates are the user's
    applied = merge_applied(
        apply(suppressions, (), today=day),
        *(
            apply(suppressions, p.parsed.reports, today=day, program=p.program, roots=roots)
            for p in run.processes
        ),
    )
    failures = tuple(f for p in run.processes for f in p.parsed.failures)
    if applied.kept:
        silent = run.canary.reasons if run.canary else ()
        return CommandVerdict(run, RACES, silent, applied, failures)
    doubts = tuple(_doubts(run, detector, failures))
    return CommandVerdict(run, INCONCLUSIVE if doubts else CLEAN, doubts, applied, failures)


def accesses(report: Report) -> Sequence[Stack]:
    """Return the stacks that a report is about: both accesses, or the first stack."""
    found = [s for s in report.stacks if s.role in ("access", "previous")]
    return found or report.stacks[:1]


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
        yield f"the command failed ({describe_status(ended.status)}), and no finding says why"
    for failure in failures:
        pid = "" if failure.pid is None else f" in process {failure.pid}"
        yield f"the detector or its program broke down{pid}: {failure.kind}"
    for process in run.processes:
        if not process.parsed.complete:
            yield f"the log of process {process.pid} is cut off or damaged"
    for left in run.left:
        yield f"process {left.pid} goes on under the detector: {left.command}"
    if run.canary is not None:
        yield from run.canary.reasons


def _no_evidence(detector: str | None, ran: set[str]) -> str:
    wanted = "a detector" if detector is None else f"the {detector} detector"
    text = f"no process ran under {wanted}"
    if ran:
        return f"{text} (but under: {', '.join(sorted(ran))})"
    return f"{text}; was it built with `raceshim cc` or -fsanitize?"

# SPDX-License-Identifier: BSD-2-Clause
"""What a run of the gate came to, as values: the one input of every output format.

Whoever judges fills a `GateResult`; `_sarif`, `_junit`, `_github` and `_json` only encode it. They
decide nothing: a result that is inconclusive is so in each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from raceshim._errors import BUILD, CLEAN, INCONCLUSIVE, INTERRUPTED, RACES, USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raceshim.finding._merge import Finding
    from raceshim.report._model import Failure
    from raceshim.runs._matrix import Matrix
    from raceshim.runs._tally import Rate
    from raceshim.suppress._apply import Applied, Suppressed

#: The word for each exit code, the same in every format.
VERDICTS = {
    CLEAN: "clean",
    RACES: "races",
    USAGE: "usage",
    BUILD: "build failed",
    INCONCLUSIVE: "inconclusive",
    INTERRUPTED: "interrupted",
}


@dataclass(frozen=True, slots=True)
class ProcessEvidence:
    """What is known of one process, and the state that follows from it.

    `state` is PASS, RACE, OTHER-KIND, DIED, NOT-INSTRUMENTED or NO-EVIDENCE; `status` is the exit
    status, negative for a signal, None when nobody could see it. `reasons` say why a state that
    is neither PASS nor told by the findings is what it is.
    """

    program: str | None
    pid: int | None
    state: str
    detector: str | None
    completed: bool
    status: int | None = None
    kinds: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether the process was watched to its end: what it did is known."""
        return self.state in ("PASS", "RACE", "OTHER-KIND")


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How the command itself ended; `status` is negative for a signal."""

    status: int
    timed_out: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class StaleSuppression:
    """A suppression that does nothing any more: `state` is "unused" or "expired"."""

    rule: str
    state: str
    where: str
    reason: str
    expires: date | None


@dataclass(frozen=True, slots=True)
class CanaryEvidence:
    """Whether the known race that was planted in a program was caught; if not, why not."""

    program: str
    caught: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Runs:
    """Many runs of the command: how they ended, and how often each finding was shown.

    `policies` counts the runs of each. `sureness` says what is known of what was not shown.
    """

    counted: int
    clean: int
    races: int
    inconclusive: int
    policies: Mapping[str, int]
    inputs: int
    sureness: str
    rates: Mapping[str, Rate]


@dataclass(frozen=True, slots=True)
class GateResult:
    """A verdict with everything that it rests on.

    `findings` shut the gate. `tolerated` ones are of a kind that the policy only tells of.
    `reasons` say why the verdict is inconclusive, or what was in doubt beside the findings;
    `notes` are advice. `root` is the folder that holds the sources; paths below it are shown
    relative to it. `left` are pid and command of instrumented processes that go on after the
    command. `canaries` is None when none was to be planted, `runs` where there was but one, and
    `matrix` where there was but one setting.
    """

    command: tuple[str, ...]
    exit_code: int
    root: PurePath
    started: datetime
    version: str
    end: CommandEnd | None = None
    detector: str | None = None
    findings: tuple[Finding, ...] = ()
    tolerated: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    stale: tuple[StaleSuppression, ...] = ()
    processes: tuple[ProcessEvidence, ...] = ()
    failures: tuple[Failure, ...] = ()
    left: tuple[tuple[int, str], ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    canaries: tuple[CanaryEvidence, ...] | None = None
    runs: Runs | None = None
    matrix: Matrix | None = None

    def rate(self, finding: Finding) -> Rate | None:
        """Return how often a finding was shown; None where there was but one run."""
        return None if self.runs is None else self.runs.rates.get(finding.fingerprint)

    @property
    def seconds(self) -> float:
        """How long the command took."""
        return max(self.end.seconds, 0.0) if self.end is not None else 0.0

    @property
    def verdict(self) -> str:
        """The verdict as a word; an exit code that nobody knows is no clean one."""
        return VERDICTS.get(self.exit_code, "inconclusive")

    @property
    def conclusive(self) -> bool:
        """Whether the gate has looked and knows: clean, or races."""
        return self.exit_code in (CLEAN, RACES)

    @property
    def started_utc(self) -> datetime:
        """When the command began: UTC, and without saying so."""
        return self.started.astimezone(UTC).replace(tzinfo=None)


def stale(applied: Applied) -> tuple[StaleSuppression, ...]:
    """Return the suppressions that do nothing any more."""
    unused = ((rule, "unused") for rule in applied.unused)
    expired = ((rule, "expired") for rule, _ in applied.expired)
    return tuple(
        StaleSuppression(rule.rule, state, rule.where, rule.reason, rule.expires)
        for rule, state in (*expired, *unused)
    )


def headline(result: GateResult) -> str:
    """Say the verdict in one line."""
    parts = [result.verdict]
    for number, what in (
        (len(result.findings), "finding"),
        (len(result.tolerated), "tolerated"),
        (len(result.suppressed), "suppressed"),
    ):
        if number:
            plural = "s" if what == "finding" and number != 1 else ""
            parts.append(f"{number} {what}{plural}")
    if result.runs is not None:
        parts.append("1 run" if result.runs.counted == 1 else f"{result.runs.counted} runs")
    return ", ".join(parts)


def program_name(program: str | None, root: PurePath) -> str:
    """Return the name of a program for people: below the sources' folder it is relative."""
    if not program:
        return "(unknown program)"
    path = PurePath(program)
    return str(path.relative_to(root)) if path.is_relative_to(root) else program

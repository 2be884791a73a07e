# SPDX-License-Identifier: BSD-2-Clause
"""Judge many runs of one command together.

A finding of any run shuts the gate. Without one, a single run that is inconclusive makes all of
them so: a verdict must not depend on how many runs went well beside it. Runs may come in any order
and from any machine; a run that comes twice counts once.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from raceshim._errors import BUILD, CLEAN, INCONCLUSIVE, INTERRUPTED, RACES
from raceshim._policy import Policy
from raceshim.runs._tally import Rate, Tally
from raceshim.suppress._apply import Applied, apply, merge_applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raceshim.finding._merge import Finding
    from raceshim.formats._lines import Result, Setting
    from raceshim.formats._result import ProcessEvidence
    from raceshim.report._model import Failure
    from raceshim.suppress._apply import Suppression

_VERDICTS = {
    CLEAN: "clean",
    RACES: "races",
    BUILD: "build failed",
    INCONCLUSIVE: "inconclusive",
    INTERRUPTED: "interrupted",
}
#: Findings are merged so many runs at a time.
_BATCH = 64
#: What is kept of things that many runs may have one each of.
_PIDS, _PROCESSES, _FAILURES, _REASONS = 100, 1000, 20, 20
_PID = re.compile(r"\bprocess \d+\b")


@dataclass(frozen=True, slots=True)
class CampaignVerdict:
    """What many runs are found to be.

    `rates` are of all findings, also those that are tolerated or suppressed. `processes` are
    those that differ in more than their id, and `states` counts all of them. `status` is that of
    the first run that did not end with 0. `interrupted` tells that there should have been more.
    """

    setting: Setting
    exit_code: int
    tally: Tally
    rates: Mapping[str, Rate]
    applied: Applied
    findings: tuple[Finding, ...]
    tolerated: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    processes: tuple[ProcessEvidence, ...]
    states: Mapping[str, int]
    detectors: Mapping[str, int]
    ends: Mapping[str, int]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    status: int
    timed_out: bool
    interrupted: bool = False

    @property
    def verdict(self) -> str:
        """The verdict as a word."""
        return _VERDICTS[self.exit_code]


class Campaign:
    """The runs of one command, judged as they come."""

    def __init__(
        self,
        setting: Setting,
        suppressions: Sequence[Suppression] = (),
        *,
        policy: Policy | None = None,
        today: date | None = None,
    ) -> None:
        """Begin with no runs."""
        self.setting = setting
        self.tally = Tally()
        #: Fingerprints of findings that shut the gate.
        self.open: set[str] = set()
        self._policy = policy or Policy()
        self._suppressions = suppressions
        self._today = date.today() if today is None else today  # noqa: DTZ011 - the user's day
        self._applied = [apply(suppressions, (), today=self._today)]
        self._processes: dict[object, ProcessEvidence] = {}
        self._states: Counter[str] = Counter()
        self._detectors: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._failures: dict[str, Failure] = {}
        self._reasons: Counter[str] = Counter()
        self._notes: dict[str, None] = {}
        self._seconds = 0.0
        self._status = 0
        self._timed_out = False

    def add(self, result: Result) -> frozenset[str] | None:
        """Count a run, and return what it has shown; None if it was there already."""
        parts = [
            apply(
                self._suppressions,
                (report,),
                today=self._today,
                program=program,
                roots=(result.setting.root,),
            )
            for program, report in result.reports
        ]
        kept = [finding for part in parts for finding in part.kept]
        hidden = [item.finding for part in parts for item in part.suppressed]
        shown = frozenset(one.fingerprint for one in (*kept, *hidden))
        if not self.tally.add(result.task, shown):
            return None
        shut, _ = self._policy.part(kept)
        self.open |= {finding.fingerprint for finding in shut}
        doubts = result.reasons if shut else result.doubts
        self._ends["races" if shut else "inconclusive" if doubts else "clean"] += 1
        self._reasons.update({_PID.sub("a process", reason) for reason in doubts})
        self._applied += parts
        if len(self._applied) > _BATCH:
            self._applied = [self._merged()]
        for process in result.processes:
            self._states[process.state] += 1
            self._detectors[process.detector or "none"] += 1
            if len(self._processes) < _PROCESSES:
                self._processes.setdefault(replace(process, pid=None), process)
        for failure in result.failures:
            if len(self._failures) < _FAILURES:
                self._failures.setdefault(failure.kind, failure)
        self._notes |= dict.fromkeys(result.notes)
        self._seconds += result.seconds
        self._status = self._status or result.status
        self._timed_out = self._timed_out or result.timed_out
        return shown

    def verdict(
        self,
        *,
        interrupted: bool = False,
        notes: Sequence[str] = (),
        missing: Sequence[str] = (),
    ) -> CampaignVerdict:
        """Judge the runs that there are by now; `missing` says why others are not there."""
        applied = self._merged()
        self._applied = [applied]
        shut, tolerated = self._policy.part(applied.kept)
        findings = (*applied.kept, *(item.finding for item in applied.suppressed))
        reasons = (*self._told(), *missing)
        if not self.tally.runs:
            reasons = ("there was no run", *missing)
        code = RACES if shut else INCONCLUSIVE if reasons else CLEAN
        if interrupted:
            code = INTERRUPTED
        return CampaignVerdict(
            setting=self.setting,
            exit_code=code,
            tally=self.tally,
            rates={one.fingerprint: self.tally.rate(one.fingerprint) for one in findings},
            applied=applied,
            findings=shut,
            tolerated=tolerated,
            failures=tuple(self._failures.values()),
            processes=tuple(self._processes.values()),
            states=dict(sorted(self._states.items())),
            detectors=dict(sorted(self._detectors.items())),
            ends=dict(self._ends),
            reasons=reasons,
            notes=(*self._notes, *notes),
            seconds=self._seconds,
            status=self._status,
            timed_out=self._timed_out,
            interrupted=interrupted,
        )

    def _merged(self) -> Applied:
        """Add findings up. Of their processes the first are kept: ids come again in other runs."""
        whole = merge_applied(self._applied[0], *self._applied[1:])
        return replace(
            whole,
            kept=tuple(replace(one, pids=one.pids[:_PIDS]) for one in whole.kept),
            suppressed=tuple(
                replace(item, finding=replace(item.finding, pids=item.finding.pids[:_PIDS]))
                for item in whole.suppressed
            ),
        )

    def _told(self) -> tuple[str, ...]:
        """Return the doubts, those of most runs first."""
        runs = self.tally.runs
        told = [f"{count} of {runs} runs: {why}" for why, count in self._reasons.most_common()]
        if len(told) > _REASONS:
            told[_REASONS:] = [f"and {len(told) - _REASONS} more reasons in some runs"]
        return tuple(told)

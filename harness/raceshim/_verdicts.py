# SPDX-License-Identifier: BSD-2-Clause
"""Judge programs whose name is their verdict: false positives and false negatives apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import BUILD, CLEAN, INCONCLUSIVE, RACES
from raceshim._outcomes import HANG, Outcome, Sign, is_right

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim._build import Case
    from raceshim.report._parse import Report


@dataclass(frozen=True, slots=True)
class ProgramRun:
    """One run of a test program."""

    signs: tuple[Sign, ...]
    reports: tuple[Report, ...]
    seconds: float
    evidence: bool
    complete: bool
    policy: str = "none"


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """What a case is found to be. `error` is the compiler's, and then there are no runs.

    With `once` a single run that shows what is expected will do where others show nothing: some
    schedules hide a race. What must be clean must be clean in all.
    """

    case: Case
    expected: tuple[Outcome, ...]
    runs: tuple[ProgramRun, ...]
    error: str | None = None
    once: bool = False

    @property
    def right(self) -> int:
        """How many runs showed what was expected."""
        return sum(self._is_right(run) for run in self.runs)

    @property
    def verdict(self) -> str:
        """One of: right, false positive, false negative, found, wrong, no evidence, build failed.

        `found` is a race that was known to be missed and no longer is.
        """
        if self.error is not None:
            return "build failed"
        if not all(run.evidence and run.complete for run in self.runs):
            return "no evidence"
        bad = [run for run in self.runs if not self._is_right(run)]
        if self.once and len(bad) < len(self.runs):
            bad = [run for run in bad if any(sign.kind != "clean" for sign in run.signs)]
        if not bad:
            return "right"
        reported = any(sign.report and not sign.crashed for run in bad for sign in run.signs)
        if any(outcome.kind == "clean" for outcome in self.expected):
            found = self.case.program.verdict == "miss" and self.case.variant == "main"
            return ("found" if found else "false positive") if reported else "wrong"
        silent = any(sign.kind in ("clean", HANG) for run in bad for sign in run.signs)
        return "false negative" if silent else "wrong"

    @property
    def got(self) -> Counter[str]:
        """What the runs showed: the expected outcome where it was, else a description."""
        return Counter(self._describe(run) for run in self.runs)

    @property
    def reports(self) -> int:
        """How many reports all runs made together."""
        return sum(len(run.reports) for run in self.runs)

    @property
    def seconds(self) -> float:
        """How long all runs took together."""
        return sum(run.seconds for run in self.runs)

    def _is_right(self, run: ProgramRun) -> bool:
        return run.evidence and run.complete and is_right(run.signs, self.expected)

    def _describe(self, run: ProgramRun) -> str:
        if not run.evidence:
            return "the detector did not run"
        return " + ".join(
            dict.fromkeys(
                next((str(o) for o in self.expected if o.matches(sign)), str(sign))
                for sign in run.signs
            )
        )


def exit_code(verdicts: Sequence[CaseVerdict]) -> int:
    """Return the exit status for a set of programs: a wrong verdict outweighs a failed build."""
    found = {verdict.verdict for verdict in verdicts}
    if found & {"false positive", "false negative", "found", "wrong"}:
        return RACES
    if "build failed" in found:
        return BUILD
    if "no evidence" in found or not found:
        return INCONCLUSIVE
    return CLEAN

# SPDX-License-Identifier: BSD-2-Clause
"""The steps of a bisection: measure, search, tell."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from raceshim._errors import CLEAN, INCONCLUSIVE, UsageError
from raceshim.bisect import _text
from raceshim.bisect._lab import UNSEEN
from raceshim.bisect._odds import Known, Measured, Odds, expected
from raceshim.bisect._search import Found, Verdict, search
from raceshim.bisect._state import State, Tested

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TextIO

    from raceshim.bisect._repository import Commit
    from raceshim.bisect._target import Target

#: So often it is shown before the rate is thought to be known. More runs here are less later: for
#: an error of 1 % and 1000 commits, this is where both together are fewest.
SHOWS = 16
#: A rate that was told is not believed if so many runs are silent as are with this probability.
_DISBELIEF = 0.001


class Commits(Protocol):
    """What is asked of a repository."""

    def between(self, bad: str, goods: frozenset[str]) -> list[str]:
        """Return what could be the first bad commit; see `_search`."""
        ...

    def bases(self, good: str, bad: str) -> list[str]:
        """Return what the two have in common."""
        ...

    def describe(self, name: str) -> Commit:
        """Return what people know a commit by."""
        ...


class Runs(Protocol):
    """What runs the command at a commit; see `_lab`."""

    @property
    def round(self) -> int:
        """How many runs make every policy and every input come up once."""
        ...

    def measure(self, bad: Tested, shows: int, patience: int) -> None:
        """Run until so many runs have shown the finding, or none of so many."""
        ...

    def test(self, one: Tested, needed: int) -> Verdict:
        """Run until the finding is shown, or was silent for so many runs."""
        ...


@dataclass(slots=True)
class Bisection:
    """One search: measure the rate at the bad end, test commits, and tell what was found."""

    repository: Commits
    state: State
    target: Target
    lab: Runs
    stream: TextIO
    error: float
    odds: Odds | None = None
    found: Found | None = None
    notes: list[str] = field(default_factory=list)
    commits: dict[str, Commit] = field(default_factory=dict)

    def run(self, goods: Sequence[str], bad: str, told: Measured | Known | None) -> int:
        """Measure, search, and tell; return the exit status."""
        ends = self._ends(goods, bad)
        between = self.repository.between(bad, frozenset(ends))
        if bad in ends or not between:
            raise UsageError(f"there is no commit between {bad[:12]} and what is good")
        end = self._measure(bad, told)
        if end.verdict is None:
            return INCONCLUSIVE
        self.odds = odds = Odds(
            self.error,
            told or self._measured(end),
            expected(len(ends), len(between)),
            self.lab.round,
        )
        self._say(_text.plan_text(odds, len(between)))
        self.found = found = search(
            self.repository, ends, bad, lambda commit, place: self._look(commit, odds.runs(place))
        )
        for one in (*found.left, *filter(None, (found.first,))):
            self.commits.setdefault(one, self.repository.describe(one))
        self._say(_text.end_text(found, self.target.name, self.commits, odds))
        self.notes += _text.doubts(found, self.state.tested, odds)
        self._say(f"note: {note}" for note in self.notes)
        return CLEAN if found.first is not None else INCONCLUSIVE

    def document(self, code: int) -> dict[str, Any]:
        """Return all of it for JSON."""
        return _text.document(
            code,
            self.target,
            self.state.bad,
            self.state.tested,
            self.odds,
            self.found,
            self.commits,
            self.notes,
        )

    def _ends(self, goods: Sequence[str], bad: str) -> list[str]:
        """Return the good ends; of another branch, where it has left the history of `bad`."""
        ends: list[str] = []
        for good in goods:
            bases = self.repository.bases(good, bad)
            if bases != [good]:
                at = ", ".join(base[:12] for base in bases)
                self.notes.append(f"{good[:12]} is on another branch, which began at {at}")
            ends += bases
        return list(dict.fromkeys(ends))

    def _measure(self, bad: str, told: Measured | Known | None) -> Tested:
        end = self.state.bad or Tested(bad)
        self.state.bad = end
        self.commits[bad] = self.repository.describe(bad)
        shows, patience = SHOWS, UNSEEN
        if told is not None:
            shows, patience = 1, self._rounds(told.silent(_DISBELIEF))
        self.lab.measure(end, shows, patience)
        if end.shown < shows:
            self._say(self._unseen(end))
            return end
        end.verdict = Verdict.BAD
        self._say([f"at {_text.commit_text(self.commits[bad])}", *_text.bad_text(end)])
        return end

    def _measured(self, end: Tested) -> Measured:
        return Measured(end.shown, self._rounds(end.runs))

    def _rounds(self, runs: float) -> int:
        # A round that has begun counts whole: its first policies may be the better ones.
        return math.ceil(runs / self.lab.round) * self.lab.round

    def _unseen(self, end: Tested) -> Iterator[str]:
        of = f"{end.shown} of {end.runs} runs"
        yield f"inconclusive: {of} of {end.commit[:12]} have shown {self.target.text}"
        if end.why:
            more = f"{end.doubtful} more runs were inconclusive: " if end.doubtful else ""
            yield f"{more}{end.why}"
        for name, title in self.target.others.items():
            yield f"it has shown {name}  {title}"

    def _look(self, commit: str, needed: int) -> Verdict:
        one = self.state.of(commit)
        self.commits.setdefault(commit, self.repository.describe(commit))
        verdict = one.verdict or self.lab.test(one, needed)
        self.stream.write("".join(f"{x}\n" for x in _text.tested_text(one, self.commits[commit])))
        self.stream.flush()
        return verdict

    def _say(self, lines: Iterable[str]) -> None:
        self.stream.write("".join(f"raceshim: {line}\n" for line in lines))
        self.stream.flush()

# SPDX-License-Identifier: BSD-2-Clause
"""Search for the first bad commit, by halves.

As `git bisect` does, and with git's own choice of commits. What it does besides: the good ends are
tested before anything else. That nobody has seen a flaky race there is what makes people call them
good, and is no proof; if one is bad, everything that is found above it is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Verdict(StrEnum):
    """What a commit is found to be; `SKIPPED` is one that cannot be tested."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"


class Commits(Protocol):
    """A repository, as much of it as the search needs."""

    def between(self, bad: str, goods: frozenset[str]) -> Sequence[str]:
        """Return `bad` and all before it that the good ones do not have.

        Those come first that divide them best.
        """
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """How a search has ended: `first` is the commit, or None.

    Then either `bad_end` is a good end that is bad, or only `left` could be the first one, of which
    all but one could not be tested. `untested` are good ends that nobody has looked at.
    """

    first: str | None
    left: tuple[str, ...] = ()
    bad_end: str | None = None
    untested: tuple[str, ...] = ()


def search(
    commits: Commits, goods: Iterable[str], bad: str, look: Callable[[str, int], Verdict]
) -> Found:
    """Find the first commit that is bad.

    `look` tests a commit; it is told how many verdicts there have been before. `bad` is known to
    be bad, the good ends are tested.
    """
    known, untested = set(goods), []
    verdicts = 0
    for good in sorted(known):
        verdict = look(good, verdicts)
        if verdict is Verdict.BAD:
            return Found(None, bad_end=good)
        if verdict is Verdict.SKIPPED:
            untested.append(good)
        else:
            verdicts += 1
    skipped: set[str] = set()
    while True:
        left = commits.between(bad, frozenset(known))
        open_ = [one for one in left if one != bad and one not in skipped]
        if not open_:
            first = bad if len(left) == 1 else None
            return Found(first, tuple(left), untested=tuple(untested))
        chosen = _choose(open_, moved=left[0] in skipped, salt=f"{bad} {len(skipped)}")
        verdict = look(chosen, verdicts)
        if verdict is Verdict.SKIPPED:
            skipped.add(chosen)
            continue
        verdicts += 1
        if verdict is Verdict.BAD:
            bad = chosen
        else:
            known.add(chosen)


def _choose(open_: Sequence[str], *, moved: bool, salt: str) -> str:
    """Return the commit to test.

    The neighbours of one that cannot be tested often cannot either. So it is then one at some
    distance, by chance, as git takes it; the same chance each time.
    """
    if not moved:
        return open_[0]
    chance = int.from_bytes(sha256(salt.encode()).digest()[:4]) / 2**32
    return open_[int(len(open_) * chance**1.5)]

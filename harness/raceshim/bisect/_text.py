# SPDX-License-Identifier: BSD-2-Clause
"""What a bisection tells people and scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from raceshim.bisect._lab import policies
from raceshim.bisect._search import Verdict
from raceshim.runs._rates import percent
from raceshim.runs._tally import Share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.bisect._odds import Odds
    from raceshim.bisect._repository import Commit
    from raceshim.bisect._search import Found
    from raceshim.bisect._state import Tested
    from raceshim.bisect._target import Target

SCHEMA = 1


def commit_text(one: Commit) -> str:
    """Return a commit on one line."""
    return f"{one.name[:12]}  {one.date}  {one.subject[:72]}"


def tested_text(one: Tested, at: Commit) -> Iterator[str]:
    """Return what a commit was found to be, and by what."""
    of = f"run {one.runs}" if one.verdict is Verdict.BAD else f"0 of {one.runs} runs"
    if one.verdict is Verdict.SKIPPED:
        of = one.why.splitlines()[0] if not one.doubtful else f"{one.doubtful} runs inconclusive"
    yield f"  {one.verdict:<7}  {of:<14}  {commit_text(at)}"
    if one.verdict is Verdict.SKIPPED and one.doubtful:
        yield f"           {one.why.splitlines()[0]}"
    if one.moved is not None:
        yield f"           as {one.moved}: the same functions, elsewhere"
    if one.similar and one.verdict is Verdict.GOOD:
        yield f"           not counted, but similar: {', '.join(one.similar)}"


def bad_text(bad: Tested) -> Iterator[str]:
    """Return what the bad end has shown."""
    yield f"shown by {Share(bad.shown, bad.runs).text()}"
    counts, shown = policies(bad.slots), policies(bad.shown_slots)
    if len(counts) > 1:
        each = (f"{name} {shown.get(name, 0)} of {runs}" for name, runs in sorted(counts.items()))
        yield f"by policy: {', '.join(each)}"


def plan_text(odds: Odds, between: int) -> Iterator[str]:
    """Return what is going to be done."""
    share = percent(odds.share(0))
    yield (
        f"{between} commits could be the first: about {odds.expected} to test; "
        f"{odds.runs(0)} silent runs make one good (wrong with p < {share})"
    )


def end_text(found: Found, name: str, commits: dict[str, Commit], odds: Odds) -> Iterator[str]:
    """Return what was found."""
    if found.bad_end is not None:
        yield f"{found.bad_end[:12]} shows it too: the race is older; name an older --good"
    elif found.first is not None:
        yield name
        yield f"came with {commit_text(commits[found.first])}  ({commits[found.first].author})"
        yield f"wrong with p < {percent(odds.error)}"
    else:
        yield "inconclusive: it came with one of these, of which all but the last were not tested"
        known = [one for one in commits if one in found.left]
        for one in sorted(known, key=lambda each: each == found.left[-1]):
            yield f"  {commit_text(commits[one])}"


def doubts(found: Found, tested: Sequence[Tested], odds: Odds) -> list[str]:
    """Return why the stated probability may not hold."""
    told = [f"{one[:12]} could not be tested: it is good on your word" for one in found.untested]
    shown = [one for one in tested if one.verdict is Verdict.BAD]
    if odds.doubted(sum(one.shown for one in shown), sum(one.runs for one in shown)):
        told.append(
            f"at the {len(shown)} bad commits it took {sum(one.runs for one in shown)} runs, which "
            "is long for that rate: it shows less often there, and the error is larger than stated"
        )
    told += [
        f"{one.commit[:12]} is good, but shows {', '.join(one.similar)}, with a function of the "
        "same name: if it is the same race, look for it by kind and functions"
        for one in tested
        if one.verdict is Verdict.GOOD and one.similar
    ]
    return told


def document(  # noqa: PLR0913, PLR0917 - all that is known
    exit_code: int,
    target: Target,
    bad: Tested | None,
    tested: Sequence[Tested],
    odds: Odds | None,
    found: Found | None,
    commits: dict[str, Commit],
    told: Sequence[str],
) -> dict[str, Any]:
    """Return all of it for JSON."""
    first = found.first if found is not None else None
    return {
        "schema": SCHEMA,
        "exit_code": exit_code,
        "finding": {"asked": target.text, **target.document()},
        "first_bad": None if first is None else asdict(commits[first]),
        "could_be": [] if found is None else list(found.left),
        "bad_good_end": None if found is None else found.bad_end,
        "error": None if odds is None else odds.error,
        "rate": None if odds is None else asdict(odds.rate),
        "bad_end": None if bad is None else _tested(bad),
        "tested": [_tested(one) for one in tested if one.verdict is not None],
        "notes": list(told),
    }


def _tested(one: Tested) -> dict[str, Any]:
    return {
        "commit": one.commit,
        "verdict": None if one.verdict is None else one.verdict.value,
        "runs": one.runs,
        "shown": one.shown,
        "needed": one.needed,
        "inconclusive": one.doubtful,
        "why": one.why or None,
        "moved": one.moved,
        "similar": list(one.similar),
        "by_policy": {
            name: {"runs": runs, "shown": policies(one.shown_slots).get(name, 0)}
            for name, runs in sorted(policies(one.slots).items())
        },
    }

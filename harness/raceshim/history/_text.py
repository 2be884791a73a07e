# SPDX-License-Identifier: BSD-2-Clause
"""The history for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim.runs._rates import percent, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.history._views import AtCommit, Commit, Line, Rate, Summary


def findings(lines: Sequence[Line]) -> Iterator[str]:
    """Return a line for each finding."""
    yield f"{'runs':>11}  {'rate':>18}  {'first':<23}  {'last':<23}  finding"
    for one in lines:
        state = "" if one.is_there else "  (not seen at the newest commit)"
        yield (
            f"{_of(one.rate):>11}  {_sure(one.rate):>18}  {_commit(one.first)}  "
            f"{_commit(one.last)}  {one.fingerprint}  {one.title}{state}"
        )
    there = sum(one.is_there for one in lines)
    yield f"{len(lines)} findings, {there} of them at the newest commit"


def finding(line: Line, at: Sequence[AtCommit]) -> Iterator[str]:
    """Return a finding with a line for each commit, the newest first."""
    yield f"{line.fingerprint}  {line.title}"
    yield f"first seen at {_commit(line.first)}, last at {_commit(line.last)}"
    yield f"{_of(line.rate)} runs, {_sure(line.rate)}"
    yield ""
    yield f"{'runs':>11}  {'rate':>18}  {'reports':>7}  commit"
    for one in reversed(at):
        yield f"{_of(one.rate):>11}  {_sure(one.rate):>18}  {one.reports:>7}  {_commit(one.commit)}"


def commits(summaries: Sequence[Summary]) -> Iterator[str]:
    """Return a line for each commit."""
    yield f"{'commit':<23}   runs  inconclusive  findings   new  gone"
    for one in summaries:
        yield (
            f"{_commit(one.commit)}  {one.runs:>5}  {one.inconclusive:>12}  {one.findings:>8}  "
            f"{one.new:>4}  {one.gone:>4}"
        )


def _of(rate: Rate) -> str:
    return f"{rate.seen}/{rate.runs}"


def _sure(rate: Rate) -> str:
    """Return the interval that the rate lies in with 95 %."""
    low, high = wilson(rate.seen, rate.runs)
    return f"{percent(low)} to {percent(high)}"


def _commit(one: Commit) -> str:
    return f"{one.name[:12]:<12} {one.time[:10]}"

# SPDX-License-Identifier: BSD-2-Clause
"""Questions to the history.

A finding's rate is of the runs that count in the lanes that have ever shown it: what another
command does not show says nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from raceshim._errors import UsageError
from raceshim.history._database import COMMITS, FINDINGS, RUNS, SIGHTINGS
from raceshim.history._sql import sa
from raceshim.runs._rates import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

_JOINED = SIGHTINGS.join(RUNS, RUNS.c.id == SIGHTINGS.c.run_id)
#: The runs of a lane at a commit, under a number: that and the finding are all that sightings are
#: put together by, and numbers are put in order faster than texts.
_GROUPS = (
    sa.select(
        sa.func.min(RUNS.c.id).label("number"),
        RUNS.c.lane,
        RUNS.c.commit_id,
        sa.func.sum(RUNS.c.counted).label("counted"),
    )
    .group_by(RUNS.c.lane, RUNS.c.commit_id)
    .subquery()
)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of so many runs have shown something, and within which rates that lies (95 %)."""

    seen: int
    runs: int

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        low, high = wilson(self.seen, self.runs)
        return {"seen": self.seen, "runs": self.runs, "low": round(low, 6), "high": round(high, 6)}


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, and when it was made."""

    name: str
    time: str


@dataclass(frozen=True, slots=True)
class Line:
    """A finding, over all commits."""

    fingerprint: str
    kind: str
    title: str
    first: Commit
    last: Commit
    commits: int
    rate: Rate
    is_there: bool


@dataclass(frozen=True, slots=True)
class AtCommit:
    """A finding at one commit."""

    commit: Commit
    rate: Rate
    reports: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All runs of a commit, and how many results were `inconclusive`.

    `new` findings have never been seen before it, `gone` ones were at the one before, and never
    since.
    """

    commit: Commit
    runs: int
    inconclusive: int
    findings: int
    new: int
    gone: int


def findings(connection: sa.Connection, fingerprint: str | None = None) -> list[Line]:
    """Return all findings (or one), those that were seen last first."""
    commits = _commits(connection)
    names = list(commits.values())
    order = {number: place for place, number in enumerate(commits)}
    groups: dict[int, tuple[str, int]] = {}
    runs: Counter[str] = Counter()
    newest: dict[str, int] = {}
    for number, lane, commit, counted in connection.execute(sa.select(_GROUPS)):
        groups[number] = lane, order[commit]
        runs[lane] += int(counted)
        newest[lane] = max(newest.get(lane, 0), order[commit])
    # By group first: SQLite finds sightings by their run, and has less to put in order.
    query = (
        sa.select(_GROUPS.c.number, SIGHTINGS.c.finding_id, sa.func.sum(SIGHTINGS.c.shown))
        .select_from(
            _JOINED.join(
                _GROUPS,
                sa.and_(_GROUPS.c.lane == RUNS.c.lane, _GROUPS.c.commit_id == RUNS.c.commit_id),
            )
        )
        .group_by(_GROUPS.c.number, SIGHTINGS.c.finding_id)
    )
    rows = sa.select(FINDINGS)
    if fingerprint is not None:
        rows = rows.where(FINDINGS.c.fingerprint == fingerprint)
        query = query.join(FINDINGS, FINDINGS.c.id == SIGHTINGS.c.finding_id).where(
            FINDINGS.c.fingerprint == fingerprint
        )
    shown: Counter[int] = Counter()
    where: dict[int, set[tuple[str, int]]] = {}
    for number, one, count in connection.execute(query).all():
        shown[one] += int(count)
        where.setdefault(one, set()).add(groups[number])
    lines = []
    for row in connection.execute(rows):
        here = where.get(row.id)
        if here is None:
            continue
        lanes = {lane for lane, _ in here}
        at = {commit for _, commit in here}
        rate = Rate(shown[row.id], sum(runs[lane] for lane in lanes))
        is_there = any((lane, newest[lane]) in here for lane in lanes)
        first, last = names[min(at)], names[max(at)]
        lines.append(
            Line(row.fingerprint, row.kind, row.title, first, last, len(at), rate, is_there)
        )
    return sorted(lines, key=lambda one: (one.last.time, one.first.time), reverse=True)


def finding(connection: sa.Connection, fingerprint: str) -> tuple[Line, list[AtCommit]]:
    """Return a finding, and how often it has shown at each commit, the oldest first."""
    lines = findings(connection, fingerprint)
    if not lines:
        raise UsageError(f"{fingerprint}: there is no such finding in the history")
    commits = _commits(connection)
    mine = (
        sa.select(RUNS.c.commit_id, RUNS.c.lane, SIGHTINGS.c.shown, SIGHTINGS.c.reports)
        .select_from(_JOINED)
        .join(FINDINGS, FINDINGS.c.id == SIGHTINGS.c.finding_id)
        .where(FINDINGS.c.fingerprint == fingerprint)
    )
    seen: dict[int, int] = {}
    reports: dict[int, int] = {}
    lanes = set()
    for commit, lane, shown, count in connection.execute(mine):
        seen[commit] = seen.get(commit, 0) + shown
        reports[commit] = reports.get(commit, 0) + count
        lanes.add(lane)
    all_runs = (
        sa.select(RUNS.c.commit_id, sa.func.sum(RUNS.c.counted))
        .where(RUNS.c.lane.in_(sorted(lanes)))
        .group_by(RUNS.c.commit_id)
    )
    runs = {commit: int(count) for commit, count in connection.execute(all_runs)}
    return lines[0], [
        AtCommit(
            commits[number], Rate(seen.get(number, 0), runs.get(number, 0)), reports.get(number, 0)
        )
        for number in commits
        if number in runs or number in reports
    ]


def summaries(connection: sa.Connection) -> list[Summary]:
    """Return all commits, the newest first."""
    commits = _commits(connection)
    order = {number: place for place, number in enumerate(commits)}
    counts = {
        number: (int(runs), int(doubtful))
        for number, runs, doubtful in connection.execute(
            sa.select(
                RUNS.c.commit_id,
                sa.func.sum(RUNS.c.counted),
                sa.func.sum(sa.case((RUNS.c.conclusive, 0), else_=1)),
            ).group_by(RUNS.c.commit_id)
        )
    }
    pairs = sa.select(SIGHTINGS.c.finding_id, RUNS.c.commit_id).select_from(_JOINED).distinct()
    places: dict[int, list[int]] = {}
    for one, commit in connection.execute(pairs):
        places.setdefault(one, []).append(order[commit])
    here, new, gone = ([0] * (len(order) + 1) for _ in range(3))
    for where in places.values():
        for place in where:
            here[place] += 1
        new[min(where)] += 1
        gone[max(where) + 1] += 1
    return [
        Summary(commit, *counts.get(number, (0, 0)), here[place], new[place], gone[place])
        for place, (number, commit) in enumerate(commits.items())
    ][::-1]


def document(value: Line | AtCommit | Summary) -> dict[str, Any]:
    """Return one of them for JSON."""
    content = asdict(value)
    if not isinstance(value, Summary):
        content["rate"] = value.rate.document()
    return content


def _commits(connection: sa.Connection) -> dict[int, Commit]:
    """Return all commits by key, the oldest first."""
    rows: Sequence[Any] = connection.execute(
        sa.select(COMMITS).order_by(COMMITS.c.time, COMMITS.c.id)
    ).all()
    return {
        row.id: Commit(row.name, f"{datetime.fromtimestamp(row.time, UTC):%Y-%m-%dT%H:%M:%SZ}")
        for row in rows
    }

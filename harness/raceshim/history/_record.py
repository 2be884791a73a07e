# SPDX-License-Identifier: BSD-2-Clause
"""Put runs into the history."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.history._database import COMMITS, FINDINGS, RUNS, SIGHTINGS, in_parts
from raceshim.history._sql import sa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.history._database import Database
    from raceshim.history._results import Found, Result


@dataclass(frozen=True, slots=True)
class Commit:
    """A state of the sources; of one that git does not know, the time is unknown."""

    name: str
    time: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a call of `record` has done."""

    files: int
    runs: int
    known: int
    new_findings: tuple[Found, ...]


def commit(name: str | None) -> Commit:
    """Return a commit of the repository in the working directory; HEAD, if it has no name."""
    command = ["git", "show", "-s", "--format=%H %ct", f"{name or 'HEAD'}^{{commit}}", "--"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        done = None
    if done is not None and done.returncode == 0:
        full, time = done.stdout.split()
        return Commit(full, int(time))
    if name is None:
        raise UsageError("the working directory is in no git repository: say --commit NAME")
    return Commit(name, None)


def record(database: Database, at: Commit, lane: str | None, results: Sequence[Result]) -> Recorded:
    """Record runs, all or none; those that are known already count once."""
    return database.within(lambda c: _record(c, at, lane, results), writes=True)


def _record(
    connection: sa.Connection, at: Commit, lane: str | None, results: Sequence[Result]
) -> Recorded:
    digests = [one.digest for one in results]
    known: set[str] = set()
    for part in in_parts(digests):
        rows = connection.execute(sa.select(RUNS.c.digest).where(RUNS.c.digest.in_(part)))
        known |= set(rows.scalars())
    fresh = list({one.digest: one for one in results if one.digest not in known}.values())
    if not fresh:
        return Recorded(0, 0, len(results), ())
    commit_id = _commit(connection, at, min(int(one.started.timestamp()) for one in fresh))
    found = {one.fingerprint: one for result in fresh for one in result.findings}
    ids, new = _findings(connection, found)
    for result in fresh:
        values = {
            "digest": result.digest,
            "commit_id": commit_id,
            "lane": _lane(lane, result),
            "started": int(result.started.timestamp()),
            "verdict": result.verdict,
            "conclusive": result.is_conclusive,
            "counted": result.counted,
        }
        run = connection.execute(sa.insert(RUNS).values(values)).inserted_primary_key
        assert run is not None  # noqa: S101 - one row has one key
        each = {one.fingerprint: one for one in result.findings}
        if each:
            connection.execute(
                sa.insert(SIGHTINGS),
                [
                    {
                        "finding_id": ids[name],
                        "run_id": run[0],
                        "state": one.state,
                        "reports": one.count,
                        "shown": one.shown,
                    }
                    for name, one in each.items()
                ],
            )
    runs = sum(one.counted for one in fresh)
    return Recorded(len(fresh), runs, len(results) - len(fresh), tuple(new))


def _lane(lane: str | None, result: Result) -> str:
    """Return what tells runs apart that cannot show the same findings."""
    return (lane or " ".join((f"[{result.detector}]", *result.command)))[:500]


def _commit(connection: sa.Connection, at: Commit, started: int) -> int:
    query = sa.select(COMMITS.c.id).where(COMMITS.c.name == at.name)
    known = connection.execute(query).scalar()
    if known is not None:
        return int(known)
    time = started if at.time is None else at.time
    made = connection.execute(sa.insert(COMMITS).values(name=at.name, time=time))
    assert made.inserted_primary_key is not None  # noqa: S101 - one row has one key
    return int(made.inserted_primary_key[0])


def _findings(
    connection: sa.Connection, found: dict[str, Found]
) -> tuple[dict[str, int], list[Found]]:
    """Return the keys of findings, and those that were not known."""
    ids = _ids(connection, list(found))
    new = [one for name, one in found.items() if name not in ids]
    if new:
        connection.execute(
            sa.insert(FINDINGS),
            [
                {
                    "fingerprint": one.fingerprint,
                    "kind": one.kind,
                    "kind_class": one.kind_class,
                    "title": one.title,
                }
                for one in new
            ],
        )
        ids |= _ids(connection, [one.fingerprint for one in new])
    return ids, new


def _ids(connection: sa.Connection, names: list[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for part in in_parts(names):
        query = sa.select(FINDINGS.c.fingerprint, FINDINGS.c.id)
        rows = connection.execute(query.where(FINDINGS.c.fingerprint.in_(part)))
        ids |= {str(name): int(number) for name, number in rows}
    return ids

# SPDX-License-Identifier: BSD-2-Clause
"""How long each view of a large history takes.

1,000 findings over 100 commits of so many runs each; a finding shows in its own part of the runs,
from one commit to another. The peer is `SELECT count(*)` of all sightings, in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from raceshim.history import _main
from raceshim.history._database import COMMITS, FINDINGS, RUNS, SIGHTINGS, Database

if TYPE_CHECKING:
    from collections.abc import Callable

FINDINGS_COUNT, COMMITS_COUNT = 1000, 100
SECONDS_BAR = 1.0


def fill(database: Database, runs: int) -> int:
    """Fill all tables; return how many sightings there are."""
    chance = random.Random(1)  # noqa: S311 - a bench is repeatable
    spans = [
        (chance.random() ** 2, *sorted(chance.sample(range(COMMITS_COUNT + 1), 2)))
        for _ in range(FINDINGS_COUNT)
    ]
    findings = [
        {
            "id": n + 1,
            "fingerprint": f"v1-{n:016x}",
            "kind": "data race",
            "kind_class": "race",
            "title": f"data race in f{n}, g{n}",
        }
        for n in range(FINDINGS_COUNT)
    ]
    commits = [
        {"id": n + 1, "name": f"{n:040x}", "time": 1_700_000_000 + 3600 * n}
        for n in range(COMMITS_COUNT)
    ]
    each = [
        {
            "id": commit * runs + n + 1,
            "digest": f"{commit:032x}{n:032x}",
            "commit_id": commit + 1,
            "lane": f"lane {n % 4}",
            "started": 1_700_000_000 + 3600 * commit + n,
            "verdict": "races",
            "conclusive": True,
            "counted": 1,
        }
        for commit in range(COMMITS_COUNT)
        for n in range(runs)
    ]
    sightings = [
        {"finding_id": n + 1, "run_id": run["id"], "state": "open", "reports": 1, "shown": 1}
        for run in each
        for n, (rate, first, end) in enumerate(spans)
        if first < int(str(run["commit_id"])) <= end and chance.random() < rate
    ]

    def insert(connection: sa.Connection) -> None:
        for table, rows in (
            (FINDINGS, findings),
            (COMMITS, commits),
            (RUNS, each),
            (SIGHTINGS, sightings),
        ):
            connection.execute(sa.insert(table), rows)

    database.within(insert, writes=True)
    return len(sightings)


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes, the best of three times."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> int:
    """Measure and print; the exit status is 1 when a view is slower than the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--db")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.db or f"sqlite:///{Path(folder) / 'history.db'}"
        database = Database(url, make=True)
        count = fill(database, options.runs)
        counting = sa.select(sa.func.count()).select_from(SIGHTINGS)
        peer = seconds(lambda: database.within(lambda c: c.execute(counting).scalar()))
        print(f"{count} sightings of {FINDINGS_COUNT} findings, {COMMITS_COUNT} commits")
        slow = False
        for words in (["list"], ["show", f"v1-{7:016x}"], ["commits"]):

            def view(words: list[str] = words) -> None:
                with contextlib.redirect_stdout(io.StringIO()):
                    _main.main([*words, "--db", url])

            took = seconds(view)
            slow |= took > SECONDS_BAR
            print(
                f"history {words[0]}: {took:.3f} s (bar {SECONDS_BAR} s), "
                f"{took / peer:.0f} times counting the sightings"
            )
        return int(slow)


if __name__ == "__main__":
    sys.exit(main())

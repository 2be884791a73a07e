# SPDX-License-Identifier: BSD-2-Clause
"""What `--symbolize late` saves when a racy program runs many times.

The same executable runs as the gate over programs runs it: with names looked up by the runtime in
each run, and without, its addresses looked up once for all runs. Printed is the ratio of the times
from the first run to the last report, symbolisation and parsing in it. The bar is for runs one
after the other. As many at a time as there are processors are told too: what the kernel does for
the detector's memory is then in its own way.

Two programs. SQLite, opened by two threads at once, races in its own initialisation: a real
project's race among 240,000 lines of debug information; the bar is for that. And the smallest
program that there is, in which the start of the detector's runtime is all that is left to run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from raceshim._build import Builder, Built, Case
from raceshim._programs import load_programs
from raceshim._tasks import run_program
from raceshim.cc._compilers import find_all
from raceshim.evidence._late import Names
from raceshim.evidence._symbolizer import Symbolizer
from sqlite_source import ROOT, fetch

SMALLEST = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Four threads count without a lock.
 *
 * report: data race in bump, bump
 */
#include <pthread.h>
static long hits;
static __attribute__((noinline)) void bump(void) { hits++; }
static void *count(void *arg)
{
    for (int i = 0; i < 1000; i++)
        bump();
    return arg;
}
int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], 0, count, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], 0);
    return 0;
}
"""
SQLITE = """\
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two threads open a database each; SQLite initialises itself by double-checked locking.
 *
 * report: data race in sqlite3_initialize, sqlite3_initialize
 * helper: sqlite3.c
 * libs:   -lm
 */
#include <pthread.h>
#include "sqlite3.h"
static void *work(void *arg)
{
    sqlite3 *db;
    sqlite3_open(":memory:", &db);
    sqlite3_exec(db, "create table t(a, b); insert into t values(1, 2)", 0, 0, 0);
    sqlite3_close(db);
    return arg;
}
int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], 0, work, 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], 0);
    return 0;
}
"""


@dataclass(frozen=True, slots=True)
class Racy:
    """A program that races in every other run at least."""

    name: str
    source: str
    #: Functions that its reports must name.
    functions: frozenset[str]
    bar: float | None


PROGRAMS = (
    Racy("SQLite", SQLITE, frozenset({"sqlite3_initialize", "work", "main"}), 5.0),
    Racy("the smallest program", SMALLEST, frozenset({"bump", "count", "main"}), None),
)


def seconds(racy: Racy, built: Built, how: str, runs: int, jobs: int) -> float:
    """Run the program so often and return how long that took; each run must show its race."""
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        names = Names(stack.enter_context(Symbolizer())) if how == "late" else None
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        shown = list(pool.map(lambda _: run_program(built, names), range(runs)))
    whole = time.perf_counter() - start
    reports = [report for run in shown for report in run.reports]
    functions = {f.function for r in reports for s in r.stacks for f in s.frames}
    if len(reports) < runs / 2 or not racy.functions <= functions:
        raise SystemExit(f"{racy.name}, {how}: the race was not shown, or has no names")
    return whole


def main() -> int:
    """Measure and print; the exit status is 1 when a ratio is under the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how often the program runs")
    parser.add_argument("--rounds", type=int, default=1, help="how often each side is measured")
    parser.add_argument("--compiler", default="all", help="the compilers")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench-cover")
    options = parser.parse_args()
    sqlite = fetch(options.folder)
    missed = 0
    for compiler in find_all(options.compiler):
        for racy in PROGRAMS:
            with tempfile.TemporaryDirectory() as folder:
                for file in ("sqlite3.c", "sqlite3.h"):
                    (Path(folder) / file).symlink_to(sqlite / file)
                source = Path(folder) / "race_benchmark.c"
                source.write_text(racy.source, encoding="ascii")
                (program,) = load_programs(source)
                built = Builder(Path(folder)).build(Case(program, "main", compiler))
                for jobs in sorted({1, len(os.sched_getaffinity(0))}):
                    missed += measure(racy, built, options.runs, options.rounds, jobs)
    return 1 if missed else 0


def measure(racy: Racy, built: Built, runs: int, rounds: int, jobs: int) -> bool:
    """Measure both ways in turns, print, and return whether the bar was missed."""
    times: dict[str, list[float]] = {"online": [], "late": []}
    for _ in range(rounds):
        for how, measured in times.items():
            measured.append(seconds(racy, built, how, runs, jobs))
    bar = racy.bar if jobs == 1 else None
    median, best = (
        typical(times["online"]) / typical(times["late"]) for typical in (statistics.median, min)
    )
    print(
        f"late symbolisation of {racy.name}, {built.case.compiler.name}: "
        f"{runs} runs, {jobs} at a time, "
        f"{min(times['online']):.2f} s online, {min(times['late']):.2f} s late, ratio "
        f"{median:.1f} (medians of {rounds}), {best:.1f} (minima)"
        + (f"; bar {bar}" if bar else ""),
        flush=True,
    )
    return bar is not None and max(median, best) < bar


if __name__ == "__main__":
    raise SystemExit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""What `--symbolize late` saves when a racy program runs many times.

The same executable runs as the gate over programs runs it, as often at a time as there are
processors: with names looked up by the runtime in each run, and without, its addresses looked up
once for all runs. Printed is the ratio of the times from the first run to the last report,
symbolisation and parsing in it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from raceshim._build import Builder, Built, Case
from raceshim._compilers import find_all
from raceshim._late import Names
from raceshim._programs import load_programs
from raceshim._symbolizer import Symbolizer
from raceshim._tasks import run_program

BAR = 5.0
SOURCE = """\
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


def seconds(built: Built, how: str, runs: int) -> float:
    """Run the program so often and return how long that took; each run must show its race."""
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        names = Names(stack.enter_context(Symbolizer())) if how == "late" else None
        pool = stack.enter_context(ThreadPoolExecutor(len(os.sched_getaffinity(0))))
        shown = list(pool.map(lambda _: run_program(built, names), range(runs)))
    whole = time.perf_counter() - start
    reports = [report for run in shown for report in run.reports]
    functions = {f.function for r in reports for s in r.stacks for f in s.frames}
    if len(reports) < runs / 2 or not {"bump", "count", "main"} <= functions:
        raise SystemExit(f"{how}: the race was not shown, or has no names")
    return whole


def main() -> int:
    """Measure and print; the exit status is 1 when a ratio is under the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=25, help="how often the program runs")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured")
    parser.add_argument("--compiler", default="all", help="the compilers")
    options = parser.parse_args()
    failed = False
    for compiler in find_all(options.compiler):
        times: dict[str, list[float]] = {"online": [], "late": []}
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "race_counter.c"
            source.write_text(SOURCE, encoding="ascii")
            (program,) = load_programs(source)
            built = Builder(Path(folder)).build(Case(program, "main", compiler))
            for _ in range(options.rounds):
                for how, measured in times.items():
                    measured.append(seconds(built, how, options.runs))
        median, best = (
            typical(times["online"]) / typical(times["late"])
            for typical in (statistics.median, min)
        )
        print(
            f"late symbolisation, {compiler.name}: {options.runs} runs, "
            f"{min(times['online']):.2f} s online, {min(times['late']):.2f} s late, ratio "
            f"{median:.1f} (medians of {options.rounds}), {best:.1f} (minima); bar {BAR}"
        )
        failed = failed or max(median, best) < BAR
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())

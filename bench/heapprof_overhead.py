# SPDX-License-Identifier: BSD-2-Clause
"""What malloc and free cost more while the heap is profiled: ours and its peers, in one run.

The same program replaces blocks of 16 to 1039 bytes, one of 4096 in use at a time, under its own
allocator and under each profiler; they run in turns, so that a busy machine hits all alike. Chance
lays the memory of a whole run well or badly: so what counts is the time in which a quarter of the
runs are done. What is printed are ratios to the allocator that the profiler works on.
Exits with 1 if ours, linked or preloaded, costs more than 1.05 times the bare allocator at one
sample in 512 KiB, or with every allocation more than a fifth of what heaptrack costs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import heapprof_run as hp

LINKED, SAMPLED, EVERY = hp.ours(hp.USUAL, linked=True), hp.ours(hp.USUAL), hp.ours(1)
#: What is measured, against what, and a how large part of the pairs: some are slow.
MEASURED = (
    (LINKED, hp.GLIBC, 1),
    (SAMPLED, hp.GLIBC, 1),
    (hp.jemalloc("lg_prof_sample:19"), hp.BARE_JEMALLOC, 1),
    (hp.SAMPLED_TCMALLOC, hp.BARE_TCMALLOC, 1),
    (EVERY, hp.GLIBC, 8),
    (hp.ALL_HEAPTRACK, hp.GLIBC, 8),
    (hp.jemalloc("lg_prof_sample:0"), hp.BARE_JEMALLOC, 40),
    (hp.ALL_TCMALLOC, hp.BARE_TCMALLOC, 80),
)
BAR = 1.05
SHARE = 1 / 5


def main() -> int:
    """Build, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--pairs", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, default=hp.ROOT / "build/bench-heapprof")
    options = parser.parse_args()
    programs = {
        linked: hp.build(options.folder, "clang-19", "none", linked=linked)
        for linked in (False, True)
    }
    parts = {way: part for way, _, part in MEASURED if not way.missing}
    parts |= {bare: 1 for way, bare, _ in MEASURED if way in parts}
    runs: dict[hp.Way, list[float]] = {way: [] for way in parts}
    for _ in range(options.rounds):
        for way, part in parts.items():
            runs[way].append(hp.pair(programs[way.linked], way, options.pairs // part))
    takes = {way: sorted(times)[options.rounds // 4] for way, times in runs.items()}
    for way, bare, _ in MEASURED:
        if way in takes:
            print(f"{way.name:36} {takes[way] / takes[bare]:9.3f}x of {bare.name}")
    missed = max(takes[LINKED], takes[SAMPLED]) / takes[hp.GLIBC] > BAR
    if hp.ALL_HEAPTRACK in takes:
        cost = {way: takes[way] - takes[hp.GLIBC] for way in (EVERY, hp.ALL_HEAPTRACK)}
        share = cost[EVERY] / cost[hp.ALL_HEAPTRACK]
        print(f"every allocation costs {share:.3f} of what heaptrack adds")
        missed |= share > SHARE
    print("MISSED" if missed else "all bars met")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

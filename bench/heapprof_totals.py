# SPDX-License-Identifier: BSD-2-Clause
"""Heap totals under ThreadSanitizer against the truth: ours, tcmalloc's, jemalloc's, in one run.

Four million blocks of mixed sizes, of which a tenth stays. Printed is what each profile says in per
cent of what there was; a profiler that stands in front of an allocator which the program does not
use has nothing to say. Exits with 1 if ours is more than 5 % off: with every allocation in one of
the numbers, at one sample in 512 KiB in the bytes allocated, of which there are some 6000 samples.
Of the others there are fewer, and the numbers come as near as chance lets them.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from pathlib import Path

import heapprof_run as hp

POINTS = 5
SAMPLED = hp.ours(hp.USUAL)
PEERS = (hp.ALL_TCMALLOC, hp.jemalloc("lg_prof_sample:19"))


def main() -> int:
    """Build, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=4_000_000)
    parser.add_argument("--folder", type=Path, default=hp.ROOT / "build/bench-heapprof")
    options = parser.parse_args()
    missed = False
    print(f"{'':52} {'allocated':>19} {'in use':>19}")
    print(f"{'':52} {'blocks':>9} {'bytes':>9} {'blocks':>9} {'bytes':>9}")
    for build, made in hp.BUILDS.items():
        program = hp.build(options.folder, *made)
        for way in (SAMPLED, hp.ours(1), *PEERS):
            if way.missing:
                continue
            try:
                truth, told = hp.totals(program, way, options.blocks)
            except subprocess.CalledProcessError as error:
                print(f"{build}: {way.name:<{50 - len(build)}} the program dies", flush=True)
                if way not in PEERS:
                    raise error from None
                continue
            values = dataclasses.astuple(told) if told else (0.0,) * 4
            pairs = zip(values, dataclasses.astuple(truth), strict=True)
            shares = [100 * value / real for value, real in pairs]
            printed = "".join(f" {share:8.2f}%" for share in shares)
            print(f"{build}: {way.name:<{50 - len(build)}}{printed}", flush=True)
            if way == SAMPLED:
                shares = shares[1:2]
            if way not in PEERS:
                missed |= any(abs(share - 100) > POINTS for share in shares)
    print("MISSED" if missed else "all bars met")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

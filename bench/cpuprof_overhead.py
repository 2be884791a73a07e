# SPDX-License-Identifier: BSD-2-Clause
"""What a program costs more while it is profiled, at 100 Hz and at 1 kHz, plain and under TSan.

The same work is done without a profiler; with the profiler's clock alone, that is with the kernel's
timer and signals and an empty handler; and with the profiler: in turns, so that a busy machine hits
all alike. Compared is processor time, which also holds what the reading thread costs; each one's
best time counts. In a virtual machine a timer interrupt alone can cost more than all the rest, so
what is judged is what the profiler adds to its clock: exits with 1 above 1.01 at 100 Hz or 1.03 at
1 kHz.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cpuprof_run

BARS = {100: 1.01, 1000: 1.03}


def main() -> int:
    """Build, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2, help="of work in each run")
    parser.add_argument("--only", help="builds, separated by ;")
    parser.add_argument("--folder", type=Path, default=cpuprof_run.ROOT / "build/bench-cpuprof")
    options = parser.parse_args()
    missed = 0
    print(f"{'':16} {'rate':>7} {'clock alone':>12} {'profiled':>9} {'added to the clock':>19}")
    for name, (compiler, detector) in cpuprof_run.BUILDS.items():
        if options.only and name not in options.only.split(";"):
            continue
        program = cpuprof_run.build(options.folder, compiler, detector)
        some = min(cpuprof_run.plain(program, 1, "x2").processor for _ in range(3))
        work = f"x{max(2, round(2 * options.seconds * 1e9 / some))}"
        best: dict[tuple[str, int], int] = {}
        for _ in range(options.rounds):
            taken = {("off", 0): cpuprof_run.plain(program, 1, work)}
            for hz in BARS:
                taken["clock", hz] = cpuprof_run.clock_alone(program, 1, work, hz)
                taken["ours", hz] = cpuprof_run.ours(program, 1, work, hz)
            for key, run in taken.items():
                best[key] = min(best.get(key, run.processor), run.processor)
        for hz, bar in BARS.items():
            clock, ours = (best[who, hz] / best["off", 0] for who in ("clock", "ours"))
            missed += ours / clock > bar
            added = f"{ours / clock:.3f}x{' MISSED' if ours / clock > bar else ''}"
            print(f"{name:16} {hz:4} Hz {clock:11.3f}x {ours:8.3f}x {added:>19}", flush=True)
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())

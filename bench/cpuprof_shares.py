# SPDX-License-Identifier: BSD-2-Clause
"""How right a CPU profile is, plain and under ThreadSanitizer, beside gperftools in the same run.

A program spends 75 % of its time in one function and 25 % in another, and measures by its threads'
own clocks what it really was. Printed are the error of the reported share in points, how many
stacks reach the thread's first function (root), and how many have the function that ran (leaf).
Exits with 1 if our error is above 1.0 points, less than 99.5 % have a root or 98 % a leaf.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cpuprof_run

HOT = ("hot75", "hot25")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a profiler has shown, in per cent; None where nothing can be said."""

    samples: int
    share: float | None
    root: float | None
    leaf: float | None
    callers: float | None


def shown(run: cpuprof_run.Run) -> Shown:
    """Return what a profile says of the two functions, and how much of each stack it has."""
    total = sum(count for count, _ in run.stacks)
    inside = [sum(n for n, names in run.stacks if hot in names) for hot in HOT]
    root = sum(n for n, names in run.stacks if "worker" in names)
    called = sum(
        n for n, names in run.stacks if "worker" in names and any(hot in names for hot in HOT)
    )
    return Shown(
        total,
        100 * inside[0] / sum(inside) if sum(inside) else None,
        100 * root / total if total else None,
        100 * sum(inside) / total if total else None,
        100 * called / total if total else None,
    )


def text(value: float | None, width: int, sign: str = "") -> str:
    """Return a number or a dash."""
    return "-".rjust(width) if value is None else f"{value:{sign}{width}.1f}"


def main() -> int:
    """Build, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hz", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=4, help="of each of two threads")
    parser.add_argument("--only", help="builds, separated by ;")
    parser.add_argument("--folder", type=Path, default=cpuprof_run.ROOT / "build/bench-cpuprof")
    options = parser.parse_args()
    has_peer = cpuprof_run.PEER.exists()
    if not has_peer:
        print("gperftools: not here (apt-get install libgoogle-perftools4)")
    missed = 0
    clocks: set[str] = set()
    print(f"{'':16} v  profiler    truth  share  error  samples   root   leaf")
    for name, (compiler, detector) in cpuprof_run.BUILDS.items():
        if options.only and name not in options.only.split(";"):
            continue
        program = cpuprof_run.build(options.folder, compiler, detector)
        for variant in range(3):
            work = str(options.seconds)
            runs = {"raceshim": cpuprof_run.ours(program, variant, work, options.hz)}
            if has_peer:
                runs["gperftools"] = cpuprof_run.gperftools(program, variant, work, options.hz)
            for profiler, run in runs.items():
                seen = shown(run)
                error = None if seen.share is None else seen.share - run.truth
                cells = f"{run.truth:5.1f} {text(seen.share, 6)} {text(error, 6, '+')}"
                shares = f"{text(seen.root, 6)} {text(seen.leaf, 6)}"
                line = f"{name:16} {variant}  {profiler:10} {cells} {seen.samples:8} {shares}"
                if profiler == "raceshim":
                    clocks |= {c for c in run.comments if c.startswith("clock:")}
                    right = (
                        error is not None
                        and abs(error) <= 1.0
                        and (seen.root or 0) >= 99.5
                        and (seen.leaf or 0) >= 98
                    )
                    missed += not right
                    line += "" if right else "  MISSED"
                    line += f"  {run.lost} lost" if run.lost else ""
                print(line, flush=True)
    print("\n".join(sorted(clocks)))
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())

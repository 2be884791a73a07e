# SPDX-License-Identifier: BSD-2-Clause
"""How often a race keeps its fingerprint when it is built at another optimisation level.

Every program of testdata/races is run at each level; -O1, the gate's own, is what the others are
compared with. A level at which the compiler has optimised the race away, or at which the runtime
missed it, tells nothing about fingerprints and is counted apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from raceshim._build import Builder, Case
from raceshim._programs import load_programs
from raceshim._tasks import run_program
from raceshim.cc._compilers import find
from raceshim.finding._merge import merge

RACES = Path(__file__).parents[1] / "testdata" / "races"
BASE = "-O1"


def fingerprints(case: Case, level: str, runs: int, folder: Path) -> set[str]:
    """Return the fingerprints of all races that a program shows at one level."""
    built = Builder(folder / level, level).build(case)
    reports = (report for _ in range(runs) for report in run_program(built).reports)
    found = merge(report for report in reports if "race" in report.kind)
    return {one.fingerprint for one in found}


def main() -> int:
    """Measure and print, a line a compiler and level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="how often each program runs")
    parser.add_argument("--compilers", default="clang-19,clang-14,gcc-12")
    parser.add_argument("--levels", default="-O0,-O2,-O3")
    options = parser.parse_args()
    for name in options.compilers.split(","):
        compiler = find(name)
        counts: dict[str, Counter[str]] = {level: Counter() for level in options.levels.split(",")}
        changed = []
        with tempfile.TemporaryDirectory() as folder:
            for program in load_programs(RACES):
                if program.verdict != "race" or program.detector != "thread":
                    continue
                if not program.runs_on(compiler):
                    continue
                case = Case(program, "main", compiler)
                base = fingerprints(case, BASE, options.runs, Path(folder))
                for level, count in counts.items():
                    other = fingerprints(case, level, options.runs, Path(folder))
                    if not base or not other:
                        count["silent"] += 1
                    elif base == other:
                        count["same"] += 1
                    else:
                        count["changed"] += 1
                        changed.append(f"{program.path.stem} {level}")
        for level, count in counts.items():
            print(
                f"fingerprints: {compiler.name} {BASE} -> {level}: {count['same']} of "
                f"{count['same'] + count['changed']} programs keep theirs, {count['silent']} "
                f"show no race at one of the two"
            )
        print("  changed:", ", ".join(changed) or "none")
    return 0


if __name__ == "__main__":
    sys.exit(main())

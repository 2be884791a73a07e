# SPDX-License-Identifier: BSD-2-Clause
"""How far the lines of `--cover=edges` and `edge-counts` agree with llvm-cov's, on SQLite.

One program with one thread: what is executed is the same each time. Of the lines that both know, so
many agree on executed or not. `every block` is `edge-counts` with a counter in each block, where
none is worked out. The exit status is 1 when a share is below its bar.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cover_overhead
from sqlite_source import ROOT, fetch, run

ROWS = 2000
#: By the level of optimisation the share of lines in percent.
BARS = {"-O0": 98.0, "-O1": 95.0, "-O2": 0.0}
EVERY = ("-mllvm", "-sanitizer-coverage-prune-blocks=false")
MODES = {
    "edges": ("--cover=edges",),
    "edge-counts": ("--cover=edge-counts",),
    "every block": ("--cover=edge-counts", *EVERY),
}
Lines = dict[tuple[str, int], int]


def lines(folder: Path, sqlite: Path, compiler: str, level: str, *mode: str) -> Lines:
    """Build, run, and return how often each line was executed."""
    program = folder / "-".join((compiler, level.strip("-"), mode[0][8:], str(len(mode))))
    raceshim = [sys.executable, "-m", "raceshim"]
    options = [f"--compiler={compiler}", "--detector=none", *mode, level, "-g", "-pthread"]
    sources = [sqlite / "sqlite3.c", ROOT / "bench/cover_workload.c"]
    run(
        *raceshim,
        "cc",
        *options,
        f"-I{sqlite}",
        *cover_overhead.SQLITE,
        *sources,
        "-lm",
        "-o",
        program,
    )
    counted = program.with_suffix(".cov")
    shutil.rmtree(counted, ignore_errors=True)
    counted.mkdir()
    environ = os.environ | {"RACESHIM_COVERDIR": str(counted)}
    subprocess.run([program, "1", str(ROWS)], env=environ, check=True, capture_output=True)
    command = [*raceshim, "cover", "export", "--format", "lcov", counted]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for part in text.split("end_of_record\n"):
        file = re.search(r"^SF:(.*)$", part, re.MULTILINE)
        for line, count in re.findall(r"^DA:(\d+),(\d+)", part, re.MULTILINE):
            found[file[1] if file else "", int(line)] = int(count)
    return found


def main() -> int:
    """Compare, and print a line for each level and mode."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiler", default="clang-19")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench-cover")
    parser.add_argument("--sqlite", type=Path, help="a folder with sqlite3.c and sqlite3.h")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    sqlite = options.sqlite or fetch(options.folder)
    missed = 0
    for level, bar in BARS.items():
        exact = lines(options.folder, sqlite, options.compiler, level, "--cover=atomic")
        for name, flags in MODES.items():
            found = lines(options.folder, sqlite, options.compiler, level, *flags)
            common = found.keys() & exact.keys()
            agree = 100 * sum(bool(found[n]) == bool(exact[n]) for n in common) / len(common)
            same = 100 * sum(found[n] == exact[n] for n in common) / len(common)
            missed += agree < bar
            counts = "" if name == "edges" else f", {same:5.2f} % on how often"
            of = f"{len(common)} lines of {len(exact)}"
            verdict = f"bar {bar:.0f} {'MISSED' if agree < bar else 'held'}"
            print(f"{level} {name:<12} {of}: {agree:5.2f} % agree{counts}   {verdict}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())

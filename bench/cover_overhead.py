# SPDX-License-Identifier: BSD-2-Clause
"""What coverage costs on SQLite: each mode of `raceshim cc --cover` against none and clang's own.

Every variant is the same program, built by the same compiler with the same flags but for coverage.
They run in turns, so that a busy machine hits all alike; each one's best time counts, and what is
printed are ratios to the best time without coverage. The exit status is 1 when a ratio is over its
bar, or when the detector reported anything.

SQLite's source is fetched into the folder of the builds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from raceshim.cc import _cover_flags
from sqlite_source import ROOT, fetch, run

SINGLE = ("-fprofile-instr-generate", "-fcoverage-mapping", "-fprofile-update=single")
ATOMIC = (*SINGLE[:2], "-fprofile-update=atomic")
#: Without this clang up to 20 reports hundreds of races between single increments.
UNSUNK = ("-mllvm", "-sink-common-insts=false")
#: A part of what is measured: with locks, but no counters of memory that all threads share.
SQLITE = ("-DSQLITE_THREADSAFE=2", "-DSQLITE_DEFAULT_MEMSTATUS=0", "-DSQLITE_OMIT_LOAD_EXTENSION")
THREADS = (1, 2)


@dataclass(frozen=True, slots=True)
class Variant:
    """How a program counts."""

    name: str
    flags: tuple[str, ...]
    #: At most this many times as slow as without coverage: (detector, threads) -> ratio.
    bars: dict[tuple[str, int], float]
    #: At these numbers of threads not slower than that other variant.
    peer: tuple[str, tuple[int, ...]] = ("", ())


def under(detector: str, bar: float, *threads: int) -> dict[tuple[str, int], float]:
    """Return a bar for each number of threads."""
    return {(detector, n): bar for n in threads}


VARIANTS = (
    Variant("none", (), {}),
    Variant(
        "edges", ("--cover=edges",), under("thread", 1.05, *THREADS) | under("none", 1.25, *THREADS)
    ),
    Variant(
        "edge-counts",
        ("--cover=edge-counts",),
        under("thread", 1.30, *THREADS) | under("none", 2.3, *THREADS),
    ),
    Variant(
        "every block",
        ("--cover=edge-counts", "-mllvm", "-sanitizer-coverage-prune-blocks=false"),
        {},
    ),
    Variant("count", ("--cover=count",), under("thread", 1.10, 1), ("stock single", (2,))),
    Variant("atomic", ("--cover=atomic",), {}, ("stock atomic", THREADS)),
    Variant("stock single", (*SINGLE, *UNSUNK), {}),
    Variant("stock atomic", ATOMIC, {}),
)
#: What two equal programs differ by on a machine that others use as well.
NOISE = 1.03


def build(folder: Path, sqlite: Path, compiler: str, detector: str, variant: Variant) -> Path:
    """Return the program of a variant; SQLite itself is compiled once."""
    program = folder / f"{compiler}-{detector}-{variant.name.replace(' ', '-')}"
    # Which flags a mode stands for may change; without coverage nothing does.
    rules = Path(_cover_flags.__file__).read_bytes() if "--cover" in "".join(variant.flags) else b""
    library = program.with_suffix(f".{zlib.crc32(rules):08x}.o")
    command = [sys.executable, "-m", "raceshim", "cc", f"--compiler={compiler}"]
    command += [f"--detector={detector}", *variant.flags, "-O2", "-pthread", f"-I{sqlite}"]
    if not library.exists():
        unfinished = library.with_suffix(".tmp")
        run(*command, *SQLITE, "-c", sqlite / "sqlite3.c", "-o", unfinished)
        unfinished.rename(library)
    run(*command, ROOT / "bench/cover_workload.c", library, "-lm", "-o", program)
    return program


def measure(program: Path, threads: int, rows: int) -> tuple[float, float]:
    """Run a program once; return milliseconds of wall time and of processor time."""
    environ = os.environ | {"LLVM_PROFILE_FILE": os.devnull, "TSAN_OPTIONS": "atexit_sleep_ms=0"}
    environ.pop("RACESHIM_COVERDIR", None)
    command = [program, str(threads), str(rows)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if not line.startswith("raceshim: ")]
    if done.returncode != 0 or told:
        raise SystemExit(f"{program}: {done.returncode}\n{done.stderr}")
    wall, processor = done.stdout.split()
    return float(wall), float(processor)


def main() -> int:
    """Build, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="how often each variant runs")
    parser.add_argument("--compiler", default="clang-19")
    parser.add_argument("--only", help="names of variants, separated by commas; none is added")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench-cover")
    parser.add_argument("--sqlite", type=Path, help="a folder with sqlite3.c and sqlite3.h")
    options = parser.parse_args()
    sqlite = options.sqlite or fetch(options.folder)
    wanted = {"none", *(options.only or ",".join(v.name for v in VARIANTS)).split(",")}
    variants = [v for v in VARIANTS if v.name in wanted]
    missed = 0
    for detector, rows in (("thread", 6000), ("none", 20000)):
        programs = {
            v.name: build(options.folder, sqlite, options.compiler, detector, v) for v in variants
        }
        for threads in THREADS:
            best = {v.name: (float("inf"), float("inf")) for v in variants}
            for _ in range(options.rounds):
                for name, program in programs.items():
                    took = measure(program, threads, rows)
                    best[name] = (min(best[name][0], took[0]), min(best[name][1], took[1]))
            title = f"{options.compiler} -O2, detector {detector}, {threads} thread(s)"
            missed += show(title, (detector, threads), variants, best)
    return 1 if missed else 0


def show(
    title: str,
    case: tuple[str, int],
    variants: list[Variant],
    best: dict[str, tuple[float, float]],
) -> int:
    """Print the ratios of one case, and return how many are over their bar.

    A bar is held by wall time or by processor time: when others use the machine, threads that want
    to run at the same time seldom do.
    """
    wall, processor = best["none"]
    load = os.getloadavg()[0]
    print(f"{title}: none {wall:.0f} ms, processor {processor:.0f} ms, load {load:.1f}")
    missed = 0
    for v in variants[1:]:
        ratios = [best[v.name][i] / best["none"][i] for i in (0, 1)]
        text = f"  {v.name:<13} {ratios[0]:5.2f}   processor {ratios[1]:5.2f}"
        bar = v.bars.get(case)
        if bar is not None:
            over = round(min(ratios), 2) > bar
            missed += over
            text += f"   bar {bar:.2f} {'MISSED' if over else 'held'}"
        peer, at = v.peer
        if case[0] == "thread" and case[1] in at and peer in best:
            against = [best[v.name][i] / best[peer][i] for i in (0, 1)]
            over = min(against) > NOISE
            missed += over
            text += (
                f"   {against[0]:.2f} / {against[1]:.2f} of {peer} {'MISSED' if over else 'held'}"
            )
        print(text, flush=True)
    return missed


if __name__ == "__main__":
    raise SystemExit(main())

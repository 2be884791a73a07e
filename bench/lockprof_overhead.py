# SPDX-License-Identifier: BSD-2-Clause
"""What locks cost while the lock profile runs, against the same program without the library.

A mutex that nobody else wants, by the clock, one that four threads want, by processor time, and 64
that they take at random: in turns, so that a busy machine hits all alike; each one's best time
counts. Exits with 1 if the free lock, or one of many, costs more than 1.15 times what it does
alone, or the wanted one more than 1.05 times, at the default rate.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from raceshim.cc import _prefix

ROOT = Path(__file__).resolve().parents[1]
#: Rates of the block profile, as the program takes them; None is the program without hooks.
FORMS = {
    "without the library": None,
    "hooks, no profile": 0,
    "profile, default rate": 100_000,
    "profile, every wait": 1,
}
BARS = {"pair": 1.15, "contended": 1.05, "many": 1.15}
DEFAULT = "profile, default rate"


def build(folder: Path, compiler: str, *, hooks: bool) -> Path:
    """Compile the program."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"lockprof_overhead-{compiler}-{'hooks' if hooks else 'plain'}"
    more: list[str] = []
    if hooks:
        wraps = f"-Wl,@{_prefix.share('lockprof.wrap')}"
        more = ["-DLOCKS", f"-I{_prefix.includes()}", wraps, _prefix.archive()]
    source = str(ROOT / "bench/lockprof_overhead.c")
    subprocess.run([compiler, "-O2", "-pthread", source, *more, "-o", target], check=True)
    return target


def measure(program: Path, what: str, rate: int, rounds: int) -> float:
    """Return nanoseconds of one round."""
    line = [program, what, str(rate), str(rounds)]
    return float(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Build, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--compilers", default="clang-19,gcc-12")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench-lockprof")
    options = parser.parse_args()
    missed = False
    for compiler in options.compilers.split(","):
        plain = build(options.folder, compiler, hooks=False)
        hooked = build(options.folder, compiler, hooks=True)
        for what, rounds in (("pair", 2_000_000), ("contended", 20_000), ("many", 2_000_000)):
            best: dict[str, float] = {}
            for _ in range(options.rounds):
                for form, rate in FORMS.items():
                    program = plain if rate is None else hooked
                    took = measure(program, what, rate or 0, rounds)
                    best[form] = min(best.get(form, took), took)
            for form, took in best.items():
                ratio = took / best["without the library"]
                bad = form in {DEFAULT, "hooks, no profile"} and ratio > BARS[what]
                missed = missed or bad
                mark = " MISSED" if bad else ""
                print(f"{compiler:9} {what:10} {form:22} {took:8.1f} ns {ratio:6.3f}x{mark}")
    return missed


if __name__ == "__main__":
    sys.exit(main())

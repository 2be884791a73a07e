# SPDX-License-Identifier: BSD-2-Clause
"""A real program of 240,000 lines: no coverage makes a report, at any level of optimisation."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cover_folder import counts
from shim_builds import ROOT

if TYPE_CHECKING:
    from harness_programs import Raceshim

pytestmark = pytest.mark.long

COMPILERS = ("clang-19", "clang-14")
LEVELS = ("-O0", "-O1", "-O2", "-O3")
MODES = ("set", "count", "atomic", "edges", "edge-counts")
#: Locks, but no counters of memory that all threads share: those of SQLite's own do race.
SQLITE = ("-DSQLITE_THREADSAFE=2", "-DSQLITE_DEFAULT_MEMSTATUS=0", "-DSQLITE_OMIT_LOAD_EXTENSION")
#: What clang does when it is asked for coverage, and nobody knows better.
STOCK = ("-fprofile-instr-generate", "-fcoverage-mapping")
#: Two threads, each with a database of its own, so that nothing of SQLite's is shared but counters.
WORK = ("2", "300")


@pytest.fixture(scope="session")
def sqlite() -> Path:
    """Return a folder with sqlite3.c: where the environment says, or that of the benchmarks."""
    told = os.environ.get("RACESHIM_SQLITE")
    if told:
        return Path(told)
    spec = importlib.util.spec_from_file_location("sqlite_source", ROOT / "bench/sqlite_source.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Path = module.fetch(ROOT / "build/bench-cover")
    return found


def run(program: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Run the work to its end."""
    out.mkdir()
    environ = os.environ | {"RACESHIM_COVERDIR": str(out), "LLVM_PROFILE_FILE": os.devnull}
    environ["TSAN_OPTIONS"] = "atexit_sleep_ms=0"
    return subprocess.run(
        [program, *WORK], env=environ, capture_output=True, text=True, check=False
    )


def build(raceshim: Raceshim, sqlite: Path, folder: Path, compiler: str, *flags: str) -> Path:
    """Build SQLite and the work into one program, under ThreadSanitizer."""
    program = folder / "workload"
    line = raceshim.line(
        "cc", "--compiler", compiler, *flags, *SQLITE, "-w", "-pthread", f"-I{sqlite}",
        ROOT / "bench/cover_workload.c", sqlite / "sqlite3.c", "-lm", "-o", program,
    )  # fmt: skip
    subprocess.run(line, env=raceshim.environ, check=True)
    return program


@pytest.mark.parametrize(
    "way", [(c, x, m) for c in COMPILERS for x in LEVELS for m in MODES], ids="".join
)
def test_no_report(
    raceshim: Raceshim, sqlite: Path, tmp_path: Path, way: tuple[str, str, str]
) -> None:
    compiler, level, mode = way
    program = build(raceshim, sqlite, tmp_path, compiler, f"--cover={mode}", "-g1", level)
    done = run(program, tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[:3000]
    # What was silent did count: SQLite has 2,700 functions, of which the work needs a third.
    (unit,) = counts(tmp_path / "out")
    assert len(unit.records) > 600


@pytest.mark.parametrize("level", LEVELS[1:])
def test_stock_flags_are_reported(
    raceshim: Raceshim, sqlite: Path, tmp_path: Path, level: str
) -> None:
    """The control: counters that clang 19 merges, and forgets to hide."""
    program = build(raceshim, sqlite, tmp_path, "clang-19", *STOCK, "-g1", level)
    done = run(program, tmp_path / "out")
    assert done.returncode == 66
    assert len(re.findall("WARNING: ThreadSanitizer: data race", done.stderr)) > 10

# SPDX-License-Identifier: BSD-2-Clause
"""Coverage makes no report and hides none: testdata, built with it, has the verdicts of its names.

A run in which coverage's counters or their writer were seen would be a false positive, or "wrong"
beside an expected report; one in which they order what is not ordered, a false negative.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cover_folder import counts
from raceshim._build import can_be_covered
from raceshim._programs import load_programs
from raceshim.cc._compilers import COVER_MODES, find
from shim_builds import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

TESTDATA = ROOT / "testdata"
MODES = [
    *((compiler, mode) for compiler in ("clang-19", "clang-14") for mode in COVER_MODES[1:]),
    ("gcc-12", "count"),
    ("gcc-12", "atomic"),
]
LEVELS = ("-O0", "-O2")
#: Of each kind one: threads that outlive main, unloading, forks, fibers, code nobody instruments.
SAMPLE = (
    "annotations/norace_fiber_migrates.c",
    "issue56006/norace_counters_shim.c",
    "races/norace_fork.c",
    "races/norace_tls_destructor.c",
    "races/race_copy_out.c",
    "races/race_dlopen.c",
    "races/race_plain.c",
    "races/race_thread_exit.c",
)


def gate(raceshim: Raceshim, folder: Path, *words: str | Path) -> list[dict[str, Any]]:
    """Gate programs, all of which must be right, and return their verdicts."""
    result = folder / "result.json"
    options = ("--json", result, "--build-dir", folder / "build")
    line = raceshim.line("gate", *options, *words)
    done = subprocess.run(line, env=raceshim.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    programs: list[dict[str, Any]] = json.loads(result.read_text())["programs"]
    return programs


@pytest.mark.parametrize(("compiler", "mode"), MODES)
def test_same_verdicts_with_coverage(
    raceshim: Raceshim, tmp_path: Path, compiler: str, mode: str
) -> None:
    sample = [TESTDATA / name for name in SAMPLE]
    options = ("--compiler", compiler, "--cover", mode, "--jobs", "1")
    found = gate(raceshim, tmp_path, *options, *sample)
    programs = {program["program"] for program in found}
    assert len(programs) == len(SAMPLE)
    # They did count, and wrote it down at exit.
    folders = list((tmp_path / "build").rglob("cover"))
    assert len(folders) == len(found)
    assert all(any(unit.records for unit in counts(folder)) for folder in folders)


@pytest.mark.long
@pytest.mark.parametrize(("compiler", "mode"), MODES)
def test_same_verdicts_with_coverage_over_all_of_testdata(
    raceshim: Raceshim, tmp_path: Path, compiler: str, mode: str
) -> None:
    found = gate(raceshim, tmp_path, "--compiler", compiler, "--cover", mode, TESTDATA)
    compiled = find(compiler)
    expected = {
        program.path.name
        for program in load_programs(TESTDATA)
        if program.runs_on(compiled) and can_be_covered(program, compiled, mode)
    }
    assert {program["program"].rpartition("/")[2] for program in found} == expected


def test_only_programs_about_coverage_are_left_out() -> None:
    left_out = {
        program.path.name
        for program in load_programs(TESTDATA)
        if not can_be_covered(program, find("clang-19"), "atomic")
        or not can_be_covered(program, find("gcc-12"), "atomic")
    }
    stock = {"norace_gcov_pthread.c", "race_clang_profile.c", "race_gcov.c"}
    ours = {path.name for path in (TESTDATA / "issue56006").glob("norace_cover_*.c")}
    assert left_out == stock | ours


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("runs", [2, pytest.param(50, marks=pytest.mark.long)])
def test_thread_that_runs_at_exit(
    raceshim: Raceshim, tmp_path: Path, level: str, runs: int
) -> None:
    """The library's writer is silent, and the stock one, which is the control, is reported."""
    for folder in ("issue56006", "races"):
        shutil.copytree(TESTDATA / folder, tmp_path / folder)
    names = sorted((tmp_path / "issue56006").glob("norace_cover_*.c"))
    for path in names:
        text = path.read_text()
        path.write_text(text.replace("\n * cover:", f"\n * cflags: {level}\n * cover:", 1))
    options = ("--compiler", "all", "--runs", str(runs), "--jobs", "1")
    found = gate(raceshim, tmp_path, *options, *names)
    # Five modes of two clangs, two of gcc, and a control of each.
    assert len(found) == 2 * (2 * 5 + 2)
    assert {program["runs"] for program in found} == {runs}
    folders = list((tmp_path / "build").rglob("cover"))
    assert len(folders) == 2 * 5 + 2
    for folder in folders:
        assert folder.parent.parent.name == "main"
        written = counts(folder)
        assert len(written) == runs
        assert all(unit.records for unit in written)

# SPDX-License-Identifier: BSD-2-Clause
"""Profilers make no report and hide none: testdata has its verdicts while they are at work.

A profiler that the detector saw would make a report too many; one that ordered what nothing orders
would take one away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from profiled_programs import CPU, HEAP, LOCKS, TESTDATA, WALL, Judged, Profiler, judge, threaded
from raceshim.prof._read import read_file
from shim_builds import COMPILERS

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

#: What is on.
MODES = {"cpu": (CPU,), "wall": (WALL,), "heap and locks": (HEAP, LOCKS)}
#: The folder that all compilers judge with it in every run of the tests.
FOLDERS = {"wall": "issue56006", "heap and locks": "issue56006"}
ALL = pytest.mark.parametrize("compiler", COMPILERS)


def check(judged: list[Judged], profilers: tuple[Profiler, ...]) -> None:
    """Check that each program that ended has left its profile, and that somebody was at work."""
    for profiler in profilers:
        samples = 0
        for program in judged:
            left = program.profiles(profiler)
            assert left or not program.ended, program
            samples += sum(len(read_file(path).samples) for path in left)
        print(f"{len(judged)} programs, {samples} stacks")
        assert samples


@pytest.mark.parametrize("mode", FOLDERS)
@ALL
def test_same_verdicts_with_profilers(
    raceshim: Raceshim, tmp_path: Path, compiler: str, mode: str
) -> None:
    profilers = MODES[mode]
    programs = threaded(compiler, profilers, TESTDATA / FOLDERS[mode])
    check(judge(raceshim, tmp_path, compiler, profilers, programs), profilers)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
@ALL
def test_same_verdicts_with_profilers_over_all_of_testdata(
    raceshim: Raceshim, tmp_path: Path, compiler: str, mode: str
) -> None:
    profilers = MODES[mode]
    programs = threaded(compiler, profilers)
    assert len(programs) > 130
    check(judge(raceshim, tmp_path, compiler, profilers, programs), profilers)

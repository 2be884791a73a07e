# SPDX-License-Identifier: BSD-2-Clause
"""Samples under the ThreadSanitizer of the compilers that no preset builds the tests with."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS

if TYPE_CHECKING:
    from shim_builds import Builds

TESTS = (
    *("test_unwind_steps", "test_storm", "test_pool", "test_cpuprof", "test_cpuprof_storm"),
    *("test_cpuprof_threads", "test_cpuprof_traceback"),
)
#: How often the profiler is started and stopped and another traceback function set, and how many
#: half seconds its storms take: of everything, and of libraries alone.
LONG = (
    ("test_cpuprof", "10000"),
    ("test_cpuprof_traceback", "10000"),
    ("test_cpuprof_storm", "120"),
    ("test_cpuprof_storm", "120", "loading"),
)


#: The first one shares its build with the tests of traces.
@pytest.mark.parametrize(
    ("compiler", "way"),
    [
        ("gcc-12", "visible"),
        pytest.param("gcc-12", "tsan", marks=pytest.mark.long),
        pytest.param("clang-14", "tsan", marks=pytest.mark.long),
    ],
)
def test_samples_under_thread_sanitizer(compiler: str, way: str, builds: Builds) -> None:
    for program in builds.tests(compiler, way, *TESTS):
        done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search("WARNING|ERROR", done.stderr)
        assert done.stdout


@pytest.mark.long
@pytest.mark.parametrize("way", ["plain", "tsan"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_profiler_for_long(compiler: str, way: str, builds: Builds) -> None:
    for program, (_, *words) in zip(
        builds.tests(compiler, way, *(words[0] for words in LONG)), LONG, strict=True
    ):
        command = [program, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search("WARNING|ERROR", done.stderr)
        assert done.stdout
        print(program.name, *words, done.stdout)

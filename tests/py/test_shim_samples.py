# SPDX-License-Identifier: BSD-2-Clause
"""Samples under the ThreadSanitizer of the compilers that no preset builds the tests with."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

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


@pytest.mark.parametrize("compiler", ["clang-14", "gcc-12"])
def test_samples_under_thread_sanitizer(compiler: str, builds: Builds) -> None:
    options = ("-DRSH_BUILD_TESTS=ON", "-DRSH_INSTALL=OFF", "-DRSH_SANITIZE=thread")
    folder = builds.of(compiler, *options, targets=TESTS)
    for test in TESTS:
        done = subprocess.run(
            [folder / "tests/c" / test], capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search("WARNING|ERROR", done.stderr)
        assert done.stdout


@pytest.mark.long
@pytest.mark.parametrize("flag", ["", "-DRSH_SANITIZE=thread"], ids=("plain", "tsan"))
@pytest.mark.parametrize("compiler", ["clang-14", "clang-19", "gcc-12"])
def test_the_profiler_for_long(compiler: str, flag: str, builds: Builds) -> None:
    options = ("-DRSH_BUILD_TESTS=ON", "-DRSH_INSTALL=OFF", *flag.split())
    folder = builds.of(compiler, *options, targets=sorted({words[0] for words in LONG}))
    for test, *words in LONG:
        command = [folder / "tests/c" / test, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search("WARNING|ERROR", done.stderr)
        assert done.stdout
        print(test, *words, done.stdout)

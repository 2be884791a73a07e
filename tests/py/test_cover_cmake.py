# SPDX-License-Identifier: BSD-2-Clause
"""raceshim_cover(): what a CMake project gets, and what it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cover_folder import counts, run_covered
from shim_builds import COMPILERS, ROOT, run, symbols

PROJECT = ROOT / "tests/consume/cover"


def configure(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    line = ["cmake", "-S", PROJECT, "-B", folder, "-G", "Ninja", *options]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def check(folder: Path, mode: str) -> None:
    done = run_covered(folder / "program", folder / "out")
    assert done.stderr == ""  # the detector's reports would be there
    found = counts(folder / "out")
    assert {Path(unit.meta.path).name for unit in found} == {"program", "libshared.so"}
    assert {str(unit.meta.mode) for unit in found} == {mode}
    assert all(unit.records for unit in found)
    stock = ("__llvm_profile_write_file", "__llvm_profile_initialize")
    assert not [s for s in symbols(folder / "program") if s.name in stock]


@pytest.mark.parametrize("sanitizer", ["", "thread"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_program_and_libraries_are_counted(
    sdk: Path, tmp_path: Path, compiler: str, sanitizer: str
) -> None:
    mode = "count" if sanitizer else "atomic"
    configured = configure(
        tmp_path, f"-DCMAKE_PREFIX_PATH={sdk}", f"-DCMAKE_C_COMPILER={compiler}",
        f"-DSANITIZE={sanitizer}", f"-DMODE={mode}", "-DCMAKE_BUILD_TYPE=Release",
    )  # fmt: skip
    assert configured.returncode == 0, configured.stderr
    run("cmake", "--build", tmp_path, "-j", "2")
    check(tmp_path, mode)


def test_raceshim_may_be_part_of_the_project(tmp_path: Path) -> None:
    configured = configure(tmp_path, f"-DRACESHIM_SOURCES={ROOT}", "-DCMAKE_C_COMPILER=clang-19")
    assert configured.returncode == 0, configured.stderr
    run("cmake", "--build", tmp_path, "-j", "2")
    check(tmp_path, "atomic")


@pytest.mark.parametrize(
    ("compiler", "options", "message"),
    [
        ("clang-19", ("-DMODE=exact",), "usage: raceshim_cover(<target> MODE set|count"),
        ("gcc-12", ("-DMODE=edges",), "is clang's"),
        ("gcc-12", ("-DMODE=set",), "MODE count or atomic"),
        ("clang-19", ("-DCMAKE_C_FLAGS=--coverage",), "contradicts --coverage"),
        ("clang-19", ("-DCMAKE_C_FLAGS=-fprofile-update=single",), "how counters are updated"),
        (
            "clang-19",
            (
                "-DCMAKE_C_FLAGS_DEBUG=-fcoverage-mcdc",
                "-DCMAKE_BUILD_TYPE=Debug",
                "-DSANITIZE=thread",
            ),
            "MC/DC",
        ),
        (
            "clang-19",
            ("-DCMAKE_C_FLAGS=-mllvm -enable-single-byte-coverage", "-DMODE=count"),
            "Take MODE set",
        ),
        ("clang-19", ("-DCMAKE_C_FLAGS=-fsanitize-coverage=trace-pc", "-DMODE=edges"), "trace-pc"),
    ],
)
def test_contradictions_stop_the_configuration(
    sdk: Path, tmp_path: Path, compiler: str, options: tuple[str, ...], message: str
) -> None:
    done = configure(
        tmp_path, f"-DCMAKE_PREFIX_PATH={sdk}", f"-DCMAKE_C_COMPILER={compiler}", *options
    )
    assert done.returncode != 0
    assert message in " ".join(done.stderr.split())

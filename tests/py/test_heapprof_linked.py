# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim cc --heap=yes`: programs that tell of their allocations, also without a loader."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from asked_programs import Program
from harness_programs import COMPILERS
from raceshim.prof._read import read_file
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

TESTS = ROOT / "tests/c"
FORMS = ("-pie", "-static", "-static-pie")
CC = ("--heap=yes", "--detector", "none")
FLAGS = ("-O1", "-g", "-pthread")
C_FLAGS = (*FLAGS, "-std=gnu11", "-D_GNU_SOURCE", f"-I{TESTS}", f"-I{ROOT / 'shim/src'}")
CXX_FLAGS = (*FLAGS, "-std=c++17", "-fsized-deallocation")
#: Each with one of them, for what they leave out of a program differs.
PAIRS = list(zip(COMPILERS, FORMS, strict=True))


@pytest.mark.parametrize(("compiler", "form"), [*PAIRS, ("gcc-12", "-static")])
def test_every_function_of_c(compiler: str, form: str, raceshim: Raceshim, tmp_path: Path) -> None:
    program = tmp_path / "test_heapprof"
    raceshim("cc", "--compiler", compiler, *CC, form, *C_FLAGS, TESTS / "test_heapprof.c", "-o",
             program)  # fmt: skip
    run(program)


@pytest.mark.parametrize(("compiler", "form"), [*PAIRS, ("gcc-12", "-static")])
def test_every_operator_of_cxx(
    compiler: str, form: str, raceshim: Raceshim, tmp_path: Path
) -> None:
    program = tmp_path / "heap_cxx"
    raceshim("c++", "--compiler", compiler, *CC, form, *CXX_FLAGS, TESTS / "heap_cxx.cc", "-o",
             program)  # fmt: skip
    run(program)


@pytest.mark.parametrize("form", FORMS)
def test_a_program_that_knows_nothing_of_it(form: str, raceshim: Raceshim, tmp_path: Path) -> None:
    """And neither calls an allocator: libraries do so for it."""
    (tmp_path / "build").mkdir()
    source = tmp_path / "build/copies.c"
    source.write_text(
        "#include <string.h>\nchar *volatile kept;\n"
        '__attribute__((noinline)) static void copy(void) { kept = strdup("eleven chars"); }\n'
        "int main(void) { copy(); return !kept; }\n"
    )
    raceshim("cc", *CC, form, "-O0", source, "-o", tmp_path / "build/copies")
    (tmp_path / "work").mkdir()
    program = Program("RACESHIM_HEAPPROFILE", tmp_path / "build/copies", (), tmp_path / "work")
    assert not program.run("heap.pb:1", status=0).stderr
    stacks = [
        (sample.values[1], [frame.function for frame in sample.stack])
        for sample in read_file(tmp_path / "work/heap.pb").samples
    ]
    (names,) = [names for size, names in stacks if size == len("eleven chars") + 1]
    assert [name.strip("_") for name in names[:3]] == ["strdup", "copy", "main"]
    # Through libc, which has no frame pointers.
    assert names[-1] == "_start"


def test_nothing_is_there_if_it_is_not_asked_for(raceshim: Raceshim, tmp_path: Path) -> None:
    for word in ((), ("--heap=no",)):
        raceshim("cc", *word, "--detector", "none", TESTS / "heaped.c", "-o", tmp_path / "heaped")
        assert "rsh_heapprof" not in run("nm", tmp_path / "heaped")
    raceshim("cc", *CC, "-shared", "-fPIC", TESTS / "heaped.c", "-o", tmp_path / "heaped.so")
    assert "rsh_heapprof" not in run("nm", tmp_path / "heaped.so")


def test_a_detector_tells_by_itself(raceshim: Raceshim, tmp_path: Path) -> None:
    program = tmp_path / "heaped"
    raceshim("cc", "--heap=yes", "--detector", "thread", TESTS / "heaped.c", "-o", program)
    defined = run("nm", "--defined-only", program)
    assert " rsh_heapprof_rate\n" in defined
    assert "layer_" not in defined


def test_operators_that_nobody_could_go_on_to(raceshim: Raceshim, tmp_path: Path) -> None:
    words = ("c++", *CC, "-static-libstdc++", TESTS / "heap_cxx.cc", "-o", tmp_path / "heap_cxx")
    assert "link with -static, or without both" in raceshim(*words, status=2).stderr


def test_the_list_of_the_linker_is_that_of_the_library(sdk: Path) -> None:
    wrapped = re.findall(r"--wrap=(\w+)", (ROOT / "shim/share/heapprof.wrap").read_text())
    printed = subprocess.run(
        ["nm", "--defined-only", sdk / "lib/libraceshim-heap-wrapped.a"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert len(wrapped) == len(set(wrapped)) == 30
    assert sorted(wrapped) == sorted(re.findall(r" T __wrap_(\w+)$", printed, re.MULTILINE))

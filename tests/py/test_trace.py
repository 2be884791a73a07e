# SPDX-License-Identifier: BSD-2-Clause
"""Traces under the ThreadSanitizer of every compiler, and the proof of how their reader sleeps."""

from __future__ import annotations

import platform
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS, ROOT, WAYS, one_clang, run

if TYPE_CHECKING:
    from pathlib import Path

    from shim_builds import Builds

TESTS = (
    "test_flight_threads", "test_trace", "test_trace_automatic", "test_trace_flight",
    "test_trace_samples", "test_trace_stress", "test_trace_threads",
)  # fmt: skip
MODEL = ROOT / "tests/model/trace_park.pml"


def check(program: Path, *arguments: str) -> str:
    """Return what a test prints, which has to succeed, and which no detector may report of."""
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert not re.search("WARNING|ERROR", done.stderr)
    return done.stdout


@pytest.mark.parametrize("compiler", one_clang(["clang-14", "gcc-12"]))
def test_every_event_is_read_and_seen_to_be(compiler: str, builds: Builds) -> None:
    for program in builds.tests(compiler, "visible", *TESTS):
        check(program)


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_minute_of_traces(compiler: str, way: str, builds: Builds) -> None:
    (stress,) = builds.tests(compiler, way, "test_trace_stress")
    print(check(stress, "60", "7"))


QUIET = """\
#include <raceshim/trace.h>
void quiet(int value);
void quiet(int value)
{
	RSH_TRACE_INSTANT_1("quiet", value);
}
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instructions are x86-64's")
@pytest.mark.parametrize("compiler", COMPILERS)
def test_an_event_that_nobody_records_is_a_load_and_a_branch(compiler: str, tmp_path: Path) -> None:
    source = tmp_path / "quiet.c"
    source.write_text(QUIET)
    include = (f"-I{ROOT}/shim/include", f"-I{ROOT}/annotations/include")
    text = run(compiler, "-O2", "-fno-pic", "-S", *include, source, "-o", "-")
    body = text.partition("\nquiet:")[2].partition(".cfi_endproc")[0]
    code = re.findall(r"^\t([a-z]\w*)\t?(.*)$", body, re.MULTILINE)
    jump = next(i for i, (name, _) in enumerate(code) if name in {"je", "jne"})
    assert [name for name, _ in code[:jump]] in (["cmpl"], ["movl", "testl"])
    assert "rsh_trace_on" in code[0][1]


def spin(folder: Path, *mutation: str, cycles: bool = False) -> str:
    """Check the model, or a mutant of it, and return what is wrong with it: nothing, ideally."""
    run("spin", "-a", *mutation, MODEL, cwd=folder)
    run("gcc-12", "-O1", "-w", "-DNP" if cycles else "-DSAFETY", "-o", "pan", "pan.c", cwd=folder)
    printed = run("./pan", *(["-l"] if cycles else []), "-m100000", cwd=folder)
    assert "max search depth too small" not in printed
    wrong = re.search(r"^pan:1: (.*) \(at depth", printed, re.MULTILINE)
    assert ("errors: 0" in printed) == (wrong is None), printed
    return wrong[1] if wrong else ""


@pytest.mark.parametrize("timeout", [(), ("-DTIMEOUT",)], ids=("forever", "limited"))
def test_no_wake_is_lost_in_the_model(timeout: tuple[str, ...], tmp_path: Path) -> None:
    assert spin(tmp_path, *timeout) == ""


def test_the_model_never_runs_in_circles(tmp_path: Path) -> None:
    assert spin(tmp_path, cycles=True) == ""


@pytest.mark.parametrize(
    ("mutation", "wrong"),
    [
        ("-DNO_SECOND_LOOK", "invalid end state"),
        ("-DLOOK_LATE", "invalid end state"),
        ("-DOLD_LOCK", "invalid end state"),
        ("-DPLAIN_TAKE", "assertion violated parked"),
        ("-DLEAVE_AT_ONCE", "assertion violated parked"),
    ],
)
def test_mutants_of_the_model_are_refuted(mutation: str, wrong: str, tmp_path: Path) -> None:
    assert spin(tmp_path, mutation) == wrong


def test_a_mutant_that_runs_in_circles_is_refuted(tmp_path: Path) -> None:
    assert spin(tmp_path, "-DSHUTDOWN_TERM", cycles=True) == "non-progress cycle"

# SPDX-License-Identifier: BSD-2-Clause
"""The flags of each coverage mode: what is added, what is refused, what the detector sees of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from counters_in_ir import instrumented, seen_accesses
from raceshim._errors import UsageError
from raceshim._options import OPTIONS
from raceshim.cc import _command as _cc
from raceshim.cc._compilers import COVER_MODES, Compiler, find
from raceshim.cc._cover_flags import Wish

if TYPE_CHECKING:
    from harness_programs import Raceshim

ROOT = Path(__file__).parents[2]
MERGES = ROOT / "tests/cover/merges.c"
CLANGS = ("clang-19", "clang-14")
UNSUNK = "-sink-common-insts=false"


@pytest.fixture(autouse=True)
def _sdk(sdk_environment: dict[str, str]) -> None:
    """Let `_prefix` find what `_cc` adds."""


def flags(mode: str, compiler: str | Compiler = "clang-19", words: str = "", **how: str) -> str:
    """Return what a mode adds to a compilation."""
    compiler = find(compiler) if isinstance(compiler, str) else compiler
    wish = Wish(compiler, mode, how.get("detector", "thread"), words.split())
    return " ".join(wish.compiler_flags())


def clang(version: str) -> Compiler:
    """Return a clang that need not be installed."""
    return Compiler(f"clang{version}", "clang", "/no/clang", "/no/clang++")


def test_every_mode_is_an_option_of_the_compiler_wrapper() -> None:
    assert OPTIONS["cover"].choices == COVER_MODES
    for mode in COVER_MODES[1:]:
        assert flags(mode)
    given, rest = _cc.split_options(["--cover=atomic", "--detector", "none", "-c", "x.c"])
    assert given == {"cover": "atomic", "detector": "none"}
    assert rest == ["-c", "x.c"]


@pytest.mark.parametrize(
    ("mode", "update"), [("set", "single"), ("count", "single"), ("atomic", "atomic")]
)
@pytest.mark.parametrize("compiler", CLANGS)
def test_increments_are_atomic_in_atomic_mode_only(compiler: str, mode: str, update: str) -> None:
    added = flags(mode, compiler)
    assert "-fprofile-instr-generate -fcoverage-mapping" in added
    assert f"-fprofile-update={update}" in added


@pytest.mark.parametrize("version", ["-14", "-17", "-20", ""])
def test_clang_that_merges_increments_is_told_not_to(version: str) -> None:
    assert UNSUNK in flags("count", clang(version))
    assert UNSUNK not in flags("atomic", clang(version))
    assert UNSUNK not in flags("count", clang(version), detector="none")
    assert UNSUNK in flags("count", clang(version), "-fsanitize=thread", detector="none")
    assert UNSUNK not in flags("count", clang(version), "-fno-sanitize=thread")
    # A second one would be an error of the compiler's.
    assert UNSUNK not in flags("count", clang(version), f"-mllvm {UNSUNK}")


def test_newer_clang_keeps_the_mark_of_the_counters() -> None:
    assert UNSUNK not in flags("count", clang("-21"))


def test_edges_take_the_callback_where_flags_are_sanitized() -> None:
    assert "bb,inline-bool-flag,pc-table,no-prune" in flags("edges")
    assert "edge,trace-pc-guard,pc-table,control-flow" in flags("edge-counts")
    assert "bb,trace-pc-guard,pc-table,no-prune" in flags("edge-counts", "clang-14")
    assert "bb,trace-pc-guard,pc-table,no-prune" in flags("edges", "clang-14")
    assert "bb,inline-bool-flag,pc-table,no-prune" in flags("edges", "clang-14", detector="none")


def test_file_can_be_left_out() -> None:
    assert flags("count", words="-fno-profile-instr-generate") == ""


@pytest.mark.parametrize(
    ("mode", "detector", "update"),
    [
        ("count", "none", "single"),
        ("count", "thread", "atomic"),  # plain increments would be sanitized
        ("atomic", "none", "atomic"),
        ("atomic", "thread", "atomic"),
    ],
)
def test_gcc_counts_atomically_under_the_detector(mode: str, detector: str, update: str) -> None:
    added = flags(mode, "gcc-12", detector=detector)
    assert f"-fprofile-update={update}" in added
    assert "-fprofile-arcs -ftest-coverage -fprofile-info-section=" in added


@pytest.mark.parametrize(
    ("mode", "words", "message"),
    [
        ("count", "-fcoverage-mcdc", "MC/DC in a build with --detector none"),
        ("atomic", "-fcoverage-mcdc", "without -fcoverage-mcdc"),
        ("set", "-mllvm -enable-single-byte-coverage", "--detector none"),
        ("set", "-mllvm=-enable-single-byte-coverage=true", "--detector none"),
        ("count", "-fprofile-update=atomic", "take --cover=atomic"),
        ("atomic", "-fprofile-update=single", "take --cover=count"),
        ("atomic", "-fprofile-update=prefer-atomic", "Leave it out"),
        ("atomic", "-fprofile-instr-generate=x.profraw", "RACESHIM_COVERDIR"),
        ("atomic", "--coverage", "contradicts --coverage"),
        ("count", "-fprofile-arcs -ftest-coverage", "contradicts -ftest-coverage"),
        ("count", "-fprofile-generate=x", "contradicts -fprofile-generate"),
        ("count", "-fprofile-continuous", "continuous"),
        ("count", "-mllvm -runtime-counter-relocation", "continuous"),
        ("count", "-mllvm -sink-common-insts=true", "take --cover=atomic"),
        ("edges", "-fsanitize-coverage=trace-pc", "take --cover=count"),
        ("edge-counts", "-fsanitize=fuzzer-no-link", "-fsanitize=fuzzer"),
    ],
)
def test_contradiction_says_what_to_do(mode: str, words: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        flags(mode, words=words)
    assert message.lower() in str(raised.value).lower()


@pytest.mark.parametrize(
    ("mode", "words", "message"),
    [
        ("edges", "", "clang's"),
        ("edge-counts", "", "clang's"),
        ("set", "", "--cover=count"),
        ("count", "-fprofile-update=single", "reported as races"),
        ("atomic", "-fprofile-update=single", "take --cover=count"),
        ("count", "-fprofile-generate", "contradicts"),
        ("count", "-fprofile-info-section", "section"),
    ],
)
def test_gcc_says_what_it_has_not(mode: str, words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        flags(mode, "gcc-12", words)


def test_older_gcc_is_refused() -> None:
    with pytest.raises(UsageError, match="gcc 12"):
        flags("count", Compiler("gcc-11", "gcc", "/no/gcc", "/no/g++"))


def test_what_races_under_the_detector_works_without() -> None:
    for words in ("-fcoverage-mcdc", "-mllvm -enable-single-byte-coverage"):
        assert flags("set", words=words, detector="none")
    with pytest.raises(UsageError, match="--cover=set"):
        flags("count", words="-mllvm -enable-single-byte-coverage", detector="none")
    # What is switched off again contradicts nothing.
    assert flags("count", words="-fcoverage-mcdc -fno-coverage-mcdc")
    assert flags("count", words="-mllvm -enable-single-byte-coverage=false")


def assembly(compiler: str, words: str, folder: Path, cover: str) -> Path:
    """Compile the program whose increments get merged, up to LLVM's assembly."""
    out = folder / "merges.ll"
    words = f"{words} -S -emit-llvm {MERGES} -o {out}"
    line = _cc.command(find(compiler), "thread", words.split(), cxx=False, cover=cover)
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3", "-Os"])
@pytest.mark.parametrize("mode", ["count", "atomic", "edges", "edge-counts"])
@pytest.mark.parametrize("compiler", CLANGS)
def test_detector_sees_no_counter(compiler: str, mode: str, level: str, tmp_path: Path) -> None:
    made = assembly(compiler, level, tmp_path, mode)
    assert instrumented(made) > 5
    assert seen_accesses(made) == []


@pytest.mark.parametrize("compiler", CLANGS)
@pytest.mark.parametrize(
    "stock",
    [
        "-fprofile-instr-generate -fcoverage-mapping -fprofile-update=single",
        "-fsanitize-coverage=inline-bool-flag,pc-table",
    ],
)
def test_detector_sees_the_counters_of_stock_flags(
    compiler: str, stock: str, tmp_path: Path
) -> None:
    seen = seen_accesses(assembly(compiler, f"-O2 {stock}", tmp_path, "none"))
    # Newer clangs hide the flags, none of these two hides merged increments.
    assert bool(seen) == (compiler == "clang-14" or "profile" in stock)


def test_coverage_costs_other_builds_no_import(raceshim: Raceshim) -> None:
    code = (
        "import sys; import raceshim.cc._command as cc; from raceshim.cc._compilers import find; "
        "before = set(sys.modules); "
        "cc.command(find('clang-19'), 'thread', ['-c', 'x.c'], cxx=False, cover=sys.argv[1]); "
        "print(*sorted(set(sys.modules) - before))"
    )

    def imported(mode: str) -> str:
        line = [sys.executable, "-c", code, mode]
        return subprocess.run(
            line, env=os.environ | raceshim.environ, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert imported("none") == ""
    assert imported("count") == "raceshim.cc._cover_flags"

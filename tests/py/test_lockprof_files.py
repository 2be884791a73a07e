# SPDX-License-Identifier: BSD-2-Clause
"""Profiles of waiting that programs leave: by their environment, by hand, by `prof record`."""

from __future__ import annotations

import re
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
from asked_programs import Program, compiled
from raceshim.prof._read import read_file
from shim_builds import COMPILERS, ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim
    from raceshim.prof._model import Profile

SOURCE = ROOT / "tests/c/locking.c"
ROUNDS = 20
#: The holder sleeps so long in each round, after the other one has come.
HELD = 1_000_000
GO = pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed")


asked = partial(Program, "RACESHIM_LOCKPROFILE")


@pytest.fixture(scope="module")
def plain(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Path, ...]]:
    """Return the program as everybody would build it, and what to preload."""
    program = compiled(tmp_path_factory.mktemp("plain"), "clang-19", "locking")
    return program, (sdk / "lib/libraceshim-locks.so",)


@pytest.fixture
def program(plain: tuple[Path, tuple[Path, ...]], tmp_path: Path) -> Program:
    return asked(*plain, tmp_path)


def total(profile: Profile, kind: str, function: str = "", lock: str = "") -> int:
    """Return the sum of a value, of stacks with that function and waits of that kind."""
    return sum(
        value
        for sample, value in profile.values(profile.index(kind))
        if not function or function in {f.function for f in sample.stack}
        if not lock or lock in {label.value for label in sample.labels}
    )


def check(profile: Profile) -> None:
    """Compare with what the program does."""
    assert [tuple(kind) for kind in profile.types] == [
        ("waits", "count"),
        ("waited", "nanoseconds"),
        ("contentions", "count"),
        ("delay", "nanoseconds"),
    ]
    assert profile.default_type == "delay"
    # Who has waited, and who has let others wait, by what each of them has called.
    assert total(profile, "waits", "wait_for_it", "mutex") == ROUNDS
    assert total(profile, "waited", "wait_for_it", "mutex") > ROUNDS * HELD
    assert total(profile, "contentions", "let_go", "mutex") == ROUNDS
    assert total(profile, "delay", "let_go", "mutex") > ROUNDS * HELD
    assert total(profile, "contentions", "wait_for_it") == 0
    assert total(profile, "waits", "let_go") == 0
    assert total(profile, "waits", "work", "cond") == ROUNDS
    assert total(profile, "waits", "contend", "join") <= 1
    assert profile.duration > ROUNDS * HELD
    assert "waits of 1 ns and more, and shorter ones by chance; one of 1 unlocks" in (
        profile.comments
    )


@pytest.mark.parametrize("detector", ["", "-fsanitize=thread"], ids=("plain", "tsan"))
@pytest.mark.parametrize("compiler", COMPILERS)
def test_waiting_and_holding_are_known(
    compiler: str, detector: str, sdk: Path, tmp_path: Path
) -> None:
    executable = compiled(tmp_path / "build", compiler, "locking", *detector.split())
    (tmp_path / "work").mkdir()
    program = asked(executable, (sdk / "lib/libraceshim-locks.so",), tmp_path / "work")
    done = program.run("locks.pb:1:1")
    assert not done.stderr
    assert done.stdout == f"{ROUNDS}\n"
    profile = read_file(tmp_path / "work/locks.pb")
    check(profile)
    assert not {f.function for s in profile.samples for f in s.stack if "rshi_" in f.function}


def test_each_process_leaves_its_own_file(program: Program) -> None:
    assert not program.run("locks.pb:1:1", "fork").stderr
    assert program.left() == {"locks.pb", "locks.pb.PID"}
    (child,) = program.folder.glob("locks.pb.*")
    check(read_file(child))
    assert total(read_file(program.folder / "locks.pb"), "waits", "contend") == 0


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ("locks.pb:0", "the rate has to be 1 to 1000000000"),
        ("locks.pb:1:2000000000", "the rate has to be 1 to 1000000000"),
        (":100", "there is no path: PATH[:RATE[:FRACTION]]"),
        ("nowhere/locks.pb", "No such file or directory"),
    ],
)
def test_what_is_wrong_is_told_once(wish: str, why: str, program: Program) -> None:
    done = program.run(wish, "fork")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("raceshim: error: no lock profile will be written: ")
    assert why in done.stderr
    assert program.left() == set()


def test_a_copy_that_watches_nothing_leaves_it_to_one_that_does(
    program: Program, sdk: Path
) -> None:
    preload = (sdk / "lib/libraceshim.so", *program.preload)
    for order in (preload, preload[::-1]):
        both = asked(program.executable, order, program.folder)
        assert not both.run("locks.pb:1:1").stderr
        check(read_file(program.folder / "locks.pb"))
        (program.folder / "locks.pb").unlink()


def linked(sdk: Path) -> tuple[str | Path, ...]:
    """Return the flags that link the library into a program."""
    return "-DLINKED", f"-I{sdk / 'include'}", sdk / "lib/libraceshim.a", "-ldl"


def test_a_program_that_nobody_watches_is_told(sdk: Path, tmp_path: Path) -> None:
    executable = compiled(tmp_path / "build", "gcc-12", "locking", *linked(sdk))
    (tmp_path / "work").mkdir()
    done = asked(executable, (), tmp_path / "work").run("locks.pb")
    assert done.stderr.endswith(
        ": no lock of the program's is watched: preload libraceshim-locks.so\n"
    )
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("compiler", ["clang-14", "clang-19"])
def test_a_program_writes_its_profile_itself(compiler: str, sdk: Path, tmp_path: Path) -> None:
    executable = compiled(
        tmp_path / "build", compiler, "locking", "-fsanitize=thread", *linked(sdk)
    )
    (tmp_path / "work").mkdir()
    program = asked(executable, (), tmp_path / "work")
    program.run("", "write", "by-hand.pb")
    assert program.left() == {"by-hand.pb"}
    check(read_file(program.folder / "by-hand.pb"))
    # The same program, and its environment.
    assert not program.run("asked-for.pb:1:1").stderr
    check(read_file(program.folder / "asked-for.pb"))


@GO
def test_go_reads_it(program: Program) -> None:
    assert not program.run("locks.pb:1:1").stderr
    words = ("go", "tool", "pprof", "-symbolize=none", "-top", "-nodecount=500")
    assert "Type: delay" in run(*words, program.folder / "locks.pb")
    waits = run(*words, "-sample_index=waits", "-tagfocus=lock=mutex", program.folder / "locks.pb")
    assert re.search(rf"^\s*{ROUNDS}\s.*\swait_for_it$", waits, re.MULTILINE), waits


@pytest.mark.parametrize("detector", ["none", "thread"])
def test_record(raceshim: Raceshim, tmp_path: Path, detector: str) -> None:
    raceshim("cc", "--detector", detector, "-O1", "-pthread", SOURCE, "-o", tmp_path / "locking")
    words = ("prof", "record", "--locks=1:1", "--heap=1", "--", tmp_path / "locking")
    told = raceshim(*words, cwd=tmp_path, status=5).stderr
    names = {"locks": "raceshim.locks.pb.gz", "heap": "raceshim.heap.pb.gz"}
    assert re.search(
        r"^raceshim: \d+ waits, [\d.]+m?s altogether; in raceshim\.locks\.pb\.gz$",
        told,
        re.MULTILINE,
    )
    assert {p.name for p in tmp_path.iterdir()} == {"locking", *names.values()}
    check(read_file(tmp_path / names["locks"]))
    assert read_file(tmp_path / names["heap"]).period == 1

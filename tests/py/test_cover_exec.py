# SPDX-License-Identifier: BSD-2-Clause
"""A process that becomes another program leaves what it has counted; one that fails to, goes on."""

from __future__ import annotations

import errno
import json
import os
import re
from collections import Counter
from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, Covered, Way, said, start
from raceshim.cc._cover_flags import WRAPPED
from shim_builds import ROOT

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from harness_programs import Raceshim

REPLACING = ROOT / "testdata/cover/replacing.c"
STATUS = 7
WAYS = [Way(compiler, detector) for compiler in CLANGS for detector in ("none", "thread")]
FUNCTIONS = [
    "execl", "execle", "execlp", "execv", "execve", "execveat", "execvp", "execvpe", "fexecve",
]  # fmt: skip
#: Those that are given an environment; the others keep the process's own.
WITH_ENVIRONMENT = {"execle", "execve", "execveat", "execvpe", "fexecve"}
LANES = [
    (compiler, mode, detector)
    for compilers, modes in (
        (CLANGS, ("set", "edges", "edge-counts")),
        (("gcc-12",), ("count", "atomic")),
    )
    for compiler in compilers
    for mode in modes
    for detector in ("none", "thread")
]


@pytest.fixture(params=WAYS, ids=str)
def replacing(request: pytest.FixtureRequest, covered: Covered) -> Path:
    return covered.program("replacing", REPLACING, request.param)


def become(
    program: Path, *words: str, folder: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the program, which finds itself in PATH, where its environment says THEIRS."""
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return start(program, *words, folder=folder, PATH=path, MARK="theirs", **more)


def arrival(how: str) -> str:
    return f"arrived,one,,three,{'mine' if how in WITH_ENVIRONMENT else 'theirs'}\n"


def files(run: cover_decoder.Run, function: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return the files in which a function was called, and its counts in each."""
    return [(name, counts) for name in run.files if (counts := run.of(name, function))]


def check_thread(run: cover_decoder.Run, file: str) -> None:
    """Check the counts of the function that the thread calls for ever, every other time with 1."""
    both, positive = run.of(file, "blah") or (0, 0)
    assert both >= 6
    assert both <= 2 * positive + 1


@pytest.mark.parametrize("times", ["0", "3"])
@pytest.mark.parametrize("how", FUNCTIONS)
def test_exec(replacing: Path, how: str, times: str, tmp_path: Path) -> None:
    done = become(replacing, how, times, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, arrival(how), ""), said(done)
    run = cover_decoder.read(tmp_path)
    # One process, two programs.
    assert len(run.files) == 2
    assert len({units[0].pid for units in run.files.values()}) == 1
    ((before, attempts),) = files(run, "replace")
    ((after, _),) = files(run, "arrived")
    assert before != after
    check_thread(run, before)
    # What failed is counted once, and so is what went on.
    assert attempts[0] == int(times) + 1


def test_exec_of_an_unwrapped_program_loses_what_it_counted(
    covered: Covered, tmp_path: Path
) -> None:
    """The control: a program that is linked without the wrapping."""
    (tmp_path / "programs").mkdir()
    unwrapped = Covered(covered.sdk, tmp_path / "programs", wrap="-Wl,--wrap=_exit,--wrap=_Exit")
    program = unwrapped.program("replacing", REPLACING, Way())
    (tmp_path / "out").mkdir()
    done = become(program, "execv", folder=tmp_path / "out")
    assert (done.returncode, done.stdout) == (STATUS, arrival("execv")), said(done)
    run = cover_decoder.read(tmp_path / "out")
    assert len(run.files) == 1
    assert not files(run, "replace")
    assert files(run, "arrived")


def test_process_goes_on_after_execs_that_fail(replacing: Path, tmp_path: Path) -> None:
    done = become(replacing, "fails", "3", folder=tmp_path)
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    run = cover_decoder.read(tmp_path)
    (file,) = run.files
    assert (run.of(file, "attempt_all") or (0,))[0] == 3
    assert (run.of(file, "attempt") or (0,))[0] == 3 * len(FUNCTIONS)
    assert run.of(file, "at_last") == (1,)
    check_thread(run, file)


@pytest.mark.parametrize("how", ["exits", "races"])
def test_end_while_another_thread_tries_to_exec(replacing: Path, how: str, tmp_path: Path) -> None:
    """Whoever is last replaces what the other has written: one file, and all is in it."""
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = become(replacing, how, folder=folder)
        assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
        for unfinished in folder.glob(".*.tmp"):
            unfinished.unlink()  # of the thread that the exec ended
        run = cover_decoder.read(folder)
        assert len(files(run, "attempt_for_ever")) == 1
        assert [counts for _, counts in files(run, "at_last")] == [(1,)]
        assert len(run.files) == (1 if how == "exits" else 2)


def test_child_of_fork_leaves_what_it_counted_itself(replacing: Path, tmp_path: Path) -> None:
    done = become(replacing, "fork", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, arrival("execve"), "")
    run = cover_decoder.read(tmp_path)
    assert len(run.files) == 3
    ((child, counts),) = files(run, "in_child")
    ((parent, _),) = files(run, "at_last")
    assert counts == (1,)
    assert (run.of(child, "attempt") or (0,))[0] == 1
    assert run.of(parent, "attempt") is None
    assert [(run.of(file, "in_parent") or (0,))[0] for file in (parent, child)] == [1, 0]
    assert len({run.files[file][0].pid for file in run.files}) == 2


def test_child_of_vfork_leaves_the_parent_alone(
    replacing: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    way: Way = request.node.callspec.params["replacing"]
    done = become(replacing, "vfork", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, arrival("execve"), "")
    run = cover_decoder.read(tmp_path)
    ((parent, _),) = files(run, "at_last")
    ((child, counts),) = files(run, "in_child")
    assert counts == (1,)
    # It counts in its parent's memory, of which the parent is the one to write; but ThreadSanitizer
    # makes a fork of it.
    assert (child == parent) == (way.detector == "none")
    assert len(run.files) == (2 if way.detector == "none" else 3)


def test_spawn_leaves_the_parent_alone(replacing: Path, tmp_path: Path) -> None:
    done = become(replacing, "spawn", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, arrival("execve"), "")
    run = cover_decoder.read(tmp_path)
    assert len(run.files) == 2
    ((parent, _),) = files(run, "at_last")
    assert [name for name, _ in files(run, "arrived")] != [parent]
    check_thread(run, parent)


@pytest.mark.parametrize("value", [None, "missing"])
def test_exec_without_a_directory(replacing: Path, value: str | None, tmp_path: Path) -> None:
    more = {} if value is None else {"RACESHIM_COVERDIR": str(tmp_path / value)}
    done = start(replacing, "execv", "2", cwd=tmp_path, MARK="theirs", **more)
    assert (done.returncode, done.stdout) == (STATUS, arrival("execv")), said(done)
    assert done.stderr.count("raceshim: ") == 2  # each of the two programs says it once
    assert list(tmp_path.iterdir()) == []


def test_directory_that_is_lost_is_told_once(replacing: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    done = become(replacing, "loses", "3", folder=out)
    assert done.returncode == STATUS
    assert done.stderr == (
        f"raceshim: error: cannot write coverage counters to {out}: error {errno.ENOENT}\n"
    )


@pytest.mark.parametrize(("compiler", "mode", "detector"), LANES)
def test_every_engine(
    raceshim: Raceshim, tmp_path: Path, compiler: str, mode: str, detector: str
) -> None:
    options = ("--compiler", compiler, "--detector", detector, f"--cover={mode}")
    program, out = tmp_path / "replacing", tmp_path / "out"
    raceshim("cc", *options, "-g", "-O1", "-pthread", REPLACING, "-o", program)
    out.mkdir()
    done = become(program, "execl", "2", folder=out)
    assert (done.returncode, done.stdout, done.stderr) == (STATUS, arrival("execl"), ""), said(done)
    assert len(list(out.glob("covcounters.*"))) == 2
    raceshim("cover", "func", "--json", tmp_path / "report.json", out)
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    counts = Counter({row["name"]: row["count"] for row in rows})
    assert counts["arrived"] == 1
    assert counts["at_last"] == 0
    assert counts["replace"] == (1 if mode == "edges" else 3)


@pytest.mark.parametrize("word", ["-static", "-static-pie"])
def test_static_program(raceshim: Raceshim, tmp_path: Path, word: str) -> None:
    """What it goes on to is in the archive of libc only if somebody asks for it."""
    program, out = tmp_path / "replacing", tmp_path / "out"
    options = ("--compiler", "clang-19", "--detector=none", "--cover=atomic", "-fPIE")
    raceshim("cc", *options, "-w", "-pthread", REPLACING, word, "-o", program)
    out.mkdir()
    for how in FUNCTIONS:
        done = become(program, how, "1", folder=out)
        assert (done.returncode, done.stdout, done.stderr) == (STATUS, arrival(how), ""), said(done)
    run = cover_decoder.read(out)
    assert len(run.files) == 2 * len(FUNCTIONS)
    assert [counts[0] for _, counts in files(run, "replace")] == [2] * len(FUNCTIONS)


@pytest.mark.parametrize("compiler", CLANGS)
def test_exec_in_a_library(covered: Covered, compiler: str, tmp_path: Path) -> None:
    """It has functions of its own in place of them, and the program's file has its counts."""
    (tmp_path / "programs").mkdir()
    builder = Covered(covered.sdk, tmp_path / "programs")
    way = Way(compiler)
    library = builder.library(
        "libgo.so",
        "#include <unistd.h>\n"
        'int go(void) { return execl("/bin/sh", "sh", "-c", "exit 7", (char *)0); }\n',
        way,
    )
    program = builder.program(
        "goer", "int go(void);\nint main(void) { return go(); }\n",
        way, library, f"-Wl,-rpath,{library.parent}",
    )  # fmt: skip
    (tmp_path / "out").mkdir()
    done = start(program, folder=tmp_path / "out")
    assert (done.returncode, done.stderr) == (STATUS, ""), said(done)
    run = cover_decoder.read(tmp_path / "out")
    assert (run.of(run.only, "main"), run.of(run.only, "go")) == ((1,), (1,))


def test_what_is_wrapped_is_written_down_alike() -> None:
    """By the compiler wrapper, by the CMake function, and by the registrar that has it."""
    cmake = (ROOT / "cmake/raceshim-cover.cmake").read_text()
    (listed,) = re.findall(r"set\(wrapped ([^)]*)\)", cmake)
    assert tuple(listed.split()) == WRAPPED
    header = (ROOT / "shim/share/cover_registrar.h").read_text()
    assert set(re.findall(r"^WRAPPED\(\w+, (\w+),", header, re.MULTILINE)) == set(WRAPPED)
    assert set(FUNCTIONS) == {name for name in WRAPPED if "exec" in name}

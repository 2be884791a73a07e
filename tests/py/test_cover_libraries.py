# SPDX-License-Identifier: BSD-2-Clause
"""Shared libraries that come and go: nothing that ran in them is lost, nothing is counted twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, Covered, Way, said, start
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = ROOT / "testdata/cover/library.c"
LOADER = ROOT / "testdata/cover/loader.c"
WAYS = [Way(compiler, detector) for compiler in CLANGS for detector in ("none", "thread")]


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    return request.param


@pytest.fixture
def a(covered: Covered, way: Way) -> Path:
    return covered.library("liba.so", LIBRARY, way, '-DNAME="a"')


@pytest.fixture
def b(covered: Covered, way: Way) -> Path:
    return covered.library("libb.so", LIBRARY, way, '-DNAME="b"', "-DOTHER")


@pytest.fixture
def loader(covered: Covered, way: Way) -> Path:
    return covered.program("loader", LOADER, way)


def turns(run: cover_decoder.Run, file: str, library: Path) -> int:
    """Return how often lib_turn() of a library was called, by one file."""
    (meta,) = [m for m in run.metas.values() if m.path == str(library)]
    found = [
        unit.records.get(meta.index("lib_turn"), (0,))[0]
        for unit in run.files[file]
        if unit.hash == meta.hash
    ]
    assert len(found) == 1
    return found[0]


def go(loader: Path, folder: Path, *arguments: str | Path) -> cover_decoder.Run:
    done = start(loader, *arguments, folder=folder)
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    run = cover_decoder.read(folder)
    # The program's is the first.
    assert run.metas[run.files[run.only][0].hash].path == str(loader)
    return run


def test_libraries_that_are_unloaded(loader: Path, a: Path, b: Path, tmp_path: Path) -> None:
    run = go(loader, tmp_path, f"+a{a}", f"+b{b}", *"aaabb", "-a", "-b")
    assert [turns(run, run.only, lib) for lib in (a, b)] == [3, 2]
    assert len(run.metas) == 3


def test_libraries_that_stay(loader: Path, a: Path, b: Path, tmp_path: Path) -> None:
    run = go(loader, tmp_path, f"+b{b}", f"+a{a}", *"ab", "-b")
    assert [turns(run, run.only, lib) for lib in (a, b)] == [1, 1]


def test_destructors_of_libraries_are_counted(loader: Path, a: Path, tmp_path: Path) -> None:
    run = go(loader, tmp_path, f"+a{a}")
    assert run.of(run.only, "lib_ends") == (1,)


def test_library_that_comes_after_main(loader: Path, a: Path, tmp_path: Path) -> None:
    run = go(loader, tmp_path, "alone", f"+a{a}", "a", "a")
    assert turns(run, run.only, a) == 2


def test_library_that_comes_back_adds_up(loader: Path, a: Path, tmp_path: Path) -> None:
    steps = [f"+a{a}", "a", "a", "-a"]
    run = go(loader, tmp_path, *(5 * steps), f"+a{a}", "a")
    assert turns(run, run.only, a) == 11


def test_clear_reaches_what_was_unloaded(loader: Path, a: Path, tmp_path: Path) -> None:
    run = go(loader, tmp_path, f"+a{a}", "a", "a", "-a", "clear", f"+a{a}", "a")
    assert turns(run, run.only, a) == 1


def test_snapshots_with_libraries(loader: Path, a: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    done = start(
        loader, f"+a{a}", "a", f"write={out}", "-a", f"write={out}", f"+a{a}", "a",
        f"write={out}", f"meta={out}",
    )  # fmt: skip
    assert done.returncode == 0, said(done)
    run = cover_decoder.read(out)
    assert len(run.metas) == 2
    order = sorted(run.files, key=lambda name: run.files[name][0].time)
    assert [turns(run, file, a) for file in order] == [1, 1, 2]


def test_copies_share_a_meta_file(covered: Covered, way: Way, tmp_path: Path) -> None:
    program = covered.program("loader", LOADER, way)
    copy = tmp_path / "copy"
    copy.write_bytes(program.read_bytes())
    copy.chmod(0o755)
    out = tmp_path / "out"
    out.mkdir()
    for path in (program, copy, program):
        assert start(path, folder=out).returncode == 0
    run = cover_decoder.read(out)
    assert (len(run.metas), len(run.files)) == (1, 3)
    assert next(iter(run.metas.values())).path == str(program)


@pytest.mark.parametrize("linked", ["with the archive", "without"])
def test_program_without_coverage(covered: Covered, way: Way, linked: str, tmp_path: Path) -> None:
    """Each library has a copy of the core then, and leaves a file of its own."""
    a, b = (covered.library(f"lib{name}.so", LIBRARY, way, f'-DNAME="{name}"') for name in "ab")
    if linked == "without":
        program = tmp_path / "loader"
        run(way.compiler, *way.sanitize, "-DWITHOUT_API", LOADER, "-ldl", "-o", program)
    else:
        program = covered.bare("loader", LOADER, way)
    out = tmp_path / "out"
    out.mkdir()
    done = start(program, f"+a{a}", f"+b{b}", *"aab", "-a", f"+a{a}", "a", "-b", folder=out)
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    seen = cover_decoder.read(out)
    assert len(seen.files) == 2
    by_path = {seen.metas[units[0].hash].path: file for file, units in seen.files.items()}
    assert turns(seen, by_path[str(a)], a) == 3
    assert turns(seen, by_path[str(b)], b) == 1


def test_linked_library_and_program_share_one_file(
    covered: Covered, way: Way, tmp_path: Path
) -> None:
    library = covered.library("liblinked.so", LIBRARY, way, '-DNAME="linked"')
    program = covered.program(
        "linked", "int lib_turn(int n);\nint main(void) { return lib_turn(1) - 2; }\n", way,
        library, f"-Wl,-rpath,{library.parent}",
    )  # fmt: skip
    done = start(program, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    seen = cover_decoder.read(tmp_path)
    assert turns(seen, seen.only, library) == 1
    assert seen.of(seen.only, "main") == (1,)


ROUNDS = 30


def test_everything_at_once(covered: Covered, way: Way, a: Path, tmp_path: Path) -> None:
    """What was taken and what is left at the end is all that was counted, libraries included."""
    program = covered.program("everything", ROOT / "testdata/cover/everything.c", way, "-ldl")
    out, ends = tmp_path / "out", tmp_path / "ends"
    out.mkdir()
    ends.mkdir()
    done = start(program, str(ROUNDS), out, a, folder=ends)
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    metas = cover_decoder.read(ends).metas
    by_path = {meta.path: meta for meta in metas.values()}
    ours, theirs = by_path[str(program)], by_path[str(a)]
    functions = [(ours, "unit_of_work"), (theirs, "lib_turn")]

    deltas = [path.read_bytes() for path in out.glob("delta.*")]
    assert len(deltas) == 2 * ROUNDS
    assert len(list(out.glob("covcounters.*"))) == ROUNDS
    last = [
        path.read_bytes()
        for path in ends.glob("covcounters.*")
        if cover_decoder.counters(path.read_bytes(), metas)[0].records.get(ours.index("main"))
    ]
    assert len(last) == 1
    assert len(list(ends.glob("covcounters.*"))) == 1 + ROUNDS
    sums = [0, 0]
    for data in deltas + last:
        for unit in cover_decoder.counters(data, metas):
            for i, (meta, name) in enumerate(functions):
                if unit.hash == meta.hash:
                    sums[i] += unit.records.get(meta.index(name), (0,))[0]
    assert sums == [int(word) for word in done.stdout.split()]

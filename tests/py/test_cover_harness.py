# SPDX-License-Identifier: BSD-2-Clause
"""Each test point of testdata/cover/harness.c, with and without a directory for the exit."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, HARNESS, Covered, Way, said, start

if TYPE_CHECKING:
    from collections.abc import Iterator

NOBODY = 65534
WARNING = "raceshim: warning: no coverage files will be written: RACESHIM_COVERDIR is not set\n"
WAYS = [
    Way(compiler, detector, level, "atomic")
    for compiler in CLANGS
    for detector in ("none", "thread")
    for level in ("-O0", "-O2")
]
OTHER_MODES = [
    Way(compiler, "thread", "-O1", mode) for compiler in CLANGS for mode in ("set", "count")
]


@pytest.fixture(params=WAYS, ids=str)
def harness(request: pytest.FixtureRequest, covered: Covered) -> Path:
    return covered.program("harness", HARNESS, request.param)


@pytest.fixture(params=OTHER_MODES, ids=str)
def other(request: pytest.FixtureRequest, covered: Covered) -> tuple[str, Path]:
    return request.param.mode, covered.program("harness", HARNESS, request.param)


class Folders:
    """Where a test point emits to, and where the process leaves its files, if anywhere."""

    def __init__(self, folder: Path, *, at_exit: bool) -> None:
        self.emit = folder / "emit"
        self.emit.mkdir()
        self.end = folder / "end" if at_exit else None
        if self.end:
            self.end.mkdir()

    def run(self, program: Path, point: str) -> str:
        """Run a test point that has to succeed, check what is on stderr, return its stdout."""
        done = start(program, point, self.emit, folder=self.end)
        assert done.returncode == 0, said(done)
        assert done.stderr == ("" if self.end else WARNING), said(done)
        return done.stdout

    def check_end(self, *, units: int = 1) -> None:
        """Check that the process has left one file of each kind, in which `final` has run."""
        if self.end:
            run = cover_decoder.read(self.end)
            assert len(run.metas) == units
            assert run.of(run.only, "final") == (1,)


@pytest.fixture(params=[False, True], ids=["unset", "set"])
def folders(request: pytest.FixtureRequest, tmp_path: Path) -> Folders:
    return Folders(tmp_path, at_exit=request.param)


def live(run: cover_decoder.Run, name: str) -> bool:
    return run.of(run.only, name) is not None


def test_emit_to_dir(harness: Path, folders: Folders) -> None:
    folders.run(harness, "emitToDir")
    run = cover_decoder.read(folders.emit)
    assert (len(run.metas), len(run.files)) == (1, 1)
    assert live(run, "main")
    assert live(run, "emit_to_dir")
    assert not live(run, "final")
    (meta,) = run.metas.values()
    assert meta.path == str(harness.resolve())
    assert len(meta.build_id) in (0, 40)
    assert "lang" in meta.compiler
    folders.check_end()


def test_emit_to_writer(harness: Path, folders: Folders) -> None:
    folders.run(harness, "emitToWriter")
    (meta,) = cover_decoder.metas((folders.emit / "meta").read_bytes())
    (unit,) = cover_decoder.counters((folders.emit / "counters").read_bytes(), {meta.hash: meta})
    alive = {n for n in ("main", "emit_to_writer", "final") if meta.index(n) in unit.records}
    assert alive == {"main", "emit_to_writer"}
    folders.check_end()


@pytest.mark.parametrize("point", ["emitToNonexistentDir", "emitToNilWriter"])
def test_errors(harness: Path, folders: Folders, point: str) -> None:
    folders.run(harness, point)
    assert list(folders.emit.iterdir()) == []
    folders.check_end()


def test_emit_to_failing_writer(harness: Path, folders: Folders) -> None:
    writes = folders.run(harness, "emitToFailingWriter")
    assert [int(line.split()[1]) > 1 for line in writes.splitlines()[:2]] == [True, True]
    folders.check_end(units=2)


def test_emit_to_full_dir(harness: Path, folders: Folders) -> None:
    """Wherever the room ends, there is an error, and no part of a file."""
    attempts = folders.run(harness, "emitToFullDir")
    # 40,000 counters of two or three bytes each, a kilobyte more each time.
    assert [int(line.split()[1]) > 30 for line in attempts.splitlines()[:2]] == [True, True]
    run = cover_decoder.read(folders.emit)
    assert (len(run.metas), len(run.files)) == (2, 1)
    assert run.of(run.only, "emit_to_full_dir") is not None
    folders.check_end(units=2)


def test_emit_with_counter_clear(harness: Path, folders: Folders) -> None:
    folders.run(harness, "emitWithCounterClear")
    run = cover_decoder.read(folders.emit)
    assert live(run, "post_clear")
    assert live(run, "emit_with_counter_clear")
    assert live(run, "emit_to_dir")
    assert not {n for n in ("pre_clear", "main", "final") if live(run, n)}
    folders.check_end()


def test_emit_with_read_and_clear(harness: Path, folders: Folders) -> None:
    folders.run(harness, "emitWithReadAndClear")
    (meta,) = cover_decoder.metas((folders.emit / "meta").read_bytes())
    before, after = (
        cover_decoder.counters((folders.emit / name).read_bytes(), {meta.hash: meta})[0].records
        for name in ("before", "after")
    )
    pre, post = meta.index("pre_clear"), meta.index("post_clear")
    # What the failed call took away is in the first one that did not fail.
    assert before[pre] == (1,)
    assert before[meta.index("main")][0] == 1
    assert post not in before
    assert after[post] == (1,)
    assert pre not in after
    folders.check_end()


def test_other_modes(other: tuple[str, Path], folders: Folders) -> None:
    mode, harness = other
    point = {"set": "emitWithReadAndClear", "count": "emitInTheWrongMode"}[mode]
    folders.run(harness, point)
    if mode == "set":
        (meta,) = cover_decoder.metas((folders.emit / "meta").read_bytes())
        (unit,) = cover_decoder.counters((folders.emit / "before").read_bytes(), {meta.hash: meta})
        assert unit.mode == 1
    folders.check_end()


def test_clear_works_in_other_modes(other: tuple[str, Path], folders: Folders) -> None:
    folders.run(other[1], "emitWithCounterClear")
    run = cover_decoder.read(folders.emit)
    assert live(run, "post_clear")
    assert not live(run, "pre_clear")


def test_wrong_mode_point_fails_in_the_right_mode(covered: Covered, tmp_path: Path) -> None:
    done = start(covered.program("harness", HARNESS, Way()), "emitInTheWrongMode", tmp_path)
    assert done.returncode == 1, said(done)


@pytest.mark.parametrize("compiler", [*CLANGS, "gcc-12"])
@pytest.mark.parametrize("detector", ["none", "thread"])
def test_not_covered(covered: Covered, compiler: str, detector: str, folders: Folders) -> None:
    program = covered.bare("harness", HARNESS, Way(compiler, detector))
    done = start(program, "notCovered", folders.emit, folder=folders.end)
    # Nothing counts, so nobody misses a file: no warning either.
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    assert list(folders.emit.iterdir()) == []
    assert folders.end is None or list(folders.end.iterdir()) == []
    # The control: the same point fails where something counts.
    assert start(program, "emitToDir", folders.emit).returncode == 1


def test_stats(harness: Path, folders: Folders) -> None:
    enabled, units, functions, counters, alive = map(
        int, folders.run(harness, "stats").split("\n")[0].split()
    )
    folders.emit.rmdir()
    folders.emit.mkdir()
    folders.run(harness, "emitToDir")
    run = cover_decoder.read(folders.emit)
    (meta,) = run.metas.values()
    assert (enabled, units) == (1, 1)
    assert (functions, counters) == (
        len(meta.functions),
        sum(f.counters for f in meta.functions),
    )
    # main, count_the_live, fails, and no more when it looked: succeeds comes after.
    assert alive == 3


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a folder that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp(prefix="raceshim-cover-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_emit_to_unwritable_dir(harness: Path, public: Path) -> None:
    program = Path(shutil.copy(harness, public / "harness"))
    program.chmod(0o755)
    as_user = []
    if os.geteuid() == 0:
        as_user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    locked, opened = public / "locked", public / "opened"
    locked.mkdir()
    locked.chmod(0o555)
    opened.mkdir()
    opened.chmod(0o777)

    done = start(*as_user, program, "emitToUnwritableDir", locked)
    assert done.returncode == 0, said(done)
    # The control: as the same user, into a directory that it may write to.
    assert start(*as_user, program, "emitToUnwritableDir", opened).returncode == 1

    # At the end of the process: one error, the exit code stays.
    done = start(*as_user, program, "emitToNilWriter", opened, folder=locked)
    assert done.returncode == 0, said(done)
    assert done.stderr == (
        "raceshim: error: no coverage files will be written: "
        f"RACESHIM_COVERDIR={locked}: Permission denied\n"
    )
    assert list(locked.iterdir()) == []

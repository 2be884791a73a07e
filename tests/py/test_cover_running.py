# SPDX-License-Identifier: BSD-2-Clause
"""Reading, writing and clearing while threads count: no report, and the numbers are right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, COVERAGE, Covered, Way, said, start
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

COUNTING = ROOT / "testdata/cover/counting.c"
INFLOOP = ROOT / "testdata/cover/infloop.c"
STEP = ROOT / "testdata/races/step.c"
RUNS = 10
RACING = [
    Way(compiler, "thread", level, mode)
    for compiler in CLANGS
    for level in ("-O0", "-O2")
    for mode in ("count", "atomic")
]
EXACT = [Way(compiler, detector) for compiler in CLANGS for detector in ("none", "thread")]


@pytest.fixture
def step(tmp_path: Path) -> Path:
    """Return the clock that no detector sees."""
    target = tmp_path / "step.o"
    run("clang-19", "-O1", "-fPIC", "-pthread", "-c", STEP, "-o", target)
    return target


@pytest.mark.parametrize("way", RACING, ids=str)
def test_thread_that_runs_at_exit(covered: Covered, way: Way, step: Path, tmp_path: Path) -> None:
    program = covered.program("infloop", INFLOOP, way, step)
    for number in range(RUNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = start(program, folder=folder)
        assert (done.returncode, done.stderr) == (0, ""), said(done)
        seen = cover_decoder.read(folder)
        both, positive = seen.of(seen.only, "blah") or (0, 0)
        # In mode count an increment of main's may be lost to one of the thread's.
        lost = 2 if way.mode == "count" else 0
        assert both >= 2 * int(done.stdout) + 2 - lost
        assert abs(both - 2 * positive) <= 1 + lost
        # The thread's own count of its rounds is read after the counts of what it calls.
        (_, begun) = seen.of(seen.only, "infloop") or (0, 0)
        assert both <= 2 * begun + 2


@pytest.mark.parametrize("compiler", CLANGS)
@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_stock_writer_is_reported(compiler: str, level: str, step: Path, tmp_path: Path) -> None:
    """The control: the same program with the runtime that comes with clang."""
    program = tmp_path / "infloop"
    run(
        compiler, level, "-g", "-pthread", "-fsanitize=thread", *COVERAGE,
        "-fprofile-update=atomic", INFLOOP, step, "-o", program,
    )  # fmt: skip
    done = start(program, LLVM_PROFILE_FILE=str(tmp_path / "x.profraw"))
    assert done.returncode == 66, said(done)
    assert "data race" in done.stderr
    assert "fileWriter" in done.stderr


@pytest.mark.parametrize("way", EXACT, ids=str)
def test_snapshots_only_grow(covered: Covered, way: Way, tmp_path: Path) -> None:
    program = covered.program("counting", COUNTING, way)
    done = start(program, "write", "150", tmp_path)
    assert done.returncode == 0, said(done)
    assert "ThreadSanitizer" not in done.stderr
    seen = cover_decoder.read(tmp_path)
    assert len(seen.files) == 151
    last: dict[int, tuple[int, ...]] = {}
    for name in sorted(seen.files, key=lambda n: seen.files[n][0].time):
        (unit,) = seen.files[name]
        assert set(last) <= set(unit.records)
        for index, before in last.items():
            assert all(a <= b for a, b in zip(before, unit.records[index], strict=True))
        last = unit.records
    (meta,) = seen.metas.values()
    assert last[meta.index("unit_of_work")][0] == int(done.stdout)


@pytest.mark.parametrize("way", EXACT, ids=str)
def test_deltas_add_up_to_every_increment(covered: Covered, way: Way, tmp_path: Path) -> None:
    program = covered.program("counting", COUNTING, way)
    done = start(program, "delta", "150", tmp_path)
    assert done.returncode == 0, said(done)
    assert "ThreadSanitizer" not in done.stderr
    (path,) = tmp_path.glob("covmeta.*")
    (meta,) = cover_decoder.metas(path.read_bytes())
    index = meta.index("unit_of_work")
    deltas = [
        cover_decoder.counters((tmp_path / f"delta.{i}").read_bytes(), {meta.hash: meta})[0]
        for i in range(151)
    ]
    counts = [d.records.get(index, (0, 0))[0] for d in deltas]
    assert sum(counts) == int(done.stdout)
    # It was taken in many parts, and not all at the end.
    assert sum(1 for c in counts if c) > 20


@pytest.mark.parametrize("way", EXACT, ids=str)
def test_clearing_while_threads_count(covered: Covered, way: Way, tmp_path: Path) -> None:
    program = covered.program("counting", COUNTING, way)
    done = start(program, "clear", "150", tmp_path, folder=tmp_path)
    assert done.returncode == 0, said(done)
    assert "ThreadSanitizer" not in done.stderr
    seen = cover_decoder.read(tmp_path)
    # Nobody counts any more when the last call clears.
    assert seen.of(seen.only, "unit_of_work") is None
    assert seen.of(seen.only, "main") is not None

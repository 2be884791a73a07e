# SPDX-License-Identifier: BSD-2-Clause
"""Reading, writing and clearing while threads count: no report, and the numbers are right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, COVERAGE, Covered, Way, said, start
from shim_builds import ROOT, build, run

if TYPE_CHECKING:
    from pathlib import Path

COUNTING = ROOT / "testdata/cover/counting.c"
INFLOOP = ROOT / "testdata/cover/infloop.c"
STEP = ROOT / "testdata/races/step.c"
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
@pytest.mark.parametrize("runs", [10, pytest.param(50, marks=pytest.mark.long)])
def test_thread_that_runs_at_exit(
    covered: Covered, way: Way, runs: int, step: Path, tmp_path: Path
) -> None:
    program = covered.program("infloop", INFLOOP, way, step)
    for number in range(runs):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = start(program, folder=folder)
        assert (done.returncode, done.stderr) == (0, ""), said(done)
        seen = cover_decoder.read(folder)
        both, positive = seen.of(seen.only, "blah") or (0, 0)
        # In mode count an increment of main's may be lost to one of the thread's.
        lost = 2 if way.mode == "count" else 0
        assert both >= 2 * int(done.stdout) + 2 - lost
        # The thread goes on between the two reads, of which that of `positive` is the later one.
        assert both <= 2 * positive + 1 + lost
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
@pytest.mark.parametrize("length", ["150", pytest.param("30s", marks=pytest.mark.long)])
def test_snapshots_only_grow(covered: Covered, way: Way, length: str, tmp_path: Path) -> None:
    program = covered.program("counting", COUNTING, way)
    done = start(program, "write", length, tmp_path)
    assert done.returncode == 0, said(done)
    assert "ThreadSanitizer" not in done.stderr
    seen = cover_decoder.read(tmp_path)
    assert len(seen.files) == 151 if length == "150" else len(seen.files) > 1000
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


@pytest.mark.parametrize("way", EXACT, ids=str)
def test_fork_while_everything_runs(covered: Covered, way: Way, tmp_path: Path) -> None:
    program = covered.program("forking", ROOT / "testdata/cover/forking.c", way)
    snapshots, ends = tmp_path / "snapshots", tmp_path / "ends"
    snapshots.mkdir()
    ends.mkdir()
    done = start(program, "40", snapshots, folder=ends)
    assert (done.returncode, done.stdout) == (0, "40\n"), said(done)
    seen = cover_decoder.read(ends)
    assert len(seen.files) == 41
    counts = [seen.of(file, "of_the_child") for file in seen.files]
    # Each child writes what it has counted itself, and nobody writes another's.
    assert sorted(counts, key=str) == [(3,)] * 40 + [None]
    assert [f for f in seen.files if seen.of(f, "begin")] == [
        f for f in seen.files if seen.of(f, "of_the_child") is None
    ]


def test_visible_build(sdk: Path, tmp_path: Path) -> None:
    """TSan looks at the shim's own code, but for what runs in handlers, while all of it works."""
    archive = build(tmp_path / "build", "clang-19", "-g", "-DRSH_VISIBLE=ON", "-DRSH_INSTALL=OFF")
    (tmp_path / "sdk/lib").mkdir(parents=True)
    (tmp_path / "sdk/lib/libraceshim.a").symlink_to(archive / "shim/libraceshim.a")
    for folder in ("include", "share"):
        (tmp_path / "sdk" / folder).symlink_to(sdk / folder)
    (tmp_path / "programs").mkdir()
    visible = Covered(tmp_path / "sdk", tmp_path / "programs")
    program = visible.program("counting", COUNTING, Way(detector="thread"))
    for how in ("write", "delta", "clear"):
        folder = tmp_path / how
        folder.mkdir()
        done = start(program, how, "100", folder, folder=folder)
        assert (done.returncode, done.stderr) == (0, ""), said(done)


CALLERS = {
    "stats": "rsh_cover_stats", "dir": "rsh_cover_write_counters_dir",
    "meta-dir": "rsh_cover_write_meta_dir", "writer": "rsh_cover_write_counters",
    "meta-writer": "rsh_cover_write_meta", "delta": "rsh_cover_read_and_clear",
    "register": "rsh_cover_register",
}  # fmt: skip


@pytest.mark.parametrize("compiler", [*CLANGS, "gcc-12"])
def test_memory_of_the_caller(covered: Covered, compiler: str, step: Path) -> None:
    program = covered.bare(
        "callers", ROOT / "testdata/cover/callers.c", Way(compiler, "thread"), str(step)
    )
    for which, function in CALLERS.items():
        done = start(program, which)
        assert done.returncode == 66, said(done)
        stacks = re.findall(r"#0 (\w+).*\n +#1 (\w+)", done.stderr)
        assert (function, "use_memory") in stacks, said(done)
        assert re.search(r"#0 write_memory", done.stderr), said(done)


@pytest.mark.parametrize(
    ("flags", "values"),
    [
        (("-fcoverage-mcdc",), "bitmap"),
        (("-mllvm", "-enable-single-byte-coverage=true"), "single"),
    ],
)
def test_bitmaps_and_single_bytes(
    sdk: Path, flags: tuple[str, ...], values: str, tmp_path: Path
) -> None:
    """Without a detector both work, with clang 19."""
    source = tmp_path / "decide.c"
    source.write_text(
        "static __attribute__((noinline)) int decide(int a, int b) { return a > 1 && b > 1; }\n"
        "static __attribute__((noinline)) int never(int a) { return a; }\n"
        "int main(int argc, char **argv)\n"
        "{ (void)argv; for (int i = 0; i < 5; i++) (void)decide(i, argc);\n"
        "  return argc > 3 ? never(argc) : 0; }\n"
    )
    program = tmp_path / "decide"
    size = "-DRSH_COVER_COUNTER_SIZE=1" if values == "single" else "-DRSH_COVER_COUNTER_SIZE=8"
    (tmp_path / "programs").mkdir()
    builder = Covered(sdk, tmp_path / "programs")
    registrar = builder.registrar(Way(mode="set"), "-DRSH_COVER_PROGRAM", size)
    run(
        "clang-19", "-O1", *COVERAGE, *flags, source, registrar, "-Xlinker",
        sdk / "lib/libraceshim.a", "-o", program,
    )  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    done = start(program, folder=out)
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    seen = cover_decoder.read(out)
    (meta,) = seen.metas.values()
    function = meta.functions[meta.index("decide")]
    counts = seen.of(seen.only, "decide")
    assert counts is not None
    assert counts[0] == (5 if values == "bitmap" else 1)
    assert seen.of(seen.only, "never") is None
    assert (function.bitmap > 0) == (values == "bitmap")
    if values == "bitmap":
        assert any(counts[function.counters :])

# SPDX-License-Identifier: BSD-2-Clause
"""Merging, subtracting, intersecting and dumping: the laws, and what is refused."""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

from cover_samples import (
    LARGE,
    edges_meta,
    gcov_meta,
    registered_meta,
    samples,
    source_meta,
    write_run,
)
from hypothesis import given
from hypothesis import strategies as st
from raceshim.cover._bodies import Edges, Gcov, Registered, Source, is_flag
from raceshim.cover._merge import combine
from raceshim.cover._units import (
    Counters,
    Meta,
    Mode,
    read_counters,
    read_metas,
    split,
    write_counters,
    write_meta,
)

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim
    from raceshim.cover._bodies import Records

METAS = [meta for meta, _ in samples() if not isinstance(meta.identity, Gcov)]


@st.composite
def records(draw: st.DrawFn, meta: Meta) -> Records:
    identity = meta.identity
    flags = is_flag(identity, is_set=meta.mode == Mode.SET)
    value = st.integers(0, 1) if flags else st.one_of(st.integers(0, 3), st.integers(0, LARGE))
    if isinstance(identity, Source):
        return {
            index: (
                tuple(draw(st.lists(value, min_size=f.counters, max_size=f.counters))),
                draw(st.binary(min_size=f.bitmap, max_size=f.bitmap)),
            )
            for index, f in enumerate(identity.functions)
            if f.counters < 9 and draw(st.booleans())
        }
    assert isinstance(identity, Edges | Registered)
    number = len(identity.edges if isinstance(identity, Edges) else identity.points)
    return {index: draw(value) for index in range(number) if draw(st.booleans())}


def added(meta: Meta, *runs: Records) -> Records:
    total: Records = {}
    for run in runs:
        combine(total, run, meta)
    return total


@given(st.data())
def test_merging_is_commutative_associative_and_for_flags_idempotent(data: st.DataObject) -> None:
    meta = data.draw(st.sampled_from(METAS))
    one, two, three = (data.draw(records(meta)) for _ in range(3))
    assert added(meta, one, two) == added(meta, two, one)
    assert added(meta, added(meta, one, two), three) == added(meta, one, added(meta, two, three))
    if is_flag(meta.identity, is_set=meta.mode == Mode.SET):
        assert added(meta, one, one) == one


def test_counts_saturate() -> None:
    meta = source_meta()
    near: Records = {0: ((LARGE - 1, 1), b"")}
    assert added(meta, near, near) == {0: ((LARGE, 2), b"")}
    edges = edges_meta(Mode.COUNT)
    assert added(edges, {0: LARGE}, {0: 1}, {1: 1}) == {0: LARGE, 1: 1}


def counters_of(folder: Path) -> dict[str, Records]:
    """Read a directory of one program; by hash what was counted."""
    metas: dict[str, Meta] = {}
    for file in folder.glob("covmeta.*"):
        (meta,) = read_metas(file.read_bytes(), str(file))
        metas[meta.hash] = meta
    (file,) = folder.glob("covcounters.*")
    units = split(file.read_bytes(), str(file))
    assert file.name.split(".")[1] == units[0].hash
    return {unit.hash: read_counters(unit, metas[unit.hash]).records for unit in units}


def test_merged_directory_is_a_coverage_directory_again(raceshim: Raceshim, tmp_path: Path) -> None:
    program, library = source_meta(), edges_meta()
    write_run(tmp_path / "a", [(program, {0: ((1, 2), b"")}), (library, {0: 1})], pid=1, time=7)
    write_run(tmp_path / "a", [(program, {3: ((4,), b"")}), (library, {2: 1})], pid=2, time=9)
    write_run(tmp_path / "b", [(program, {0: ((10, 0), b"")})], pid=1, time=8)
    raceshim("cover", "merge", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "ab")
    raceshim("cover", "merge", "-i", f"{tmp_path}/b,{tmp_path}/a", "-o", tmp_path / "ba")
    raceshim("cover", "merge", tmp_path / "a", "-o", tmp_path / "only_a")
    raceshim("cover", "merge", tmp_path / "only_a", tmp_path / "b", "-o", tmp_path / "again")
    wanted = {
        program.hash: {0: ((11, 2), b""), 3: ((4,), b"")},
        library.hash: {0: 1, 2: 1},
    }
    assert counters_of(tmp_path / "ab") == wanted
    names = sorted(path.name for path in (tmp_path / "ab").iterdir())
    assert names == [
        f"covcounters.{program.hash}.0.9",
        *sorted(f"covmeta.{meta.hash}" for meta in (program, library)),
    ]
    for other in ("ba", "again"):
        for name in names:
            same = (tmp_path / other / name).read_bytes()
            assert same == (tmp_path / "ab" / name).read_bytes()


def test_merging_into_a_directory_with_counters_is_refused(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    write_run(tmp_path / "a", samples()[:1])
    done = raceshim("cover", "merge", tmp_path / "a", "-o", tmp_path / "a", status=2)
    assert "has coverage files already" in done.stderr
    assert len(list((tmp_path / "a").iterdir())) == 2


def test_gcc_counts_are_added_as_gcov_tool_adds(tmp_path: Path, raceshim: Raceshim) -> None:
    (tmp_path / "x.c").write_text(
        "int f(int x) { if (x > 1) return 2; return x; }\n"
        "int unused(int x) { return x; }\n"
        "int main(int argc, char **argv) { return argc > 2 ? f(argc) - 2 : 0; }\n"
    )
    subprocess.run(["gcc-12", "--coverage", "x.c", "-o", "x"], cwd=tmp_path, check=True)
    gcda = next(iter([*tmp_path.glob("*.gcda"), tmp_path / "x-x.gcda"]))
    runs = []
    for number, words in enumerate((("a", "b"), (), ("a", "b", "c"))):
        subprocess.run([tmp_path / "x", *words], cwd=tmp_path, check=True)
        (made,) = tmp_path.glob("*.gcda")
        gcda = made
        folder = tmp_path / str(number)
        folder.mkdir()
        made.rename(folder / made.name)
        runs.append((folder / made.name).read_bytes())
    stamp = int.from_bytes(runs[0][8:12], "little")
    from raceshim.cover._bodies import Gcda  # noqa: PLC0415
    from raceshim.cover._units import make_meta  # noqa: PLC0415

    meta = make_meta(
        5, Mode.ATOMIC, str(tmp_path / "x"), "", "12.2.0", Gcov((Gcda(str(gcda), stamp),))
    )
    for number, run in enumerate(runs):
        write_run(tmp_path / "cov", [(meta, {0: run})], pid=number)
    raceshim("cover", "export", "--format", "gcda", tmp_path / "cov", "-o", tmp_path / "out")
    subprocess.run(["gcov-tool-12", "merge", "0", "1", "-o", "01"], cwd=tmp_path, check=True)
    subprocess.run(["gcov-tool-12", "merge", "01", "2", "-o", "012"], cwd=tmp_path, check=True)

    def dumped(path: Path) -> list[str]:
        text = subprocess.run(
            ["gcov-dump-12", "-l", path.name], cwd=path.parent, check=True, capture_output=True,
            text=True,
        ).stdout  # fmt: skip
        return [line for line in text.splitlines() if "stamp" not in line]

    ours = dumped(tmp_path / "out" / str(gcda).lstrip("/"))
    assert "counts" in "".join(ours)
    assert ours == dumped(tmp_path / "012" / gcda.name)
    shown = raceshim("cover", "func", tmp_path / "cov").stdout
    assert re.search(r" 2  f +.*x\.c:1$", shown, re.MULTILINE), shown
    assert re.search(r" 0  unused +.*x\.c:2$", shown, re.MULTILINE), shown
    lcov = raceshim("cover", "export", "--format", "lcov", tmp_path / "cov").stdout
    assert "DA:3,3\n" in lcov


def test_subtract_and_intersect(raceshim: Raceshim, tmp_path: Path) -> None:
    program, edges = source_meta(), edges_meta(Mode.COUNT)
    one: Records = {0: ((5, 7), b""), 1: ((2,), b"\x0f\x01\0"), 3: ((9,), b"")}
    two: Records = {0: ((0, 1), b""), 1: ((0,), b"\x05\0\x80")}
    # neither process nor time nor the order of files have a say
    write_run(tmp_path / "one", [(program, one), (edges, {0: 5, 1: 6})], pid=99, time=2)
    write_run(tmp_path / "two", [(edges, {1: 1, 3: 1})], pid=5, time=9)
    write_run(tmp_path / "two", [(program, two)], pid=1, time=1)
    raceshim("cover", "subtract", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "rest")
    assert counters_of(tmp_path / "rest") == {
        program.hash: {3: ((9,), b"")},  # functions of which the other ran nothing
        edges.hash: {0: 5},
    }
    raceshim("cover", "intersect", tmp_path / "one", tmp_path / "two", "-o", tmp_path / "both")
    assert counters_of(tmp_path / "both") == {
        program.hash: {0: ((5, 7), b""), 1: ((2,), b"\x0f\x01\0")},
        edges.hash: {1: 6},
    }
    for words in (("subtract", tmp_path / "one"), ("intersect", tmp_path / "one")):
        done = raceshim("cover", *words, "-o", tmp_path / "x", status=2)
        assert "needs two inputs" in done.stderr


def test_what_is_missing_or_wrong_is_named(raceshim: Raceshim, tmp_path: Path) -> None:
    meta, edges = source_meta(), edges_meta()
    file = write_run(tmp_path / "cov", [(meta, {0: ((1, 1), b"")})])
    described = tmp_path / "cov" / f"covmeta.{meta.hash}"
    aside = tmp_path / "aside"

    described.rename(aside)
    done = raceshim("cover", "merge", tmp_path / "cov", "-o", tmp_path / "x", status=4)
    assert f"{file}: byte 24: there is no covmeta.{meta.hash}" in done.stderr
    aside.rename(tmp_path / "cov" / f"covmeta.{edges.hash}")
    done = raceshim("cover", "merge", tmp_path / "cov", "-o", tmp_path / "x", status=4)
    assert f"covmeta.{edges.hash}: byte 24: the hash is {meta.hash}, not that of the name" in (
        done.stderr
    )
    (tmp_path / "cov" / f"covmeta.{edges.hash}").rename(described)

    strange = file.with_name(f"covcounters.{edges.hash}.1.2")
    file.rename(strange)
    done = raceshim("cover", "debugdump", tmp_path / "cov", status=4)
    assert f"{strange}: byte 24: the hash is {meta.hash}, not that of the name" in done.stderr
    strange.rename(file)

    data = bytearray(file.read_bytes())
    data[11] = Mode.ATOMIC
    from test_cover_units import sealed  # noqa: PLC0415

    file.write_bytes(sealed(bytes(data)))
    done = raceshim("cover", "debugdump", tmp_path / "cov", status=4)
    assert (
        f"{file}: byte 10: engine 1 and mode atomic, but {described} has engine 1 and mode count"
        in (done.stderr)
    )
    file.write_bytes(file.read_bytes()[:-1])
    done = raceshim("cover", "debugdump", tmp_path / "cov", status=4)
    assert f"{file}: byte 16: a unit of " in done.stderr
    done = raceshim("cover", "debugdump", "--skip-damaged", tmp_path / "cov")
    assert f"skipped: {file}: byte 16: " in done.stderr
    assert "0 live" in done.stdout

    for words, reason in (
        ((), "usage: raceshim cover"),
        (("percent",), "no input"),
        (("percent", tmp_path / "nowhere"), "no such file or directory"),
        (("percent", tmp_path / "cov", "--binary", "other"), "no meta-data of other"),
        (("percent", tmp_path / "cov", "--by", "line"), "none of function, file, directory"),
        (("merge", tmp_path / "cov"), "-o DIR"),
        (("export", tmp_path / "cov"), "--format"),
        (("export", tmp_path / "cov", "--format", "html"), "-o DIR"),
        (("debugdump", tmp_path / "cov", "--func", "("), "--func: "),
    ):
        done = raceshim("cover", *words, status=2)
        assert reason in done.stderr, words
    (tmp_path / "empty").mkdir()
    assert "no covmeta" in raceshim("cover", "percent", tmp_path / "empty", status=4).stderr
    text = tmp_path / "text"
    text.write_text("no coverage")
    assert (
        f"{text}: byte 0: no coverage file" in raceshim("cover", "percent", text, status=4).stderr
    )


def test_other_programs_files_are_skipped_and_named(raceshim: Raceshim, tmp_path: Path) -> None:
    mine, other = source_meta(), edges_meta()
    write_run(tmp_path / "cov", [(mine, {0: ((1, 1), b"")})])
    foreign = write_run(tmp_path / "cov", [(other, {0: 1})], pid=3)
    orphan = tmp_path / "cov" / f"covcounters.{'0' * 32}.1.1"
    unit = write_counters(Counters(mine, 1, 1, {}))
    from test_cover_units import changed  # noqa: PLC0415

    orphan.write_bytes(changed(unit, 24, bytes(16)))
    done = raceshim("cover", "debugdump", tmp_path / "cov", "--binary", "prog")
    assert f"skipped: {foreign}: of /opt/edges" in done.stderr
    assert f"skipped: {orphan}: of another program" in done.stderr
    assert "/opt/prog" in done.stdout
    assert "/opt/edges" not in done.stdout


def test_debugdump_shows_every_engine(raceshim: Raceshim, tmp_path: Path) -> None:
    for number, unit in enumerate(samples()):
        write_run(tmp_path / "cov", [unit], pid=number)
    shown = raceshim("cover", "debugdump", tmp_path / "cov").stdout
    for text in (
        "engine source, mode count",
        "engine edges, mode set",
        "engine edge-counts, mode count",
        "engine registered, mode atomic",
        "engine gcov, mode atomic",
        "build id ab12",
        "  4 functions, 3 live",
        "    bitmap 0100ff",
        "  2 0x1140: 1\n",
        f"  3 {LARGE:#x} entry: {LARGE}\n",
        f"  2 ünï vm.lang:{2**40}: {2**32}\n",
        "  1 - -:0: 0\n",
        "  0 /src/a.gcda: 160\n",
    ):
        assert text in shown, text
    live = raceshim("cover", "debugdump", "--live", "--func", "ünï", tmp_path / "cov").stdout
    assert re.findall(r"^  \d+ \S+ .*: \d+$", live, re.MULTILINE) == [
        f"  2 ünï vm.lang:{2**40}: {2**32}"
    ]


def test_registered_arrays_are_reported(raceshim: Raceshim, tmp_path: Path) -> None:
    write_run(tmp_path / "cov", [(registered_meta(), {0: 7})])
    done = raceshim("cover", "percent", tmp_path / "cov", "--json", "-")
    (row,) = json.loads(done.stdout)["rows"]
    assert row == {
        "name": "vm.lang",
        "lines": {"covered": 1, "total": 2, "percent": 50.0},
        "functions": {"covered": 1, "total": 2, "percent": 50.0},
        "branches": {"covered": 0, "total": 0, "percent": None},
    }
    shown = raceshim("cover", "export", "--format", "text", tmp_path / "cov").stdout
    assert "    1|      7|" in shown


def make_many(folder: Path, number: int) -> tuple[Meta, dict[int, int]]:
    """Write the counters of so many processes, every one with counts of its own."""
    rng = random.Random(number)  # noqa: S311 - repeatable, not secret
    meta = edges_meta(Mode.COUNT)
    size = len(meta.identity.edges)  # type: ignore[union-attr]
    folder.mkdir()
    (folder / f"covmeta.{meta.hash}").write_bytes(write_meta(meta))
    total: dict[int, int] = {}
    for pid in range(number):
        counts: Records = {rng.randrange(size): rng.randrange(1, 1000)}
        for index, count in counts.items():
            total[index] = total.get(index, 0) + count  # type: ignore[operator]
        name = f"covcounters.{meta.hash}.{pid}.{pid}"
        (folder / name).write_bytes(write_counters(Counters(meta, pid, pid, counts)))
    return meta, total


def test_ten_thousand_files_merge_in_parallel_and_in_bounded_memory(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    meta, total = make_many(tmp_path / "cov", 10_000)
    done = raceshim("cover", "merge", tmp_path / "cov", "-o", tmp_path / "one", "--jobs", "1")
    assert "10000 files of counters of 1 programs" in done.stdout
    assert not done.stderr
    raceshim("cover", "merge", tmp_path / "cov", "-o", tmp_path / "two", "--jobs", "2")
    assert counters_of(tmp_path / "one") == counters_of(tmp_path / "two") == {meta.hash: total}
    # a limit that holds for each process; the command alone takes most of it
    limited = subprocess.run(
        [sys.executable, "-m", "raceshim", "cover", "merge", tmp_path / "cov", "-o",
         tmp_path / "three", "--jobs", "2"],
        check=False, capture_output=True, text=True, env=raceshim.environ,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)),
    )  # fmt: skip
    assert limited.returncode == 0, limited.stderr
    assert counters_of(tmp_path / "three") == {meta.hash: total}


def test_progress_is_shown_when_asked_for(raceshim: Raceshim, tmp_path: Path) -> None:
    make_many(tmp_path / "cov", 200)
    done = raceshim("cover", "merge", tmp_path / "cov", "-o", tmp_path / "one", "--progress")
    assert "merging" in done.stderr
    assert "200/200" in done.stderr


def test_damaged_file_ends_a_parallel_merge(raceshim: Raceshim, tmp_path: Path) -> None:
    make_many(tmp_path / "cov", 200)
    file = sorted((tmp_path / "cov").glob("covcounters.*"))[150]
    file.write_bytes(file.read_bytes()[:-3])
    done = raceshim(
        "cover", "merge", tmp_path / "cov", "-o", tmp_path / "x", "--jobs", "2", status=4
    )
    assert f"{file}: byte 16: " in done.stderr
    assert not (tmp_path / "x").exists()
    raceshim(
        "cover", "merge", tmp_path / "cov", "-o", tmp_path / "x", "--jobs", "2", "--skip-damaged"
    )


def test_gcov_counts_are_not_compared(raceshim: Raceshim, tmp_path: Path) -> None:
    write_run(tmp_path / "a", [(gcov_meta(), {0: b"adcg" * 40})])
    write_run(tmp_path / "b", [(gcov_meta(), {0: b"adcg" * 40})])
    done = raceshim(
        "cover", "subtract", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "x", status=2
    )
    assert "built with gcc" in done.stderr

# SPDX-License-Identifier: BSD-2-Clause
"""Profiles of memory that programs leave: by their environment, by hand, by `prof record`."""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asked_programs import Program, compiled
from raceshim.prof._leaks import leaks
from raceshim.prof._read import read_file
from shim_builds import COMPILERS, ROOT, run

if TYPE_CHECKING:
    from harness_programs import Raceshim
    from raceshim.prof._model import Profile

pytest_plugins = ["pytester"]

SOURCE = ROOT / "tests/c/heaped.c"
#: Blocks and bytes that were allocated, and that stay, by function.
TRUTH = {
    "leak": (100, 100_000, 100, 100_000),
    "churn": (500, 32_000, 0, 0),
    "grow": (2, 5_100, 1, 5_000),
}
GO = pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed")


asked = partial(Program, "RACESHIM_HEAPPROFILE")


def layered(sdk: Path) -> tuple[Path, ...]:
    """Return what a program is to preload."""
    return sdk / "lib/libraceshim.so", sdk / "lib/libraceshim-heap.so"


def linked(sdk: Path) -> tuple[str | Path, ...]:
    """Return the flags that link the library into a program."""
    return "-DLINKED", f"-I{sdk / 'include'}", sdk / "lib/libraceshim.a", "-ldl"


@pytest.fixture(scope="module")
def plain(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Path, ...]]:
    """Return the program as everybody would build it, and what to preload."""
    folder = tmp_path_factory.mktemp("plain")
    return compiled(folder, "clang-19", "heaped"), layered(sdk)


@pytest.fixture
def program(plain: tuple[Path, tuple[Path, ...]], tmp_path: Path) -> Program:
    return asked(*plain, tmp_path)


def numbers(profile: Profile) -> dict[str, tuple[int, ...]]:
    """Return the values of each function of the program's that allocates."""
    found = {}
    for name in TRUTH:
        stacks = [s for s in profile.samples if name in {f.function for f in s.stack}]
        found[name] = tuple(sum(s.values[i] for s in stacks) for i in range(4))
    return found


@pytest.mark.parametrize("how", ["plain", "tsan, preloaded", "tsan, linked", "asan, linked"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_block_is_known(compiler: str, how: str, sdk: Path, tmp_path: Path) -> None:
    detector = {"tsan": "-fsanitize=thread", "asan": "-fsanitize=address"}.get(how[:4])
    flags = ([detector] if detector else []) + (list(linked(sdk)) if "linked" in how else [])
    executable = compiled(tmp_path / "build", compiler, "heaped", *flags)
    (tmp_path / "work").mkdir()
    preload = () if "linked" in how else layered(sdk)
    done = asked(executable, preload, tmp_path / "work").run("heap.pb:1")
    assert not done.stderr
    profile = read_file(tmp_path / "work/heap.pb")
    assert [tuple(kind) for kind in profile.types] == [
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    ]
    assert profile.default_type == "inuse_space"
    assert (tuple(profile.period_type), profile.period) == (("space", "bytes"), 1)
    assert numbers(profile) == TRUTH
    assert profile.comments[0].startswith("every object")
    staying = [leak for leak in leaks(profile) if "leak" in {f.function for f in leak.stack}]
    assert [leak.space for leak in staying] == [100_000]
    assert {"main", "leak"} <= {frame.function for frame in staying[0].stack}
    assert not {f.function for s in profile.samples for f in s.stack if "rshi_" in f.function}


@pytest.mark.parametrize(
    "name", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"]
)
def test_every_block_of_another_allocator_is_known(
    name: str, plain: tuple[Path, tuple[Path, ...]], tmp_path: Path
) -> None:
    (allocator,) = Path("/usr/lib").glob(f"*-linux-gnu/{name}")
    executable, layer = plain
    assert not asked(executable, (*layer, allocator), tmp_path).run("heap.pb:1").stderr
    assert numbers(read_file(tmp_path / "heap.pb")) == TRUTH


@pytest.mark.parametrize(
    ("how", "files"),
    [
        ("", {"heap.pb"}),
        ("exec", {"heap.pb"}),
        ("fork", {"heap.pb", "heap.pb.PID"}),
    ],
)
def test_each_process_leaves_its_own_file(how: str, files: set[str], program: Program) -> None:
    assert not program.run("heap.pb:1", *([how] if how else []), status=5).stderr
    assert program.left() == files
    assert numbers(read_file(program.folder / "heap.pb")) == TRUTH
    for path in program.folder.glob("heap.pb.*"):
        # The child has given back what its copy of the memory had.
        allocated, freed = TRUTH["leak"][:2], (0, 0)
        assert numbers(read_file(path)) == {**TRUTH, "leak": (*allocated, *freed)}


def test_a_sampled_profile_stands_for_the_whole(program: Program) -> None:
    sums = [0] * 4
    for run_number in range(20):
        assert not program.run(f"{run_number}.pb:4096").stderr
        found = numbers(read_file(program.folder / f"{run_number}.pb"))
        sums = [a + b for a, b in zip(sums, found["leak"], strict=True)]
    # About 490 samples: five standard deviations are 23 %.
    assert 0.77 * 20 * 100_000 < sums[1] < 1.23 * 20 * 100_000
    assert sums[0] == sums[2]
    assert sums[1] == sums[3]
    assert "one sample in 4096 bytes" in read_file(program.folder / "0.pb").comments[0]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ("heap.pb:0", "the rate has to be 1 to 1099511627776 bytes"),
        ("heap.pb:2000000000000", "the rate has to be 1 to 1099511627776 bytes"),
        (":100", "there is no path: PATH[:RATE]"),
        ("nowhere/heap.pb", "No such file or directory"),
    ],
)
def test_what_is_wrong_is_told_once(wish: str, why: str, program: Program) -> None:
    done = program.run(wish, "fork")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("raceshim: error: no heap profile will be written: ")
    assert why in done.stderr
    assert program.left() == set()


def test_a_program_that_nobody_looks_into_is_told(sdk: Path, tmp_path: Path) -> None:
    executable = compiled(tmp_path / "build", "clang-19", "heaped")
    (tmp_path / "work").mkdir()
    program = asked(executable, (sdk / "lib/libraceshim.so",), tmp_path / "work")
    done = program.run("heap.pb")
    assert ": nobody tells of allocations in this program: preload libraceshim" in done.stderr
    assert done.stderr.count("\n") == 1
    assert program.left() == set()


def test_a_file_that_cannot_be_written_leaves_nothing(program: Program) -> None:
    (program.folder / "heap.pb").mkdir()
    done = program.run("heap.pb")
    assert re.fullmatch(
        r"raceshim: error: cannot write the heap profile .*heap\.pb: Is a directory\n", done.stderr
    )
    assert program.left() == {"heap.pb"}


def test_without_the_variable_nothing_happens(program: Program) -> None:
    assert not program.run("").stderr
    assert program.left() == set()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_writes_its_profile_itself(compiler: str, sdk: Path, tmp_path: Path) -> None:
    executable = compiled(tmp_path / "build", compiler, "heaped", "-fsanitize=thread", *linked(sdk))
    (tmp_path / "work").mkdir()
    program = asked(executable, (), tmp_path / "work")
    program.run("", "write", "by-hand.pb")
    assert program.left() == {"by-hand.pb"}
    assert numbers(read_file(program.folder / "by-hand.pb")) == TRUTH


def test_a_plain_program_that_is_linked_with_the_layer(sdk: Path, tmp_path: Path) -> None:
    libraries = (f"-L{sdk / 'lib'}", f"-Wl,-rpath,{sdk / 'lib'}", "-Wl,--no-as-needed")
    flags = ("-DLINKED", f"-I{sdk / 'include'}", *libraries, "-lraceshim", "-lraceshim-heap")
    executable = compiled(tmp_path / "build", "clang-19", "heaped", *flags)
    (tmp_path / "work").mkdir()
    program = asked(executable, (), tmp_path / "work")
    # There is somebody who tells of allocations, but nothing is profiled before it is asked for.
    program.run("", "write", "by-hand.pb")
    assert numbers(read_file(program.folder / "by-hand.pb")) == TRUTH


@GO
def test_go_reads_it(program: Program) -> None:
    assert not program.run("heap.pb:1").stderr
    words = ("go", "tool", "pprof", "-symbolize=none", "-top", "-unit=B", "-nodecount=500")
    top = run(*words, program.folder / "heap.pb")
    assert "Type: inuse_space" in top
    assert re.search(r" 100000B\s+\S+\s+leak$", top, re.MULTILINE), top
    assert re.search(
        r"^\s*500B\s.*\schurn$",
        run(*words, "-sample_index=alloc_objects", program.folder / "heap.pb"),
        re.MULTILINE,
    )


@pytest.mark.parametrize("detector", ["none", "thread"])
def test_record_and_leaks(raceshim: Raceshim, tmp_path: Path, detector: str) -> None:
    raceshim("cc", "--detector", detector, "-O1", SOURCE, "-o", tmp_path / "heaped")
    words = ("prof", "record", "--heap=1", "--", tmp_path / "heaped")
    told = raceshim(*words, cwd=tmp_path, status=5).stderr
    assert re.fullmatch(
        r"raceshim: \S+B in \d+ blocks allocated, \S+B in \d+ blocks in use at the end; "
        r"in raceshim\.pb\.gz\n",
        told,
    )
    printed = raceshim("prof", "leaks", "--focus", "^leak$", "raceshim.pb.gz", cwd=tmp_path).stdout
    assert "97.66kB in 100 blocks, " in printed
    assert "of 97.66kB in 100 blocks asked for by\n" in printed
    assert re.search(r"^  leak( |$)", printed, re.MULTILINE)
    lines = raceshim("prof", "leaks", "--lines", "raceshim.pb.gz", cwd=tmp_path).stdout
    assert re.search(r"^  leak \S*heaped\.c:\d+", lines, re.MULTILINE)


def test_memory_and_time_at_once(raceshim: Raceshim, tmp_path: Path) -> None:
    raceshim("cc", "--detector", "none", "-O1", SOURCE, "-o", tmp_path / "heaped")
    words = ("prof", "record", "--cpu", "--heap", "-o", "x.pb.gz", "--", tmp_path / "heaped")
    told = raceshim(*words, cwd=tmp_path, status=5).stderr
    assert "in x.cpu.pb.gz\n" in told
    assert "in x.heap.pb.gz\n" in told
    assert {p.name for p in tmp_path.iterdir()} == {"heaped", "x.cpu.pb.gz", "x.heap.pb.gz"}
    assert read_file(tmp_path / "x.heap.pb.gz").period == 512 << 10


FIXTURE = """\
import pytest

def run(race):
    return race.build("heaped.c", cflags=["-O1"]).profile(heap=1)

def test_memory(race):
    profiled = run(race)
    assert profiled.observed.status == 5
    assert profiled.total("alloc_objects") >= 602
    assert any(leak.space == 100_000 for leak in profiled.leaks())
    profiled.assert_leaks(at_most=10_000_000)
    assert profiled.share("churn", type="alloc_objects") > 50

def test_leaks(race):
    run(race).assert_leaks(ignore="^grow$")
"""


def test_the_fixture_profiles_memory(
    sdk_environment: dict[str, str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "RACESHIM_SDK" in sdk_environment:
        monkeypatch.setenv("RACESHIM_SDK", sdk_environment["RACESHIM_SDK"])
    pytester.path.joinpath("heaped.c").write_text(SOURCE.read_text())
    pytester.makepyfile(FIXTURE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*bytes in use at the end, not 0*", "*in 100 blocks*"])

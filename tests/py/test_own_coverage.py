# SPDX-License-Identifier: BSD-2-Clause
"""`make cover`: the library's own coverage, collected by a copy of the library."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import HARNESS, Covered, Way, said, start
from raceshim.cover import _lcov
from shim_builds import ROOT, symbols

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.cover._model import File

ENDING = ROOT / "testdata/cover/ending.c"


@dataclass(frozen=True)
class Cover:
    """The tool, with a build folder of the tests' own."""

    build: Path

    def __call__(self, *words: str, status: int) -> str:
        """Run it and return what it prints."""
        line = [sys.executable, ROOT / "tools/cover.py", "--build", self.build, *words]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=3600)
        assert done.returncode == status, f"{done.stdout}{done.stderr}"
        return done.stdout

    def files(self) -> dict[str, File]:
        """Return what the report says, by the files' paths in the repository."""
        text = (self.build / "report/lcov.info").read_text()
        return {file.path.removeprefix(f"{ROOT}/"): file for file in _lcov.read(text)}

    def forget(self) -> Path:
        """Empty the collector's folder and return it."""
        folder = self.build / "counted"
        for file in folder.iterdir():
            file.unlink()
        return folder


@pytest.fixture(scope="module")
def cover(tmp_path_factory: pytest.TempPathFactory) -> Cover:
    tool = Cover(tmp_path_factory.mktemp("own") / "build")
    tool("--only-c", "--c-tests", "test_raceshim", "--bar", "0", status=0)
    return tool


@pytest.fixture(scope="module")
def tested(cover: Cover, tmp_path_factory: pytest.TempPathFactory) -> Covered:
    """Return a builder of programs with coverage, with the shim under test in them."""
    return Covered(cover.build / "prefix", tmp_path_factory.mktemp("tested"))


def executed(file: File) -> set[int]:
    return {line for line, count in file.lines.items() if count}


def calls(run: cover_decoder.Run, file: str, function: str) -> int:
    """Return how often a function was called, by a file of counters."""
    return (run.of(file, function) or (0,))[0]


def test_lines_of_a_test_that_is_left_out_go_uncovered(cover: Cover) -> None:
    said = cover("--only-c", "--c-tests", "^test_(dwarf_rows|copy_out)$", "--bar", "0", status=0)
    assert re.search(r"^100% tests passed, 0 tests failed out of 2$", said, re.MULTILINE)
    both = cover.files()
    rows = "shim/src/core/dwarf_rows_sig.c"
    for path in (rows, "shim/src/core/copy_out.c"):
        assert len(executed(both[path])) == len(both[path].lines), path
    assert (cover.build / "report/index.html").is_file()

    said = cover("--only-c", "--c-tests", "^test_dwarf_rows$", "--bar", "0", status=0)
    one = cover.files()
    assert not executed(one["shim/src/core/copy_out.c"])
    assert "shim/src/core/copy_out.c: 0.0%, without " in said
    assert executed(one[rows]) == executed(both[rows])
    # All of the shim is in the report, also what no test is linked with.
    sources = {str(p.relative_to(ROOT)) for p in ROOT.glob("shim/src/**/*.c")}
    left_out = set(re.findall(r"^not counted: (\S+), which ", said, re.MULTILINE))
    preloaded = ("shim/src/canary/", "shim/src/perturb/", "shim/src/heapprof/layer/")
    assert len([path for path in left_out if not path.startswith(preloaded)]) < 3
    assert sources - one.keys() == left_out


def test_the_bar_shuts(cover: Cover) -> None:
    words = ("--only-c", "--c-tests", "^test_raceshim$")
    said = cover(*words, "--bar", "50", status=1)
    assert re.search(
        r"^cover: \d+\.\d\d % of the lines, below the bar of 50 %$", said, re.MULTILINE
    )
    total = re.search(r"^ *\S+ (\d+)/(\d+) .* total$", said, re.MULTILINE)
    assert total
    assert 0 < int(total[1]) < int(total[2]) / 2


@pytest.mark.parametrize(
    ("how", "status"),
    [("exit", 7), ("_exit", 7), ("quick_exit", 7), ("return", 7), ("SIGTERM", -15)],
)
def test_the_work_at_every_end_is_counted(
    cover: Cover, tested: Covered, tmp_path: Path, how: str, status: int
) -> None:
    """The shim writes its last file when the process ends; the collector is behind it."""
    program = tested.program("ending", ENDING, Way())
    folder = cover.forget()
    words = ("raise", "15") if how == "SIGTERM" else (how,)
    done = start(program, *words, folder=tmp_path)
    assert (done.returncode, done.stderr) == (status, ""), said(done)

    # What the program has counted is there, and is of the program alone.
    run = cover_decoder.read(tmp_path)
    (meta,) = run.metas.values()
    assert run.of(run.only, "blah")
    assert not any(name.startswith("rsh") for name in meta.names)
    # And so is what the shim has counted meanwhile, in a file of the collector's.
    own = cover_decoder.read(folder)
    (meta,) = own.metas.values()
    assert "blah" not in meta.names
    assert calls(own, own.only, "rshi_end_write_sig") > 0
    assert calls(own, own.only, "die") == (how == "SIGTERM")


def test_a_forked_child_counts_for_itself(cover: Cover, tested: Covered, tmp_path: Path) -> None:
    program = tested.program("forking", ROOT / "testdata/cover/forking.c", Way())
    folder = cover.forget()
    (tmp_path / "snapshots").mkdir()
    done = start(program, "3", tmp_path / "snapshots", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "3\n"), said(done)
    run = cover_decoder.read(folder)
    assert len({name.split(".")[2] for name in run.files}) == len(run.files) == 4
    assert sorted(calls(run, name, "rshi_end_forked_sig") for name in run.files) == [0, 1, 1, 1]


def test_programs_hold_nothing_that_is_not_theirs(cover: Cover, tested: Covered) -> None:
    """No name of the collector's is one of the shim's, and no section of it one of a program's."""
    program = tested.program("harness", HARNESS, Way())
    names = [s.name for s in symbols(program) if s.kind in "TtDdBb"]
    assert len([n for n in names if n == "rshi_end_write_sig"]) == 1
    assert len([n for n in names if n == "rsh_cover_own_rshi_end_write_sig"]) == 1
    sections = subprocess.run(
        ["readelf", "-SW", cover.build / "prefix/lib/libraceshim.a"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "rsh_own_prf_cnts" in sections
    assert "__llvm_" not in sections


@pytest.mark.long
def test_all_of_it(cover: Cover) -> None:
    said = cover(status=0)
    assert "tests have failed" not in said
    covered = re.search(r"^ *(\d+\.\d)% .* total$", said, re.MULTILINE)
    assert covered
    assert float(covered[1]) >= 90

# SPDX-License-Identifier: BSD-2-Clause
"""One archive in programs of every supported compiler and detector: what each detector says."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS, ROOT, Builds, run

if TYPE_CHECKING:
    from pathlib import Path

COMBINATIONS = [
    (compiler, detector)
    for compiler in COMPILERS
    for detector in ("none", "thread", "address", "memory")
    if (compiler, detector) != ("gcc-12", "memory")
]
INCLUDE = [f"-I{ROOT / folder / 'include'}" for folder in ("shim", "annotations")]
STACK = re.compile(r"(?:^ +#\d+ .*\n)+", re.MULTILINE)
FRAME = re.compile(r"^ +#\d+ (?:0x[0-9a-f]+ in )?(\w+)", re.MULTILINE)
KIND = re.compile(r"(?:WARNING|ERROR): \w+Sanitizer: ([a-z -]+?)(?: on| \(|$)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """What one case of the program must lead to: a report with these stacks on top, or silence."""

    name: str
    kind: str | None = None
    stacks: tuple[tuple[str, ...], ...] = ()


CASES = {
    "none": [
        Case("values"),
        Case("copy-heap"),
        Case("copy-locked"),
        Case("counters-atomic"),
        Case("counters-heap"),
    ],
    "thread": [
        Case("values"),
        Case("copy-locked"),
        Case("copy-race", "data race", (("rsh_copy_out", "fill"), ("read_shared",))),
        # The control: without the annotation the same race is missed.
        Case("copy-unannotated-race"),
        Case("counters-atomic"),
        Case(
            "counters-race",
            "data race",
            (("rsh_counters_write", "write_counts"), ("count_plainly",)),
        ),
    ],
    "memory": [
        Case("values"),
        Case("copy-heap"),
        # The control: without the annotation what was copied counts as uninitialised.
        Case("copy-unannotated-heap", "use-of-uninitialized-value", (("look_at", "with_heap"),)),
        Case("counters-heap"),
        Case(
            "counters-uninitialised",
            "use-of-uninitialized-value",
            (("rsh_counters_write", "write_counts"),),
        ),
    ],
    "address": [
        Case("values"),
        Case("copy-heap"),
        Case("copy-overflow", "heap-buffer-overflow", (("fill",),)),
        # The control: without the annotation the same overflow is missed.
        Case("copy-unannotated-overflow"),
        Case("counters-heap"),
        Case("counters-overflow", "heap-buffer-overflow", (("write_counts",),)),
    ],
}


@dataclass(frozen=True, slots=True)
class Program:
    """The program's objects, compiled for one detector by one compiler, not yet linked."""

    compiler: str
    detector: str
    objects: tuple[Path, ...]

    def link(self, target: Path, *library: str | Path) -> Path:
        """Link the objects against the library and return the executable."""
        run(self.compiler, "-pthread", *self.flags, *self.objects, *library, "-o", target)
        return target

    @property
    def flags(self) -> list[str]:
        return [] if self.detector == "none" else [f"-fsanitize={self.detector}"]


@pytest.fixture(scope="module", params=COMBINATIONS, ids="-".join)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    compiler, detector = request.param
    folder = tmp_path_factory.mktemp(f"{compiler}-{detector}")
    instrumented = Program(compiler, detector, (folder / "matrix.o", folder / "unannotated.o"))
    common = [compiler, "-std=gnu11", "-O1", "-g", "-fno-omit-frame-pointer", *INCLUDE, "-c"]
    source, unannotated = ROOT / "tests/c/matrix.c", ROOT / "tests/c/matrix_unannotated.c"
    run(*common, *instrumented.flags, source, "-o", instrumented.objects[0])
    run(*common, unannotated, "-o", instrumented.objects[1])
    return instrumented


@dataclass(frozen=True, slots=True)
class Built:
    """A build of the library, and what its archive consisted of when it was made."""

    folder: Path
    digest: str


def digest(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def libraries(builds: Builds) -> dict[str, Built]:
    """Return a build of the library by each compiler."""
    built = {}
    for compiler in COMPILERS:
        folder = builds.of(compiler) / "shim"
        built[compiler] = Built(folder, digest(folder / "libraceshim.a"))
    return built


def check(executable: Path, case: Case) -> None:
    """Run one case and compare what the detector says with what it should."""
    environment = os.environ | {"TSAN_OPTIONS": "atexit_sleep_ms=0:history_size=7"}
    done = subprocess.run(
        [executable, case.name], env=environment, capture_output=True, text=True, check=False
    )
    said = f"{executable.parent.name} {case.name}: {done.returncode}\n{done.stderr}"
    assert KIND.findall(done.stderr) == ([case.kind] if case.kind else []), said
    assert (done.returncode == 0) == (case.kind is None), said
    stacks = [tuple(FRAME.findall(text)) for text in STACK.findall(done.stderr)]
    for top in case.stacks:
        assert any(stack[: len(top)] == top for stack in stacks), said


@pytest.mark.parametrize("by", COMPILERS)
def test_one_archive_serves_every_detector(
    program: Program, libraries: dict[str, Built], by: str, tmp_path: Path
) -> None:
    archive = libraries[by].folder / "libraceshim.a"
    executable = program.link(tmp_path / "matrix", archive)
    assert digest(archive) == libraries[by].digest
    for case in CASES[program.detector]:
        check(executable, case)


def test_one_shared_library_serves_every_detector(
    program: Program, libraries: dict[str, Built], tmp_path: Path
) -> None:
    folder = libraries["clang-19"].folder
    executable = program.link(
        tmp_path / "matrix", f"-L{folder}", f"-Wl,-rpath,{folder}", "-l:libraceshim.so"
    )
    for case in CASES[program.detector]:
        check(executable, case)

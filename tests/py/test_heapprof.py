# SPDX-License-Identifier: BSD-2-Clause
"""The heap profile in programs of every supported compiler, detector and allocator."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from shim_builds import COMPILERS, ROOT, run

COMBINATIONS = [
    (compiler, detector)
    for compiler in COMPILERS
    for detector in ("thread", "address", "memory")
    if (compiler, detector) != ("gcc-12", "memory")
]
FLAGS = ("-O1", "-g", "-fno-omit-frame-pointer", "-pthread")
STACK = re.compile(r"(?:^ +#\d+ .*\n)+", re.MULTILINE)
FRAME = re.compile(r"^ +#\d+ (?:0x[0-9a-f]+ in )?(\w+)", re.MULTILINE)
KIND = re.compile(r"(?:WARNING|ERROR): \w+Sanitizer: ([a-z -]+?)(?: on| \(|$)", re.MULTILINE)
#: Debian's other ones, beside libc's.
ALLOCATORS = {
    "libc": "",
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "mimalloc": "libmimalloc.so.2",
}
CXX_FLAGS = ("-std=c++17", "-fsized-deallocation")
CXX = {"clang-14": "clang++-14", "clang-19": "clang++-19", "gcc-12": "g++-12"}


@dataclass(frozen=True, slots=True)
class Case:
    """What a case of the program leads to: a report with these frames on top, or silence."""

    name: str
    kind: str | None = None
    top: tuple[str, ...] = ()


READ = ("rsh_heapprof_read", "fill")
#: The program with the library's own functions.
CASES = {
    "thread": (
        Case("number-race", "data race", READ),
        Case("tail-race", "data race", READ),
        Case("size-race", "data race", READ),
        Case("locked"),
    ),
    "address": (Case("heap"), Case("overflow", "heap-buffer-overflow", ("fill",))),
    "memory": (Case("heap"), Case("unread", "use-of-uninitialized-value", ("use",))),
}
#: The same with functions that tell nobody what they write: what is wrong is missed, and what is
#: right is reported.
UNANNOTATED = {
    "thread": (Case("number-race"), Case("tail-race"), Case("size-race")),
    "address": (Case("overflow"),),
    "memory": (Case("heap", "use-of-uninitialized-value", ("use",)),),
}


def check(program: Path, case: Case) -> None:
    """Run a case and compare what the detector says with what it should."""
    environment = os.environ | {
        "TSAN_OPTIONS": "atexit_sleep_ms=0:history_size=7", "ASAN_OPTIONS": "detect_leaks=0",
    }  # fmt: skip
    done = subprocess.run(
        [program, case.name], env=environment, capture_output=True, text=True, check=False
    )
    said = f"{program} {case.name}: {done.returncode}\n{done.stderr}"
    assert KIND.findall(done.stderr) == ([case.kind] if case.kind else []), said
    assert (done.returncode == 0) == (case.kind is None), said
    stacks = [tuple(FRAME.findall(text)) for text in STACK.findall(done.stderr)]
    assert not case.top or any(s[: len(case.top)] == case.top for s in stacks), said


@pytest.mark.parametrize(("compiler", "detector"), COMBINATIONS)
def test_what_is_read_is_announced(compiler: str, detector: str, sdk: Path, tmp_path: Path) -> None:
    flags = (compiler, *FLAGS, "-D_GNU_SOURCE", f"-I{sdk}/include")
    reading, control = tmp_path / "reading.o", tmp_path / "unannotated.o"
    detecting = f"-fsanitize={detector}"
    run(*flags, detecting, "-c", ROOT / "tests/c/heap_reading.c", "-o", reading)
    run(*flags, f"-I{ROOT}/shim/src", "-c", ROOT / "tests/c/heap_reading_unannotated.c",
        "-o", control)  # fmt: skip
    archive = sdk / "lib/libraceshim.a"
    for objects, cases in (((reading,), CASES), ((reading, control), UNANNOTATED)):
        program = tmp_path / f"reading-{len(objects)}"
        run(*flags, detecting, *objects, archive, "-o", program)
        for case in cases[detector]:
            check(program, case)


def preloaded(*libraries: str | Path) -> dict[str, str]:
    return os.environ | {"LD_PRELOAD": " ".join(str(library) for library in libraries if library)}


@pytest.fixture(params=ALLOCATORS)
def allocator(request: pytest.FixtureRequest) -> str:
    """Return an allocator's library, which is there: the loader goes on without one that is not."""
    name = ALLOCATORS[request.param]
    return str(next(Path("/usr/lib").glob(f"*-linux-gnu/{name}"))) if name else ""


@pytest.fixture(scope="module")
def cxx(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the program of C++: with the layer to be preloaded, and with it linked."""
    folder = tmp_path_factory.mktemp("cxx")
    source = ROOT / "tests/c/heap_cxx.cc"
    flags = ("clang++-19", *FLAGS, *CXX_FLAGS, f"-I{sdk}/include", source)
    run(*flags, f"-L{sdk}/lib", f"-Wl,-rpath,{sdk}/lib", "-lraceshim", "-o", folder / "shared")
    archives = (sdk / "lib/libraceshim-heap.a", sdk / "lib/libraceshim.a")
    run(*flags, *archives, "-o", folder / "linked")
    return {"shared": folder / "shared", "linked": folder / "linked"}


def test_operators_over_every_allocator(allocator: str, cxx: dict[str, Path], sdk: Path) -> None:
    # mimalloc, which is written in C, ends a program that has no memory left, and throws nothing.
    without = ("large",) if "mimalloc" in allocator else ()
    run(cxx["shared"], *without, env=preloaded(sdk / "lib/libraceshim-heap.so", allocator))
    run(cxx["linked"], *without, env=preloaded(allocator))


def test_without_a_layer_nobody_tells(cxx: dict[str, Path], allocator: str, sdk: Path) -> None:
    # Behind an allocator it is never called.
    behind = preloaded(allocator, sdk / "lib/libraceshim-heap.so") if allocator else os.environ
    done = subprocess.run([cxx["shared"]], env=behind, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "preload libraceshim-heap.so" in done.stderr


@pytest.mark.parametrize("compiler", COMPILERS)
def test_operators_under_a_detector(compiler: str, sdk: Path, tmp_path: Path) -> None:
    for detector in ("thread", "address"):
        program = tmp_path / detector
        run(CXX[compiler], *FLAGS, *CXX_FLAGS, f"-fsanitize={detector}", f"-I{sdk}/include",
            ROOT / "tests/c/heap_cxx.cc", sdk / "lib/libraceshim.a", "-o", program)  # fmt: skip
        # No aligned memory, and none that is too large: the detectors have their own mind there.
        run(program, "aligned", "large")


def test_programs_that_know_nothing_of_it(allocator: str, sdk: Path) -> None:
    """Their constructors and those of their libraries allocate before anybody is ready."""
    work = "import threading as t; x = [t.Thread(target=lambda: [0] * 999) for _ in range(9)];"
    for command in (["/bin/ls", "/"], ["python3", "-c", work + "[y.start() for y in x]"]):
        plain = run(*command)
        layer = sdk / "lib/libraceshim-heap.so"
        assert run(*command, env=preloaded(layer, allocator)) == plain


def test_a_block_that_grows_stays_with_its_allocator(
    allocator: str, sdk: Path, tmp_path: Path
) -> None:
    """Many have no reallocarray, and are before the layer: in the executable, or by mistake."""
    layer = sdk / "lib/libraceshim-heap.so"
    flags = ("clang-19", *FLAGS, "-fno-builtin", "-D_GNU_SOURCE", ROOT / "tests/c/heap_own.c", "-o")
    run(*flags, tmp_path / "grows", *(() if allocator else ("-DOWN",)))
    assert run(tmp_path / "grows", env=preloaded(allocator, layer)) == "kept\n"


@pytest.mark.parametrize("compiler", ["clang-19", "gcc-12"])
def test_a_layer_that_a_detector_finds_in_its_way(compiler: str, sdk: Path, tmp_path: Path) -> None:
    """Linked by mistake: the detector's own functions come next, and it tells."""
    program = tmp_path / "reading"
    flags = (compiler, *FLAGS, "-D_GNU_SOURCE", f"-I{sdk}/include", "-fsanitize=thread")
    archives = (sdk / "lib/libraceshim-heap.a", sdk / "lib/libraceshim.a")
    run(*flags, ROOT / "tests/c/heap_reading.c", *archives, "-o", program)
    for case in CASES["thread"]:
        check(program, case)

# SPDX-License-Identifier: BSD-2-Clause
"""The engines of edges: every edge counted once, by every thread, whatever happens to the thread.

The programs of tests/cover/edges_counts.c know how often they called a function; its entry is an
edge, and its count in the files has to be the same number.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from raceshim.cover import _units

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness_programs import Raceshim

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests/cover"
CLANGS = ("clang-19", "clang-14")
DETECTORS = ("thread", "none")
LEVELS = ("-O0", "-O1", "-O2", "-O3")
#: One thread alone may start threads in a child that it forked, says ThreadSanitizer.
TSAN = {"TSAN_OPTIONS": "die_after_fork=0 atexit_sleep_ms=0"}
#: An inline function is in both objects, and in the program once.
OBJECTS = {
    "inline.hpp": "__attribute__((noinline)) inline int both(int n) { return n % 3 ? n : -n; }\n",
    "a.cpp": """\
#include "inline.hpp"
int thats(int n);
__attribute__((noinline)) void nobody() { both(1); }
int main()
{
    int sum = 0;
    for (int i = 0; i < 10; i++) sum += both(i) + thats(i) + thats(-i);
    return sum == 12345;
}
""",
    "b.cpp": """\
#include "inline.hpp"
int thats(int n) { return n < 0 ? n : both(n); }
""",
}
SCENARIOS = (
    "at_once",
    "churn",
    "signals",
    "storm",
    "vforked",
    "destructors",
    "cleared",
    "emitted",
)


def addresses(path: str) -> dict[str, int]:
    """Return the functions of a program or library."""
    printed = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
    return {
        fields[2]: int(fields[0], 16)
        for line in printed.splitlines()
        if len(fields := line.split()) == 3
    }


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program left behind."""

    folder: Path
    status: int
    stdout: str
    stderr: str

    @property
    def called(self) -> Counter[str]:
        """How often functions were called, as the program itself says."""
        said: Counter[str] = Counter()
        for name, number in re.findall(r"^(\w+) (\d+)$", self.stdout, re.MULTILINE):
            said[name] += int(number)
        return said

    def metas(self) -> dict[str, _units.Meta]:
        """Return what can be counted."""
        found = [
            meta
            for path in self.folder.glob("covmeta.*")
            for meta in _units.read_metas(path.read_bytes(), str(path))
        ]
        return {meta.hash: meta for meta in found}

    def counted(self, *functions: str, pattern: str = "covcounters.*") -> list[Counter[str]]:
        """Return, for each file in order of its name, how often functions were entered."""
        metas = self.metas()
        at = {digest: addresses(meta.path) for digest, meta in metas.items()}
        found = []
        for path in sorted(self.folder.glob(pattern)):
            sums: Counter[str] = Counter()
            for raw in _units.split(path.read_bytes(), str(path), _units.COUNTERS):
                meta = metas[raw.hash]
                records = _units.read_counters(raw, meta).records
                entries = {edge.pc: i for i, edge in enumerate(meta.identity.edges) if edge.entry}
                for name in functions:
                    if name in at[raw.hash]:
                        sums[name] += records.get(entries[at[raw.hash][name]], 0)
            found.append(sums)
        return found

    def sums(self, *functions: str) -> Counter[str]:
        """Return how often functions were entered in all processes together."""
        return sum(self.counted(*functions), Counter())


class Build:
    """A program, a library that it loads, and what they are built with."""

    def __init__(self, raceshim: Raceshim, folder: Path, compiler: str, *options: str) -> None:
        """Build both."""
        self.folder = folder
        self.program = folder / "program"
        self.library = folder / "library.so"
        self._runs = 0
        options = ("cc", "--compiler", compiler, *options, "-g", "-D_GNU_SOURCE", "-pthread")
        raceshim(*options, SOURCES / "edges_counts.c", "-o", self.program)
        shared = ("-shared", "-fPIC", SOURCES / "edges_library.c", "-o", self.library)
        raceshim(*options, *shared)

    def run(self, scenario: str, *, status: int = 0, program: Path | None = None) -> Ran:
        """Run a scenario, also of another program, with a folder of its own for its files."""
        self._runs += 1
        folder = self.folder / f"{scenario}-{self._runs}"
        folder.mkdir()
        environ = os.environ | TSAN
        environ |= {"RACESHIM_COVERDIR": str(folder), "EDGES_OUTPUT": str(folder)}
        environ["EDGES_LIBRARY"] = str(self.library)
        done = subprocess.run(
            [program or self.program, scenario], env=environ, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return Ran(folder, done.returncode, done.stdout, done.stderr)

    def silent(self, scenario: str, program: Path | None = None) -> Ran:
        """Run a scenario of which nobody has anything to say."""
        ran = self.run(scenario, program=program)
        assert ran.stderr == ""
        return ran


@pytest.fixture(scope="module")
def build(raceshim: Raceshim, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Build]:
    """Return a builder that builds everything once."""
    built: dict[tuple[str, ...], Build] = {}

    def of(compiler: str, detector: str, level: str = "-O1", cover: str = "edge-counts") -> Build:
        options = (f"--detector={detector}", f"--cover={cover}", level)
        key = (compiler, *options)
        if key not in built:
            folder = tmp_path_factory.mktemp("edges")
            built[key] = Build(raceshim, folder, compiler, *options)
        return built[key]

    return of


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_every_call_is_counted(
    build: Callable[..., Build], compiler: str, detector: str, scenario: str
) -> None:
    ran = build(compiler, detector).silent(scenario)
    assert ran.called["hot"] > 0
    # Under ThreadSanitizer a vfork is a fork, whose child has its own file.
    assert ran.sums("hot") == ran.called


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_optimisation_changes_no_count(
    build: Callable[..., Build], compiler: str, detector: str, level: str
) -> None:
    ran = build(compiler, detector, level).silent("at_once")
    assert ran.sums("hot", "hot_early") == ran.called + Counter(hot_early=1)
    # A third of the calls went one way, the others the other way.
    (meta,) = ran.metas().values()
    (path,) = ran.folder.glob("covcounters.*")
    (raw,) = _units.split(path.read_bytes(), str(path), _units.COUNTERS)
    counts = set(_units.read_counters(raw, meta).records.values())
    third = 8 * len(range(0, ran.called["hot"] // 8, 3))
    assert {third, ran.called["hot"] - third} & counts


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_child_counts_from_zero(build: Callable[..., Build], detector: str) -> None:
    ran = build("clang-19", detector).silent("forked")
    said = re.search(r"^child (\d+) (\d+)$", ran.stdout, re.MULTILINE)
    assert said
    pid, calls = said.groups()
    (child,) = ran.counted("hot", "hot_early", pattern=f"covcounters.*.{pid}.*")
    assert child == Counter(hot=int(calls))
    assert ran.sums("hot", "hot_early") - child == ran.called + Counter(hot_early=1)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_unloaded_libraries_keep_their_counts(
    build: Callable[..., Build], compiler: str, detector: str
) -> None:
    ran = build(compiler, detector).silent("reloaded")
    assert ran.called["library_hot"] > 0
    assert ran.sums("hot", "library_hot") == +ran.called


@pytest.mark.parametrize("compiler", CLANGS)
def test_without_memory_nothing_is_lost(build: Callable[..., Build], compiler: str) -> None:
    ran = build(compiler, "none").silent("no_memory")
    assert ran.sums("hot") == ran.called


@pytest.mark.parametrize("detector", DETECTORS)
def test_threads_may_run_at_exit(build: Callable[..., Build], detector: str) -> None:
    ran = build("clang-19", detector).silent("running")
    assert ran.sums("hot")["hot"] >= ran.called["hot"]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_process_that_aborts_leaves_its_counts(
    build: Callable[..., Build], detector: str
) -> None:
    ran = build("clang-19", detector).run("aborted", status=-signal.SIGABRT)
    assert ran.called["hot"] > 0
    assert ran.sums("hot") == ran.called


@pytest.mark.parametrize("detector", DETECTORS)
def test_counts_only_grow_while_threads_count(build: Callable[..., Build], detector: str) -> None:
    ran = build("clang-19", detector).silent("emitted")
    sweeps = [sweep["hot"] for sweep in ran.counted("hot", pattern="sweep.*")]
    assert sweeps == sorted(sweeps)
    assert len(set(sweeps)) == 100


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_deltas_and_remainder_are_all_increments(
    build: Callable[..., Build], compiler: str, detector: str
) -> None:
    ran = build(compiler, detector).silent("read_and_cleared")
    deltas = ran.counted("hot", "hot_early", pattern="delta.*")
    assert len(deltas) == 100
    assert all(delta["hot"] > 0 for delta in deltas)
    remainder = ran.sums("hot", "hot_early")
    assert sum(deltas, remainder) == ran.called + Counter(hot_early=1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_flags_say_what_was_reached(
    build: Callable[..., Build], compiler: str, detector: str, level: str
) -> None:
    ran = build(compiler, detector, level, "edges").silent("at_once")
    entered = ran.sums("hot", "hot_early", "race_here", "call_library")
    assert entered == Counter(hot=1, hot_early=1)


@pytest.mark.parametrize("cover", ["edges", "edge-counts"])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_races_of_the_program_are_still_reported(
    build: Callable[..., Build], compiler: str, level: str, cover: str
) -> None:
    ran = build(compiler, "thread", level, cover).run("race", status=66)
    assert ran.stderr.count("WARNING: ThreadSanitizer: data race") == 1
    assert re.findall(r"#0 (\w+)", ran.stderr)[:2] == ["race_here", "race_here"]
    assert ran.sums("race_here")["race_here"] == (2 if cover == "edge-counts" else 1)


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_a_library_counts_in_a_program_that_does_not(
    raceshim: Raceshim, build: Callable[..., Build], tmp_path: Path, compiler: str, detector: str
) -> None:
    program = tmp_path / "program"
    raceshim(
        "cc", "--compiler", compiler, f"--detector={detector}", "-O1", "-D_GNU_SOURCE", "-pthread",
        SOURCES / "edges_counts.c", "-o", program,
    )  # fmt: skip
    ran = build(compiler, detector).silent("unloaded", program)
    assert ran.sums("library_hot", "hot") == Counter(library_hot=ran.called["library_hot"])


@pytest.mark.parametrize("detector", ["thread", "none", "address", "memory"])
@pytest.mark.parametrize("compiler", CLANGS)
def test_functions_of_several_objects_are_counted_once(
    raceshim: Raceshim, tmp_path: Path, compiler: str, detector: str
) -> None:
    # Sections that nobody needs may be thrown away, but only with their edges.
    for name, text in OBJECTS.items():
        (tmp_path / name).write_text(text)
    program = tmp_path / "program"
    raceshim(
        "c++", "--compiler", compiler, f"--detector={detector}", "--cover=edge-counts", "-O1",
        "-ffunction-sections", "-Wl,--gc-sections", "a.cpp", "b.cpp", "-o", program, cwd=tmp_path,
    )  # fmt: skip
    folder = tmp_path / "cover"
    folder.mkdir()
    environ = os.environ | {"RACESHIM_COVERDIR": str(folder)}
    subprocess.run([program], env=environ, check=True)
    ran = Ran(folder, 0, "", "")
    assert ran.sums("_Z4bothi", "_Z5thatsi") == Counter(_Z4bothi=21, _Z5thatsi=20)
    (meta,) = ran.metas().values()
    functions = addresses(meta.path)
    entries = sorted(edge.pc for edge in meta.identity.edges if edge.entry)
    own = functions.keys() & {"main", "_Z4bothi", "_Z5thatsi", "_Z6nobodyv"}
    assert entries == sorted(functions[name] for name in own)


def test_shared_counters_lose_what_threads_count_at_once(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    stock = ("-fprofile-instr-generate", "-fcoverage-mapping", "-fprofile-update=single")
    raceshim(
        "cc", "--detector=none", *stock, "-O1", "-D_GNU_SOURCE", "-pthread",
        SOURCES / "edges_counts.c", "-o", program,
    )  # fmt: skip
    raw = tmp_path / "raw"
    lost = 0
    for _ in range(60):  # on a busy machine two threads seldom run at once
        environ = os.environ | {"LLVM_PROFILE_FILE": str(raw)}
        done = subprocess.run(
            [program, "at_once"], env=environ, capture_output=True, text=True, check=True
        )
        tool = ["llvm-profdata-19", "merge", raw, "-o", tmp_path / "data"]
        subprocess.run(tool, check=True)
        tool = ["llvm-profdata-19", "show", "--function=hot", tmp_path / "data"]
        shown = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
        (counted,) = re.findall(r"hot:\n(?:.*\n)*?.*Function count: (\d+)", shown)
        lost = int(done.stdout.split()[1]) - int(counted)
        if lost:
            break
    assert lost > 0


def code_of(path: Path, function: str) -> str:
    """Return the machine code of a function."""
    command = ["objdump", "-d", "--no-show-raw-insn", path]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return listing.split(f"<{function}>:\n")[1].split("\n\n")[0]


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("compiler", CLANGS)
def test_an_edge_costs_one_direct_call(
    build: Callable[..., Build], compiler: str, detector: str
) -> None:
    built = build(compiler, detector)
    for path, function in ((built.program, "hot"), (built.library, "library_hot")):
        counting = code_of(path, "__sanitizer_cov_trace_pc_guard")
        assert re.search(r"\binc(q|l)?\b", counting)
        assert not re.search(r"\b(push|call|lock)", counting)
        assert re.search(r"call\s+\w+ <__sanitizer_cov_trace_pc_guard>", code_of(path, function))

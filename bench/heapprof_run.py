# SPDX-License-Identifier: BSD-2-Clause
"""Run the workload of the heap profile's benchmarks under our profiler, and under its peers."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from raceshim.cc import _prefix
from raceshim.prof import _read

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "bench/heapprof_workload.c"
_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
JEMALLOC = _LIBRARIES / "libjemalloc.so.2"
TCMALLOC = _LIBRARIES / "libtcmalloc.so.4"
HEAPTRACK = Path("/usr/lib/heaptrack/libheaptrack_preload.so")
USUAL = 512 << 10
#: Compilers that a build under ThreadSanitizer is made with.
BUILDS = {
    "TSan, clang 14": ("clang-14", "thread"),
    "TSan, clang 19": ("clang-19", "thread"),
    "TSan, gcc 12": ("gcc-12", "thread"),
}


@dataclass(frozen=True, slots=True)
class Heap:
    """What a profile says was allocated, and was in use at the end."""

    alloc_objects: float
    alloc_space: float
    inuse_objects: float
    inuse_space: float


@dataclass(frozen=True, slots=True)
class Way:
    """How a program is run: what is preloaded, what the environment says, what is linked."""

    name: str
    preload: tuple[Path, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    linked: bool = False

    @property
    def missing(self) -> bool:
        """Whether a peer is not installed."""
        return not all(path.exists() for path in self.preload)


def ours(rate: int, *, linked: bool = False) -> Way:
    """Return our profiler, at a rate; {} is where the profile goes."""
    name = "every allocation" if rate == 1 else f"1 in {rate >> 10} KiB"
    environment = (("RACESHIM_HEAPPROFILE", f"{{}}/ours.pb:{rate}"),)
    if linked:
        return Way(f"raceshim, {name}, linked", (), environment, linked=True)
    libraries = (Path(_prefix.heap_library()), Path(_prefix.shared_library()))
    return Way(f"raceshim, {name}", libraries, environment)


def jemalloc(profile: str) -> Way:
    """Return jemalloc with its own profiler."""
    told = f"prof:true,prof_final:true,prof_accum:true,prof_prefix:{{}}/je,{profile}"
    return Way(f"jemalloc, {profile}", (JEMALLOC,), (("MALLOC_CONF", told),))


GLIBC = Way("glibc")
BARE_JEMALLOC = Way("jemalloc", (JEMALLOC,))
BARE_TCMALLOC = Way("tcmalloc", (TCMALLOC,))
SAMPLED_TCMALLOC = Way(
    "tcmalloc, sampled", (TCMALLOC,), (("TCMALLOC_SAMPLE_PARAMETER", str(USUAL)),)
)
ALL_TCMALLOC = Way("tcmalloc, HEAPPROFILE", (TCMALLOC,), (("HEAPPROFILE", "{}/tc"),))
ALL_HEAPTRACK = Way("heaptrack", (HEAPTRACK,), (("DUMP_HEAPTRACK_OUTPUT", "/dev/null"),))


def build(folder: Path, compiler: str, detector: str, *, linked: bool = False) -> Path:
    """Return the workload, built as users would; linked with our profiler or not."""
    program = folder / f"heap-{compiler}-{detector}{'-linked' * linked}"
    newer = SOURCE.stat().st_mtime
    if linked:
        newer = max(newer, Path(_prefix.shared_library()).stat().st_mtime)
    if program.exists() and program.stat().st_mtime > newer:
        return program
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "raceshim", "cc", f"--compiler={compiler}"]
    command += [f"--detector={detector}", f"--heap={'yes' if linked else 'no'}"]
    command += ["-O2", "-D_GNU_SOURCE", str(SOURCE)]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def run(program: Path, way: Way, *words: str, folder: str = "/nonexistent") -> str:
    """Return what the program prints."""
    told = {name: value.format(folder) for name, value in way.environment}
    if way.preload:
        told["LD_PRELOAD"] = " ".join(map(str, way.preload))
    done = subprocess.run(
        [program, *words], env={**os.environ, **told}, capture_output=True, text=True, check=True
    )
    return done.stdout


def pair(program: Path, way: Way, count: int) -> float:
    """Return what malloc and free take together, in nanoseconds of the thread's time."""
    with tempfile.TemporaryDirectory() as folder:
        return float(run(program, way, "pairs", str(count), folder=folder))


def totals(program: Path, way: Way, count: int) -> tuple[Heap, Heap | None]:
    """Return the truth, and what a profiler says; None if it has written nothing."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Heap(*map(float, run(program, way, "totals", str(count), folder=folder).split()))
        for path in sorted(Path(folder).iterdir()):
            read = {"ours.pb": _ours, "je": _jemalloc, "tc": _tcmalloc}
            return truth, read[path.name if path.suffix == ".pb" else path.name[:2]](path)
    return truth, None


def _ours(path: Path) -> Heap:
    profile = _read.read_file(path)
    return Heap(*(sum(value for _, value in profile.values(i)) for i in range(4)))


def _tcmalloc(path: Path) -> Heap:
    """Read `heap profile: OBJECTS: BYTES [OBJECTS: BYTES] @`: in use, and allocated."""
    found = re.match(r"heap profile: *(\d+): *(\d+) \[ *(\d+): *(\d+)\]", path.read_text())
    if found is None:
        raise ValueError(path)
    inuse, space, allocated, all_space = map(float, found.groups())
    return Heap(allocated, all_space, inuse, space)


def _jemalloc(path: Path) -> Heap:
    """Read `t*: OBJECTS: BYTES [OBJECTS: BYTES]` of each stack, and scale as jeprof does."""
    sums, stack = [0.0] * 4, False
    rate = USUAL
    for line in path.read_text().splitlines():
        if line.startswith("heap_v2/"):
            rate = int(line.partition("/")[2])
        if line.startswith("MAPPED_LIBRARIES"):
            break
        found = re.match(r"  t\*: (\d+): (\d+) \[(\d+): (\d+)\]", line)
        if found is None:
            stack = line.startswith("@")
            continue
        if stack:  # the first one is the sum of all, which cannot be scaled
            inuse, space, allocated, all_space = map(int, found.groups())
            for place, (objects, size) in enumerate(((allocated, all_space), (inuse, space))):
                if objects:
                    scale = 1 / (1 - math.exp(-size / objects / rate))
                    sums[2 * place] += objects * scale
                    sums[2 * place + 1] += size * scale
    return Heap(*sums)

# SPDX-License-Identifier: BSD-2-Clause
"""Run the workload of the CPU profile's benchmarks under our profiler, gperftools', or none."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from raceshim.cc import _prefix
from raceshim.cover._elf import Elf
from raceshim.prof import _read
from raceshim.prof._record import plan_for, wishes

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "bench/cpuprof_workload.c"
PEER = Path("/usr/lib/x86_64-linux-gnu/libprofiler.so.0")
BUILDS = {
    "plain": ("clang-19", "none"),
    "TSan, clang 14": ("clang-14", "thread"),
    "TSan, clang 19": ("clang-19", "thread"),
    "TSan, gcc 12": ("gcc-12", "thread"),
}
_MAP = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) \S+ \S+ +(/.*)")


@dataclass(frozen=True, slots=True)
class Run:
    """What the program says of itself, and what a profiler says: names, leaf first, by sample."""

    in75: int
    in25: int
    processor: int
    stacks: tuple[tuple[int, tuple[str, ...]], ...] = ()
    comments: tuple[str, ...] = ()
    lost: int = 0

    @property
    def truth(self) -> float:
        """The share of hot75 in per cent, by the threads' own clocks."""
        return 100 * self.in75 / (self.in75 + self.in25)


def build(folder: Path, compiler: str, detector: str) -> Path:
    """Return the workload, built as users would."""
    program = folder / f"workload-{compiler}-{detector}"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "raceshim", "cc", f"--compiler={compiler}"]
    command += [f"--detector={detector}", "-O2", "-D_GNU_SOURCE", "-pthread", str(SOURCE)]
    subprocess.run([*command, "-o", str(program)], check=True)
    return program


def plain(program: Path, variant: int, work: str) -> Run:
    """Run it without a profiler."""
    return _run(program, variant, work, {})


def clock_alone(program: Path, variant: int, work: str, hz: int) -> Run:
    """Run it with our profiler's clock and signals, and nobody who makes anything of them."""
    return _run(program, variant, work, {"CLOCK_ALONE": str(hz)})


def ours(program: Path, variant: int, work: str, hz: int) -> Run:
    """Run it under our profiler."""
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_for(Path(folder) / "p", wishes(frequency=hz))
        run = _run(program, variant, work, plan.environment({}, _prefix.shared_library()))
        (file,) = plan.files(plan.wishes[0])
        profile = _read.read_file(file)
    counted = tuple(
        (sample.values[0], tuple(frame.function for frame in sample.stack))
        for sample in profile.samples
        if any(label.key == "thread" and label.value == "hot" for label in sample.labels)
    )
    lost = sum(profile.lost(0).values())
    return Run(run.in75, run.in25, run.processor, counted, profile.comments, lost)


def gperftools(program: Path, variant: int, work: str, hz: int) -> Run:
    """Run it under gperftools' profiler, whose samples have no threads: all of them count."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile"
        told = {
            "LD_PRELOAD": str(PEER),
            "CPUPROFILE": str(file),
            "CPUPROFILE_FREQUENCY": str(hz),
        }
        run = _run(program, variant, work, told)
        stacks = _legacy(file.read_bytes(), program) if file.exists() else ()
    return Run(run.in75, run.in25, run.processor, stacks)


def _run(program: Path, variant: int, work: str, told: dict[str, str]) -> Run:
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RACESHIM_", "CPUPROFILE", "LD_"))
    }
    done = subprocess.run(
        [program, str(variant), work],
        env=environ | told,
        capture_output=True,
        text=True,
        check=True,
    )
    # gperftools' own "PROFILE: interrupt/evictions" is no complaint.
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("PROFILE")]
    if complaints:
        raise SystemExit("\n".join([str(program), *complaints]))
    return Run(*map(int, done.stdout.split()))


def _legacy(data: bytes, program: Path) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Read gperftools' format: words of 8 bytes, and the mappings as text behind them."""
    words = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
    place = 2 + words[1]
    found = []
    while words[place + 2] != 0:
        count, depth = words[place : place + 2]
        found.append((count, words[place + 2 : place + 2 + depth]))
        place += 2 + depth
    maps = [
        (int(m[1], 16), int(m[2], 16), int(m[3], 16))
        for m in _MAP.finditer(data[8 * (place + 3) :].decode(errors="replace"))
        if m[4] == str(program)
    ]
    return tuple(
        (count, tuple(_name(pc - (i > 0), maps, program) for i, pc in enumerate(pcs)))
        for count, pcs in found
    )


@cache
def _functions(program: Path) -> tuple[Elf, list[tuple[int, int, str]]]:
    elf = Elf(program)
    return elf, [(s.address, s.end, s.name) for s in elf.functions()]


def _name(pc: int, maps: list[tuple[int, int, int]], program: Path) -> str:
    elf, functions = _functions(program)
    for start, end, offset in maps:
        if start <= pc < end:
            address = elf.address(pc - start + offset)
            for first, last, name in functions:
                if address is not None and first <= address < last:
                    return name
    return ""

# SPDX-License-Identifier: BSD-2-Clause
"""Programs of testdata/ that profile themselves while they are judged.

The profilers are linked into each program, so they meet its threads as early as anybody can, and no
program's source knows of them.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from raceshim._programs import load_programs
from raceshim.cc._compilers import find, which
from shim_builds import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness_programs import Raceshim

TESTDATA = ROOT / "testdata"


@dataclass(frozen=True, slots=True)
class Profiler:
    """A profiler of the library, as the environment of a program asks for it."""

    entry: str  # the function that draws it out of the archive
    variable: str
    suffix: str  # of the files that it leaves
    options: str = ""  # behind the name of the file
    rivals: tuple[str, ...] = ()  # patterns of programs that want it, or its signal, for themselves
    wrapped: str = ""  # the linker's options that lead the program's calls to it

    @property
    def wish(self) -> str:
        """What the variable says: a file of each process, beside the program."""
        return f"%p.{self.suffix}{self.options}"


CPU = Profiler(
    "rsh_cpuprof_start",
    "RACESHIM_CPUPROFILE",
    "cpu.pb",
    ":1000",
    # The first one counts each SIGPROF that comes: no other than its own may.
    ("norace_self_sent", "*_cpuprof_*"),
)
#: Every block of memory.
HEAP = Profiler("rsh_heapprof_rate", "RACESHIM_HEAPPROFILE", "heap.pb", ":1", ("*heapprof_*",))
#: Every wait.
LOCKS = Profiler(
    "rsh_lockprof_start",
    "RACESHIM_LOCKPROFILE",
    "locks.pb",
    ":1:1",
    ("*lockprof_*", "*blockprof_*", "*mutexprof_*"),
    str(ROOT / "shim/share/lockprof.wrap"),
)
#: Also while they wait, which is most of what these programs do.
WALL = replace(CPU, options=":1000:wall")


#: Ends at which nobody writes a profile.
_DEATHS = re.compile("hang|crash|CHECK failed|nested bug")


@dataclass(frozen=True, slots=True)
class Judged:
    """One program in one variant: where it was built and ran, and whether it came to its end."""

    stem: str
    variant: str
    folder: Path
    ended: bool

    def profiles(self, profiler: Profiler) -> list[Path]:
        """Return what its processes have left."""
        return sorted(self.folder.glob(f"*.{profiler.suffix}"))


def threaded(compiler: str, profilers: Sequence[Profiler], folder: Path = TESTDATA) -> list[Path]:
    """Return the programs below a folder that ThreadSanitizer judges, but for the rivals."""
    found, rivals = find(compiler), [pattern for p in profilers for pattern in p.rivals]
    return [
        program.path
        for program in load_programs(folder)
        if program.detector == "thread"
        and program.runs_on(found)
        and not any(fnmatch(program.path.stem, pattern) for pattern in rivals)
    ]


def _with_profilers(folder: Path, compiler: str, profilers: Sequence[Profiler]) -> Path:
    """Put a compiler of that name into a folder, whose programs profile themselves."""
    real = which(compiler)
    assert real is not None
    folder.mkdir()
    flags = shlex.join(
        [f"-Wl,-u,{profiler.entry}" for profiler in profilers]
        + [f"-Wl,@{profiler.wrapped}" for profiler in profilers if profiler.wrapped]
    )
    script = folder / compiler
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *libraceshim.a*) set -- {flags} "$@" ;; esac\n'
        f'exec {shlex.quote(real)} "$@"\n'
    )
    script.chmod(0o755)
    return folder


def judge(
    raceshim: Raceshim,
    folder: Path,
    compiler: str,
    profilers: Sequence[Profiler],
    programs: Sequence[Path],
) -> list[Judged]:
    """Gate programs with profilers on; all verdicts have to be those of their names."""
    result, build = folder / "result.json", folder / "build"
    path = f"{_with_profilers(folder / 'bin', compiler, profilers)}:{os.environ['PATH']}"
    environ = raceshim.environ | {"PATH": path} | {p.variable: p.wish for p in profilers}
    options = ("--compiler", compiler, "--jobs", "1", "--json", result, "--build-dir", build)
    line = raceshim.line("gate", *options, *programs)
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    verdicts = json.loads(result.read_text())["programs"]
    judged = [
        Judged(stem, v["variant"], build / compiler / v["variant"] / stem, not died)
        for v in verdicts
        for stem in [v["program"].rpartition("/")[2].removesuffix(".c")]
        for died in [any(_DEATHS.search(outcome) for outcome in v["got"])]
    ]
    assert {program.stem for program in judged} == {program.stem for program in programs}
    return judged

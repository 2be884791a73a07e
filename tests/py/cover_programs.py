# SPDX-License-Identifier: BSD-2-Clause
"""Programs with coverage, built as the compiler wrapper builds them, but by hand."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raceshim.cc._cover_flags import WRAPPED
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

CLANGS = ("clang-14", "clang-19")
MODES = {"set": 1, "count": 2, "atomic": 3}
COVERAGE = ("-fprofile-instr-generate", "-fcoverage-mapping")
WRAP = "-Wl," + ",".join(f"--wrap={name}" for name in WRAPPED)
SHARED = "-Wl,--export-dynamic-symbol=rsh_cover_*"


@dataclass(frozen=True, slots=True)
class Way:
    """How a program is built."""

    compiler: str = "clang-19"
    detector: str = "none"
    level: str = "-O1"
    mode: str = "atomic"

    def __str__(self) -> str:
        return f"{self.compiler}-{self.detector}{self.level}-{self.mode}"

    @property
    def sanitize(self) -> list[str]:
        return [] if self.detector == "none" else [f"-fsanitize={self.detector}"]

    @property
    def flags(self) -> list[str]:
        """Return the flags of a compilation with coverage."""
        if self.mode == "atomic":
            update = ["-fprofile-update=atomic"]
        else:
            update = ["-fprofile-update=single", "-mllvm", "-sink-common-insts=false"]
        return [self.level, "-g", "-pthread", *self.sanitize, *COVERAGE, *update]


@dataclass(frozen=True, slots=True)
class Covered:
    """Builds programs and libraries with coverage in a folder, each once."""

    sdk: Path
    folder: Path
    built: dict[str, Path] = field(default_factory=dict)
    wrap: str = WRAP

    @property
    def includes(self) -> str:
        return f"-I{self.sdk}/include"

    def registrar(self, way: Way, *flags: str) -> Path:
        """Compile the registration of a link unit."""
        name = "-".join(["registrar", way.compiler, way.mode, *flags]).replace("/", "_")
        target = self.folder / f"{name}.o"
        if not target.exists():
            run(
                way.compiler, "-c", "-x", "c", "-O1", "-fPIC", "-fno-lto", self.includes,
                "-DRSH_COVER_ENGINE=1", f"-DRSH_COVER_MODE={MODES[way.mode]}", *flags,
                self.sdk / "share/raceshim/cover_registrar.c", "-o", target,
            )  # fmt: skip
        return target

    def program(self, name: str, source: Path | str, way: Way, *flags: str | Path) -> Path:
        """Build an executable; a source that is a text is written to a file first."""
        return self._link(name, source, way, [self.wrap, SHARED, *flags], ["-DRSH_COVER_PROGRAM"])

    def library(self, name: str, source: Path | str, way: Way, *flags: str | Path) -> Path:
        """Build a shared library likewise."""
        return self._link(name, source, way, ["-shared", "-fPIC", self.wrap, *flags], [])

    def _link(
        self,
        name: str,
        source: Path | str,
        way: Way,
        flags: list[str | Path],
        registration: list[str],
    ) -> Path:
        key = f"{name}-{way}"
        if key not in self.built:
            folder = self.folder / str(way)
            folder.mkdir(exist_ok=True)
            target = folder / name
            if isinstance(source, str):
                text, source = source, folder / f"{name}.c"
                source.write_text(text)
            run(
                way.compiler, *way.flags, self.includes, source, *flags,
                self.registrar(way, *registration), "-Xlinker", self.sdk / "lib/libraceshim.a",
                "-o", target,
            )  # fmt: skip
            self.built[key] = target
        return self.built[key]

    def bare(self, name: str, source: Path, way: Way, *flags: str) -> Path:
        """Build an executable without coverage, linked to the library all the same."""
        target = self.folder / f"{name}-bare-{way.compiler}-{way.detector}"
        run(
            way.compiler, way.level, "-g", "-pthread", *way.sanitize, *flags, self.includes, source,
            self.sdk / "lib/libraceshim.a", "-o", target,
        )  # fmt: skip
        return target


def environment(folder: Path | None = None, **more: str) -> dict[str, str]:
    """Return an environment in which a process leaves its files in a folder, or has none."""
    env = {k: v for k, v in os.environ.items() if k != "RACESHIM_COVERDIR"}
    env |= {"TSAN_OPTIONS": "atexit_sleep_ms=0:history_size=7", "ASAN_OPTIONS": "detect_leaks=0"}
    if folder is not None:
        env["RACESHIM_COVERDIR"] = str(folder)
    return env | more


def start(
    *command: str | Path, folder: Path | None = None, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command, env=environment(folder, **more), cwd=cwd, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return what to print when a run was not as it should be."""
    return f"{done.args}: {done.returncode}\n{done.stdout}{done.stderr}"


HARNESS = ROOT / "testdata/cover/harness.c"

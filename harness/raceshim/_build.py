# SPDX-License-Identifier: BSD-2-Clause
"""Compile test programs: each program, each variant, each compiler."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raceshim._errors import BuildError, UsageError
from raceshim._programs import CONTROL, Program
from raceshim.cc import _cover_registrar, _prefix
from raceshim.cc._command import schedule_flags
from raceshim.cc._compilers import UNFOLDED, VALGRIND_TOOLS, Compiler
from raceshim.cc._cover_flags import Wish
from raceshim.runs._matrix import AS_EVER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_BASE = ("-std=gnu11", "-g", "-fno-omit-frame-pointer")


@dataclass(frozen=True, slots=True)
class Case:
    """One program as one compiler builds it, with or without its protection."""

    program: Program
    variant: str
    compiler: Compiler
    #: Of a matrix: the level of optimisation, whatever the program says, and the policy of runs.
    opt: str = AS_EVER
    mode: str = "none"
    of_matrix: bool = False

    @property
    def name(self) -> str:
        """A name for people."""
        variant = f" ({self.variant})" if self.variant == CONTROL else ""
        return f"{self.program.path.stem}{variant}, {self.compiler.name}"

    @property
    def setting(self) -> str:
        """What builds of a program by one compiler differ in."""
        return f"{self.program.detector}{self.opt}"


@dataclass(frozen=True, slots=True)
class Built:
    """A case with its executable, and the folder for its coverage if it has any."""

    case: Case
    binary: Path
    cover_dir: Path | None = None


def detector_flags(detector: str, compiler: Compiler) -> list[str]:
    """Return what a detector wants from the compiler."""
    if detector in VALGRIND_TOOLS:
        # Valgrind 3.19 does not read all of clang's DWARF 5.
        return ["-DRSH_VALGRIND", "-gdwarf-4"]
    if detector == "thread" and compiler.family == "gcc":
        return ["-fsanitize=thread", *UNFOLDED]
    return [] if detector == "none" else [f"-fsanitize={detector}"]


def can_be_covered(program: Program, compiler: Compiler, mode: str) -> bool:
    """Whether there is such a build: not of a program about coverage, nor without the engine."""
    if program.get("cover", compiler):
        return False
    own = program.words("cflags", compiler) + program.words("control-cflags", compiler)
    if any(flag.startswith(("-fprofile", "-fcoverage", "--coverage")) for flag in own):
        return False
    # Valgrind sees machine code: only increments that are atomic there are no races to it.
    if program.detector in ("helgrind", "drd") and mode != "atomic":
        return False
    return compiler.family == "clang" or mode in ("count", "atomic")


class Builder:
    """Builds into a folder; objects that programs share are compiled once."""

    def __init__(
        self, folder: Path, level: str = "-O1", cover: str = "none", *, schedules: bool = False
    ) -> None:
        """Use a folder; `level` is the optimisation for programs that ask for none.

        `cover` is the mode of coverage that all gets that is instrumented. With `schedules`
        programs under ThreadSanitizer are linked with what the policies hold them up by.
        """
        self.folder = folder.resolve()
        self.cover = cover
        self._level = level
        self._schedules = schedules
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, ...], Path] = {}
        self._built: dict[Path, Built] = {}
        self._building: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def build(self, case: Case) -> Built:
        """Compile one case; BuildError says what the compiler said.

        The cases of a matrix that differ in how they are run have one build.
        """
        folder = self.folder / case.compiler.name / case.variant / case.program.path.stem
        if not case.of_matrix:
            return self._build(case, folder)
        folder = self.folder / case.setting / folder.relative_to(self.folder)
        with self._lock:
            building = self._building[folder]
        with building:
            if folder not in self._built:
                self._built[folder] = self._build(case, folder)
            return replace(self._built[folder], case=case)

    def _build(self, case: Case, folder: Path) -> Built:
        program, compiler = case.program, case.compiler
        folder.mkdir(parents=True, exist_ok=True)
        flags = [*_BASE, self._level, f"-I{_prefix.includes()}"]
        if program.get("pthread", compiler) != "no":
            flags.append("-pthread")
        if case.variant == CONTROL:
            flags.append("-DRSH_CONTROL")
        # What a program's own flags switch on is no business of its uninstrumented sources.
        forced = [] if case.opt == AS_EVER else [f"-{case.opt}"]
        plain = [*flags, *program.words("uninstrumented-cflags", compiler), *forced]
        flags += [*detector_flags(program.detector, compiler), *program.words("cflags", compiler)]
        if case.variant == CONTROL:
            flags += program.words("control-cflags", compiler)
        flags += forced
        mode = program.cover(case.variant, compiler) or self.cover
        covered, in_library, in_program = _coverage(mode, compiler, program.detector, flags)
        flags += covered
        for source in program.files("helper-so", compiler):
            library = folder / f"lib{source.stem}.so"
            shared: list[str | Path] = ["-fPIC", "-shared", source, "-o", library, *in_library]
            compile_c(compiler, [*flags, *shared], folder)
        objects = [
            self._object(compiler, [*plain, "-fno-sanitize=all", "-fPIC"], source)
            for source in program.files("uninstrumented", compiler)
        ]
        binary = folder / program.path.stem
        sources: list[str | Path] = [program.path.resolve(), *program.files("helper", compiler)]
        share = _prefix.share(".")
        libs = [word.replace("{share}", share) for word in program.words("libs", compiler)]
        rest = [f"-L{folder}", "-Wl,-rpath,$ORIGIN", *libs]
        # In front of the archive, which leads the same calls elsewhere. Who asks for that keeps it.
        perturbed = self._schedules and program.detector == "thread"
        hooks = schedule_flags() if perturbed and not any("wrap" in word for word in libs) else []
        end: list[str | Path] = ["-o", binary, *in_program, *hooks, _prefix.archive(), *rest]
        compile_c(compiler, [*flags, *sources, *objects, *end], folder)
        if mode == "none":
            return Built(case, binary)
        (folder / "cover").mkdir(exist_ok=True)
        return Built(case, binary, folder / "cover")

    def _object(self, compiler: Compiler, flags: list[str], source: Path) -> Path:
        source = source.resolve()
        key = (compiler.name, *flags, str(source))
        with self._lock:
            if key not in self._objects:
                path = self.folder / compiler.name / f"{len(self._objects)}-{source.stem}.o"
                path.parent.mkdir(parents=True, exist_ok=True)
                compile_c(compiler, [*flags, "-c", source, "-o", path], path.parent)
                self._objects[key] = path
            return self._objects[key]


def _coverage(
    mode: str, compiler: Compiler, detector: str, flags: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """Return what all, what a shared library and what the program itself gets."""
    if mode == "none":
        return [], [], []
    sanitizer = "none" if detector in VALGRIND_TOOLS else detector
    wish = Wish(compiler, mode, sanitizer, flags)
    library = [*_cover_registrar.link(wish, flags, shared=True), _prefix.archive()]
    return wish.compiler_flags(), library, _cover_registrar.link(wish, flags, shared=False)


def compile_c(compiler: Compiler, arguments: Sequence[str | Path], folder: Path) -> None:
    """Call the C compiler in a folder (coverage puts its notes there)."""
    line = [compiler.cc, *(a if isinstance(a, str) else str(a.absolute()) for a in arguments)]
    try:
        done = subprocess.run(
            line, cwd=folder, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise UsageError(f"cannot run {compiler.cc}: {error.strerror}") from None
    if done.returncode != 0:
        raise BuildError(f"{done.stderr.strip()}\n  {shlex.join(line)}")

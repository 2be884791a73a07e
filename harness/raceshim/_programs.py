# SPDX-License-Identifier: BSD-2-Clause
"""Programs whose name is their verdict, and the directives of their first comment.

`race_*.c` must be reported, `norace_*.c` must be silent, `miss_*.c` is a real race that the
detector is known to miss. Built with -DRSH_CONTROL the same file shows the opposite. The first
comment of the file is prose followed by directives, one a line:

    report:         OUTCOME [or OUTCOME …]    race_*: what must be seen
    control:        OUTCOME [or OUTCOME …]    what the build with -DRSH_CONTROL must show
    annotation:     RSH_RACE_ACQUIRE …        what this program is the proof pair of
    detector:       thread (default), memory, address, none; helgrind, drd, memcheck (Valgrind)
    compilers:      clang-19 clang-14 gcc-12  (all that have the detector)
    cflags: libs: args:                       words, split as a shell would
    control-cflags: uninstrumented-cflags:    likewise, for the control and for `uninstrumented`
    cover:          atomic                    built with coverage in this mode, which it writes
    control-cover:  none                      likewise, for the control
    pthread:        no                        build without -pthread
    env:            K=V …
    options:        atexit_sleep_ms=0 …       for the detector's *_OPTIONS
    stdout:         TEXT                      stdout must be exactly this line
    timeout:        SECONDS                   60; taking longer is the outcome `hang`
    helper:         name.c …                  more sources of the program
    helper-so:      name.c …                  each built as lib<name>.so beside the program
    uninstrumented: name.c …                  compiled without the detector, then linked

A key may carry a selector, `report[gcc-12]:` or `cflags[clang]:`, which beats the plain key for
that compiler or family. OUTCOME is explained in `_outcomes`. Whatever is not understood is an
error that names file and line: a misspelt directive must not turn into a program that passes.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim._outcomes import Outcome, parse_outcomes
from raceshim.cc._compilers import (
    COVER_MODES,
    DETECTORS,
    FAMILIES,
    SUPPORTED,
    VALGRIND_TOOLS,
    Compiler,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAIN, CONTROL = "main", "control"
#: A folder that holds this file has sources that only look like programs with a verdict.
IGNORE_FILE = ".raceshim-ignore"

_NAME = re.compile(r"(race|norace|miss)_\w+\.c")
_DIRECTIVE = re.compile(r" \* ?([a-z][a-z-]*)(?:\[([^\]]*)\])?:(?:\s+(.*))?$")
_COMMENT = re.compile(r"\s*(?:/\*[^\n]*SPDX-License-Identifier[^\n]*\*/\s*)?(/\*.*?\*/)", re.DOTALL)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYS = _words(
    "report control annotation detector compilers cflags control-cflags cover control-cover libs "
    "args pthread env options stdout timeout helper helper-so uninstrumented uninstrumented-cflags"
)
_SELECTORS = frozenset((*SUPPORTED, *FAMILIES))
_PROGRAM_DETECTORS = (*DETECTORS, "hwaddress", *VALGRIND_TOOLS)


@dataclass(frozen=True, slots=True)
class Directive:
    """One line of the comment."""

    key: str
    selector: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Program:
    """A C file and what it says of itself."""

    path: Path
    verdict: str
    directives: tuple[Directive, ...]

    def get(self, key: str, compiler: Compiler | None = None) -> str:
        """Return a directive's value as it holds for a compiler, or nothing."""
        wanted = ("",) if compiler is None else (compiler.name, compiler.family, "")
        for selector in wanted:
            for directive in self.directives:
                if (directive.key, directive.selector) == (key, selector):
                    return directive.value
        return ""

    def words(self, key: str, compiler: Compiler | None = None) -> list[str]:
        """Return a directive's value as a shell would split it."""
        return shlex.split(self.get(key, compiler))

    def files(self, key: str, compiler: Compiler | None = None) -> list[Path]:
        """Return the files that a directive names; they lie beside the program."""
        return [self.path.parent / name for name in self.words(key, compiler)]

    @property
    def annotations(self) -> tuple[str, ...]:
        """The annotations that this program proves."""
        return tuple(
            word for d in self.directives if d.key == "annotation" for word in d.value.split()
        )

    @property
    def detector(self) -> str:
        """The detector that it is about."""
        return self.get("detector") or "thread"

    @property
    def timeout(self) -> float:
        """Seconds after which it hangs."""
        return float(self.get("timeout") or 60)

    def cover(self, variant: str, compiler: Compiler) -> str:
        """Return the mode of coverage that the program itself asks for; nothing if it does not."""
        own = self.get("control-cover", compiler) if variant == CONTROL else ""
        return own or self.get("cover", compiler)

    def variants(self, compiler: Compiler) -> tuple[str, ...]:
        """Return the program as it stands, and its control if this compiler has one."""
        return (MAIN, CONTROL) if self.get("control", compiler) else (MAIN,)

    def expected(self, variant: str, compiler: Compiler | None = None) -> str:
        """Return what a variant must show, as text; nothing if nobody said."""
        if variant == CONTROL:
            return self.get("control", compiler)
        return self.get("report", compiler) or ("" if self.verdict == "race" else "clean")

    def outcomes(self, variant: str, compiler: Compiler) -> tuple[Outcome, ...]:
        """Return what a variant may show, one of these."""
        return parse_outcomes(self.expected(variant, compiler))

    def runs_on(self, compiler: Compiler) -> bool:
        """Whether this compiler is one of its own."""
        if not compiler.has(self.detector):
            return False
        named = self.get("compilers").split()
        return not named or compiler.name in named or compiler.family in named


def is_program(path: Path) -> bool:
    """Whether a file's name is a verdict and it lies where such files are programs."""
    return bool(_NAME.fullmatch(path.name)) and not any(
        (folder / IGNORE_FILE).exists() for folder in path.parents
    )


def load_programs(root: Path) -> list[Program]:
    """Read all programs at or below a path, in the order of their names."""
    if root.is_file():
        return [load_program(root)]
    if not root.is_dir():
        raise UsageError(f"no such file or folder: {root}")
    return [load_program(path) for path in sorted(root.rglob("*.c")) if is_program(path)]


def load_program(path: Path) -> Program:
    """Read one program and check what it says."""
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise UsageError(f"{path}: the name is no verdict (race_*.c, norace_*.c, miss_*.c)")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    program = Program(path, name[1], _directives(path, text))
    _check(program)
    return program


def has_directives(path: Path) -> bool:
    """Whether a file names an outcome; one that does not is somebody else's race_*.c."""
    found = _COMMENT.match(path.read_text(encoding="utf-8", errors="replace"))
    return bool(
        found and re.search(r"^ \* ?(report|control)(\[[^\]]*\])?:", found[1], re.MULTILINE)
    )


def _directives(path: Path, text: str) -> tuple[Directive, ...]:
    comment = _COMMENT.match(text)
    if comment is None:
        raise UsageError(f"{path}:1: the file does not begin with a comment")
    first = text.count("\n", 0, comment.start(1)) + 1
    found: list[Directive] = []
    for number, line in enumerate(comment[1].splitlines(), first):
        where = f"{path}:{number}"
        match = _DIRECTIVE.match(line)
        if match is None:
            # Prose comes first; what stands among directives was meant to be one.
            if found and line.strip(" */"):
                raise UsageError(f"{where}: this is no directive: {line.strip(' */')}")
            continue
        key, selector, value = match[1], match[2] or "", (match[3] or "").strip()
        if key not in _KEYS:
            raise UsageError(f"{where}: unknown directive {key!r}")
        if match[2] is not None and selector not in _SELECTORS:
            raise UsageError(f"{where}: {selector!r} is none of {', '.join(sorted(_SELECTORS))}")
        if not value:
            raise UsageError(f"{where}: {key} has no value")
        if any((d.key, d.selector) == (key, selector) for d in found):
            raise UsageError(f"{where}: a second {key}")
        directive = Directive(key, selector, value, number)
        _check_value(path, directive)
        found.append(directive)
    return tuple(found)


def _check_value(path: Path, directive: Directive) -> None:
    try:
        _VALUE_CHECKS.get(directive.key, _check_words)(path, directive)
    except ValueError as error:
        raise UsageError(f"{path}:{directive.line}: {directive.key}: {error}") from None


def _check_words(_path: Path, directive: Directive) -> None:
    shlex.split(directive.value)


def _check_anything(_path: Path, _directive: Directive) -> None:
    pass


def _check_outcome(_path: Path, directive: Directive) -> None:
    parse_outcomes(directive.value)


def _check_detector(_path: Path, directive: Directive) -> None:
    if directive.value not in _PROGRAM_DETECTORS:
        raise ValueError(f"{directive.value!r} is none of {', '.join(_PROGRAM_DETECTORS)}")
    _check_no_selector(_path, directive)


def _check_compilers(path: Path, directive: Directive) -> None:
    unknown = sorted(set(directive.value.split()) - _SELECTORS)
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not of {', '.join(sorted(_SELECTORS))}")
    _check_no_selector(path, directive)


def _check_no_selector(_path: Path, directive: Directive) -> None:
    if directive.selector:
        raise ValueError("takes no selector")


def _check_pthread(_path: Path, directive: Directive) -> None:
    if directive.value != "no":
        raise ValueError("can only be `no`")


def _check_cover(_path: Path, directive: Directive) -> None:
    if directive.value not in COVER_MODES:
        raise ValueError(f"{directive.value!r} is none of {', '.join(COVER_MODES)}")


def _check_timeout(path: Path, directive: Directive) -> None:
    if not directive.value.isdigit() or int(directive.value) == 0:
        raise ValueError(f"{directive.value!r} is no number of seconds")
    _check_no_selector(path, directive)


def _check_files(path: Path, directive: Directive) -> None:
    for name in shlex.split(directive.value):
        if not (path.parent / name).is_file():
            raise ValueError(f"there is no {name}")


def _check_environment(_path: Path, directive: Directive) -> None:
    for word in shlex.split(directive.value):
        if "=" not in word:
            raise ValueError(f"{word!r} is not NAME=VALUE")


_VALUE_CHECKS: dict[str, Callable[[Path, Directive], None]] = {
    "report": _check_outcome,
    "control": _check_outcome,
    "detector": _check_detector,
    "compilers": _check_compilers,
    "cover": _check_cover,
    "control-cover": _check_cover,
    "pthread": _check_pthread,
    "timeout": _check_timeout,
    "helper": _check_files,
    "helper-so": _check_files,
    "uninstrumented": _check_files,
    "env": _check_environment,
    # Free text: quotes in it mean nothing.
    "stdout": _check_anything,
}


def _check(program: Program) -> None:
    """Check what no single line can tell."""
    reports = {d.selector: d.line for d in program.directives if d.key == "report"}
    for selector, line in reports.items():
        # A compiler that does see what the others miss may be named; the rule itself may not.
        if program.verdict == "norace" or (program.verdict == "miss" and not selector):
            raise UsageError(
                f"{program.path}:{line}: a {program.verdict}_ program has no `report:`"
            )
    named = program.get("compilers").split() or SUPPORTED
    for name in named if program.verdict == "race" else ():
        if not reports.keys() & {"", name, name.partition("-")[0]}:
            raise UsageError(f"{program.path}: a race_ program needs a line `report:` for {name}")

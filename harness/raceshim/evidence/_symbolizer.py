# SPDX-License-Identifier: BSD-2-Clause
"""Names for addresses: one symbolizer process, asked once for each address of each module."""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raceshim._errors import ToolError
from raceshim.cc._compilers import which

if TYPE_CHECKING:
    from types import TracebackType

#: Newest first; one reads what all the others' compilers write.
_VERSIONS = range(30, 12, -1)
#: A symbolizer keeps what it has read of a module.
_MODULES = 32
_PLACE = re.compile(r"(.*?):(\d+)(?::(\d+))?(?: \(discriminator \d+\))?$")
_PREFIXES = ("__interceptor_trampoline_", "___interceptor_", "__interceptor_")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is in the source; what is not known is None (0 for line and column)."""

    function: str | None
    file: str | None
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Variable:
    """A global variable: its name, and where it begins in its module."""

    name: str
    start: int
    size: int


def find_symbolizer(version: str = "") -> str | None:
    """Return the symbolizer of a compiler's version, the one on PATH, any, or addr2line."""
    names = [
        *([f"llvm-symbolizer-{version}"] if version else []),
        "llvm-symbolizer",
        *(f"llvm-symbolizer-{number}" for number in _VERSIONS),
        "addr2line",
    ]
    return next((path for path in map(which, names) if path is not None), None)


class Symbolizer:
    """Answers for all runs of a gate; use it as `with`. Threads may share it.

    gcc's runtime tells files as the compiler was given them, and no columns: `relative` asks for
    that.
    """

    def __init__(self, version: str = "") -> None:
        """Look for a tool; a ToolError says what to install."""
        tool = find_symbolizer(version)
        if tool is None:
            raise ToolError(
                "no symbolizer: install llvm (apt-get install llvm-19, for llvm-symbolizer) or "
                "binutils (for addr2line), or say --symbolize online"
            )
        self._tool = tool
        self._lock = threading.Lock()
        self._places: dict[tuple[str, int, int, bool], tuple[Place, ...]] = {}
        self._variables: dict[tuple[str, int, int], Variable | None] = {}
        self._processes: dict[bool, subprocess.Popen[str]] = {}
        self._seen: set[str] = set()
        self.asked = 0  # addresses that were looked up

    def __enter__(self) -> Self:
        """Begin; the process starts with the first question."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def places(
        self, module: str, offset: int, stamp: int, *, relative: bool = False
    ) -> tuple[Place, ...]:
        """Return where an address is, inlined functions first; nothing if nobody knows.

        `stamp` is the module's time of change: what is asked of an older one is asked again.
        """
        key = (module, offset, stamp, relative)
        with self._lock:
            if key not in self._places:
                self._places[key] = self._ask_places(module, offset, relative)
            return self._places[key]

    def variable(self, module: str, offset: int, stamp: int) -> Variable | None:
        """Return the global variable that holds an address."""
        key = (module, offset, stamp)
        with self._lock:
            if key not in self._variables:
                self._variables[key] = self._ask_variable(module, offset)
            return self._variables[key]

    def _ask_places(self, module: str, offset: int, relative: bool) -> tuple[Place, ...]:
        self.asked += 1
        if self._tool.endswith("addr2line"):
            line = [self._tool, "-f", "-i", "-C", "-e", module, f"{offset:#x}"]
            done = subprocess.run(line, capture_output=True, text=True, check=False)
            answer = done.stdout.splitlines()
        else:
            answer = self._ask("CODE", module, offset, relative=relative)
            if relative and any("/" not in where for where in answer[1::2]):
                # Only folders that the compiler was given stay relative.
                whole = self._ask("CODE", module, offset, relative=False)
                answer[1::2] = map(_nearer, answer[1::2], whole[1::2])
        places = []
        for function, where in zip(answer[::2], answer[1::2], strict=False):
            file, row, column = _place(where)
            if relative:
                file, column = file.removeprefix("./") if file else None, 0
            places.append(Place(_function(function), file, row, column))
        if all(place.function is None and place.file is None for place in places):
            return ()
        return tuple(places)

    def _ask_variable(self, module: str, offset: int) -> Variable | None:
        self.asked += 1
        if self._tool.endswith("addr2line"):
            return None  # it knows code only
        answer = self._ask("DATA", module, offset, relative=False)
        numbers = answer[1].split() if len(answer) > 1 else []
        if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
            return None
        start, size = map(int, numbers)
        if answer[0] == "??" or not start <= offset < start + size:
            return None
        return Variable(answer[0], start, size)

    def _ask(self, what: str, module: str, offset: int, *, relative: bool) -> list[str]:
        if '"' in module or "\n" in module:
            return []
        if module not in self._seen and len(self._seen) >= _MODULES:
            self._stop()
        self._seen.add(module)
        process = self._processes.get(relative) or self._start(relative=relative)
        if process.stdin is None or process.stdout is None:
            return []
        answer = []
        with contextlib.suppress(OSError):  # it has died: nothing is known
            process.stdin.write(f'{what} "{module}" {offset:#x}\n')
            process.stdin.flush()
            while line := process.stdout.readline().rstrip("\n"):
                answer.append(line)
        return answer

    def _start(self, *, relative: bool) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [
                self._tool,
                "--inlines",
                "--demangle",
                *(["--relativenames"] if relative else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,  # an interrupt is for the gate to handle
        )
        self._processes[relative] = process
        return process

    def _stop(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(OSError):
                process.communicate()
        self._processes.clear()
        self._seen.clear()


def stamp_of(module: str) -> int | None:
    """Return when a module was last changed; None if it is gone."""
    try:
        return Path(module).stat().st_mtime_ns
    except (OSError, ValueError):
        return None


def _function(name: str) -> str | None:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return None if name in ("", "??") else name


def _nearer(relative: str, whole: str) -> str:
    return relative if "/" in relative else whole


def _place(text: str) -> tuple[str | None, int, int]:
    found = _PLACE.match(text)
    if found is None or found[1] in ("", "??"):
        return None, 0, 0
    return found[1], int(found[2]), int(found[3] or 0)

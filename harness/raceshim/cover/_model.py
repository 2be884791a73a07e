# SPDX-License-Identifier: BSD-2-Clause
"""What every report is made from: lines, functions and branches of source files, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Function:
    """A function with the lines from `line` to `end`."""

    name: str
    line: int
    end: int
    count: int


@dataclass(slots=True)
class File:
    """One source file."""

    path: str
    #: How often each line with code was executed.
    lines: dict[int, int] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    #: By line, block and branch how often it was taken; None: its condition was never evaluated.
    branches: dict[tuple[int, str, str], int | None] = field(default_factory=dict)

    def lines_of(self, function: Function) -> Share:
        """Return how many of a function's lines were executed."""
        inside = range(function.line, function.end + 1)
        lines = [self.lines[n] for n in inside if n in self.lines]
        return Share(sum(c > 0 for c in lines), len(lines))


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    covered: int = 0
    total: int = 0

    def __add__(self, other: Share) -> Share:
        """Add numbers, not percentages."""
        return Share(self.covered + other.covered, self.total + other.total)

    @property
    def percent(self) -> float | None:
        """The percentage; None of nothing."""
        return 100 * self.covered / self.total if self.total else None

    def __str__(self) -> str:
        """Return the percentage: never 100 when something is missing, never 0 when not all is."""
        if self.percent is None:
            return "-"
        shown = round(self.percent, 1)
        if shown == 100 and self.covered < self.total:
            shown = 99.9
        if shown == 0 and self.covered:
            shown = 0.1
        return f"{shown:.1f}%"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: a name and its shares."""

    name: str
    lines: Share = Share()
    functions: Share = Share()
    branches: Share = Share()

    def plus(self, other: Row) -> Row:
        """Add the shares of another row, under this name."""
        return Row(
            self.name,
            self.lines + other.lines,
            self.functions + other.functions,
            self.branches + other.branches,
        )


def merge(parts: Iterable[File]) -> list[File]:
    """Return one entry for each source file, in order of their paths."""
    files: dict[str, File] = {}
    for part in parts:
        file = files.setdefault(part.path, File(part.path))
        for line, count in part.lines.items():
            file.lines[line] = file.lines.get(line, 0) + count
        for key, taken in part.branches.items():
            before = file.branches.get(key)
            file.branches[key] = taken if before is None else before + (taken or 0)
        file.functions += part.functions
    for file in files.values():
        file.functions = _distinct(file.functions)
    return [files[path] for path in sorted(files)]


def summary(file: File) -> Row:
    """Return a file's row."""
    return Row(
        file.path,
        Share(sum(c > 0 for c in file.lines.values()), len(file.lines)),
        Share(sum(f.count > 0 for f in file.functions), len(file.functions)),
        Share(sum(1 for t in file.branches.values() if t), len(file.branches)),
    )


def rows(files: Iterable[File], by: str) -> list[Row]:
    """Return the table by function, by file or by directory."""
    if by == "function":
        return [
            Row(f"{file.path}:{f.line} {f.name}", file.lines_of(f), Share(int(f.count > 0), 1))
            for file in files
            for f in file.functions
        ]
    found: dict[str, Row] = {}
    for file in files:
        name = str(PurePosixPath(file.path).parent) if by == "directory" else file.path
        found[name] = found.get(name, Row(name)).plus(summary(file))
    return [found[name] for name in sorted(found)]


def total(files: Iterable[File]) -> Row:
    """Return the sum of all files."""
    row = Row("total")
    for file in files:
        row = row.plus(summary(file))
    return row


def _distinct(functions: list[Function]) -> list[Function]:
    """Add up the instances of a function: an inline one has one in each source that includes it."""
    found: dict[tuple[int, str], Function] = {}
    for f in functions:
        before = found.get((f.line, f.name))
        if before is not None:
            f = Function(f.name, f.line, max(f.end, before.end), f.count + before.count)  # noqa: PLW2901
        found[f.line, f.name] = f
    return [found[key] for key in sorted(found)]

# SPDX-License-Identifier: BSD-2-Clause
"""lcov's tracefiles: what llvm-cov writes is read, and what every engine has is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raceshim.cover._model import File, Function, summary

if TYPE_CHECKING:
    from collections.abc import Iterable

#: llvm-cov puts the source before the name of a static function: `a.c:f` or, since 18, `a.c;f`.
_SOURCE = re.compile(r"^[^:;]*\.\w+[:;](?=[^:])")


def plain_name(name: str) -> str:
    """Return a function's name without the source file that makes static ones unique."""
    return _SOURCE.sub("", name)


def read(text: str) -> list[File]:
    """Read what llvm-cov exports."""
    files: list[File] = []
    file = File("")
    starts: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        match key:
            case "SF":
                file = File(value)
                files.append(file)
                starts = {}
            case "FN":
                start, _, name = value.partition(",")
                starts[name] = int(start)
            case "FNDA":
                times, _, name = value.partition(",")
                begin = starts[name]
                file.functions.append(Function(plain_name(name), begin, begin, int(times)))
            case "DA":
                number, count = value.split(",")[:2]
                file.lines[int(number)] = int(count)
            case "BRDA":
                number, block, branch, taken = value.split(",")
                place = (int(number), block, branch)
                file.branches[place] = None if taken == "-" else int(taken)
            case _:
                pass
    return files


def write(files: Iterable[File]) -> str:
    """Return a tracefile."""
    out: list[str] = []
    for file in files:
        row = summary(file)
        out.append(f"SF:{file.path}")
        names = _unique(file.functions)
        out += [f"FN:{f.line},{name}" for f, name in names]
        out += [f"FNDA:{f.count},{name}" for f, name in names]
        out += [f"FNF:{row.functions.total}", f"FNH:{row.functions.covered}"]
        for (line, block, branch), taken in sorted(file.branches.items(), key=_branch_order):
            shown = "-" if taken is None else taken
            out.append(f"BRDA:{line},{block},{branch},{shown}")
        if file.branches:
            out += [f"BRF:{row.branches.total}", f"BRH:{row.branches.covered}"]
        out += [f"DA:{line},{count}" for line, count in sorted(file.lines.items())]
        out += [f"LF:{row.lines.total}", f"LH:{row.lines.covered}", "end_of_record"]
    return "\n".join(out) + "\n" if out else ""


def _branch_order(item: tuple[tuple[int, str, str], int | None]) -> tuple[int, int, int]:
    line, block, branch = item[0]
    return line, int(block), int(branch)


def _unique(functions: Iterable[Function]) -> list[tuple[Function, str]]:
    """Name functions: in a tracefile a name stands for one place."""
    seen: set[str] = set()
    out = []
    for f in functions:
        name = f.name if f.name not in seen else f"{f.name}.{f.line}"
        seen.add(name)
        out.append((f, name))
    return out

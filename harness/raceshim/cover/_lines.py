# SPDX-License-Identifier: BSD-2-Clause
"""DWARF's line table of a binary, through llvm-dwarfdump."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from raceshim._errors import ToolError
from raceshim.cover._llvm import find_tool, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_QUOTED = re.compile(r'"(.*)"$')
_NUMBER = re.compile(r"\[\s*(\d+)\]")
_OFFSET = re.compile(r"\((0x[0-9a-f]+)\)")


class Row(NamedTuple):
    """From `address` up to `end` the code comes from this line."""

    address: int
    end: int
    file: str
    line: int


@dataclass(slots=True)
class _Table:
    """The files of a unit's line table, while it is read."""

    offset: int
    version: int
    directories: dict[int, str]
    files: dict[int, tuple[str, int]]


def rows(binary: Path, version: int) -> list[Row]:
    """Return the rows of all line tables, by address."""
    text = run([find_tool("llvm-dwarfdump", version), "--debug-line", str(binary)])
    found = sorted(_rows(text, binary, version))
    if not found:
        raise ToolError(
            f"{binary}: no line table: edges become lines only of what is compiled with -g"
        )
    return found


def _rows(text: str, binary: Path, version: int) -> Iterator[Row]:
    table = _Table(0, 5, {}, {})
    paths: dict[int, str] = {}
    folders: dict[int, str] | None = None
    before: tuple[int, str, int] | None = None
    for line in text.splitlines():
        if not line.startswith("0x"):
            if line.startswith("debug_line["):
                table = _Table(int(line[11:21], 16), 5, {}, {})
                paths = {}
            else:
                _head(table, line)
            continue
        words = line.split()
        address = int(words[0], 16)
        if before is not None and address > before[0] and before[2]:
            yield Row(before[0], address, before[1], before[2])
        if words[-1] == "end_sequence":
            before = None
            continue
        number = int(words[3])
        if number not in paths:
            if table.version < 5 and folders is None:
                folders = _folders(binary, version)
            paths[number] = _path(table, number, (folders or {}).get(table.offset, "/"))
        before = (address, paths[number], int(words[1]))


def _head(table: _Table, line: str) -> None:
    words = line.split()
    if len(words) < 2:
        if line.startswith("file_names["):
            match = _NUMBER.search(line)
            table.files[int(match[1]) if match else 0] = ("", 0)
        return
    if line.startswith("include_directories["):
        match, quoted = _NUMBER.search(line), _QUOTED.search(line)
        if match and quoted:
            table.directories[int(match[1])] = quoted[1]
    elif line.startswith("file_names["):
        match = _NUMBER.search(line)
        table.files[int(match[1]) if match else 0] = ("", 0)
    elif words[0] == "name:" and table.files:
        quoted = _QUOTED.search(line)
        last = max(table.files)
        table.files[last] = (quoted[1] if quoted else "", 0)
    elif words[0] == "dir_index:" and table.files:
        last = max(table.files)
        table.files[last] = (table.files[last][0], int(words[1]))
    elif words[0] == "version:":
        table.version = int(words[1])


def _path(table: _Table, number: int, folder: str) -> str:
    """Return a file's path; before DWARF 5 the unit's own folder is not in the table."""
    name, directory = table.files.get(number, ("?", 0))
    if table.version >= 5:
        folder = table.directories.get(0, folder)
    elif directory == 0:
        return os.path.normpath(os.path.join(folder, name))  # noqa: PTH118
    parts = (folder, table.directories.get(directory, ""), name)
    return os.path.normpath(os.path.join(*parts))  # noqa: PTH118


def _folders(binary: Path, version: int) -> dict[int, str]:
    """Return each unit's folder by the place of its line table."""
    tool = find_tool("llvm-dwarfdump", version)
    text = run([tool, "--debug-info", "--recurse-depth=0", str(binary)])
    found: dict[int, str] = {}
    offset: int | None = None
    for line in text.splitlines():
        if "DW_TAG_" in line:
            offset = None
        elif "DW_AT_stmt_list" in line:
            match = _OFFSET.search(line)
            offset = int(match[1], 16) if match else None
        elif "DW_AT_comp_dir" in line and offset is not None:
            match = re.search(r'\("(.*)"\)$', line)
            found[offset] = match[1] if match else "/"
    return found

# SPDX-License-Identifier: BSD-2-Clause
"""The members of an archive (`ar`, System V and GNU), thin ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim._errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WHOLE, _THIN = b"!<arch>\n", b"!<thin>\n"
_HEADER = 60
#: The tables of symbols that linkers look names up in.
_INDEXES = ("/", "/SYM64/")


def is_archive(data: bytes) -> bool:
    """Whether this is an archive's content."""
    return data.startswith((_WHOLE, _THIN))


def members(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Return names and contents of what is in an archive."""
    thin = data.startswith(_THIN)
    names, place = b"", len(_WHOLE)
    while place + _HEADER <= len(data):
        header = data[place : place + _HEADER]
        try:
            size = int(header[48:58])
        except ValueError:
            size = -1
        if size < 0 or header[58:] != b"`\n":
            raise ToolError(f"{path}: a damaged archive")
        name = header[:16].decode(errors="replace").rstrip()
        place += _HEADER
        if name == "//":
            names = data[place : place + size]
        elif name not in _INDEXES:
            member = _long(names, name) if name.startswith("/") else name.removesuffix("/")
            yield member, _content(path, member) if thin else data[place : place + size]
            if thin:
                continue
        place += size + size % 2


def _long(names: bytes, name: str) -> str:
    begin = int(name[1:]) if name[1:].isdigit() else len(names)
    return names[begin : names.find(b"/\n", begin)].decode(errors="replace")


def _content(path: Path, member: str) -> bytes:
    try:
        return path.parent.joinpath(member).read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {member}: {error.strerror}") from None

# SPDX-License-Identifier: BSD-2-Clause
"""What is needed of ELF files: the build id, the functions' addresses, and the code's bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from raceshim._errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOAD, _NOTE = 1, 4
_SYMBOLS = 2
_FUNCTION = 2
_BUILD_ID = 3


class Symbol(NamedTuple):
    """A function's name and place."""

    address: int
    end: int
    name: str


class _Layout(NamedTuple):
    """Where the fields lie, by class (32 or 64 bits)."""

    tables: struct.Struct  # of the header: offsets of both tables, sizes and numbers of entries
    segment: struct.Struct
    section: struct.Struct
    symbol: struct.Struct


_LAYOUTS = {
    1: _Layout(
        struct.Struct("<28xII6xHHHH"),
        struct.Struct("<IIII"),
        struct.Struct("<4xI8xIII"),
        struct.Struct("<IIIBxH"),
    ),
    2: _Layout(
        struct.Struct("<32xQQ6xHHHH"),
        struct.Struct("<I4xQQ8xQ"),
        struct.Struct("<4xI16xQQI"),
        struct.Struct("<IBxHQQ"),
    ),
}


class Elf:
    """A little-endian ELF file."""

    def __init__(self, path: Path) -> None:
        """Read it."""
        try:
            self._data = path.read_bytes()
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror}") from None
        data = self._data
        if data[:4] != b"\x7fELF" or data[4:5] not in (b"\1", b"\2") or data[5:6] != b"\1":
            raise ToolError(f"{path}: no little-endian ELF file")
        self._wide = data[4] == 2
        self._layout = _LAYOUTS[data[4]]
        try:
            tables = self._layout.tables.unpack_from(data)
            segments, sections, segment_size, segment_count, section_size, section_count = tables
            self._segments = [
                self._segment(segments + i * segment_size) for i in range(segment_count)
            ]
            self._sections = [
                self._layout.section.unpack_from(data, sections + i * section_size)
                for i in range(section_count)
            ]
        except struct.error:
            raise ToolError(f"{path}: a damaged ELF file") from None

    def build_id(self) -> str:
        """Return the GNU build id in hexadecimal digits; empty if there is none."""
        for kind, offset, _, size in self._segments:
            if kind == _NOTE:
                found = _build_id(self._data[offset : offset + size])
                if found:
                    return found
        return ""

    def functions(self) -> list[Symbol]:
        """Return the functions of the symbol table, by address."""
        found: dict[int, Symbol] = {}
        for kind, offset, size, link in self._sections:
            if kind != _SYMBOLS or link >= len(self._sections):
                continue
            names = self._data[self._sections[link][1] :][: self._sections[link][2]]
            for name, address, length in self._symbols(offset, size):
                text = names[name : names.find(b"\0", name)].decode(errors="replace")
                found.setdefault(address, Symbol(address, address + length, text))
        return [found[address] for address in sorted(found)]

    def code(self, address: int, size: int) -> bytes:
        """Return bytes at a link-time address; nothing if it is not in the file."""
        for kind, offset, start, length in self._segments:
            if kind == _LOAD and start <= address < start + length:
                begin = offset + address - start
                return self._data[begin : begin + size]
        return b""

    def address(self, offset: int) -> int | None:
        """Return the link-time address of code at an offset in the file."""
        for kind, begin, start, length in self._segments:
            if kind == _LOAD and begin <= offset < begin + length:
                return offset - begin + start
        return None

    def _segment(self, place: int) -> tuple[int, int, int, int]:
        if self._wide:
            kind, offset, address, size = self._layout.segment.unpack_from(self._data, place)
            return kind, offset, address, size
        kind, offset, address, _ = self._layout.segment.unpack_from(self._data, place)
        (size,) = struct.unpack_from("<I", self._data, place + 16)
        return kind, offset, address, size

    def _symbols(self, offset: int, size: int) -> Iterator[tuple[int, int, int]]:
        layout = self._layout.symbol
        for place in range(offset, offset + size - layout.size + 1, layout.size):
            fields = layout.unpack_from(self._data, place)
            name, info, section, address, length = (
                fields if self._wide else (fields[0], fields[3], fields[4], fields[1], fields[2])
            )
            if info & 15 == _FUNCTION and section and length:
                yield name, address, length


def build_id(path: Path) -> str:
    """Return a binary's GNU build id."""
    return Elf(path).build_id()


def _build_id(notes: bytes) -> str:
    place = 0
    while place + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, place)
        place += 12
        name = notes[place : place + name_size]
        place += name_size + 3 & ~3
        if kind == _BUILD_ID and name == b"GNU\0":
            return notes[place : place + size].hex()
        place += size + 3 & ~3
    return ""

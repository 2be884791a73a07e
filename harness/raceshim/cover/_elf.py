# SPDX-License-Identifier: BSD-2-Clause
"""What is needed of ELF files: build id, functions, code, and tables of addresses."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from raceshim._errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LOAD, _NOTE = 1, 4
_SYMBOLS, _RELA, _REL = 2, 4, 9
_NO_BITS = 8
_FUNCTION = 2
_BUILD_ID = 3
#: By machine the relocations that add where the file was loaded, and a symbol's address.
_RELOCATIONS = {3: (8, 1), 62: (8, 1), 183: (1027, 257)}
#: In a table an address that is another file's.
FOREIGN = -1


class Symbol(NamedTuple):
    """A function's name and place."""

    address: int
    end: int
    name: str


class _Section(NamedTuple):
    """A section's header."""

    name: int
    kind: int
    address: int
    offset: int
    size: int
    link: int


class _Layout(NamedTuple):
    """Where the fields lie, by class (32 or 64 bits)."""

    #: Of the header: machine, offsets of both tables, their sizes and numbers, section of names.
    tables: struct.Struct
    segment: struct.Struct
    section: struct.Struct
    symbol: struct.Struct


_LAYOUTS = {
    1: _Layout(
        struct.Struct("<18xH8xII6xHHHHH"),
        struct.Struct("<IIII"),
        struct.Struct("<II4xIIII"),
        struct.Struct("<IIIBxH"),
    ),
    2: _Layout(
        struct.Struct("<18xH12xQQ6xHHHHH"),
        struct.Struct("<I4xQQ8xQ"),
        struct.Struct("<II8xQQQI"),
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
            self._machine, segments, sections, *sizes, self._names = tables
            segment_size, segment_count, section_size, section_count = sizes
            self._segments = [
                self._segment(segments + i * segment_size) for i in range(segment_count)
            ]
            self._sections = [
                _Section(*self._layout.section.unpack_from(data, sections + i * section_size))
                for i in range(section_count)
            ]
        except struct.error:
            raise ToolError(f"{path}: a damaged ELF file") from None
        self._path = path

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
        for section in self._sections:
            if section.kind != _SYMBOLS or section.link >= len(self._sections):
                continue
            names = self._bytes(self._sections[section.link])
            for name, address, length in self._symbols(section.offset, section.size):
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

    def addresses(self, name: str) -> list[int]:
        """Return a table of addresses as it is once the file lies where it says.

        FOREIGN is an address in another file. A section that is not there is empty.
        """
        found = [s for s in self._sections if self._name(s) == name]
        if not found:
            return []
        section = found[0]
        word = "Q" if self._wide else "I"
        size = struct.calcsize(word)
        data = self._bytes(section)
        is_there = section.kind != _NO_BITS and len(data) == section.size
        if len(found) > 1 or not is_there or len(data) % size:
            raise ToolError(f"{self._path}: the section {name} is damaged")
        words = list(struct.unpack(f"<{len(data) // size}{word}", data))
        try:
            self._relocate(words, section.address, size)
        except (struct.error, IndexError):
            raise ToolError(f"{self._path}: the relocations of {name} are damaged") from None
        return words

    def _relocate(self, words: list[int], address: int, size: int) -> None:
        """Do what the loader does; a relative relocation without an addend changes nothing."""
        relative, absolute = _RELOCATIONS.get(self._machine, (None, None))
        end = address + size * len(words)
        entry = struct.Struct("<QQq" if self._wide else "<II")
        shift = 32 if self._wide else 8
        for section in self._sections:
            if section.kind != (_RELA if self._wide else _REL):
                continue
            for place, info, *addends in entry.iter_unpack(self._bytes(section)):
                if not address <= place < end:
                    continue
                index = (place - address) // size
                kind = info & (1 << shift) - 1
                if (place - address) % size or kind not in (relative, absolute):
                    raise IndexError
                addend = addends[0] if addends else words[index]
                if kind == relative:
                    words[index] = addend
                    continue
                base = self._value(section, info >> shift)
                words[index] = FOREIGN if base is None else base + addend

    def _value(self, relocations: _Section, symbol: int) -> int | None:
        """Return a symbol's address; None if it is another file's."""
        table = self._sections[relocations.link]
        layout = self._layout.symbol
        if not 0 <= symbol < table.size // layout.size:
            raise IndexError
        fields = layout.unpack_from(self._data, table.offset + symbol * layout.size)
        section, address = (fields[2], fields[3]) if self._wide else (fields[4], fields[1])
        return address if section else None

    def _bytes(self, section: _Section) -> bytes:
        return self._data[section.offset : section.offset + section.size]

    def _name(self, section: _Section) -> str:
        if self._names >= len(self._sections):
            return ""
        names = self._sections[self._names]
        begin = names.offset + section.name
        return self._data[begin : self._data.find(b"\0", begin)].decode(errors="replace")

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

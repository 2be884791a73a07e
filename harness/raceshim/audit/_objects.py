# SPDX-License-Identifier: BSD-2-Clause
"""Object files, together: as much of a linker as it takes to read their code.

Sections get addresses, symbols are looked up by name in all files, and relocations are written.
What nobody defines gets an address of its own, and so does every entry of the GOT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from raceshim.audit import _symbols
from raceshim.audit._image import DESCRIPTOR, Function, Image, Label, Section, functions
from raceshim.audit._relocate import RULES, Base, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BytesIO

_FIRST = 0x400000
_STRENGTH = {"STB_WEAK": 1, "STB_GLOBAL": 2}


class _Object:
    """One file, its sections at their addresses."""

    def __init__(self, where: str, data: BytesIO, first: int) -> None:
        self.where = where
        self.elf: Any = ELFFile(data)
        self.addresses: dict[int, int] = {}
        self.data: dict[int, bytearray] = {}
        self.sources: dict[int, Any] = {}
        self.end = first
        for index, source in _symbols.allocated(self.elf):
            alignment = max(source["sh_addralign"], 16)
            self.end = -(-self.end // alignment) * alignment
            self.addresses[index] = self.end
            self.sources[index] = source
            # bytes also of what is zero: a pointer there is known
            self.data[index] = bytearray(
                min(source["sh_size"], 1 << 16)
                if source["sh_type"] == "SHT_NOBITS"
                else source.data()
            )
            self.end += source["sh_size"]
        self.symbols: list[Any] = []
        for table in self.elf.iter_sections():
            if isinstance(table, SymbolTableSection):
                self.symbols = list(table.iter_symbols())

    def value(self, symbol: Any) -> int | None:  # noqa: ANN401
        """Return a symbol's address; None if it is not defined here."""
        index = symbol["st_shndx"]
        if index in self.addresses:
            return int(self.addresses[index] + symbol["st_value"])
        return int(symbol["st_value"]) if index == "SHN_ABS" else None


class _Link:
    """All files, and what their symbols mean."""

    def __init__(self, machine: str, files: Sequence[tuple[str, BytesIO]]) -> None:
        self.machine = machine
        self.objects: list[_Object] = []
        end = _FIRST
        for where, data in files:
            self.objects.append(_Object(where, data, end))
            end = self.objects[-1].end
        self._next = -(-end // 4096) * 4096
        self.imports: dict[str, int] = {}
        self.words: dict[int, int] = {}
        self._entries: dict[int, int] = {}
        self._globals: dict[str, tuple[int, int]] = {}
        for one in self.objects:
            for symbol in one.symbols:
                strength = _STRENGTH.get(symbol["st_info"]["bind"], 0)
                value = one.value(symbol)
                if value is not None and strength > self._globals.get(symbol.name, (0, 0))[0]:
                    self._globals[symbol.name] = (strength, value)

    def address(self, one: _Object, symbol: Any) -> int:  # noqa: ANN401
        """Return what a symbol that a file refers to means."""
        if symbol["st_info"]["bind"] in _STRENGTH:
            found = self._globals.get(symbol.name)
            if found is not None:
                return found[1]
        value = one.value(symbol)
        return self.elsewhere(symbol.name) if value is None else value

    def elsewhere(self, name: str) -> int:
        """Return the address that stands for what nobody here defines."""
        if name not in self.imports:
            self.imports[name] = self._reserve(16)
        return self.imports[name]

    def entry(self, address: int) -> int:
        """Return the address of the GOT's entry that holds an address."""
        if address not in self._entries:
            self._entries[address] = self._reserve(8)
            self.words[self._entries[address]] = address
        return self._entries[address]

    def _reserve(self, size: int) -> int:
        place = -(-self._next // size) * size
        self._next = place + size
        return place


def read(machine: str, files: Sequence[tuple[str, BytesIO]]) -> Image:
    """Read objects for one processor."""
    link = _Link(machine, files)
    for one in link.objects:
        _relocate(link, one)
    sections: list[Section] = []
    found: list[Function] = []
    has_symbols = False
    for one in link.objects:
        here = {index: _finished(one, index) for index in one.addresses}
        sections += here.values()
        labels = list(_labels(one, here))
        has_symbols |= bool(one.symbols)
        found += functions(labels, one.where)
    where = files[0][0].partition("(")[0]
    return Image(
        where,
        machine,
        sections,
        found,
        imports={address: name for name, address in link.imports.items()},
        words=link.words,
        is_stripped=not has_symbols,
    )


def _finished(one: _Object, index: int) -> Section:
    made = _symbols.section(one.sources[index], one.addresses[index])
    return Section(made.name, made.address, bytes(one.data[index]), made.is_code, made.is_constant)


def _labels(one: _Object, here: dict[int, Section]) -> list[Label]:
    made = (
        _symbols.label(symbol, one.value(symbol) or 0, here[symbol["st_shndx"]])
        for symbol in one.symbols
        if symbol["st_shndx"] in here
    )
    return [label for label in made if label is not None]


def _relocate(link: _Link, one: _Object) -> None:
    rules = RULES[link.machine]
    for table in one.elf.iter_sections():
        if not isinstance(table, RelocationSection) or table["sh_info"] not in one.addresses:
            continue
        if table.name.endswith(".eh_frame"):
            continue
        start, data = one.addresses[table["sh_info"]], one.data[table["sh_info"]]
        for relocation in table.iter_relocations():
            rule = rules.get(relocation["r_info_type"])
            if rule is None:
                continue
            offset, addend = relocation["r_offset"], relocation["r_addend"]
            symbol = one.symbols[relocation["r_info_sym"]]
            if rule.base is Base.DESCRIPTOR:
                value = link.entry(link.elsewhere(DESCRIPTOR)) + addend
            elif rule.base is Base.GOT:
                value = link.entry(link.address(one, symbol)) + addend
            else:
                value = link.address(one, symbol) + addend
            write(data, offset, start + offset, value, rule.field)
            if rule.field == "64":
                link.words[start + offset] = value

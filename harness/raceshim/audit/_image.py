# SPDX-License-Identifier: BSD-2-Clause
"""Code and data as a process would have them, and the names of what lies at their addresses."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raceshim.audit._values import UNKNOWN, Value, number, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: What a thread-local variable's descriptor in the GOT is taken for: a pointer to this function.
DESCRIPTOR = "__tls_descriptor"


@dataclass(frozen=True, slots=True)
class Function:
    """A function: where its code is, and all names that it has, global ones first.

    `is_global` tells whether a linker may know it by name. `where` is the file, and the member in
    the archive.
    """

    address: int
    end: int
    names: tuple[str, ...]
    where: str
    section: str
    is_global: bool
    is_indirect: bool = False

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0]

    def __contains__(self, address: int) -> bool:
        """Whether code is part of it."""
        return self.address <= address < self.end


@dataclass(frozen=True, slots=True)
class Section:
    """Bytes at an address, relocated."""

    name: str
    address: int
    data: bytes
    is_code: bool
    is_constant: bool = True

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + len(self.data)


@dataclass(slots=True)
class Image:
    """One address space.

    `imports` are the addresses that stand for functions of nobody here, `stubs` those of code that
    only jumps on, with where to; `words` are pointers that relocations have written.
    `is_stripped`: there is no table of all functions.
    """

    where: str
    machine: str
    sections: list[Section]
    functions: list[Function]
    imports: dict[int, str] = field(default_factory=dict)
    stubs: dict[int, int] = field(default_factory=dict)
    words: dict[int, int] = field(default_factory=dict)
    is_stripped: bool = False
    _starts: list[int] = field(default_factory=list)
    _section_starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort what is looked up by address."""
        self.functions.sort(key=lambda one: one.address)
        self.sections.sort(key=lambda one: one.address)
        self._starts = [one.address for one in self.functions]
        self._section_starts = [one.address for one in self.sections]

    def function_at(self, address: int) -> Function | None:
        """Return the function that the code at an address is part of."""
        place = bisect_right(self._starts, address) - 1
        if place >= 0 and address in self.functions[place]:
            return self.functions[place]
        return None

    def section_at(self, address: int) -> Section | None:
        """Return the section that an address is in."""
        place = bisect_right(self._section_starts, address) - 1
        if place >= 0 and address < self.sections[place].end:
            return self.sections[place]
        return None

    def code(self, address: int, end: int) -> bytes:
        """Return bytes; none outside sections."""
        section = self.section_at(address)
        if section is None:
            return b""
        return section.data[address - section.address : end - section.address]

    def word(self, address: int) -> Value:
        """Return the pointer that is at an address: for ever, or when the program starts."""
        section = self.section_at(address)
        found = self.words.get(address)
        if found is None:
            data = self.code(address, address + 8)
            if len(data) < 8:
                return UNKNOWN
            found = int.from_bytes(data, "little")
        is_constant = section is None or section.is_constant
        return number(found) if is_constant else union(number(found), UNKNOWN)

    def imported(self, address: int) -> str | None:
        """Return the name of the function of nobody here that an address stands for."""
        return self.imports.get(self.stubs.get(address, address))

    def names_at(self, address: int) -> tuple[str, ...]:
        """Return the names of what a call of an address leads to."""
        name = self.imported(address)
        if name is not None:
            return (name,)
        function = self.function_at(self.stubs.get(address, address))
        return function.names if function else ()


@dataclass(frozen=True, slots=True)
class Label:
    """A symbol of code, as the file has it."""

    name: str
    address: int
    size: int
    is_function: bool
    is_global: bool
    is_indirect: bool
    section: Section


def functions(labels: Iterable[Label], where: str) -> Iterator[Function]:
    """Make functions of symbols: one for each address, up to the next one if it has no size.

    Labels without a type are assembly's functions, unless they lie within a function.
    """
    by_address: dict[int, list[Label]] = {}
    for label in labels:
        by_address.setdefault(label.address, []).append(label)
    addresses = sorted(by_address)
    reached = 0
    for place, address in enumerate(addresses):
        here = sorted(by_address[address], key=_order)
        if address < reached and not here[0].is_function:
            continue
        section = here[0].section
        size = max(one.size for one in here)
        following = addresses[place + 1] if place + 1 < len(addresses) else section.end
        end = min(address + size if size else following, section.end)
        reached = max(reached, end if size else address)
        yield Function(
            address,
            end,
            tuple(dict.fromkeys(one.name for one in here)),
            where,
            section.name,
            any(one.is_global for one in here),
            any(one.is_indirect for one in here),
        )


def _order(label: Label) -> tuple[bool, bool, int]:
    """Put first what people call a function."""
    underscores = len(label.name) - len(label.name.lstrip("_"))
    return not label.is_function, not label.is_global, underscores

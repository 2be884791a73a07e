# SPDX-License-Identifier: BSD-2-Clause
"""Executables and shared libraries: what the loader fills in, and where stubs lead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from raceshim.audit import _symbols
from raceshim.audit._image import DESCRIPTOR, Image, Section, functions
from raceshim.audit._machines import machine as processor
from raceshim.audit._relocate import DYNAMIC
from raceshim.audit._values import State

if TYPE_CHECKING:
    from io import BytesIO

    from raceshim.audit._machines import Machine

#: Far from any code: where functions of other files are said to be.
_ELSEWHERE = 1 << 56
#: Sections of stubs, and how far apart these are.
_STUBS = {".plt": 16, ".plt.sec": 16, ".plt.got": 8, ".iplt": 16, ".plt.bnd": 8}
#: The longest stub there is.
_STUB = 32


def read(where: str, machine: str, data: BytesIO) -> Image:
    """Read a linked file."""
    elf: Any = ELFFile(data)
    sections = {
        index: _symbols.section(one, one["sh_addr"]) for index, one in _symbols.allocated(elf)
    }
    labels = []
    is_stripped = True
    for table in _symbols.tables(elf):
        is_stripped = table["sh_type"] != "SHT_SYMTAB"
        for symbol in table.iter_symbols():
            holder = sections.get(symbol["st_shndx"])
            found = holder and _symbols.label(symbol, symbol["st_value"], holder)
            if found:
                labels.append(found)
    image = Image(
        where,
        machine,
        list(sections.values()),
        list(functions(labels, where)),
        is_stripped=is_stripped,
    )
    _load(elf, image)
    _follow_stubs(image)
    return image


def _load(elf: Any, image: Image) -> None:  # noqa: ANN401
    """Do what the loader does to pointers."""
    kinds = DYNAMIC[image.machine]
    addresses: dict[str, int] = {}

    def elsewhere(name: str) -> int:
        if name not in addresses:
            addresses[name] = _ELSEWHERE + 16 * len(addresses)
            image.imports[addresses[name]] = name
        return addresses[name]

    for _, section in _symbols.allocated(elf):
        if not isinstance(section, RelocationSection):
            continue
        symbols = elf.get_section(section["sh_link"])
        for relocation in section.iter_relocations():
            kind, place = relocation["r_info_type"], relocation["r_offset"]
            addend = relocation["r_addend"] if relocation.is_RELA() else 0
            if kind == kinds.relative:
                image.words[place] = addend
            elif kind in kinds.pointers:
                symbol = symbols.get_symbol(relocation["r_info_sym"])
                name = symbol.name.partition("@")[0]
                is_here = symbol["st_shndx"] != "SHN_UNDEF"
                image.words[place] = (
                    symbol["st_value"] + addend if is_here else elsewhere(name) + addend
                )
            elif kind == kinds.resolver:
                function = image.function_at(addend)
                image.words[place] = addend if function else elsewhere("an indirect function")
            elif kind == kinds.descriptor:
                image.words[place] = elsewhere(DESCRIPTOR)


def _follow_stubs(image: Image) -> None:
    machine = processor(image.machine)
    for section in image.sections:
        step = _STUBS.get(section.name)
        if step is None:
            continue
        for address in range(section.address, section.end, step):
            target = _jump(image, machine, section, address)
            if target is not None:
                image.stubs[address] = target


def _jump(image: Image, machine: Machine, section: Section, address: int) -> int | None:
    """Return where the code at an address jumps to, if that is all it does."""
    state = State(image.word)
    end = min(address + _STUB, section.end)
    for instruction in machine.decode(image.code(address, end), address):
        step = machine.execute(instruction, state)
        if step is None:
            continue
        targets = [atom for atom in step.targets if atom.kind == "number"]
        if step.kind != "jump" or len(targets) != 1:
            return None
        target = targets[0].number
        known = target in image.imports or image.function_at(target) is not None
        return target if known else None
    return None

# SPDX-License-Identifier: BSD-2-Clause
"""Sections and symbols of an ELF file, as the rest of the audit wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elftools.elf.sections import SymbolTableSection

from raceshim.audit._image import Label, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elftools.elf.elffile import ELFFile

_WRITE, _ALLOCATE, _EXECUTE = 1, 2, 4
#: Written before the program starts, and never again.
_FIXED = (".got", ".got.plt", ".data.rel.ro", ".init_array", ".fini_array", ".igot", ".igot.plt")
_FUNCTIONS = ("STT_FUNC", "STT_LOOS")
#: "STT_LOOS" is STT_GNU_IFUNC.
_INDIRECT = "STT_LOOS"


def allocated(elf: ELFFile) -> Iterator[tuple[int, Any]]:
    """Return the sections that are in memory when the program runs, by index."""
    for index, section in enumerate(elf.iter_sections()):
        if section["sh_flags"] & _ALLOCATE and section["sh_size"]:
            yield index, section


def section(source: Any, address: int) -> Section:  # noqa: ANN401
    """Return a section, at an address; of one that holds zeros there are no bytes."""
    data = b"" if source["sh_type"] == "SHT_NOBITS" else source.data()
    flags = source["sh_flags"]
    name = source.name
    return Section(
        name,
        address,
        data,
        bool(flags & _EXECUTE),
        not flags & _WRITE or name.startswith(_FIXED),
    )


def tables(elf: ELFFile) -> Iterator[SymbolTableSection]:
    """Return the table of all symbols; if there is none, that of the exported ones."""
    found = [one for one in elf.iter_sections() if isinstance(one, SymbolTableSection)]
    whole = [one for one in found if one["sh_type"] == "SHT_SYMTAB"]
    yield from whole or found


def label(symbol: Any, address: int, holder: Section) -> Label | None:  # noqa: ANN401
    """Return a symbol of code; None of any other."""
    kind = symbol["st_info"]["type"]
    name = symbol.name
    if not holder.is_code or not name or kind not in (*_FUNCTIONS, "STT_NOTYPE"):
        return None
    if kind == "STT_NOTYPE" and name.startswith(("$", ".L")):
        return None
    return Label(
        name.partition("@")[0],
        address,
        symbol["st_size"],
        kind in _FUNCTIONS,
        symbol["st_info"]["bind"] != "STB_LOCAL",
        kind == _INDIRECT,
        holder,
    )

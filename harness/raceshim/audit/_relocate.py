# SPDX-License-Identifier: BSD-2-Clause
"""What relocations write, on x86-64 and on AArch64.

Only what code needs to be read: calls, addresses, and the entries of the GOT. A relocation that is
in none of the tables leaves what it should fill in as it is.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Base(Enum):
    """What a relocation's value is made of."""

    SYMBOL = "the symbol's address"
    GOT = "the address of a GOT entry that holds the symbol's address"
    DESCRIPTOR = "the address of a GOT entry for a thread-local variable"


class Rule(NamedTuple):
    """How a relocation's value is made, and where its bits go."""

    base: Base
    field: str


X86_64 = {
    1: Rule(Base.SYMBOL, "64"),
    2: Rule(Base.SYMBOL, "pc32"),
    4: Rule(Base.SYMBOL, "pc32"),
    9: Rule(Base.GOT, "pc32"),
    10: Rule(Base.SYMBOL, "32"),
    11: Rule(Base.SYMBOL, "32"),
    34: Rule(Base.DESCRIPTOR, "pc32"),
    41: Rule(Base.GOT, "pc32"),
    42: Rule(Base.GOT, "pc32"),
}
AARCH64 = {
    257: Rule(Base.SYMBOL, "64"),
    261: Rule(Base.SYMBOL, "pc32"),
    274: Rule(Base.SYMBOL, "adr"),
    275: Rule(Base.SYMBOL, "adrp"),
    276: Rule(Base.SYMBOL, "adrp"),
    277: Rule(Base.SYMBOL, "lo12"),
    278: Rule(Base.SYMBOL, "lo12"),
    280: Rule(Base.SYMBOL, "branch19"),
    282: Rule(Base.SYMBOL, "branch26"),
    283: Rule(Base.SYMBOL, "branch26"),
    284: Rule(Base.SYMBOL, "lo12/2"),
    285: Rule(Base.SYMBOL, "lo12/4"),
    286: Rule(Base.SYMBOL, "lo12/8"),
    299: Rule(Base.SYMBOL, "lo12/16"),
    311: Rule(Base.GOT, "adrp"),
    312: Rule(Base.GOT, "lo12/8"),
    562: Rule(Base.DESCRIPTOR, "adrp"),
    563: Rule(Base.DESCRIPTOR, "lo12/8"),
    564: Rule(Base.DESCRIPTOR, "lo12"),
}
RULES = {"x86-64": X86_64, "aarch64": AARCH64}


class Dynamic(NamedTuple):
    """The numbers of the relocations that the loader does."""

    relative: int
    pointers: tuple[int, ...]
    resolver: int
    descriptor: int


DYNAMIC = {
    "x86-64": Dynamic(8, (1, 6, 7), 37, 36),
    "aarch64": Dynamic(1027, (257, 1025, 1026), 1032, 1031),
}


def write(data: bytearray, offset: int, place: int, value: int, field: str) -> None:
    """Write a value into the instruction or the data at an offset, which has this address."""
    size = 8 if field == "64" else 4
    if offset < 0 or offset + size > len(data):
        return
    if field in ("64", "32"):
        new = value
    elif field == "pc32":
        new = value - place
    else:
        new = _instruction(int.from_bytes(data[offset : offset + 4], "little"), place, value, field)
    mask = (1 << 8 * size) - 1
    data[offset : offset + size] = (new & mask).to_bytes(size, "little")


def _instruction(old: int, place: int, value: int, field: str) -> int:
    """Put a value into an instruction of AArch64."""
    if field == "branch26":
        return old & ~0x3FFFFFF | (value - place) >> 2 & 0x3FFFFFF
    if field == "branch19":
        return old & ~(0x7FFFF << 5) | ((value - place) >> 2 & 0x7FFFF) << 5
    if field in ("adr", "adrp"):
        distance = value - place if field == "adr" else (value >> 12) - (place >> 12)
        return (
            old & ~(3 << 29 | 0x7FFFF << 5) | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5
        )
    scale = int(field.partition("/")[2] or 1)
    return old & ~(0xFFF << 10) | (value & 0xFFF) // scale << 10

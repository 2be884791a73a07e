# SPDX-License-Identifier: BSD-2-Clause
"""The GNU build id of a binary: what says that it is the one that was run."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from raceshim._errors import ToolError

if TYPE_CHECKING:
    from pathlib import Path

_NOTE_SEGMENT = 4
_BUILD_ID_NOTE = 3
_FORMATS = {  # by class: the header's tail from e_phoff, a program header's type, offset and size
    1: ("<28xI10xHH", "<I4xI4x4xI"),
    2: ("<32xQ14xHH", "<I4xQ8x8xQ"),
}


def build_id(binary: Path) -> str:
    """Return the build id in hexadecimal digits; empty if the binary has none."""
    try:
        data = binary.read_bytes()
    except OSError as error:
        raise ToolError(f"{binary}: {error.strerror}") from None
    if data[:4] != b"\x7fELF" or data[4:5] not in (b"\1", b"\2") or data[5:6] != b"\1":
        raise ToolError(f"{binary}: no little-endian ELF file")
    header, segment = _FORMATS[data[4]]
    try:
        table, size, number = struct.unpack_from(header, data)
        for index in range(number):
            kind, offset, length = struct.unpack_from(segment, data, table + index * size)
            if kind == _NOTE_SEGMENT:
                found = _in_notes(data[offset : offset + length])
                if found:
                    return found
    except struct.error:
        raise ToolError(f"{binary}: a damaged ELF file") from None
    return ""


def _in_notes(notes: bytes) -> str:
    place = 0
    while place + 12 <= len(notes):
        name_size, size, kind = struct.unpack_from("<III", notes, place)
        place += 12
        name = notes[place : place + name_size]
        place += name_size + 3 & ~3
        if kind == _BUILD_ID_NOTE and name == b"GNU\0":
            return notes[place : place + size].hex()
        place += size + 3 & ~3
    return ""

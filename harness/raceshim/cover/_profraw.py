# SPDX-License-Identifier: BSD-2-Clause
"""Write a link unit's counts as the raw profile that compiler-rt would have written.

The layouts are those of <profile/InstrProfData.inc>: raw version 8 (clang 14 to 17), 9 (18) and 10
(19 to 22). All places in it are relative, so the sections may stand at any addresses.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from raceshim._errors import ToolError

if TYPE_CHECKING:
    from raceshim.cover._bodies import Function, Source
    from raceshim.cover._units import Counters

_MAGIC = int.from_bytes(b"\xfflprofr\x81")
_ONE_BYTE = 1 << 60
_RECORD_SIZES = {8: 48, 9: 64, 10: 64}
#: Where the records lie in the imagined program; anything but 0, which a reader might take badly.
_BASE = 0x10000


def write(unit: Counters, identity: Source) -> bytes:
    """Return the file's bytes."""
    version = identity.raw_version
    size = _RECORD_SIZES.get(version)
    if size is None:
        known = ", ".join(map(str, _RECORD_SIZES))
        raise ToolError(
            f"{unit.meta.path}: raw profiles of version {version} are not known here (only "
            f"{known}): it was built by {unit.meta.compiler}"
        )
    functions = identity.functions
    counters_total = sum(f.counters for f in functions) * identity.counter_size
    counters_at = _BASE + size * len(functions)
    bitmap_at = counters_at + counters_total
    records, counters, bitmap = bytearray(), bytearray(), bytearray()
    for index, function in enumerate(functions):
        here = _BASE + index * size
        records += _record(
            function,
            version,
            counters_at + len(counters) - here,
            bitmap_at + len(bitmap) - here if function.bitmap else 0,
        )
        record = unit.records.get(index)
        if not isinstance(record, tuple):
            record = ((0,) * function.counters, bytes(function.bitmap))
        values, bits = record
        if identity.counter_size == 1:  # there 0 means executed
            counters += bytes(0 if value else 0xFF for value in values)
        else:
            counters += struct.pack(f"<{len(values)}Q", *values)
        bitmap += bits
    head = [
        _MAGIC,
        version | (_ONE_BYTE if identity.counter_size == 1 else 0),
        0,  # bytes of binary ids
        len(functions),
        0,  # padding before the counters
        len(counters) // identity.counter_size,
        -len(counters) % 8,
    ]
    if version >= 9:
        head += [len(bitmap), -len(bitmap) % 8]
    head += [len(identity.names), counters_at - _BASE]
    if version >= 9:
        head.append(bitmap_at - _BASE)
    head.append(bitmap_at + len(bitmap))
    if version >= 10:
        head += [0, 0]  # virtual tables and their names
    head.append(2 if version >= 10 else 1)  # the last kind of value profile
    out = struct.pack(f"<{len(head)}Q", *head)
    for part in (bytes(records), bytes(counters), bytes(bitmap), identity.names):
        out += part + bytes(-len(part) % 8)
    return out


def _record(function: Function, version: int, counters: int, bitmap: int) -> bytes:
    places = [function.name_ref, function.function_hash, counters % 2**64]
    if version >= 9:
        places.append(bitmap % 2**64)
    places += [0, 0]  # the function's address and its value profile: not for coverage
    out = struct.pack(f"<{len(places)}QI", *places, function.counters)
    if version == 8:
        return out + bytes(4)
    sites = bytes(8 if version >= 10 else 4)
    return out + sites + struct.pack("<I", function.bitmap) + bytes(4 if version == 9 else 0)

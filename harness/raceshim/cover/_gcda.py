# SPDX-License-Identifier: BSD-2-Clause
"""Add gcc's counter files (.gcda), the way gcov-tool does.

A file is a magic number, a version, a stamp and a checksum, and then records: a tag, a length in
bytes, and the bytes. A function is announced by one record, its counters follow in another, and a
negative length stands for that many bytes of zeros. So it has been since gcc 12.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from raceshim.cover._bytes import LARGEST, CoverFileError

_HEADER = 16
_FUNCTION = 0x01000000
_ARCS = 0x01A10000
_SUMMARY = 0xA1000000
#: More than a program has; a number above is damage.
_MOST = 2**24


@dataclass(frozen=True, slots=True)
class _Record:
    tag: int
    body: bytes
    counters: tuple[int, ...] = ()


def version(data: bytes) -> int:
    """Return the major version of the gcc whose file it is: `B22*` is 12.2."""
    if data[:4] != b"adcg" or len(data) < _HEADER:
        raise CoverFileError("a .gcda that does not begin like one")
    first, second = data[7], data[6]
    return (first - ord("A")) * 10 + second - ord("0") if first >= ord("A") else first - ord("0")


def merge(one: bytes, other: bytes) -> bytes:
    """Return the sum of two runs of one object file."""
    records, others = _read(one), _read(other)
    if one[:_HEADER] != other[:_HEADER] or list(map(_key, records)) != list(map(_key, others)):
        raise CoverFileError("two .gcda of one object file are of different builds")
    sums = list(map(_add, records, others))
    largest = max((max(record.counters, default=0) for record in sums), default=0)
    return one[:_HEADER] + b"".join([_write(record, largest) for record in sums]) + bytes(4)


def _key(record: _Record) -> tuple[int, bytes, int]:
    return record.tag, b"" if record.tag == _SUMMARY else record.body, len(record.counters)


def _add(one: _Record, other: _Record) -> _Record:
    if one.tag == _ARCS:
        pairs = zip(one.counters, other.counters, strict=True)
        return _Record(one.tag, b"", tuple([min(a + b, LARGEST) for a, b in pairs]))
    if one.tag == _SUMMARY:  # the number of runs, and the largest count, which is found later
        runs = sum(int.from_bytes(record.body[:4], "little") for record in (one, other))
        return _Record(one.tag, min(runs, 2**32 - 1).to_bytes(4, "little") + bytes(4))
    return one


def _read(data: bytes) -> list[_Record]:
    if version(data) < 12:
        raise CoverFileError("a .gcda of gcc before 12, which cannot be added")
    records, place = [], _HEADER
    try:
        while place < len(data):
            (tag,) = struct.unpack_from("<I", data, place)
            if tag == 0:
                break
            (size,) = struct.unpack_from("<i", data, place + 4)
            place += 8
            if tag == _ARCS:
                number = abs(size) // 8
                if number > _MOST:
                    raise CoverFileError(f"a .gcda with {number} counters in a function")
                zeros = (0,) * number
                values = zeros if size < 0 else struct.unpack_from(f"<{number}Q", data, place)
                records.append(_Record(tag, b"", values))
                place += max(size, 0)
                continue
            if tag not in (_FUNCTION, _SUMMARY) or (tag == _SUMMARY and size != 8):
                raise CoverFileError(f"a .gcda with the tag {tag:#x}, which cannot be added")
            body = data[place : place + max(size, 0)]
            if len(body) != size:
                raise CoverFileError("a .gcda that ends early")
            records.append(_Record(tag, body))
            place += size
    except struct.error:
        raise CoverFileError("a .gcda that ends early") from None
    return records


def _write(record: _Record, largest: int) -> bytes:
    if record.tag == _SUMMARY:
        body = record.body[:4] + min(largest, 2**32 - 1).to_bytes(4, "little")
        return struct.pack("<Ii", record.tag, len(body)) + body
    if record.tag != _ARCS:
        return struct.pack("<Ii", record.tag, len(record.body)) + record.body
    size = 8 * len(record.counters)
    if not any(record.counters):
        return struct.pack("<Ii", record.tag, -size)
    return struct.pack(f"<Ii{len(record.counters)}Q", record.tag, size, *record.counters)

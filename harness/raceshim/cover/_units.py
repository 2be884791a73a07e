# SPDX-License-Identifier: BSD-2-Clause
"""The units that coverage files consist of: what can be counted, and what was counted.

docs/formats.md gives every byte. A file is a sequence of units of one kind; a unit is a header, a
body and a trailer with a checksum. What cannot be right is refused with file, offset and reason.
"""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass

from raceshim.cover import _bodies
from raceshim.cover._bytes import CoverFileError, Reader, fnv128, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from raceshim.cover._bodies import Identity, Records

META = b"RSHCOVM\n"
COUNTERS = b"RSHCOVC\n"
_KINDS = {META: "meta-data", COUNTERS: "counters"}
VERSION = 1
_HEADER = struct.Struct("<8sHBBIQ16sQQQ")
_TRAILER = struct.Struct("<II")
_END = 0x21444E45


class Mode(enum.IntEnum):
    """How the program counts."""

    SET = 1
    COUNT = 2
    ATOMIC = 3

    def __str__(self) -> str:
        """Return what `--cover=` takes."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Raw:
    """A unit whose frame is right: magic, version, length, checksum."""

    magic: bytes
    engine: int
    mode: Mode
    hash: str
    numbers: tuple[int, int, int]
    #: The file's bytes, and where in them the body lies.
    data: bytes
    begin: int
    end: int
    file: str

    def body(self) -> Reader:
        """Return a reader of the body."""
        return Reader(self.data, self.file, self.begin, self.end)


@dataclass(frozen=True, slots=True)
class Meta:
    """What can be counted in one link unit: an executable, or a shared library."""

    engine: int
    mode: Mode
    path: str
    build_id: str
    compiler: str
    identity: Identity
    hash: str
    #: Where it was read.
    file: str = ""


@dataclass(frozen=True, slots=True)
class Counters:
    """What a process has counted in one link unit."""

    meta: Meta
    pid: int
    time: int
    #: By index of function or edge; what is not there is zero.
    records: Records


def split(data: bytes, file: str, magic: bytes | None = None) -> list[Raw]:
    """Return the units of a file; every one is whole, or the file is refused."""
    units: list[Raw] = []
    place = 0
    while place < len(data) or not units:
        unit = _frame(data, file, place, magic)
        magic = unit.magic
        units.append(unit)
        place = unit.end + _TRAILER.size
    return units


def read_metas(data: bytes, file: str) -> list[Meta]:
    """Return what a covmeta file describes."""
    return [_read_meta(unit) for unit in split(data, file, META)]


def read_counters(raw: Raw, meta: Meta) -> Counters:
    """Return a unit of counters; `meta` is what its hash names."""
    reader = raw.body()
    header = raw.begin - _HEADER.size
    if (raw.engine, raw.mode) != (meta.engine, meta.mode):
        reader.fail(
            f"engine {raw.engine} and mode {raw.mode}, but {meta.file or 'its meta'} has engine "
            f"{meta.engine} and mode {meta.mode}",
            header + 10,
        )
    number, pid, time = raw.numbers
    records = _bodies.read_records(reader, meta.identity)
    if len(records) != number:
        reader.fail(f"the header says {number} records, the body has {len(records)}", header + 40)
    return Counters(meta, pid, time, records)


def make_meta(  # noqa: PLR0913, PLR0917 - the fields of the file
    engine: int, mode: Mode, path: str, build_id: str, compiler: str, identity: Identity
) -> Meta:
    """Return the description of a link unit, with its hash."""
    identity_bytes = text(build_id) + text(compiler) + _bodies.write_identity(identity)
    number = _hash(engine, mode, identity_bytes)
    return Meta(engine, mode, path, build_id, compiler, identity, number.hex())


def write_meta(meta: Meta) -> bytes:
    """Return the unit's bytes."""
    head = text(meta.path)
    body = text(meta.build_id) + text(meta.compiler) + _bodies.write_identity(meta.identity)
    numbers = (*_bodies.sizes(meta.identity), 0)
    return _unit(META, meta, numbers, head + body)


def write_counters(unit: Counters) -> bytes:
    """Return the unit's bytes; functions without a count are left out."""
    live = {i: r for i, r in unit.records.items() if _bodies.is_live(r)}
    body = _bodies.write_records(live, unit.meta.identity)
    return _unit(COUNTERS, unit.meta, (len(live), unit.pid, unit.time), body)


def _hash(engine: int, mode: int, identity: bytes) -> bytes:
    return fnv128(struct.pack("<HBB", VERSION, engine, mode) + identity)


def _unit(magic: bytes, meta: Meta, numbers: tuple[int, int, int], body: bytes) -> bytes:
    head = _HEADER.pack(
        magic,
        VERSION,
        meta.engine,
        meta.mode,
        _HEADER.size,
        _HEADER.size + len(body) + _TRAILER.size,
        bytes.fromhex(meta.hash),
        *numbers,
    )
    return head + body + _TRAILER.pack(zlib.crc32(body, zlib.crc32(head)), _END)


def _frame(data: bytes, file: str, place: int, wanted: bytes | None) -> Raw:
    reader = Reader(data, file, place)
    head = reader.take(_HEADER.size, "the header of a unit")
    magic, version, engine, mode, header, length, number, *numbers = _HEADER.unpack(head)
    if magic not in _KINDS:
        reader.fail("no coverage file: the magic number is wrong", place)
    if wanted is not None and magic != wanted:
        reader.fail(f"{_KINDS[magic]} where {_KINDS[wanted]} must stand", place)
    if version != VERSION:
        reader.fail(f"version {version} of the format; this raceshim reads {VERSION}", place + 8)
    if header != _HEADER.size:
        reader.fail(f"a header of {header} bytes instead of {_HEADER.size}", place + 12)
    if length < _HEADER.size + _TRAILER.size or length > len(data) - place:
        reader.fail(
            f"a unit of {length} bytes, but {len(data) - place} are there: cut off or damaged",
            place + 16,
        )
    end = place + length - _TRAILER.size
    checksum, mark = _TRAILER.unpack_from(data, end)
    if mark != _END:
        reader.fail("the unit's last bytes are not END!", end + 4)
    found = zlib.crc32(memoryview(data)[place:end])
    if found != checksum:
        reader.fail(f"the checksum is {found:08x} instead of {checksum:08x}: damaged", end)
    if engine not in _bodies.ENGINES:
        reader.fail(f"engine {engine} is not known", place + 10)
    if mode not in Mode.__members__.values():
        reader.fail(f"mode {mode} is not known", place + 11)
    first, second, third = numbers
    return Raw(
        magic,
        engine,
        Mode(mode),
        number.hex(),
        (first, second, third),
        data,
        place + _HEADER.size,
        end,
        file,
    )


def _read_meta(raw: Raw) -> Meta:
    reader = raw.body()
    header = raw.begin - _HEADER.size
    path = reader.text("the path")
    begin = reader.place
    build_id = reader.text("the build id")
    if build_id and (len(build_id) % 2 or set(build_id) - set("0123456789abcdef")):
        reader.fail("the build id is not in hexadecimal digits", begin)
    compiler = reader.text("the compiler")
    identity = _bodies.read_identity(reader, raw.engine)
    reader.finish("the meta-data")
    if raw.numbers[2]:
        reader.fail("the last number of the header must be 0", header + 56)
    sizes = _bodies.sizes(identity)
    if raw.numbers[:2] != sizes:
        reader.fail(
            f"the header says {raw.numbers[0]} counters and {raw.numbers[1]} functions, the body "
            f"has {sizes[0]} and {sizes[1]}",
            header + 40,
        )
    found = _hash(raw.engine, raw.mode, raw.data[begin : raw.end]).hex()
    if found != raw.hash:
        reader.fail(f"the hash {raw.hash} is not that of the contents, {found}", header + 24)
    return Meta(raw.engine, raw.mode, path, build_id, compiler, identity, raw.hash, raw.file)


__all__ = ["Counters", "CoverFileError", "Meta", "Mode", "Raw", "split"]

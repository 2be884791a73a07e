# SPDX-License-Identifier: BSD-2-Clause
"""A second reader of the coverage files, written from docs/formats.md alone, for the tests.

It shares nothing with the product's reader, and checks everything that the page says.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEADER = struct.Struct("<8sHBBIQ16sQQQ")
FNV_BASIS = 0x6C62272E07BB014262B821756295C58D
FNV_PRIME = (1 << 88) + 0x13B


class WrongError(Exception):
    """The bytes are not what docs/formats.md says."""


def _need(condition: object, what: str) -> None:
    if not condition:
        raise WrongError(what)


@dataclass(slots=True)
class _Bytes:
    """A unit's body, taken from the front."""

    left: bytes

    def take(self, n: int) -> bytes:
        _need(n <= len(self.left), "ends early")
        taken, self.left = self.left[:n], self.left[n:]
        return taken

    def var(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            _need(value < 1 << 64 and shift <= 70, "var overflow")
            if byte < 0x80:
                return value

    def str(self) -> str:
        return self.take(self.var()).decode()

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")


@dataclass(frozen=True, slots=True)
class Function:
    """A record of a meta unit of the source engine."""

    name_ref: int
    func_hash: int
    counters: int
    bitmap: int


@dataclass(frozen=True, slots=True)
class Meta:
    """A meta unit."""

    hash: str
    engine: int
    mode: int
    path: str
    build_id: str
    compiler: str
    names: tuple[str, ...]
    functions: tuple[Function, ...]
    lines: tuple[tuple[str, str, int], ...]
    array: str

    def index(self, name: str) -> int:
        """Return the index of a function; static ones are `file:name` or `file;name`."""
        (wanted,) = [n for n in self.names if n == name or n.endswith((f":{name}", f";{name}"))]
        ref = int.from_bytes(
            hashlib.md5(wanted.encode(), usedforsecurity=False).digest()[:8], "little"
        )
        (found,) = [i for i, f in enumerate(self.functions) if f.name_ref == ref]
        return found


@dataclass(frozen=True, slots=True)
class Counters:
    """A counters unit: by index, the values of a record."""

    hash: str
    engine: int
    mode: int
    pid: int
    time: int
    records: dict[int, tuple[int, ...]]


def _fnv(data: bytes) -> str:
    value = FNV_BASIS
    for byte in data:
        value = (value ^ byte) * FNV_PRIME % (1 << 128)
    return f"{value:032x}"


def _units(data: bytes, magic: bytes) -> list[tuple[tuple[int, ...], str, bytes, bytes]]:
    """Return for each unit (engine, mode, three words), hash, bytes 8 to 11, and body."""
    found = []
    _need(data, "empty")
    while data:
        _need(len(data) >= HEADER.size + 8, "short")
        kind, version, engine, mode, header, length, digest, *words = HEADER.unpack_from(data)
        _need((kind, version, header) == (magic, 1, HEADER.size), "header")
        _need(HEADER.size + 8 <= length <= len(data), "length")
        _need(mode in (1, 2, 3) and engine in (1, 2, 3, 4, 5), "kind")
        unit, data = data[:length], data[length:]
        crc, mark = struct.unpack("<I4s", unit[-8:])
        _need(mark == b"END!" and crc == zlib.crc32(unit[:-8]), "trailer")
        found.append(((engine, mode, *words), digest.hex(), unit[8:12], unit[HEADER.size : -8]))
    return found


def _names(section: bytes) -> tuple[str, ...]:
    """Return the names in a section __llvm_prf_names."""
    found: list[str] = []
    rest = _Bytes(section)
    while rest.left:
        size, compressed = rest.var(), rest.var()
        part = zlib.decompress(rest.take(compressed)) if compressed else rest.take(size)
        _need(len(part) == size, "names")
        found += part.decode().split("\x01")
        rest.left = rest.left.lstrip(b"\0")
    return tuple(found)


def metas(data: bytes) -> list[Meta]:
    """Return the meta units of a file or a writer's bytes."""
    found = []
    for (engine, mode, counters, functions, zero), digest, kind, body in _units(data, b"RSHCOVM\n"):
        rest = _Bytes(body)
        path = rest.str()
        _need(path == "" or path.startswith("/"), "path")
        _need(_fnv(kind + rest.left) == digest, "hash")
        build_id, compiler = rest.str(), rest.str()
        list_of, lines, names, array = [], [], (), ""
        if engine == 1:
            _need(rest.var() in (8, 9, 10), "raw version")
            _need(rest.var() in (1, 8), "size")
            list_of = [
                Function(rest.u64(), rest.u64(), rest.var(), rest.var()) for _ in range(rest.var())
            ]
            names = _names(rest.take(rest.var()))
            _need(functions == len(list_of), "functions")
            _need(counters == sum(f.counters for f in list_of), "counters")
        else:
            _need(engine == 4, "engine")
            array = rest.str()
            n = rest.var()
            _need(rest.var() in (8, 32, 64), "bits")
            lines = [(rest.str(), rest.str(), rest.var()) for _ in range(n)]
            _need((functions, counters) == (1, n), "words")
        _need(zero == 0 and not rest.left, "rest")
        found.append(
            Meta(
                digest, engine, mode, path, build_id, compiler, names,
                tuple(list_of), tuple(lines), array,
            )
        )  # fmt: skip
    return found


def counters(data: bytes, known: dict[str, Meta]) -> list[Counters]:
    """Return the counters units of a file or a writer's bytes."""
    found = []
    for (engine, mode, n, pid, time), digest, _, body in _units(data, b"RSHCOVC\n"):
        meta = known[digest]
        _need((meta.engine, meta.mode) == (engine, mode), "other kind than the meta unit")
        rest = _Bytes(body)
        index = -1
        records = {}
        for _ in range(n):
            index += rest.var() + 1
            if engine == 1:
                function = meta.functions[index]
                values = tuple(rest.var() for _ in range(function.counters))
                values += tuple(rest.take(function.bitmap))
            else:
                _need(index < len(meta.lines), "index")
                values = (rest.var(),)
            _need(any(values), "values")
            records[index] = values
        _need(not rest.left, "ends late")
        found.append(Counters(digest, engine, mode, pid, time, records))
    return found


@dataclass(frozen=True, slots=True)
class Run:
    """What a directory holds: all meta units, and the counters units of each file by its name."""

    metas: dict[str, Meta]
    files: dict[str, list[Counters]]

    def of(self, file: str, function: str) -> tuple[int, ...] | None:
        """Return the counts of a function in a counters file, None if it is not live there."""
        for unit in self.files[file]:
            try:
                index = self.metas[unit.hash].index(function)
            except ValueError:
                continue
            return unit.records.get(index)
        message = f"{function} is in no unit of {file}"
        raise LookupError(message)

    @property
    def only(self) -> str:
        """The one counters file."""
        (file,) = self.files
        return file


def read(folder: Path) -> Run:
    """Read a directory, in which there are coverage files and nothing else."""
    known = {}
    for path in sorted(folder.glob("covmeta.*")):
        (meta,) = metas(path.read_bytes())
        _need(path.name == f"covmeta.{meta.hash}", "file name")
        known[meta.hash] = meta
    files = {}
    for path in sorted(folder.glob("covcounters.*")):
        units = counters(path.read_bytes(), known)
        name = f"covcounters.{units[0].hash}.{units[0].pid}.{units[0].time}"
        _need(path.name == name, "file name")
        files[path.name] = units
    others = {p.name for p in folder.iterdir()} - set(files) - {f"covmeta.{h}" for h in known}
    _need(not others, f"left over: {others}")
    return Run(known, files)

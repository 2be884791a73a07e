# SPDX-License-Identifier: BSD-2-Clause
"""Coverage units made by hand, one of every engine, and clang's raw profiles as such units."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from raceshim.cover._bodies import (
    EDGE_COUNTS,
    EDGES,
    GCOV,
    REGISTERED,
    SOURCE,
    Edge,
    Edges,
    Function,
    Gcda,
    Gcov,
    Point,
    Records,
    Registered,
    Source,
)
from raceshim.cover._elf import build_id
from raceshim.cover._units import Counters, Meta, Mode, make_meta, write_counters, write_meta

if TYPE_CHECKING:
    from pathlib import Path

COMPILER = "Debian Clang 19.1.7 (3~deb12u1)"
LARGE = 2**64 - 1


def source_meta(mode: Mode = Mode.COUNT, path: str = "/opt/prog", size: int = 8) -> Meta:
    functions = (
        Function(1, LARGE, 2, 0),
        Function(LARGE, 0, 1, 3),
        Function(3, 3, 130, 0),
        Function(0x1234567890ABCDEF, 4, 1, 0),
    )
    return make_meta(
        SOURCE, mode, path, "ab12", COMPILER, Source(10, size, functions, b"\x04\0main")
    )


def edges_meta(mode: Mode = Mode.SET) -> Meta:
    engine = EDGES if mode == Mode.SET else EDGE_COUNTS
    edges = tuple(
        Edge(pc, entry)
        for pc, entry in (
            (0x1130, True),
            (0x1150, False),
            (0x1140, False),
            (LARGE, True),
            (0, False),
        )
    )
    return make_meta(engine, mode, "/opt/edges", "", COMPILER, Edges(edges, mode != Mode.SET))


def registered_meta() -> Meta:
    points = (Point("step", "vm.lang", 1), Point("", "", 0), Point("ünï", "vm.lang", 2**40))
    return make_meta(
        REGISTERED, Mode.ATOMIC, "/opt/vm", "00ff", COMPILER, Registered("bytecode", 32, points)
    )


def gcov_meta() -> Meta:
    files = (Gcda("/src/a.gcda", 0xDEADBEEF), Gcda("/src/b.gcda", 1))
    return make_meta(GCOV, Mode.ATOMIC, "/opt/gcc", "01", "12.2.0", Gcov(files))


def samples() -> list[tuple[Meta, Records]]:
    """Return a link unit of every engine, and counts in it."""
    return [
        (source_meta(), {0: ((5, 0), b""), 1: ((LARGE,), b"\1\0\xff"), 2: ((300,) * 130, b"")}),
        (source_meta(Mode.SET), {0: ((3, 0), b""), 3: ((1,), b"")}),
        (source_meta(Mode.SET, size=1), {0: ((1, 0), b""), 3: ((1,), b"")}),
        (edges_meta(), {0: 1, 2: 1, 4: 1}),
        (edges_meta(Mode.COUNT), {1: 1, 3: LARGE}),
        (registered_meta(), {0: 7, 2: 2**32}),
        (gcov_meta(), {0: b"adcg" * 40}),
    ]


def write_run(
    folder: Path, units: list[tuple[Meta, Records]], pid: int = 1, time: int = 1_000
) -> Path:
    """Write what a process leaves that consists of these link units; the program's comes first."""
    folder.mkdir(exist_ok=True)
    for meta, _ in units:
        (folder / f"covmeta.{meta.hash}").write_bytes(write_meta(meta))
    file = folder / f"covcounters.{units[0][0].hash}.{pid}.{time}"
    file.write_bytes(b"".join(write_counters(Counters(m, pid, time, r)) for m, r in units))
    return file


def from_profraw(raw: bytes, binary: Path, mode: Mode, compiler: str) -> tuple[Meta, Records]:
    """Return what compiler-rt wrote as a link unit and its counts.

    It is written from <profile/InstrProfData.inc> and apart from our own writer of raw profiles.
    """
    version_word = struct.unpack_from("<Q", raw, 8)[0]
    version, one_byte = version_word & 0xFF, bool(version_word >> 60 & 1)
    if version == 8:
        names = "ids data before counters after names dcounters dnames last"
    else:
        names = "ids data before counters after bitmap bafter names dcounters dbitmap dnames"
        names += " vtables vnames last" if version >= 10 else " last"
    fields = names.split()
    head = dict(zip(fields, struct.unpack_from(f"<{len(fields)}Q", raw, 16), strict=True))
    place = 16 + 8 * len(fields) + head["ids"]
    size = 48 if version == 8 else 64
    records_at = place
    counters_at = records_at + head["data"] * size + head["before"]
    width = 1 if one_byte else 8
    bitmap_at = counters_at + head["counters"] * width + head["after"]
    names_at = bitmap_at + head.get("bitmap", 0) + head.get("bafter", 0)
    functions, records = [], {}
    for index in range(head["data"]):
        at = records_at + index * size
        name, function_hash, counter_ptr = struct.unpack_from("<3Q", raw, at)
        numbers_at = at + (40 if version == 8 else 48)
        (count,) = struct.unpack_from("<I", raw, numbers_at)
        bitmap_ptr = bitmap = 0
        if version >= 9:
            (bitmap_ptr,) = struct.unpack_from("<Q", raw, at + 24)
            (bitmap,) = struct.unpack_from("<I", raw, at + (60 if version >= 10 else 56))
        offset = (counter_ptr + index * size - head["dcounters"]) % 2**64
        here = counters_at + offset
        if one_byte:
            values = tuple(int(byte == 0) for byte in raw[here : here + count])
        else:
            values = struct.unpack_from(f"<{count}Q", raw, here)
        bits = b""
        if bitmap:
            there = bitmap_at + (bitmap_ptr + index * size - head["dbitmap"]) % 2**64
            bits = raw[there : there + bitmap]
        functions.append(Function(name, function_hash, count, bitmap))
        if any(values) or any(bits):
            records[index] = (values, bits)
    identity = Source(version, width, tuple(functions), raw[names_at : names_at + head["names"]])
    meta = make_meta(SOURCE, mode, str(binary), build_id(binary), compiler, identity)
    return meta, records

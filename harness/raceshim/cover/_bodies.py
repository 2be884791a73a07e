# SPDX-License-Identifier: BSD-2-Clause
"""The bodies of units, engine by engine: the identity of what is counted, and the counts."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from raceshim.cover._bytes import LARGEST, Reader, text, unzigzag, var, zigzag

SOURCE, EDGES, EDGE_COUNTS, REGISTERED, GCOV = 1, 2, 3, 4, 5
ENGINES = {
    SOURCE: "source",
    EDGES: "edges",
    EDGE_COUNTS: "edge-counts",
    REGISTERED: "registered",
    GCOV: "gcov",
}
#: Far more than a program can have; a number above is damage, and must not become an allocation.
_MOST = 2**28
_REFERENCES = struct.Struct("<QQ")
#: Flags of an edge: a function begins; and its blocks that others imply have none.
_ENTRY, _IMPLIES = 1, 2


@dataclass(frozen=True, slots=True)
class Function:
    """A function as clang's record describes it."""

    name_ref: int
    function_hash: int
    counters: int
    bitmap: int


@dataclass(frozen=True, slots=True)
class Source:
    """Engine 1: the functions in the order of the compiler's records, and its section of names."""

    raw_version: int
    counter_size: int
    functions: tuple[Function, ...]
    names: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """Engines 2 and 3: the link-time address of a basic block, and whether a function begins."""

    pc: int
    entry: bool


@dataclass(frozen=True, slots=True)
class Edges:
    """All edges, in the order of their counters."""

    edges: tuple[Edge, ...]
    counted: bool
    #: Whether blocks that others imply have none: they stand in the program's `__sancov_cfs`.
    graph: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """Engine 4: what one counter of a registered array stands for."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A user's own array of counters."""

    name: str
    bits: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Gcda:
    """Engine 5: an object file's counter file, and the stamp that ties it to its .gcno."""

    file: str
    stamp: int


@dataclass(frozen=True, slots=True)
class Gcov:
    """All counter files of a link unit."""

    files: tuple[Gcda, ...]


Identity = Source | Edges | Registered | Gcov
#: A function's counters and bitmap; or an edge's count; or the bytes of a .gcda.
Record = tuple[tuple[int, ...], bytes] | int | bytes
Records = dict[int, Record]


def sizes(identity: Identity) -> tuple[int, int]:
    """Return the numbers of counters and of functions that the header gives."""
    match identity:
        case Source():
            return sum(f.counters for f in identity.functions), len(identity.functions)
        case Edges():
            return len(identity.edges), sum(edge.entry for edge in identity.edges)
        case Registered():
            return len(identity.points), 1
        case Gcov():
            return 0, len(identity.files)


def is_flag(identity: Identity, *, is_set: bool) -> bool:
    """Whether counts say no more than executed or not: they are never added.

    Clang's counters are counts in set mode too: a region without a counter of its own is
    a difference of others', and the differences of flags are wrong.
    """
    match identity:
        case Source():
            return identity.counter_size == 1
        case Edges():
            return not identity.counted
        case Registered():
            return is_set
        case Gcov():
            return False


def is_live(record: Record) -> bool:
    """Whether anything was counted."""
    if isinstance(record, tuple):
        return any(record[0]) or any(record[1])
    return bool(record)


def read_identity(reader: Reader, engine: int) -> Identity:
    """Read what follows the compiler in the meta-data."""
    if engine == SOURCE:
        return _read_source(reader)
    if engine in (EDGES, EDGE_COUNTS):
        return _read_edges(reader, counted=engine == EDGE_COUNTS)
    if engine == REGISTERED:
        return _read_registered(reader)
    files = [
        Gcda(reader.text("the name of a .gcda file"), reader.fixed(4, "a stamp"))
        for _ in range(reader.count("files", 5))
    ]
    return Gcov(tuple(files))


def write_identity(identity: Identity) -> bytes:
    """Return the bytes that `read_identity` reads."""
    out = bytearray()
    match identity:
        case Source():
            out += var(identity.raw_version) + var(identity.counter_size)
            out += var(len(identity.functions))
            for function in identity.functions:
                out += _REFERENCES.pack(function.name_ref, function.function_hash)
                out += var(function.counters) + var(function.bitmap)
            out += var(len(identity.names)) + identity.names
        case Edges():
            out += var(len(identity.edges))
            before = 0
            for edge in identity.edges:
                flags = (_ENTRY | identity.graph * _IMPLIES) if edge.entry else 0
                out += var(zigzag(edge.pc - before)) + var(flags)
                before = edge.pc
        case Registered():
            out += text(identity.name) + var(len(identity.points)) + var(identity.bits)
            for point in identity.points:
                out += text(point.function) + text(point.file) + var(point.line)
        case Gcov():
            out += var(len(identity.files))
            for file in identity.files:
                out += text(file.file) + file.stamp.to_bytes(4, "little")
    return bytes(out)


def read_records(reader: Reader, identity: Identity) -> Records:
    """Read the counts; an index out of range or a count that cannot be is refused."""
    if isinstance(identity, Source):
        return _read_functions(reader, identity)
    records: Records = {}
    limit = len(_things(identity))
    has_count = not isinstance(identity, Edges) or identity.counted
    index = -1
    while reader.place < reader.end:
        index = _next(reader, index, limit)
        if isinstance(identity, Gcov):
            records[index] = reader.take(reader.count("length of a .gcda", 1), "a .gcda")
            continue
        records[index] = reader.var("a count") if has_count else 1
    return records


def write_records(records: Records, identity: Identity) -> bytes:
    """Return the bytes that `read_records` reads."""
    out = bytearray()
    before = -1
    has_count = not isinstance(identity, Edges) or identity.counted
    for index in sorted(records):
        out += var(index - before - 1)
        before = index
        record = records[index]
        if isinstance(record, tuple):
            for value in record[0]:
                out += var(value)
            out += record[1]
        elif isinstance(record, bytes):
            out += var(len(record)) + record
        elif has_count:
            out += var(record)
    return bytes(out)


def _things(identity: Edges | Registered | Gcov) -> tuple[object, ...]:
    match identity:
        case Edges():
            return identity.edges
        case Registered():
            return identity.points
        case Gcov():
            return identity.files


def _next(reader: Reader, index: int, limit: int) -> int:
    at = reader.place
    index += reader.var("an index") + 1
    if index >= limit:
        reader.fail(f"index {index} of {limit}", at)
    return index


def _read_source(reader: Reader) -> Source:
    raw_version = reader.var("the raw version")
    at = reader.place
    size = reader.var("the size of counters")
    if size not in (1, 8):
        reader.fail(f"counters of {size} bytes", at)
    functions = []
    total = 0
    for _ in range(reader.count("functions", 18)):
        at = reader.place
        name_ref, function_hash = _REFERENCES.unpack(reader.take(16, "a function"))
        counters = reader.var("a number of counters")
        bitmap = reader.var("a size of a bitmap")
        total += counters + bitmap
        if total > _MOST:
            reader.fail(f"more than {_MOST} counters", at)
        functions.append(Function(name_ref, function_hash, counters, bitmap))
    names = reader.take(reader.count("length of the names", 1), "the names")
    return Source(raw_version, size, tuple(functions), names)


def _read_edges(reader: Reader, *, counted: bool) -> Edges:
    edges = []
    pc = 0
    first = 0
    for _ in range(reader.count("edges", 2)):
        pc = pc + unzigzag(reader.var("an address")) & LARGEST
        at = reader.place
        flags = reader.var("the flags of an edge")
        if flags > (_ENTRY | _IMPLIES if counted else _ENTRY):
            reader.fail(f"flags {flags:#x} of an edge are not known", at)
        first = first or flags
        if flags and flags != first:
            reader.fail(f"flags {flags:#x} of an edge, and {first:#x} of an earlier one", at)
        edges.append(Edge(pc, bool(flags)))
    if first == _IMPLIES:
        reader.fail("blocks are implied, but no function begins", reader.place)
    return Edges(tuple(edges), counted, graph=bool(first & _IMPLIES))


def _read_registered(reader: Reader) -> Registered:
    name = reader.text("the array's name")
    number = reader.count("counters", 3)
    at = reader.place
    bits = reader.var("the size of counters")
    if bits not in (8, 32, 64):
        reader.fail(f"counters of {bits} bits", at)
    points = [
        Point(reader.text("a function"), reader.text("a file"), reader.var("a line"))
        for _ in range(number)
    ]
    return Registered(name, bits, tuple(points))


def _read_functions(reader: Reader, identity: Source) -> Records:
    records: Records = {}
    functions = identity.functions
    limit = len(functions)
    data, end = reader.data, reader.end
    index = -1
    sizes_of = [(f.counters, f.bitmap) for f in functions]
    while (place := reader.place) < end:
        if (gap := data[place]) < 0x80 and index + gap + 1 < limit:  # nearly always
            index += gap + 1
            reader.place = place = place + 1
        else:
            index = _next(reader, index, limit)
            place = reader.place
        size, bitmap = sizes_of[index]
        # Most counts are below 128: then they are the bytes themselves.
        run = data[place : min(place + size, end)]
        if len(run) == size and run.isascii():
            values = tuple(run)
            reader.place += size
        else:
            values = reader.vars(size, "a count")
        if identity.counter_size == 1 and values and max(values) > 1:
            reader.fail(f"a count of {max(values)} where only 0 and 1 can be", place)
        records[index] = (values, reader.take(bitmap, "a bitmap") if bitmap else b"")
    return records

# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim cover debugdump`: the files' contents in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from raceshim.cover._bodies import ENGINES, Edges, Gcov, Registered, Source
from raceshim.cover._names import function_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.cover._bodies import Record
    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums
    from raceshim.cover._units import Counters, Meta


def dump(inputs: Inputs, sums: Sums, *, live: bool, pattern: str | None) -> Iterator[str]:
    """Return the lines: every link unit, and its functions or edges with their counts."""
    wanted = re.compile(pattern or "")
    totals = sums.totals()
    for number in sorted(inputs.metas, key=lambda n: (inputs.metas[n].path, n)):
        if number in totals or inputs.wants(number):
            meta = inputs.metas[number]
            yield from _unit(meta, totals.get(number), wanted, live=live)


def _unit(
    meta: Meta, unit: Counters | None, wanted: re.Pattern[str], *, live: bool
) -> Iterator[str]:
    yield f"unit {meta.hash}"
    yield f"  path {meta.path}"
    yield f"  engine {ENGINES[meta.engine]}, mode {meta.mode}"
    yield f"  build id {meta.build_id or 'none'}"
    yield f"  compiler {meta.compiler or 'unknown'}"
    things = _things(meta)
    records = unit.records if unit else {}
    shown = sum(bool(_counts(record) and any(_counts(record))) for record in records.values())
    yield f"  {len(things)} {_kind(meta)}, {shown} live"
    for index, (name, size) in enumerate(things):
        record = records.get(index)
        counts = _counts(record) if record is not None else (0,) * size
        if (live and not any(counts)) or not wanted.search(name):
            continue
        yield f"  {index} {name}: {' '.join(map(str, counts))}"
        if isinstance(record, tuple) and record[1]:
            yield f"    bitmap {record[1].hex()}"


def _things(meta: Meta) -> list[tuple[str, int]]:
    identity = meta.identity
    match identity:
        case Source():
            names = function_names(identity.names)
            return [
                (names.get(f.name_ref, f"{f.name_ref:#018x}"), f.counters)
                for f in identity.functions
            ]
        case Edges():
            return [(f"{edge.pc:#x}{' entry' if edge.entry else ''}", 1) for edge in identity.edges]
        case Registered():
            return [(f"{p.function or '-'} {p.file or '-'}:{p.line}", 1) for p in identity.points]
        case Gcov():
            return [(file.file, 1) for file in identity.files]


def _kind(meta: Meta) -> str:
    match meta.identity:
        case Source():
            return "functions"
        case Edges():
            return "edges and what they imply" if meta.identity.graph else "edges"
        case Registered():
            return "counters"
        case Gcov():
            return "object files (bytes of .gcda)"


def _counts(record: Record | None) -> tuple[int, ...]:
    if isinstance(record, tuple):
        return record[0]
    if isinstance(record, bytes):
        return (len(record),)
    return (record or 0,)

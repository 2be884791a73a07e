# SPDX-License-Identifier: BSD-2-Clause
"""Counts of all blocks of a program whose compiler left out the counters that others imply."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim._errors import ToolError
from raceshim.cover import _flow, _graph
from raceshim.cover._bodies import Edge, Edges
from raceshim.cover._bytes import LARGEST
from raceshim.cover._elf import Elf
from raceshim.cover._units import Counters, make_meta

if TYPE_CHECKING:
    from pathlib import Path

_PCS = "__sancov_pcs"
_ENTRY = 1


def complete(unit: Counters, binary: Path) -> Counters:
    """Return the unit with an edge for every block; as it is, if it has all of them."""
    identity = unit.meta.identity
    if not isinstance(identity, Edges) or not identity.graph:
        return unit
    elf = Elf(binary)
    counted, entries = _counted(unit, identity, elf, binary)
    ends = _ends(elf, sorted(entries))
    counts = dict(counted)
    for blocks in _graph.functions(elf.addresses(_graph.SECTION), ends, str(binary)):
        # Labels of what is gone lie at the end of the function, where another one may begin.
        end = ends[blocks[0].address]
        for address, count in _flow.infer(blocks, counted).of.items():
            if address not in (_graph.REMOVED, end) and address not in counted:
                counts[address] = max(counts.get(address, 0), count)
    places = sorted(counts)
    whole = Edges(tuple(Edge(pc, pc in entries) for pc in places), counted=True)
    old = unit.meta
    meta = make_meta(old.engine, old.mode, old.path, old.build_id, old.compiler, whole)
    records = {i: min(counts[pc], LARGEST) for i, pc in enumerate(places) if counts[pc]}
    return replace(unit, meta=replace(meta, file=old.file), records=dict(records))


def _counted(
    unit: Counters, identity: Edges, elf: Elf, binary: Path
) -> tuple[dict[int, int], set[int]]:
    """Return the counters by the addresses that the file gives them, and where functions begin."""
    words = elf.addresses(_PCS)
    if len(words) != 2 * len(identity.edges):
        raise ToolError(
            f"{binary}: {len(words) // 2} edges in its section {_PCS}, and {len(identity.edges)} "
            f"in {unit.meta.file or 'the meta-data'}; is it the file that was run, with its "
            "sections?"
        )
    counted: dict[int, int] = {}
    entries: set[int] = set()
    for index, (pc, flags) in enumerate(zip(words[::2], words[1::2], strict=True)):
        record = unit.records.get(index, 0)
        counted[pc] = max(counted.get(pc, 0), record if isinstance(record, int) else 0)
        if flags & _ENTRY:
            entries.add(pc)
    return counted, entries


def _ends(elf: Elf, entries: list[int]) -> dict[int, int]:
    """Return where functions end: as the symbols say, or else where the next one begins."""
    symbols = {symbol.address: symbol.end for symbol in elf.functions()}
    found = {}
    for entry in entries:
        after = bisect_right(entries, entry)
        following = entries[after] if after < len(entries) else entry + 2**32
        found[entry] = symbols.get(entry, following)
    return found

# SPDX-License-Identifier: BSD-2-Clause
"""Lines of the fast engine: each edge begins a basic block, whose instructions carry lines.

The compiler instruments every block. So what lies between the address of an edge and the next one
in the same function was executed as often as the edge was taken, and DWARF's line table says from
which lines it comes: also those that were inlined. A line is executed as often as the most frequent
of its blocks.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from raceshim.cover import _blocks, _lines
from raceshim.cover._bodies import Edges
from raceshim.cover._elf import Elf, Symbol
from raceshim.cover._llvm import llvm_version
from raceshim.cover._model import File, Function

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raceshim.cover._lines import Row
    from raceshim.cover._units import Counters


def files(unit: Counters, binary: Path) -> list[File]:
    """Return lines and functions, as often as they were executed."""
    unit = _blocks.complete(unit, binary)
    identity = unit.meta.identity
    assert isinstance(identity, Edges)  # noqa: S101 - the caller's dispatch
    counts: dict[int, int] = {}
    entries: set[int] = set()
    for index, edge in enumerate(identity.edges):
        record = unit.records.get(index, 0)
        counts[edge.pc] = max(counts.get(edge.pc, 0), record if isinstance(record, int) else 0)
        if edge.entry:
            entries.add(edge.pc)
    elf = Elf(binary)
    code = _Code(elf, counts, entries)
    found: dict[str, File] = {}
    #: By the address of an entry, the lines of the function in its own file.
    spans: dict[int, tuple[str, int, int]] = {}
    for row in _lines.rows(binary, llvm_version(unit.meta)):
        for symbol, pc in code.blocks(row):
            file = found.setdefault(row.file, File(row.file))
            file.lines[row.line] = max(file.lines.get(row.line, 0), counts[pc])
            span = spans.get(symbol.address)
            if span is None:
                spans[symbol.address] = (row.file, row.line, row.line)
            elif span[0] == row.file:
                spans[symbol.address] = (row.file, span[1], max(span[2], row.line))
    _add_functions(found, code, spans, counts)
    return [found[path] for path in sorted(found)]


class _Code:
    """Which edge an instruction belongs to."""

    def __init__(self, elf: Elf, counts: dict[int, int], entries: set[int]) -> None:
        self._elf = elf
        self._edges = sorted(counts)
        symbols = {symbol.address: symbol for symbol in elf.functions()}
        starts = sorted(entries)
        for start, following in zip(starts, [*starts[1:], starts[-1] + 2**20], strict=True):
            symbols.setdefault(start, Symbol(start, following, f"{start:#x}"))
        self.symbols = [symbols[address] for address in sorted(symbols)]
        self._starts = [symbol.address for symbol in self.symbols]

    def blocks(self, row: Row) -> Iterator[tuple[Symbol, int]]:
        """Return the edges whose blocks a row of the line table has a part in."""
        place = bisect_right(self._starts, row.address) - 1
        if place < 0 or row.address >= self.symbols[place].end:
            return
        symbol = self.symbols[place]
        index = bisect_right(self._edges, row.address) - 1
        if (
            index >= 0
            and self._edges[index] >= symbol.address
            and (self._edges[index] == row.address or not self._sets_flag(row.address))
        ):
            yield symbol, self._edges[index]
        end = min(row.end, symbol.end)
        following = index + 1
        while following < len(self._edges) and self._edges[following] < end:
            yield symbol, self._edges[following]
            following += 1

    def _sets_flag(self, address: int) -> bool:
        """Whether the instrumentation's own store stands here: `movb $1, flag(%rip)`.

        Optimised code sets flags out of line, behind whatever block lies there.
        """
        code = self._elf.code(address, 7)
        return code[:2] == b"\xc6\x05" and code[6:] == b"\1"


def _add_functions(
    found: dict[str, File],
    code: _Code,
    spans: dict[int, tuple[str, int, int]],
    counts: dict[int, int],
) -> None:
    """Add functions; where one ends is where its last line is, before the next one."""
    lines: dict[str, list[int]] = {}
    for file, line, _ in spans.values():
        lines.setdefault(file, []).append(line)
    for starts in lines.values():
        starts.sort()
    for symbol in code.symbols:
        span = spans.get(symbol.address)
        if span is None or symbol.address not in counts:
            continue
        path, line, end = span
        after = bisect_right(lines[path], line)
        if after < len(lines[path]):
            end = min(end, lines[path][after] - 1)
        found[path].functions.append(Function(symbol.name, line, end, counts[symbol.address]))

# SPDX-License-Identifier: BSD-2-Clause
"""Differences and intersections: what was counted in one set of runs and not, or also, in another.

Neither has regard to processes, to the order of files, or to which programs a library was part of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.cover import _blocks
from raceshim.cover._bodies import Edges, Gcov, is_live
from raceshim.cover._merge import Sums
from raceshim.cover._report import binary_of
from raceshim.cover._units import Counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from raceshim.cover._bodies import Record, Records
    from raceshim.cover._inputs import Inputs


def whole(inputs: Inputs, sums: Sums) -> tuple[Inputs, Sums]:
    """Return the same with counts of all blocks, also of those that have no counter.

    What two runs count differently may be the counters that a block is implied by, and not the
    block itself: so it has to have a count before they are compared.
    """
    totals = sums.totals()
    metas = dict(inputs.metas)
    renamed: dict[str, str] = {}
    out = Sums(files=sums.files, skipped=list(sums.skipped))
    for number, meta in inputs.metas.items():
        if not (isinstance(meta.identity, Edges) and meta.identity.graph and inputs.wants(number)):
            continue
        del metas[number]
        binary = binary_of(inputs, meta, out.skipped, counted=number in totals)
        renamed[number] = ""
        if binary is not None:
            new = _blocks.complete(Counters(meta, 0, 0, {}), binary).meta
            renamed[number] = new.hash
            metas[new.hash] = new
    for program, units in sums.programs.items():
        for number, unit in units.items():
            name = renamed.get(number, number)
            if not name:
                continue
            if name != number:
                place = binary_of(inputs, unit.meta, [], counted=True)
                assert place is not None  # noqa: S101 - or it would have no name
                unit = _blocks.complete(unit, place)  # noqa: PLW2901
            out.add(renamed.get(program) or program, unit)
    selected = inputs.selected
    if selected is not None:
        selected = frozenset(renamed.get(number, number) for number in selected)
    return replace(inputs, metas=metas, selected=selected), out


def subtract(sums: Sums, other: Sums) -> Sums:
    """Return the counts of which the other runs have none."""
    return _each(sums, other.totals(), lambda theirs: not theirs)


def intersect(sums: Sums, other: Sums) -> Sums:
    """Return the counts of which the other runs have some too."""
    return _each(sums, other.totals(), bool)


def _each(sums: Sums, others: dict[str, Counters], keeps: Callable[[int], bool]) -> Sums:
    out = Sums(files=sums.files, skipped=list(sums.skipped))
    for program, units in sums.programs.items():
        for number, unit in units.items():
            if isinstance(unit.meta.identity, Gcov):
                raise UsageError(
                    f"{unit.meta.path}: built with gcc, whose counts are those of arcs in "
                    "a spanning tree: they can be merged, and not be compared one by one"
                )
            other = others[number].records if number in others else {}
            out.add(program, replace(unit, records=_keep(unit.records, other, keeps)))
    return out


def _keep(records: Records, others: Records, keeps: Callable[[int], bool]) -> Records:
    kept: Records = {}
    for index, record in records.items():
        kept[index] = _keep_one(record, others.get(index), keeps)
    return kept


def _keep_one(record: Record, other: Record | None, keeps: Callable[[int], bool]) -> Record:
    """Return a record or nothing of it; a function of clang's is kept whole or not at all.

    Its regions are differences of counters, and if only some of them were kept those differences
    would be wrong, or below zero.
    """
    if isinstance(record, tuple):
        if keeps(int(other is not None and is_live(other))):
            return record
        return (0,) * len(record[0]), bytes(len(record[1]))
    if isinstance(record, int):
        return record if keeps(other if isinstance(other, int) else 0) else 0
    return record

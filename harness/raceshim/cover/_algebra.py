# SPDX-License-Identifier: BSD-2-Clause
"""Differences and intersections: what was counted in one set of runs and not, or also, in another.

Neither has regard to processes, to the order of files, or to which programs a library was part of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.cover._bodies import Gcov, is_live
from raceshim.cover._merge import Sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from raceshim.cover._bodies import Record, Records
    from raceshim.cover._units import Counters


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

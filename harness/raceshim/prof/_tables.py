# SPDX-License-Identifier: BSD-2-Clause
"""Add up what is on top of the stacks (flat) and what is on them at all (cum)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raceshim.prof._model import Frame, Profile
    from raceshim.prof._names import Entity, Namer


@dataclass(frozen=True, slots=True)
class Row:
    """How much was spent in something itself, and in it and all that it called."""

    entity: Entity
    flat: int
    cum: int


@dataclass(frozen=True, slots=True)
class Table:
    """The rows, most flat first, and the sum of all samples."""

    rows: tuple[Row, ...]
    total: int

    def by_cum(self) -> Table:
        """Return the table with the largest cum first."""
        rows = sorted(self.rows, key=lambda row: (-abs(row.cum), -abs(row.flat), row.entity))
        return Table(tuple(rows), self.total)


def table(profile: Profile, index: int, namer: Namer) -> Table:
    """Count; a function that calls itself counts once for each sample."""
    flat: dict[Entity, int] = {}
    cum: dict[Entity, int] = {}
    total = 0
    stacks: dict[tuple[Frame, ...], int] = {}
    for sample, value in profile.values(index):
        total += value
        stacks[sample.stack] = stacks.get(sample.stack, 0) + value
    for stack, value in stacks.items():
        entities = [namer.entity(frame) for frame in stack]
        for entity in dict.fromkeys(entities):
            cum[entity] = cum.get(entity, 0) + value
        if entities:
            flat[entities[0]] = flat.get(entities[0], 0) + value
    # What only other values of the samples count is none of this table.
    rows = [
        Row(entity, flat.get(entity, 0), of) for entity, of in cum.items() if of or flat.get(entity)
    ]
    rows.sort(key=lambda row: (-abs(row.flat), -abs(row.cum), row.entity))
    return Table(tuple(rows), total)

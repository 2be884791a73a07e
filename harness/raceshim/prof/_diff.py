# SPDX-License-Identifier: BSD-2-Clause
"""What has changed between two profiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raceshim.prof._names import Entity
    from raceshim.prof._tables import Table


@dataclass(frozen=True, slots=True)
class Change:
    """Something in both profiles; shares are of each profile's own total, in per cent."""

    entity: Entity
    before: int
    after: int
    share_before: float
    share_after: float


def changes(before: Table, after: Table, *, cum: bool, normalize: bool) -> list[Change]:
    """Return everything that has changed, the largest change first.

    With `normalize` the first profile is taken as if it were as long as the second.
    """
    one, two = _values(before, cum=cum), _values(after, cum=cum)
    scale = after.total / before.total if normalize and before.total else 1.0
    found = [
        Change(
            entity,
            round(one.get(entity, 0) * scale),
            two.get(entity, 0),
            _percent(one.get(entity, 0), before.total),
            _percent(two.get(entity, 0), after.total),
        )
        for entity in {**one, **two}
        if one.get(entity) or two.get(entity)
    ]
    found.sort(key=lambda c: (-abs(c.after - c.before), -max(c.after, c.before), c.entity))
    return found


def _values(table: Table, *, cum: bool) -> dict[Entity, int]:
    return {row.entity: row.cum if cum else row.flat for row in table.rows}


def _percent(value: int, total: int) -> float:
    return 100 * value / total if total else 0.0

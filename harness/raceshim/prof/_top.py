# SPDX-License-Identifier: BSD-2-Clause
"""What `raceshim prof top`, `tree` and `diff` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim.formats._plain import one_line
from raceshim.prof._names import amount, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.prof._diff import Change
    from raceshim.prof._model import Profile
    from raceshim.prof._names import Namer
    from raceshim.prof._tables import Table
    from raceshim.prof._tree import Node


def head(profile: Profile, index: int, shown: int) -> list[str]:
    """Say what the numbers below are of, how they came about, and what is not among them."""
    kind = profile.types[index]
    total = sum(value for _, value in profile.values(index))
    parts = [f"{kind.type} of {one_line(profile.where)}: {amount(total, kind.unit)}"]
    counts = profile.counts(index)
    if counts is not None and counts != index:
        samples = sum(value for _, value in profile.values(counts))
        parts.append(f"in {samples} {profile.types[counts].type}")
    if profile.duration:
        parts.append(f"over {amount(profile.duration, 'nanoseconds')}")
    lines = [" ".join(parts)]
    # What was lost is told below, of what is shown.
    lines += [one_line(c) for c in profile.comments if not c.startswith("accepted ")]
    lost = profile.lost(index)
    if lost:
        classes = ", ".join(f"{name} {amount(n, kind.unit)}" for name, n in sorted(lost.items()))
        lines.append(f"lost: {share(sum(lost.values()), total)} ({classes})")
    if shown != total:
        lines.append(f"selected: {amount(shown, kind.unit)}, {share(shown, total)}")
    return lines


def top(table: Table, unit: str, namer: Namer, count: int) -> list[str]:
    """Return the table's first rows."""
    cells = [("flat", "flat%", "sum%", "cum", "cum%", namer.by)]
    running = 0
    for row in table.rows[:count]:
        running += row.flat
        cells.append(
            (
                amount(row.flat, unit),
                share(row.flat, table.total),
                share(running, table.total),
                amount(row.cum, unit),
                share(row.cum, table.total),
                namer.text(row.entity),
            )
        )
    lines = columns(cells)
    left = len(table.rows) - count
    if left > 0:
        rest = sum(row.flat for row in table.rows[count:])
        lines.append(f"and {left} more with {share(rest, table.total)} of flat; -n shows them")
    return lines


def tree_text(nodes: Sequence[Node], unit: str, namer: Namer, total: int) -> list[str]:
    """Return the tree, indented."""
    cells = [("cum", "cum%", "flat", namer.by)]
    for node in nodes:
        name = "all" if node.entity is None else namer.text(node.entity)
        flat = amount(node.flat, unit) if node.flat else ""
        indented = "  " * node.depth + name
        cells.append((amount(node.cum, unit), share(node.cum, total), flat, indented))
    return columns(cells)


def diff_text(changes: Sequence[Change], unit: str, namer: Namer, count: int) -> list[str]:
    """Return the table of what has changed."""
    cells = [("before", "", "after", "", "change", "points", namer.by)]
    cells += [
        (
            amount(change.before, unit),
            f"{change.share_before:.1f}%",
            amount(change.after, unit),
            f"{change.share_after:.1f}%",
            signed(amount(change.after - change.before, unit)),
            f"{change.share_after - change.share_before:+.1f}",
            namer.text(change.entity),
        )
        for change in changes[:count]
    ]
    lines = columns(cells)
    if len(changes) > count:
        lines.append(f"and {len(changes) - count} more; -n shows them")
    return lines


def signed(text: str) -> str:
    """Return a change with its sign."""
    return text if text.startswith("-") or text == "0" else f"+{text}"


def columns(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Align to the right all but the last column, which is never padded."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]) - 1)]
    return [
        "  ".join(
            [*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in cells
    ]

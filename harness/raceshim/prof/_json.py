# SPDX-License-Identifier: BSD-2-Clause
"""The tables as JSON. Keys are only ever added.

All: `schema` (1), `version`, `mode` ("prof"), `command`, and a profile's `head`: `files`, `type`,
`unit`, `total`, `selected`, `samples`, `duration_ns`, `comments`, `lost` ({CLASS: VALUE}).

top:  by, rows: [{name, module, file, line, flat, cum}]
tree: by, nodes: [{depth, name, module, file, line, flat, cum}], each before its children
diff: by, before, after (heads), rows: [{name, module, file, line, before, after, share_before,
      share_after}]
leaks: leaks: [{space, objects, alloc_space, alloc_objects, stack: [{name, module, file, line}]}]
raw:  see `_raw`
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raceshim import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.prof._diff import Change
    from raceshim.prof._model import Profile
    from raceshim.prof._names import Entity
    from raceshim.prof._tables import Table
    from raceshim.prof._tree import Node


def head(profile: Profile, index: int, selected: int) -> dict[str, object]:
    """Return what the numbers are of."""
    kind = profile.types[index]
    counts = profile.counts(index)
    return {
        "files": list(profile.files),
        "type": kind.type,
        "unit": kind.unit,
        "total": sum(value for _, value in profile.values(index)),
        "selected": selected,
        "samples": sum(value for _, value in profile.values(index if counts is None else counts)),
        "duration_ns": profile.duration,
        "comments": list(profile.comments),
        "lost": profile.lost(index),
    }


def top_rows(table: Table) -> list[dict[str, object]]:
    """Return the rows of `top`."""
    return [{**entity(row.entity), "flat": row.flat, "cum": row.cum} for row in table.rows]


def tree_nodes(nodes: Sequence[Node]) -> list[dict[str, object]]:
    """Return the nodes of `tree`."""
    return [
        {
            "depth": node.depth,
            **({"name": "all"} if node.entity is None else entity(node.entity)),
            "flat": node.flat,
            "cum": node.cum,
        }
        for node in nodes
    ]


def diff_rows(changes: Sequence[Change]) -> list[dict[str, object]]:
    """Return the rows of `diff`."""
    return [
        {
            **entity(c.entity),
            "before": c.before,
            "after": c.after,
            "share_before": round(c.share_before, 4),
            "share_after": round(c.share_after, 4),
        }
        for c in changes
    ]


def entity(of: Entity) -> dict[str, object]:
    """Return what a row is about."""
    return {"name": of.name, "module": of.module, "file": of.file, "line": of.line}


def document(command: str, content: dict[str, object]) -> str:
    """Return the text of the whole file."""
    value = {"schema": 1, "version": __version__, "mode": "prof", "command": command, **content}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

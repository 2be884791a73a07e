# SPDX-License-Identifier: BSD-2-Clause
"""A flame graph as a page: one HTML file with everything in it, to zoom and search in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim.page._shell import data, document, part
from raceshim.prof._colours import Palette
from raceshim.prof._tree import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.prof._model import Profile
    from raceshim.prof._names import Namer
    from raceshim.prof._tree import Node

#: What is less than such a part of all is left out: no zoom would find it, and pages would grow.
_PARTS = 50_000


def page(root: Node, profile: Profile, unit: str, namer: Namer, title: Sequence[str]) -> str:
    """Return the page. The tree is in arrays, since stacks may be deeper than JSON may nest."""
    palette = Palette(profile)
    names: dict[tuple[str, str, str], int] = {}
    depths, name_of, cum, flat = [], [], [], []
    for node in walk(root, max(1, abs(root.cum) / _PARTS)):
        text = "all" if node.entity is None else namer.text(node.entity)
        key = (text, palette.colour(node.entity), palette.kind(node.entity))
        depths.append(node.depth)
        name_of.append(names.setdefault(key, len(names)))
        cum.append(node.cum)
        flat.append(node.flat)
    tree = {
        "unit": unit,
        "names": [list(key) for key in names],
        "depth": depths,
        "name": name_of,
        "cum": cum,
        "flat": flat,
    }
    body = part("prof", "flamegraph.html") + data("profile", tree)
    style, script = (part("prof", f"flamegraph.{kind}") for kind in ("css", "js"))
    return document(title, body, style=style, script=script)

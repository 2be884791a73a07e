# SPDX-License-Identifier: BSD-2-Clause
"""A flame graph as a page: one HTML file with everything in it, to zoom and search in."""

from __future__ import annotations

import json
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from raceshim.formats._plain import one_line
from raceshim.prof._colours import Palette
from raceshim.prof._tree import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.prof._model import Profile
    from raceshim.prof._names import Namer
    from raceshim.prof._tree import Node

#: What is less than such a part of all is left out: no zoom would find it, and pages would grow.
_PARTS = 50_000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


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
    data = {
        "unit": unit,
        "names": [list(key) for key in names],
        "depth": depths,
        "name": name_of,
        "cum": cum,
        "flat": flat,
    }
    # In a script element only `<` could end it.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    lines = [escape(one_line(line)) for line in title]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{lines[0]}</title>\n<style>\n{_part('flamegraph.css')}</style>\n</head>\n<body>\n"
        f"<h1>{lines[0]}</h1>\n<p>{'<br>'.join(lines[1:])}</p>\n{_part('flamegraph.html')}"
        f'<script type="application/json" id="profile">{text}</script>\n'
        f"<script>\n{_part('flamegraph.js')}</script>\n</body>\n</html>\n"
    )


def _part(name: str) -> str:
    lines = (resources.files("raceshim.prof") / name).read_text(encoding="utf-8").splitlines(True)
    return "".join(line for line in lines if "SPDX-License-Identifier" not in line)

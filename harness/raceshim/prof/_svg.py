# SPDX-License-Identifier: BSD-2-Clause
"""A flame graph as a picture: SVG without a script, which every page and document can hold."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from raceshim.formats._plain import one_line
from raceshim.prof._colours import Palette
from raceshim.prof._names import amount, share
from raceshim.prof._tree import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.prof._model import Profile
    from raceshim.prof._names import Namer
    from raceshim.prof._tree import Node

_WIDTH = 1200
_MARGIN = 10
_ROW = 17
_LETTER = 6.7
_STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#111}"
    "text.t{font-size:14px;font-weight:bold}rect:hover{stroke:#111}"
)


def svg(root: Node, profile: Profile, unit: str, namer: Namer, title: Sequence[str]) -> str:
    """Return the picture; what is narrower than a third of a pixel is left out."""
    palette = Palette(profile)
    inner = _WIDTH - 2 * _MARGIN
    scale = inner / root.cum if root.cum > 0 else 0.0
    nodes = [(node, x) for node, x in placed(root, 0.3 / scale if scale else 0)]
    top = _MARGIN + 20 + 15 * (len(title) - 1)
    height = top + _ROW * (1 + max(node.depth for node, _ in nodes)) + _MARGIN
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(one_line(title[0]))}</title><style>{_STYLE}</style>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, line in enumerate(title):
        kind = ' class="t"' if number == 0 else ""
        y = _MARGIN + 12 + 15 * number
        out.append(f'<text{kind} x="{_MARGIN}" y="{y}">{escape(one_line(line))}</text>')
    for node, start in nodes:
        name = "all" if node.entity is None else namer.text(node.entity)
        x, y = _MARGIN + start * scale, top + _ROW * node.depth
        width = node.cum * scale if root.cum > 0 else inner
        told = f"{name}: {amount(node.cum, unit)}, {share(node.cum, root.cum)}"
        out.append(
            f"<g><title>{escape(told)}</title>"
            f'<rect x="{x:.2f}" y="{y}" width="{max(width - 0.4, 0.2):.2f}" height="{_ROW - 1}" '
            f'rx="1.5" fill="{palette.colour(node.entity)}"/>'
        )
        room = int((width - 5) / _LETTER)
        if room >= 3:
            shown = name if len(name) <= room else name[: room - 1] + "\N{HORIZONTAL ELLIPSIS}"
            out.append(f'<text x="{x + 3:.2f}" y="{y + 12}">{escape(shown)}</text>')
        out.append("</g>")
    return "\n".join([*out, "</svg>"]) + "\n"


def placed(root: Node, least: float) -> list[tuple[Node, int]]:
    """Return the nodes and how much lies before each; what is not positive has no width."""
    found: list[tuple[Node, int]] = []
    starts = [0]
    for node in walk(root, max(least, 1)):
        del starts[node.depth + 1 :]
        start = starts[node.depth]
        starts[node.depth] += max(node.cum, 0)
        starts.append(start)
        if node is root or node.cum > 0:
            found.append((node, start))
    return found

# SPDX-License-Identifier: BSD-2-Clause
"""Stacks as HTML: both accesses beside each other with their source, then the other stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim.page._shell import block, inline
from raceshim.report._text import frame_place, stack_title
from raceshim.view._merge import sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.report._model import Frame, Stack
    from raceshim.view._source import Sources

#: Lines above and below that of an access.
_AROUND = 3


def stacks_html(stacks: Sequence[Stack], root: str, sources: Sources | None, frames: int) -> str:
    """Return stacks with so many frames each at most, and with source if there is any."""
    first, others = sides(stacks)
    shown = "".join(_stack(stack, root, sources, frames, _AROUND) for stack in first)
    rest = "".join(_stack(stack, root, sources, frames, 0) for stack in others)
    return f'<div class="sides">{shown}</div>' + (f'<div class="sides">{rest}</div>' * bool(rest))


def _stack(stack: Stack, root: str, sources: Sources | None, frames: int, around: int) -> str:
    items = "".join(f"<li>{_frame(frame, root)}" for frame in stack.frames[:frames])
    cut = len(stack.frames) - frames
    if cut > 0:
        items += f"<li>and {cut} more"
    if not stack.restored:
        items += "<li>the detector has lost this stack"
    source = "" if sources is None else _source(stack.frames[:frames], root, sources, around)
    title = inline(stack_title(stack).removesuffix(":"))
    return f'<section class="stack"><h3>{title}</h3>{source}<ol>{items}</ol></section>'


def _frame(frame: Frame, root: str) -> str:
    place = frame_place(frame)
    prefix = root.rstrip("/") + "/"
    if frame.file is not None and place.startswith(prefix):
        place = place.removeprefix(prefix)
    return f"<b>{inline(frame.function or '??')}</b> <i>{inline(place)}</i>"


def _source(frames: Sequence[Frame], root: str, sources: Sources, around: int) -> str:
    """Return the lines around the first frame whose file may be read."""
    for frame in frames:
        lines = sources.excerpt(frame.file, frame.line, root, around) if frame.file else []
        if lines:
            told = (
                f"{'<mark>' if number == frame.line else ''}{number:5}  {block(line)}"
                f"{'</mark>' if number == frame.line else ''}\n"
                for number, line in lines
            )
            return f"<pre>{''.join(told)}</pre>"
    return ""

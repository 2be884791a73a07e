# SPDX-License-Identifier: BSD-2-Clause
"""What threads did, as a picture that needs no script: a lane for each thread of a trace."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from raceshim.page._shell import inline
from raceshim.trace._model import INSTANT, nest
from raceshim.trace._summary import span

if TYPE_CHECKING:
    from raceshim.trace._model import Event, Slice, Trace

_WIDTH, _LEFT, _ROW, _GAP = 1000, 160, 14, 8
_LANES, _DEPTH = 64, 8
_LETTER = 6.2


def timeline_html(trace: Trace, most: int) -> str:
    """Draw a trace with so many marks at most: the longest, and the last that have no length."""
    slices = [one for one in nest(trace).slices if one.depth < _DEPTH]
    instants = [event for event in trace.events if event.kind == INSTANT]
    end = trace.end
    kept = sorted(slices, key=lambda s: (s.end or end) - s.start)[-most:]
    marks = instants[-max(most - len(kept), most // 4) :]
    depths: dict[int, int] = {}
    for event in marks:
        depths[event.track] = 1
    for one in kept:
        depths[one.track] = max(depths.get(one.track, 0), one.depth + 1)
    lanes = sorted(depths, key=lambda number: (trace.track(number).kind != "thread", number))
    tops, height = {}, _ROW
    for number in lanes[:_LANES]:
        tops[number] = height
        height += depths[number] * _ROW + _GAP
    scale = (_WIDTH - _LEFT - 10) / max(end - trace.begin, 1)
    out = [
        f'<svg class="timeline" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f'<text x="{_LEFT}" y="10">0</text>',
        f'<text x="{_WIDTH - 5}" y="10" text-anchor="end">{inline(span(end - trace.begin))}</text>',
    ]
    for number, top in tops.items():
        label = inline(trace.track(number).label)
        out.append(
            f'<text x="{_LEFT - 6}" y="{top + 11}" text-anchor="end">{label}</text>'
            f'<path d="M{_LEFT} {top - _GAP // 2}H{_WIDTH}"/>'
        )
    drawn = 0
    for one in kept:
        if one.track in tops:
            out.append(_slice(one, trace, tops[one.track], scale))
            drawn += 1
    for event in marks:
        if event.track in tops:
            out.append(_mark(event, trace, tops[event.track], scale))
            drawn += 1
    left_out = sum(event.kind in ("begin", INSTANT) for event in trace.events) - drawn
    note = f"; {left_out} marks are not in the picture" if left_out else ""
    lost = f"; {trace.lost} events lost" if trace.lost else ""
    told = f"{len(trace.events)} events{lost}{note}"
    return (
        f"<figure><figcaption>What the threads did: {inline(trace.where)}, {told}</figcaption>"
        f"{''.join(out)}</svg></figure>"
    )


def _slice(one: Slice, trace: Trace, top: int, scale: float) -> str:
    begin = _LEFT + (one.start - trace.begin) * scale
    length = (trace.end if one.end is None else one.end) - one.start
    width, y = max(length * scale, 0.5), top + one.depth * _ROW
    hue = zlib.crc32(one.name.encode("utf-8", "replace")) % 360
    told = f"{one.name}, {span(length)}{'' if one.end is not None else ', not over'}"
    room = int((width - 4) / _LETTER)
    name = one.name if len(one.name) <= room else one.name[: max(room - 1, 0)]
    label = f'<text x="{begin + 2:.1f}" y="{y + 10}">{inline(name)}</text>' if room >= 3 else ""
    return (
        f"<g><title>{inline(told)}</title>"
        f'<rect x="{begin:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 1}" '
        f'fill="hsl({hue} 45% 60%)"/>{label}</g>'
    )


def _mark(event: Event, trace: Trace, top: int, scale: float) -> str:
    x = _LEFT + (event.time - trace.begin) * scale
    told = f"{event.name or event.text or 'event'}, at {span(event.time - trace.begin)}"
    return f'<path class="mark" d="M{x:.1f} {top}v{_ROW - 1}"><title>{inline(told)}</title></path>'

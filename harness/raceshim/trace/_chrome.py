# SPDX-License-Identifier: BSD-2-Clause
"""A trace in the JSON of Chrome's tracing, which most viewers read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raceshim.trace import _model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.trace._model import Event, Trace


def document(trace: Trace) -> Iterator[str]:
    """Return the document in pieces; an event is a line."""
    yield '{"displayTimeUnit":"ns","otherData":'
    yield json.dumps({"file": trace.where, "lost": trace.lost}) + ',"traceEvents":[\n'
    comma = ""
    for entry in _entries(trace):
        yield comma + json.dumps(entry, separators=(",", ":"), ensure_ascii=True)
        comma = ",\n"
    yield "\n]}\n"


def _entries(trace: Trace) -> Iterator[dict[str, object]]:
    for track in trace.tracks.values():
        if track.kind in {"process", "thread"} and track.name:
            yield {
                "ph": "M",
                "name": f"{track.kind}_name",
                "pid": track.pid,
                "tid": track.tid,
                "args": {"name": track.name},
            }
    for event in trace.events:
        yield from _event(trace, event)


def _event(trace: Trace, event: Event) -> Iterator[dict[str, object]]:
    track = trace.track(event.track)
    place = (trace.process(event.track), track.tid)
    entry: dict[str, object] = {
        "name": event.name,
        "cat": event.category or "raceshim",
        "ts": _microseconds(event.time),
        "pid": place[0],
        "tid": place[1],
    }
    args = dict(event.args)
    if event.text is not None:
        args["message"] = event.text
    if args:
        entry["args"] = args
    match event.kind:
        case _model.COUNTER:
            yield {**entry, "ph": "C", "args": {"value": event.value}}
        case _model.INSTANT | _model.SAMPLE:
            yield {**entry, "ph": "i", "s": "t" if track.tid else "p"}
        case _ if track.kind == "thread":
            yield {**entry, "ph": "B" if event.kind == _model.BEGIN else "E"}
        case _:
            phase = "b" if event.kind == _model.BEGIN else "e"
            name = event.name or track.name
            yield {**entry, "ph": phase, "name": name, "id": hex(event.track)}
    # Arrows go from a slice to a slice, so what leaves and arrives has a name and no length.
    for phase, flows in (("s", event.flows), ("f", event.ends)):
        for flow in flows:
            arrow = {**entry, "ph": phase, "cat": "flow", "name": "flow", "id": hex(flow)}
            arrow.pop("args", None)
            yield {**arrow, "bp": "e"} if phase == "f" else arrow


def _microseconds(nanoseconds: int) -> float | int:
    """Return a time as viewers want it; a float has the nanoseconds of half a year."""
    whole, rest = divmod(nanoseconds, 1000)
    return whole + rest / 1000 if rest else whole

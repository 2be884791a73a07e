# SPDX-License-Identifier: BSD-2-Clause
"""Events one by one: a line each, or an object each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.formats._plain import printable
from raceshim.trace import _model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.trace._model import Event, Trace

_SIGNS = {
    _model.BEGIN: ">",
    _model.END: "<",
    _model.INSTANT: "*",
    _model.COUNTER: "=",
    _model.SAMPLE: "~",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are wanted."""

    thread: str | None = None
    name: str | None = None

    def of(self, trace: Trace) -> Iterator[Event]:
        """Return them."""
        thread = re.compile(self.thread) if self.thread else None
        name = re.compile(self.name) if self.name else None
        for event in trace.events:
            if thread and not thread.search(trace.track(event.track).label):
                continue
            if name and not name.search(event.name) and not name.search(event.text or ""):
                continue
            yield event


def lines(trace: Trace, selection: Selection) -> Iterator[str]:
    """Return a line for each event: seconds since the first one, the track, what happened."""
    for event in selection.of(trace):
        time = f"{(event.time - trace.begin) / 1e9:.9f}"
        label = printable(trace.track(event.track).label).replace("\n", " ")
        yield f"{time}  {label}  {told(event)}"


def told(event: Event) -> str:
    """Return what an event says, in one line."""
    words = [_SIGNS[event.kind], event.name]
    if event.value is not None:
        words.append(f"{event.value}")
    if event.text is not None:
        words.append(json.dumps(event.text, ensure_ascii=False))
    words += [f"{key}={value}" for key, value in event.args]
    words += [f"-> {flow:#x}" for flow in event.flows]
    words += [f"<- {flow:#x}" for flow in event.ends]
    return printable("  ".join(word for word in words if word)).replace("\n", " ")


def objects(trace: Trace, selection: Selection) -> Iterator[dict[str, object]]:
    """Return an object for each event; keys without a value are left out."""
    for event in selection.of(trace):
        track = trace.track(event.track)
        told: dict[str, object] = {
            "time_ns": event.time,
            "kind": event.kind,
            "on": track.kind,
            "pid": trace.process(event.track),
            "tid": track.tid,
            "track": track.name,
            "name": event.name,
            "category": event.category,
            "value": event.value,
            "text": event.text,
            "args": dict(event.args),
            "flows": list(event.flows),
            "ends": list(event.ends),
        }
        yield {key: value for key, value in told.items() if value not in ("", None, {}, [])}

# SPDX-License-Identifier: BSD-2-Clause
"""A trace as a page: one HTML file with everything in it, to zoom and search in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim.formats._plain import one_line
from raceshim.page._shell import data, document, part
from raceshim.trace import _model
from raceshim.trace._model import nest
from raceshim.trace._summary import span

if TYPE_CHECKING:
    from raceshim.trace._model import Event, Trace, Track, Value

#: A browser draws so many without a pause; of more the shortest are left out, and the page says so.
_MOST = 300_000
_ORDER = {"thread": 0, "task": 1, "counter": 2, "process": 3, "tracer": 4}


def page(trace: Trace, title: str | None = None) -> str:
    """Return the page."""
    events, left_out = _data(trace)
    lines = [title] if title else []
    lines.append(
        f"{trace.where}: {len(trace.events)} events over {span(trace.end - trace.begin)}"
        + (f", {trace.lost} lost" if trace.generations else "")
    )
    if trace.cut:
        lines.append(trace.cut)
    if left_out:
        lines.append(f"{left_out} of the shortest are not on this page")
    body = part("trace", "timeline.html") + data("trace", events)
    style, script = (part("trace", f"timeline.{kind}") for kind in ("css", "js"))
    return document(lines, body, style=style, script=script)


class _Texts:
    """Texts, each once."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.all.setdefault(text, len(self.all))


def _data(trace: Trace) -> tuple[dict[str, object], int]:
    """Return what the page draws, times in nanoseconds since the first event, and what it lacks."""
    texts = _Texts()
    tracks = _tracks(trace)
    places = {track.number: place for place, track in enumerate(tracks)}
    slices = sorted(nest(trace).slices, key=lambda s: s.start)
    left_out = len(slices) - _MOST
    if left_out > 0:
        end = trace.end
        longest = sorted(slices, key=lambda s: (s.end or end) - s.start, reverse=True)[:_MOST]
        slices = sorted(longest, key=lambda s: s.start)
    instants = [e for e in trace.events if e.kind in {_model.INSTANT, _model.SAMPLE}]
    left_out = max(left_out, 0) + max(len(instants) - _MOST, 0)
    instants = instants[:_MOST]
    counters = [e for e in trace.events if e.kind == _model.COUNTER]
    left_out += max(len(counters) - _MOST, 0)
    counters = counters[:_MOST]
    begin = trace.begin
    shown: dict[str, object] = {
        "length": trace.end - begin,
        "tracks": [[one_line(_label(trace, track)), track.kind] for track in tracks],
        # track, depth, start, length (-1: not over at the end), name, arguments
        "slices": [
            [
                places[s.track],
                s.depth,
                s.start - begin,
                -1 if s.end is None else s.end - s.start,
                texts(one_line(s.name)),
                texts(_told(s.args)),
            ]
            for s in slices
        ],
        # track, time, name, arguments
        "instants": [
            [places[e.track], e.time - begin, texts(one_line(e.name)), texts(_more(e))]
            for e in instants
        ],
        # track, time, value
        "counters": [[places[e.track], e.time - begin, e.value] for e in counters],
        # from track and time, to track and time
        "flows": _flows(trace, places)[:_MOST],
    }
    shown["texts"] = list(texts.all)
    return shown, left_out


def _tracks(trace: Trace) -> list[Track]:
    """Return the tracks with events: threads first, in the order in which they begin."""
    first: dict[int, int] = {}
    for event in trace.events:
        first.setdefault(event.track, event.time)
    tracks = [trace.track(number) for number in first]
    return sorted(tracks, key=lambda t: (_ORDER.get(t.kind, 5), first[t.number]))


def _label(trace: Trace, track: Track) -> str:
    processes = sum(t.kind == "process" for t in trace.tracks.values())
    if processes > 1 and track.kind == "thread":
        return f"{trace.process(track.number)}: {track.label}"
    return track.label


def _told(args: tuple[tuple[str, Value], ...]) -> str:
    return one_line("  ".join(f"{key}={value}" for key, value in args))


def _more(event: Event) -> str:
    words = [] if event.text is None else [event.text]
    words += [f"-> {flow:#x}" for flow in event.flows]
    words += [f"<- {flow:#x}" for flow in event.ends]
    return one_line("  ".join([*words, _told(event.args)]))


def _flows(trace: Trace, places: dict[int, int]) -> list[list[int]]:
    begin = trace.begin
    left: dict[int, tuple[int, int]] = {}
    found: list[list[int]] = []
    for event in trace.events:
        here = (places[event.track], event.time - begin)
        flows = (*event.flows, *event.ends)
        found += [[*left[flow], *here] for flow in flows if flow in left]
        for flow in event.flows:
            left[flow] = here
        for flow in event.ends:
            left.pop(flow, None)
    return found

# SPDX-License-Identifier: BSD-2-Clause
"""Whether a trace is in order: what a tracer that is right never writes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.trace import _model
from raceshim.trace._model import nest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.trace._model import Event, Trace


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong, and what only looks so: the other half was lost or is not in the trace."""

    wrong: tuple[str, ...]
    notes: tuple[str, ...]


def check(trace: Trace) -> Findings:
    """Look at a trace."""
    wrong = list(trace.wrong)
    notes = list(trace.notes)
    wrong += _generations(trace)
    if trace.generations and not trace.generations[-1].last and not trace.cut:
        notes.append("the trace was not ended: its process was killed, or still runs")
    nested = nest(trace)
    for slice_, event in nested.misnamed:
        wrong.append(f"{_at(trace, event)}: {event.name!r} ends where {slice_.name!r} began last")
    excused = bool(trace.lost) or _starts_late(trace)
    for event in nested.unmatched:
        text = f"{_at(trace, event)}: {event.name!r} ends, but never began"
        (notes if excused else wrong).append(text)
    if nested.open:
        names = Counter(slice_.name for slice_ in nested.open)
        listed = ", ".join(f"{name} ({n})" for name, n in names.most_common(5))
        notes.append(f"{len(nested.open)} still open at the end: {listed}")
    wrong += _lives(trace)
    early, missing = _flows(trace)
    wrong += early
    if missing:
        notes.append(f"{missing} flows arrive that never left")
    return Findings(tuple(wrong), tuple(notes))


def _starts_late(trace: Trace) -> bool:
    """Whether there may have been events before: only our first generation says that not."""
    return not trace.generations or trace.generations[0].number != 1


def _at(trace: Trace, event: Event) -> str:
    return f"{(event.time - trace.begin) / 1e9:.9f} {trace.track(event.track).label}"


def _generations(trace: Trace) -> Iterator[str]:
    before: dict[int, int] = {}
    for generation in trace.generations:
        name = f"generation {generation.number}"
        if generation.found != generation.events:
            yield f"{name} has {generation.found} events instead of {generation.events}"
        lost = sum(number for _, number in generation.losses)
        if lost != generation.lost:
            yield f"{name} accounts for {lost} of {generation.lost} lost events"
        last = before.get(generation.pid, generation.number - 1)
        if generation.number != last + 1:
            yield f"{name} follows generation {last}"
        before[generation.pid] = generation.number


def _lives(trace: Trace) -> Iterator[str]:
    """Find what threads did after their end."""
    ended: set[int] = set()
    for event in trace.events:
        if event.category == _model.OURS and event.name == _model.THREAD_BEGINS:
            ended.discard(event.track)
        elif event.kind == _model.SAMPLE:
            continue  # taken until the kernel takes the thread away
        elif event.track in ended and trace.track(event.track).kind == "thread":
            yield f"{_at(trace, event)}: {event.name!r} after the thread's end"
        if event.category == _model.OURS and event.name == _model.THREAD_ENDS:
            ended.add(event.track)


def _flows(trace: Trace) -> tuple[list[str], int]:
    """Find flows that arrive before they leave; count those that never leave."""
    left: dict[int, int] = {}
    for event in trace.events:
        for flow in event.flows:
            left.setdefault(flow, event.time)
    early, missing = [], 0
    for event in trace.events:
        for flow in event.ends:
            if flow not in left:
                missing += 1
            elif event.time < left[flow]:
                early.append(f"{_at(trace, event)}: flow {flow:#x} arrives before it leaves")
    return early, missing

# SPDX-License-Identifier: BSD-2-Clause
"""What a trace says, whichever format it was in. Times are nanoseconds of the trace's own clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from raceshim._errors import ToolError

BEGIN, END, INSTANT, COUNTER, SAMPLE = "begin", "end", "instant", "counter", "sample"
#: The category of the tracer's own events, and the name of the track that is only its own.
OURS = "raceshim"
GENERATION, LOST = "generation", "lost events"
THREAD_BEGINS, THREAD_ENDS = "thread begins", "thread ends"

Value = str | int | float | bool | list["Value"] | dict[str, "Value"]


class TraceError(ToolError):
    """A file is no trace, or nothing of it can be read."""


@dataclass(frozen=True, slots=True)
class Track:
    """Where events stand: `kind` is process, thread, task, counter or tracer."""

    number: int
    kind: str
    name: str = ""
    parent: int = 0
    pid: int = 0
    tid: int = 0
    unit: str = ""
    command: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What people are told."""
        if self.kind == "thread":
            return f"{self.name or 'thread'} {self.tid}"
        if self.kind == "process":
            return f"{self.name or 'process'} {self.pid}"
        return self.name or f"track {self.number:x}"


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    time: int
    kind: str
    track: int
    name: str = ""
    category: str = ""
    value: int | float | None = None  # of a counter
    text: str | None = None  # what was logged
    args: tuple[tuple[str, Value], ...] = ()
    flows: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()  # flows that end here


def sample(time: int, track: int, stack: list[str]) -> Event:
    """Return the CPU sample of a thread: the functions that it was in, from the innermost."""
    name = stack[0] if stack else "?"
    return Event(time, SAMPLE, track, name, OURS, args=(("stack", list(stack)),))


@dataclass(frozen=True, slots=True)
class Generation:
    """What the tracer says of a generation, and how many events were found in it."""

    number: int
    time: int  # of its end
    events: int
    lost: int
    found: int
    losses: tuple[tuple[str, int], ...] = ()
    pid: int = 0
    last: bool = False  # of the trace: that was ended, and not by a signal


@dataclass(frozen=True, slots=True)
class Trace:
    """All of it, the events in the order of their times."""

    where: str
    events: list[Event]
    tracks: dict[int, Track]
    generations: tuple[Generation, ...] = ()
    realtime: int | None = None  # nanoseconds to add to a time, for nanoseconds since 1970
    notes: tuple[str, ...] = ()
    #: What is wrong with the rest of the file, of which nothing was kept.
    cut: str | None = None
    #: What a reader has seen that no later one can: wrong orders within the file.
    wrong: tuple[str, ...] = ()

    @property
    def begin(self) -> int:
        """The first time."""
        return self.events[0].time if self.events else 0

    @property
    def end(self) -> int:
        """The last time."""
        return self.events[-1].time if self.events else 0

    @property
    def losses(self) -> dict[str, int]:
        """Events that are missing, by reason."""
        found: dict[str, int] = {}
        for generation in self.generations:
            for reason, number in generation.losses:
                found[reason] = found.get(reason, 0) + number
        return found

    @property
    def lost(self) -> int:
        """How many events are missing."""
        return sum(generation.lost for generation in self.generations)

    def track(self, number: int) -> Track:
        """Return a track; one that nothing describes has only its number."""
        return self.tracks.get(number) or Track(number, "task")

    def process(self, number: int) -> int:
        """Return the process id that a track belongs to, 0 if it does not say."""
        seen = set()
        while number in self.tracks and number not in seen:
            seen.add(number)
            track = self.tracks[number]
            if track.pid:
                return track.pid
            number = track.parent
        return 0


@dataclass(slots=True)
class Slice:
    """What has a beginning and an end; `end` is None if the trace ends before."""

    track: int
    depth: int
    start: int
    name: str
    category: str
    end: int | None = None
    args: tuple[tuple[str, Value], ...] = ()


@dataclass(slots=True)
class Nesting:
    """What begins and ends of a trace pair up to."""

    slices: list[Slice] = field(default_factory=list)
    #: Ends for which nothing has begun, and ends of another name than what began last.
    unmatched: list[Event] = field(default_factory=list)
    misnamed: list[tuple[Slice, Event]] = field(default_factory=list)
    open: list[Slice] = field(default_factory=list)


def nest(trace: Trace) -> Nesting:
    """Pair what begins with what ends."""
    found = Nesting()
    stacks: dict[int, list[Slice]] = {}
    over: list[Slice] = []
    for event in trace.events:
        if event.kind == BEGIN:
            stack = stacks.setdefault(event.track, [])
            new = Slice(
                event.track, len(stack), event.time, event.name, event.category, None, event.args
            )
            stack.append(new)
            found.slices.append(new)
        elif event.kind == END:
            stack = stacks.get(event.track, [])
            if not stack:
                found.unmatched.append(event)
                continue
            last = stack.pop()
            last.end = event.time
            if event.name and last.name and event.name != last.name:
                found.misnamed.append((last, event))
        elif event.kind == INSTANT and event.name == THREAD_ENDS and event.category == OURS:
            # What is open stays so: another thread may get the same id.
            over += stacks.pop(event.track, [])
    found.open = over + [s for stack in stacks.values() for s in stack]
    return found

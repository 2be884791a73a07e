# SPDX-License-Identifier: BSD-2-Clause
"""What is in a trace, in tables: threads, what took how long, counters, losses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raceshim.formats._plain import printable
from raceshim.trace import _model
from raceshim.trace._model import nest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.trace._check import Findings
    from raceshim.trace._model import Slice, Trace


@dataclass(slots=True)
class _Times:
    count: int = 0
    total: int = 0
    longest: int = 0
    open: int = 0

    def add(self, slice_: Slice) -> None:
        """Count a slice."""
        self.count += 1
        if slice_.end is None:
            self.open += 1
            return
        length = slice_.end - slice_.start
        self.total += length
        self.longest = max(self.longest, length)

    def json(self) -> dict[str, object]:
        """Return it for machines."""
        closed = self.count - self.open
        return {
            "count": self.count,
            "open": self.open,
            "total_ns": self.total,
            "average_ns": self.total // closed if closed else 0,
            "longest_ns": self.longest,
        }


@dataclass(slots=True)
class _Counted:
    count: int = 0
    low: float = 0
    high: float = 0
    last: float = 0

    def add(self, value: float) -> None:
        """Count a value."""
        self.low = min(self.low, value) if self.count else value
        self.high = max(self.high, value) if self.count else value
        self.count += 1
        self.last = value


@dataclass(slots=True)
class Summary:
    """The numbers."""

    trace: Trace
    findings: Findings
    threads: dict[int, dict[str, int]] = field(default_factory=dict)
    slices: dict[tuple[str, str], _Times] = field(default_factory=dict)
    instants: Counter[str] = field(default_factory=Counter)
    counters: dict[str, _Counted] = field(default_factory=dict)
    samples: Counter[str] = field(default_factory=Counter)  # by the function that ran
    flows: set[int] = field(default_factory=set)
    messages: int = 0


def summarize(trace: Trace, findings: Findings) -> Summary:
    """Count."""
    summary = Summary(trace, findings)
    for event in trace.events:
        track = trace.track(event.track)
        if track.kind == "thread":
            row = summary.threads.setdefault(
                event.track, {"events": 0, "waits": 0, "waited_ns": 0, "begin_ns": event.time}
            )
            row["events"] += 1
            row["end_ns"] = event.time
        summary.flows.update(event.flows, event.ends)
        summary.messages += event.text is not None
        if event.kind == _model.INSTANT and not (event.flows or event.ends):
            summary.instants[event.name] += 1
        elif event.kind == _model.SAMPLE:
            summary.samples[event.name] += 1
        elif event.kind == _model.COUNTER and event.value is not None:
            summary.counters.setdefault(event.name, _Counted()).add(event.value)
    for slice_ in nest(trace).slices:
        track = trace.track(slice_.track)
        kind = "task" if track.kind == "task" else "region"
        if slice_.category == _model.OURS and track.kind == "thread":
            kind = "wait"
            waits = summary.threads[slice_.track]
            waits["waits"] += 1
            waits["waited_ns"] += (slice_.end or trace.end) - slice_.start
        summary.slices.setdefault((kind, slice_.name), _Times()).add(slice_)
    return summary


def text(summary: Summary, count: int) -> list[str]:
    """Return the summary for people; of each table so many rows."""
    trace = summary.trace
    lines = _head(summary)
    if summary.threads:
        lines += [
            "",
            *_table(
                ("events", "from", "to", "waits", "waited", "thread"), _threads(summary), count
            ),
        ]
    if summary.slices:
        head = ("count", "total", "average", "longest", "what", "name")
        lines += ["", *_table(head, _slices(summary), count)]
    if summary.counters:
        rows = [
            (str(c.count), f"{c.low:g}", f"{c.high:g}", f"{c.last:g}", name)
            for name, c in sorted(summary.counters.items())
        ]
        lines += ["", *_table(("values", "least", "most", "last", "counter"), rows, count)]
    if summary.instants:
        found = [(str(number), name) for name, number in summary.instants.most_common()]
        lines += ["", *_table(("count", "instant"), found, count)]
    if summary.samples:
        found = [(str(number), name) for name, number in summary.samples.most_common()]
        lines += ["", *_table(("samples", "in function"), found, count)]
    if trace.losses:
        lines += [
            "",
            *_table(("lost", "reason"), [(str(n), r) for r, n in trace.losses.items()], count),
        ]
    return [printable(line).replace("\n", " ") for line in lines]


def document(summary: Summary) -> dict[str, object]:
    """Return the summary for machines."""
    trace = summary.trace
    return {
        "file": trace.where,
        "events": len(trace.events),
        "lost": trace.lost,
        "losses": trace.losses,
        "duration_ns": trace.end - trace.begin,
        "generations": len(trace.generations),
        "flows": len(summary.flows),
        "messages": summary.messages,
        "processes": [
            {"pid": t.pid, "name": t.name, "command": list(t.command)}
            for t in trace.tracks.values()
            if t.kind == "process"
        ],
        "threads": [
            {
                "pid": trace.process(number),
                "tid": trace.track(number).tid,
                "name": trace.track(number).name,
                **row,
            }
            for number, row in summary.threads.items()
        ],
        "slices": [
            {"kind": kind, "name": name, **times.json()}
            for (kind, name), times in summary.slices.items()
        ],
        "counters": [
            {"name": name, "count": c.count, "min": c.low, "max": c.high, "last": c.last}
            for name, c in summary.counters.items()
        ],
        "instants": dict(summary.instants),
        "samples": dict(summary.samples),
        "wrong": list(summary.findings.wrong),
        "notes": list(summary.findings.notes),
        "cut": trace.cut,
    }


def span(nanoseconds: float) -> str:
    """Return a duration in the unit that fits."""
    for size, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "us")):
        if abs(nanoseconds) >= size:
            return f"{nanoseconds / size:.3g}{unit}" if size < 1e9 else f"{nanoseconds / size:.3f}s"
    return f"{nanoseconds:.0f}ns"


def _head(summary: Summary) -> list[str]:
    trace = summary.trace
    processes = [t.label for t in trace.tracks.values() if t.kind == "process"]
    line = f"{trace.where}: {len(trace.events)} events over {span(trace.end - trace.begin)}"
    if trace.generations:
        line += f" in {len(trace.generations)} generations, {trace.lost} lost"
    if processes:
        line += f"; {', '.join(processes[:5])}"
    lines = [line]
    if summary.flows or summary.messages:
        lines.append(f"{len(summary.flows)} flows, {summary.messages} messages")
    lines += [f"wrong: {text}" for text in summary.findings.wrong[:20]]
    lines += [f"note: {text}" for text in summary.findings.notes[:20]]
    return lines


def _threads(summary: Summary) -> list[tuple[str, ...]]:
    begin = summary.trace.begin
    return [
        (
            str(row["events"]),
            span(row["begin_ns"] - begin),
            span(row["end_ns"] - begin),
            str(row["waits"]),
            span(row["waited_ns"]),
            summary.trace.track(number).label,
        )
        for number, row in sorted(summary.threads.items(), key=lambda item: -item[1]["events"])
    ]


def _slices(summary: Summary) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for (kind, name), times in sorted(summary.slices.items(), key=lambda item: -item[1].total):
        closed = times.count - times.open
        average = span(times.total / closed) if closed else "-"
        rows.append((str(times.count), span(times.total), average, span(times.longest), kind, name))
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], count: int) -> list[str]:
    """Return rows in columns, numbers to the right, the last column as it is."""
    every = [tuple(row) for row in rows]
    shown = [tuple(head), *every[:count]]
    widths = [max(len(row[i]) for row in shown) for i in range(len(head) - 1)]
    lines = [
        "  ".join([*(cell.rjust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in shown
    ]
    if len(every) > count:
        lines.append(f"and {len(every) - count} more; -n shows them")
    return lines

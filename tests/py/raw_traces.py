# SPDX-License-Identifier: BSD-2-Clause
"""Traces in the tracer's own format, written from what docs/formats.md says."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

NS, TSC = 0, 1
SECOND = 1_000_000_000
START = 100 * SECOND
REALTIME = 1_700_000_000 * SECOND
(
    INSTANT, INSTANT_1, INSTANT_2, REGION, REGION_END, COUNTER, TASK, TASK_END, FLOW, FLOW_END,
    LOG, THREAD, THREAD_END, WAIT, WAIT_END, SAMPLE, CALL, CALL_END,
) = range(1, 19)  # fmt: skip


def var(value: int) -> bytes:
    """Return an unsigned LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def zigzag(value: int) -> bytes:
    """Return a signed number."""
    return var(2 * value if value >= 0 else -2 * value - 1)


def text(value: str | bytes) -> bytes:
    """Return a text with its length."""
    data = value.encode() if isinstance(value, str) else value
    return var(len(data)) + data


def block(kind: str, body: bytes, flags: int = 0) -> bytes:
    """Return a block."""
    return struct.pack("<cBHI", kind.encode(), flags, 0, len(body) + 8) + body


@dataclass(slots=True)
class Batch:
    """What one thread has emitted; times are in ticks since the generation's begin."""

    tid: int
    name: str
    start: int
    flags: int = 0
    body: bytes = b""
    events: int = 0
    last: int = 0

    def add(self, time: int, kind: int, what: bytes = b"") -> Batch:
        """Add an event."""
        before = self.last or self.start
        assert time > before
        self.body += bytes([kind]) + var(time - before) + what
        self.last = time
        self.events += 1
        return self


@dataclass(slots=True)
class Generation:
    """One generation, from 100 s after the machine's start on, of a process 4711."""

    number: int = 1
    unit: int = NS
    ticks: int = START
    length: int = SECOND  # in ticks
    duration: int = SECOND
    begin: int = START
    pid: int = 4711
    names: dict[str, int] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)
    losses: dict[int, int] = field(default_factory=dict)
    last: bool = False

    def name(self, name: str) -> bytes:
        """Return how events refer to a name."""
        return var(self.names.setdefault(name, len(self.names) + 1))

    def batch(self, tid: int, name: str, start: int = 0, flags: int = 0) -> Batch:
        """Begin a batch."""
        self.batches.append(Batch(tid, name, start, flags))
        return self.batches[-1]

    def _clock(self, ticks: int, time: int) -> bytes:
        return struct.pack("<QQQ", self.ticks + ticks, time, time - START + REALTIME)

    def bytes(self) -> bytes:
        """Return the generation; the names stand behind what uses them."""
        out = block(
            "G",
            b"RSHTRCG\n"
            + struct.pack("<IIQQ16s", 1, self.unit, self.number, self.pid, b"program")
            + self._clock(0, self.begin),
        )
        for b in self.batches:
            head = struct.pack("<QQII", self.number, self.ticks + b.start, b.tid, b.events)
            out += block("B", head + struct.pack("16s", b.name.encode()) + b.body, b.flags)
        if self.losses:
            out += block("L", b"".join(var(k) + var(n) for k, n in self.losses.items()))
        out += block("?", b"from the future")
        out += block("N", b"".join(var(n) + text(t) for t, n in self.names.items()))
        events = sum(b.events for b in self.batches)
        tail = struct.pack("<Q", self.number) + self._clock(self.length, self.begin + self.duration)
        tail += struct.pack("<QQI4s", events, sum(self.losses.values()), 0, b"END!")
        return out + block("E", tail, int(self.last))


def usual(number: int = 1, **options: Any) -> Generation:  # noqa: ANN401
    """Return a generation with an event of each kind."""
    g = Generation(number, **{"ticks": options.get("begin", START), **options})
    main = g.batch(4711, "main")
    main.add(10, THREAD, var(0))
    main.add(20, REGION, g.name("work"))
    main.add(30, INSTANT, g.name("here"))
    main.add(40, INSTANT_1, g.name("one") + zigzag(-5))
    main.add(50, INSTANT_2, g.name("two") + zigzag(1 << 40) + zigzag(-(1 << 63)))
    main.add(60, COUNTER, g.name("queue") + zigzag(-7))
    main.add(70, TASK, g.name("request") + var(9) + var(0))
    main.add(80, TASK, g.name("step") + var(10) + var(9))
    main.add(90, FLOW, g.name("send") + var((1 << 64) - 1))
    main.add(100, LOG, g.name("app") + text("it is \u00e9t\u00e9"))
    main.add(110, WAIT, var(1) + var(0x7FFF1234))
    main.add(500, WAIT_END, var(1) + var(0x7FFF1234))
    main.add(900, REGION_END, g.name("work"))
    worker = g.batch(4712, "worker", 95)
    worker.add(96, THREAD, var(4711))
    worker.add(120, FLOW_END, g.name("send") + var((1 << 64) - 1))
    worker.add(130, TASK_END, g.name("step") + var(10))
    worker.add(140, TASK_END, g.name("request") + var(9))
    worker.add(150, INSTANT, var(0))
    worker.add(160, THREAD_END)
    handler = g.batch(4711, "main", 41, flags=1)
    handler.add(42, INSTANT, g.name("in a handler"))
    return g


def automatic(number: int = 1, **options: Any) -> Generation:  # noqa: ANN401
    """Return a generation with the events that nobody writes down: waits, calls, CPU samples."""
    g = Generation(number, **options)
    main = g.batch(4711, "main")
    main.add(10, FLOW, g.name("pthread_create") + var(5))
    time = 20
    for what in (2, 3, 5, 6, 7, 8):
        main.add(time, WAIT, var(what) + var(0x7FFF0000 + what))
        main.add(time + 5, WAIT_END, var(what) + var(0x7FFF0000 + what))
        time += 10
    main.add(100, CALL, g.name("read") + var(3))
    main.add(300, CALL_END, g.name("read"))
    main.add(400, CALL, g.name("poll") + var(0))
    worker = g.batch(4712, "worker", 10)
    worker.add(11, THREAD, var(4711))
    worker.add(12, FLOW_END, g.name("pthread_create") + var(5))
    worker.add(20, WAIT, var(1) + var(0x7FFF1234))
    worker.add(500, THREAD_END)
    sampled = g.batch(4712, "worker", 9, flags=2)
    stack = [g.name(name) for name in ("hot", "work", "start_thread")]
    sampled.add(100, SAMPLE, var(3) + b"".join(stack))
    sampled.add(200, SAMPLE, var(3) + b"".join(stack))
    sampled.add(300, SAMPLE, var(2) + b"".join(stack[1:]))
    sampled.add(600, SAMPLE, var(1) + var(0))
    g.losses = {3: 2}
    g.last = True
    return g

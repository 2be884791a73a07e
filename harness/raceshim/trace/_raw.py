# SPDX-License-Identifier: BSD-2-Clause
"""Traces in the tracer's own format (docs/formats.md), as `_model.Trace`."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raceshim.trace import _model
from raceshim.trace._model import (
    BEGIN,
    COUNTER,
    END,
    INSTANT,
    OURS,
    Event,
    Generation,
    Trace,
    TraceError,
    Track,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"RSHTRCG\n"
_VERSION = 1
_BLOCK = struct.Struct("<BBHI")
_HEADER = struct.Struct("<8x8sIIQQ16sQQQ")
_BATCH = struct.Struct("<8xQQII16s")
_TAIL = struct.Struct("<8xQQQQQQII")
_MARK = 0x21444E45
_NESTED = _LAST = 1
_NOTED = 2
(
    _INSTANT, _INSTANT_1, _INSTANT_2, _REGION, _REGION_END, _COUNTER, _TASK, _TASK_END, _FLOW,
    _FLOW_END, _LOG, _THREAD, _THREAD_END, _WAIT, _WAIT_END, _SAMPLE, _CALL, _CALL_END,
) = range(1, 19)  # fmt: skip
_WAITS = ("wait", "wait for mutex", "wait for condition", "wait for semaphore",
          "wait for input or output", "wait for thread", "wait for reading", "wait for writing",
          "wait at barrier")  # fmt: skip
_REASONS = ("buffers were full", "handler within a handler", "no memory for a thread",
            "not kept by the CPU profiler")  # fmt: skip


class _BrokenError(Exception):
    """What was said of a block is not so."""


class _CutError(Exception):
    """The generation does not end."""


class _VersionError(Exception):
    """The format is of a version that is not known."""


class _Bytes:
    """A part of the trace, read from its beginning."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data = data
        self._at = at
        self._end = end

    def __bool__(self) -> bool:
        return self._at < self._end

    def byte(self) -> int:
        self._at += 1
        if self._at > self._end:
            raise _BrokenError
        return self._data[self._at - 1]

    def var(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF
        raise _BrokenError

    def zigzag(self) -> int:
        value = self.var()
        return value >> 1 ^ -(value & 1)

    def text(self) -> str:
        length = self.var()
        start = self._at
        self._at += length
        if self._at > self._end:
            raise _BrokenError
        return self._data[start : self._at].decode("utf-8", "replace")


def parse(data: bytes, where: str) -> Trace:
    """Return the trace in these bytes; what cannot be read at the end is told in `cut`."""
    reader = _Reader(data)
    at, cut = 0, None
    while at < len(data):
        try:
            at = reader.generation(at)
        except _CutError:
            cut = f"truncated: the generation at byte {at} has no end"
            break
        except _VersionError as error:
            cut = f"the generation at byte {at} is of version {error} of the format, not {_VERSION}"
            break
        except (_BrokenError, struct.error):
            cut = f"damaged: the generation at byte {at}"
            break
    if cut and not reader.generations:
        raise TraceError(f"{where}: {cut}; nothing of it is whole")
    reader.events.sort(key=lambda event: event.time)
    return Trace(
        where,
        reader.events,
        reader.tracks,
        tuple(reader.generations),
        reader.realtime,
        cut=cut,
        wrong=tuple(reader.wrong),
    )


def _short(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Around:
    """What the batches of a generation stand in."""

    names: dict[int, str]
    time: _Times
    process: int
    pid: int


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.events: list[Event] = []
        self.tracks: dict[int, Track] = {}
        self.generations: list[Generation] = []
        self.realtime: int | None = None
        self.wrong: list[str] = []
        self._numbers: dict[tuple[object, ...], int] = {}
        self._last: dict[tuple[int, int], int] = {}  # of the batches of a thread: the last ticks

    def generation(self, at: int) -> int:
        """Take the generation that begins here; return where it ends."""
        found: dict[int, list[tuple[int, int]]] = {kind: [] for kind in b"BNL"}
        head = self._header(at)
        while True:
            if at + _BLOCK.size > len(self._data):
                raise _CutError
            kind, flags, _, length = _BLOCK.unpack_from(self._data, at)
            if length < _BLOCK.size:
                raise _BrokenError
            if at + length > len(self._data):
                raise _CutError
            if kind == ord("E"):
                break
            if kind in found:
                found[kind].append((at, at + length))
            at += length
        tail = _TAIL.unpack_from(self._data, at)
        number, pid = head[3], head[4]
        if length < _TAIL.size or tail[-1] != _MARK or tail[0] != number:
            raise _BrokenError
        time = _Times(head, tail)
        names = dict(self._names(found[ord("N")]))
        process = self._track(("process", pid), "process", _short(head[5]), 0, pid)
        events: list[Event] = []
        around = _Around(names, time, process, pid)
        for place, end in found[ord("B")]:
            events += self._batch(place, end, around)
        losses = tuple(self._losses(found[ord("L")]))
        if self.realtime is None:
            self.realtime = head[8] - head[7]
        done = Generation(
            number, tail[2], tail[4], tail[5], len(events), losses, pid, bool(flags & _LAST)
        )
        self.generations.append(done)
        self.events += events
        return int(at + length)

    def _header(self, at: int) -> tuple[Any, ...]:
        if at + _HEADER.size > len(self._data):
            raise _CutError
        kind, _, _, length = _BLOCK.unpack_from(self._data, at)
        head = _HEADER.unpack_from(self._data, at)
        if kind != ord("G") or length < _HEADER.size or head[0] != MAGIC:
            raise _BrokenError
        if head[1] != _VERSION:
            raise _VersionError(head[1])
        return head

    def _track(self, key: tuple[object, ...], kind: str, name: str, parent: int, pid: int) -> int:
        number = self._numbers.setdefault(key, len(self._numbers) + 1)
        if number not in self.tracks or name:
            tid = key[-1] if kind == "thread" and isinstance(key[-1], int) else 0
            self.tracks[number] = Track(number, kind, name, parent, pid, tid)
        return number

    def _names(self, blocks: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
        for at, end in blocks:
            part = _Bytes(self._data, at + _BLOCK.size, end)
            while part:
                yield part.var(), part.text()

    def _losses(self, blocks: list[tuple[int, int]]) -> Iterator[tuple[str, int]]:
        for at, end in blocks:
            part = _Bytes(self._data, at + _BLOCK.size, end)
            while part:
                kind, number = part.var(), part.var()
                if number:
                    yield _REASONS[kind] if kind < len(_REASONS) else "other", number

    def _batch(self, at: int, end: int, around: _Around) -> Iterator[Event]:
        if end - at < _BATCH.size:
            raise _BrokenError
        _, flags, _, _ = _BLOCK.unpack_from(self._data, at)
        _, ticks, tid, count, name = _BATCH.unpack_from(self._data, at)
        thread = self._track(
            ("thread", around.pid, tid), "thread", _short(name), around.process, around.pid
        )
        key = (around.pid, tid)
        beside = flags & (_NESTED | _NOTED)
        if not beside and ticks < self._last.get(key, 0):
            self.wrong.append(
                f"batch at byte {at} of thread {tid} begins before the last one has ended"
            )
        part = _Bytes(self._data, at + _BATCH.size, end)
        found = 0
        while part:
            kind = part.byte()
            step = part.var()
            if not step:
                self.wrong.append(f"batch at byte {at} of thread {tid}: two events at one time")
            ticks += step
            yield self._event(kind, part, around.time(ticks), thread, around)
            found += 1
        if found != count:
            self.wrong.append(
                f"batch at byte {at} of thread {tid} has {found} events instead of {count}"
            )
        if not beside:
            self._last[key] = ticks

    def _event(  # noqa: PLR0911 - a kind each
        self, kind: int, part: _Bytes, time: int, thread: int, around: _Around
    ) -> Event:
        if kind >= _THREAD:
            return _event_of_ours(kind, part, time, thread, around.names)
        name = around.names.get(part.var(), "?")
        match kind:
            case 1 | 2 | 3:
                values = [part.zigzag() for _ in range(kind - _INSTANT)]
                args = tuple(zip(("value", "value2"), values, strict=False))
                return Event(time, INSTANT, thread, name, args=args)
            case 4 | 5:
                return Event(time, BEGIN if kind == _REGION else END, thread, name)
            case 6:
                key = ("counter", around.pid, name)
                track = self._track(key, "counter", name, around.process, 0)
                return Event(time, COUNTER, track, name, value=part.zigzag())
            case 7:
                track = self._task(part.var(), name, part.var(), around)
                return Event(time, BEGIN, track, name)
            case 8:
                return Event(time, END, self._task(part.var(), "", 0, around), name)
            case 9:
                return Event(time, INSTANT, thread, name, flows=(part.var(),))
            case 10:
                return Event(time, INSTANT, thread, name, ends=(part.var(),))
            case 11:
                return Event(time, INSTANT, thread, name, text=part.text())
            case _:
                raise _BrokenError

    def _task(self, task: int, name: str, parent: int, around: _Around) -> int:
        above = self._task(parent, "", 0, around) if parent else around.process
        return self._track(("task", around.pid, task), "task", name, above, 0)


def _event_of_ours(  # noqa: PLR0911 - a kind each
    kind: int, part: _Bytes, time: int, thread: int, names: dict[int, str]
) -> Event:
    if kind == _THREAD:
        maker = part.var()
        args = (("maker", maker),) if maker else ()
        return Event(time, INSTANT, thread, _model.THREAD_BEGINS, OURS, args=args)
    if kind == _THREAD_END:
        return Event(time, INSTANT, thread, _model.THREAD_ENDS, OURS)
    if kind == _SAMPLE:
        stack = [names.get(part.var(), "?") for _ in range(part.var())]
        return _model.sample(time, thread, stack)
    if kind in {_CALL, _CALL_END}:
        name = names.get(part.var(), "?")
        if kind == _CALL_END:
            return Event(time, END, thread, name, OURS)
        return Event(time, BEGIN, thread, name, OURS, args=(("of", hex(part.var())),))
    if kind > _CALL_END:
        raise _BrokenError
    what, address = part.var(), part.var()
    name = _WAITS[what] if what < len(_WAITS) else _WAITS[0]
    if kind == _WAIT_END:
        return Event(time, END, thread, name, OURS)
    return Event(time, BEGIN, thread, name, OURS, args=(("of", hex(address)),))


class _Times:
    """From ticks to nanoseconds, as the two moments of a generation have it."""

    def __init__(self, head: tuple[Any, ...], tail: tuple[Any, ...]) -> None:
        self._ticks, self._time = head[6], head[7]
        ticks, time = tail[1] - head[6], tail[2] - head[7]
        even = head[2] == 0 or ticks <= 0 or time <= 0
        self._rate = 1.0 if even else float(time) / float(ticks)

    def __call__(self, ticks: int) -> int:
        since = int((ticks - self._ticks) * self._rate)
        return int(self._time) + since

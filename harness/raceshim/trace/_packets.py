# SPDX-License-Identifier: BSD-2-Clause
"""Traces of Perfetto, ours and those of other producers, as `_model.Trace`."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from raceshim.trace import _model
from raceshim.trace._model import Event, Generation, Trace, TraceError, Track, Value
from raceshim.trace._schema import packet_class

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKET = 0x0A  # field 1, with a length
_CLEARED, _NEEDS_STATE = 1, 2
_REALTIME, _MONOTONIC, _BOOTTIME = 1, 3, 6
_SEQUENCE_CLOCKS = range(64, 128)
_KINDS = {1: _model.BEGIN, 2: _model.END, 3: _model.INSTANT, 4: _model.COUNTER}
#: What is compressed within a trace unpacks to at most so much together.
_LIMIT = 1 << 30


@dataclass(slots=True)
class _Clock:
    value: int
    offset: int  # to the trace's clock
    incremental: bool
    unit: int


@dataclass(slots=True)
class _Sequence:
    """What later packets of a sequence refer to."""

    valid: bool = False
    clock: int = 0
    track: int = 0
    names: dict[int, str] = field(default_factory=dict)
    categories: dict[int, str] = field(default_factory=dict)
    arguments: dict[int, str] = field(default_factory=dict)
    bodies: dict[int, str] = field(default_factory=dict)
    strings: dict[int, str] = field(default_factory=dict)
    functions: dict[int, str] = field(default_factory=dict)
    frames: dict[int, str] = field(default_factory=dict)
    stacks: dict[int, list[str]] = field(default_factory=dict)
    clocks: dict[int, _Clock] = field(default_factory=dict)


class _Cut(Exception):  # noqa: N818 - no error yet
    """The file ends here, or makes no sense from here on."""


def parse(data: bytes, where: str) -> Trace:
    """Return the trace in these bytes; what cannot be read at the end is told in `cut`."""
    if not data.startswith(bytes([_PACKET])):
        raise TraceError(f"{where}: no trace: neither of Perfetto nor of raceshim")
    reader = _Reader(where)
    try:
        for offset, packet in _packets(data):
            try:
                reader.take(packet)
            except DecodeError:
                raise _Cut(f"damaged: packet at byte {offset}") from None
    except _Cut as error:
        reader.cut = str(error)
    return reader.trace()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
        shift += 7
    raise _Cut("truncated" if at >= len(data) else f"damaged: length at byte {at}")


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    view, at = memoryview(data), 0
    while at < len(data):
        start = at
        if data[at] != _PACKET:
            raise _Cut(f"damaged: no packet at byte {at}")
        length, at = _varint(data, at + 1)
        if length > len(data) - at:
            raise _Cut(f"truncated: packet at byte {start} needs {length - len(data) + at} more")
        yield start, bytes(view[at : at + length])
        at += length


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class _Reader:
    def __init__(self, where: str) -> None:
        self.where = where
        self.cut: str | None = None
        self._packet = packet_class()
        self._events: list[Event] = []
        self._pending: list[Event] = []  # of a generation whose end has not come
        self._generations: list[Generation] = []
        self._losses: list[tuple[str, int]] = []
        self._tracks: dict[int, Track] = {}
        self._counters: dict[int, tuple[int, bool]] = {}  # multiplier, incremental
        self._sums: dict[int, int | float] = {}
        self._sequences: dict[int, _Sequence] = {}
        self._clock: int | None = None  # the trace's own
        self._offsets: dict[int, int] = {}  # of clocks, to the trace's own
        self._ours = False
        self._open = False  # there was something behind the last generation's end
        self._notes: Counter[str] = Counter()
        self._room = _LIMIT

    def take(self, data: bytes, *, nested: bool = False) -> None:
        """Take a packet."""
        packet: Any = self._packet()
        packet.ParseFromString(data)
        if packet.HasField("compressed_packets") and not nested:
            self._unpack(packet.compressed_packets)
            return
        self._open = True
        sequence = self._sequences.setdefault(packet.trusted_packet_sequence_id, _Sequence())
        flags = packet.sequence_flags
        if flags & _CLEARED or packet.incremental_state_cleared:
            sequence = self._sequences[packet.trusted_packet_sequence_id] = _Sequence(valid=True)
        elif packet.previous_packet_dropped:
            sequence.valid = False
        if flags & _NEEDS_STATE and not sequence.valid:
            self._notes["packets left out that refer to others that are missing"] += 1
            return
        if packet.HasField("trace_packet_defaults"):
            defaults = packet.trace_packet_defaults
            sequence.clock = defaults.timestamp_clock_id
            sequence.track = defaults.track_event_defaults.track_uuid
        if packet.HasField("interned_data"):
            _intern(sequence, packet.interned_data)
        self._content(packet, sequence)

    def _content(self, packet: Any, sequence: _Sequence) -> None:  # noqa: ANN401
        if packet.HasField("track_event"):
            self._event(packet, sequence)
        elif packet.HasField("track_descriptor"):
            self._describe(packet.track_descriptor)
        elif packet.HasField("clock_snapshot"):
            self._snapshot(packet.clock_snapshot, sequence)
        elif packet.HasField("perf_sample"):
            self._sample(packet, sequence)
        elif not packet.HasField("interned_data"):
            self._notes["packets of kinds that are not shown"] += 1

    def trace(self) -> Trace:
        """Return what was taken."""
        if not self._ours:
            self._events += self._pending
        elif self._open or self.cut:
            self.cut = f"{self.cut or 'truncated'}; {len(self._pending)} events of a generation "
            self.cut += "without an end are left out"
        if self.cut and not self._events and not self._generations:
            raise TraceError(f"{self.where}: {self.cut}; nothing of it is whole")
        if not self._events and not self._generations:
            raise TraceError(f"{self.where}: no events in it")
        self._events.sort(key=lambda event: event.time)
        trace_clock = self._clock or _BOOTTIME
        realtime = self._offsets.get(_REALTIME)
        return Trace(
            self.where,
            self._events,
            self._tracks,
            tuple(self._generations),
            None if realtime is None or trace_clock == _REALTIME else -realtime,
            tuple(f"{number} {text}" for text, number in self._notes.items()),
            self.cut,
        )

    def _unpack(self, data: bytes) -> None:
        engine = zlib.decompressobj()
        try:
            inner = engine.decompress(data, self._room + 1)
        except zlib.error as error:
            raise _Cut(f"damaged: compressed packets: {error}") from None
        self._room -= len(inner)
        if self._room < 0:
            raise _Cut(f"compressed packets of more than {_LIMIT >> 20} MiB")
        for _, packet in _packets(inner):
            self.take(packet, nested=True)

    def _snapshot(self, snapshot: Any, sequence: _Sequence) -> None:  # noqa: ANN401
        times = {c.clock_id: c.timestamp * (c.unit_multiplier_ns or 1) for c in snapshot.clocks}
        if self._clock is None:
            self._clock = snapshot.primary_trace_clock or (
                _BOOTTIME if _BOOTTIME in times or _MONOTONIC not in times else _MONOTONIC
            )
        shared = {k: t for k, t in times.items() if k not in _SEQUENCE_CLOCKS}
        base = None
        if self._clock in shared:
            base = shared[self._clock]
            # A clock's offset stays what it was at first, so that times stay in order.
            for clock, time in shared.items():
                self._offsets.setdefault(clock, base - time)
        else:
            for clock, time in shared.items():
                if clock in self._offsets:
                    base = time + self._offsets[clock]
        for clock in snapshot.clocks:
            if clock.clock_id in _SEQUENCE_CLOCKS:
                time = times[clock.clock_id]
                sequence.clocks[clock.clock_id] = _Clock(
                    time,
                    (base if base is not None else time) - time,
                    clock.is_incremental,
                    clock.unit_multiplier_ns or 1,
                )

    def _time(self, packet: Any, sequence: _Sequence) -> int | None:  # noqa: ANN401
        number = packet.timestamp_clock_id or sequence.clock or self._clock or _BOOTTIME
        time: int = packet.timestamp
        if number in _SEQUENCE_CLOCKS:
            clock = sequence.clocks.get(number)
            if clock is None:
                self._notes["events left out whose clock is not known"] += 1
                return None
            time *= clock.unit
            if clock.incremental:
                clock.value += time
                time = clock.value
            return time + clock.offset
        return time + self._offsets.get(number, 0)

    def _describe(self, descriptor: Any) -> None:  # noqa: ANN401
        number = descriptor.uuid
        before = self._tracks.get(number)
        name = _text(descriptor.name or descriptor.static_name or descriptor.atrace_name)
        track = Track(number, "task", name, descriptor.parent_uuid)
        if descriptor.HasField("thread"):
            thread = descriptor.thread
            name = _text(thread.thread_name) or name
            track = replace(track, kind="thread", name=name, pid=thread.pid, tid=thread.tid)
        elif descriptor.HasField("process"):
            process = descriptor.process
            command = tuple(_text(word) for word in process.cmdline)
            name = _text(process.process_name) or (command[0] if command else name)
            track = replace(track, kind="process", name=name, pid=process.pid, command=command)
        elif descriptor.HasField("counter"):
            counter = descriptor.counter
            self._counters[number] = (counter.unit_multiplier or 1, counter.is_incremental)
            track = replace(track, kind="counter", unit=_text(counter.unit_name))
        elif name == _model.OURS and self._is_process(descriptor.parent_uuid):
            self._ours = True
            track = replace(track, kind="tracer")
        if before is not None and not track.name:
            track = replace(track, name=before.name)
        self._tracks[number] = track

    def _is_process(self, number: int) -> bool:
        return number in self._tracks and self._tracks[number].kind == "process"

    def _event(self, packet: Any, sequence: _Sequence) -> None:  # noqa: ANN401
        time = self._time(packet, sequence)
        told = packet.track_event
        kind = _KINDS.get(told.type)
        if time is None:
            return
        if kind is None:
            self._notes["events of kinds that are not shown"] += 1
            return
        number = told.track_uuid if told.HasField("track_uuid") else sequence.track
        name = _text(told.name)
        if told.name_iid:
            name = sequence.names.get(told.name_iid, f"name {told.name_iid}")
        categories = [_text(c) for c in told.categories]
        categories += [sequence.categories.get(i, str(i)) for i in told.category_iids]
        text = None
        if told.HasField("log_message"):
            text = sequence.bodies.get(told.log_message.body_iid, "")
        arguments = tuple(
            (
                _text(a.name) or sequence.arguments.get(a.name_iid, str(a.name_iid)),
                _value(a, sequence),
            )
            for a in told.debug_annotations
        )
        value = self._counted(told, number) if kind == _model.COUNTER else None
        if kind == _model.COUNTER and not name and number in self._tracks:
            name = self._tracks[number].name
        event = Event(
            time,
            kind,
            number,
            name,
            ",".join(categories),
            value,
            text,
            arguments,
            (*told.flow_ids, *told.flow_ids_old),
            (*told.terminating_flow_ids, *told.terminating_flow_ids_old),
        )
        if self._ours and number in self._tracks and self._tracks[number].kind == "tracer":
            self._message(event)
        else:
            self._pending.append(event)

    def _sample(self, packet: Any, sequence: _Sequence) -> None:  # noqa: ANN401
        time = self._time(packet, sequence)
        told = packet.perf_sample
        if time is None:
            return
        if not told.callstack_iid:
            self._notes["samples without a stack left out"] += 1
            return
        number = sequence.track or self._thread(told.pid, told.tid)
        stack = sequence.stacks.get(told.callstack_iid, [])
        self._pending.append(_model.sample(time, number, stack))

    def _thread(self, pid: int, tid: int) -> int:
        """Return the track of a thread, a new one if nobody has described it."""
        for track in self._tracks.values():
            if track.kind == "thread" and (track.pid, track.tid) == (pid, tid):
                return track.number
        number = 1 << 63 | pid << 32 | tid
        self._tracks[number] = Track(number, "thread", "", 0, pid, tid)
        return number

    def _counted(self, told: Any, number: int) -> int | float:  # noqa: ANN401
        multiplier, incremental = self._counters.get(number, (1, False))
        value: int | float = told.counter_value
        if told.HasField("double_counter_value"):
            value = told.double_counter_value
        value *= multiplier
        if incremental:
            value = self._sums[number] = self._sums.get(number, 0) + value
        return value

    def _message(self, event: Event) -> None:
        """Take what the tracer says of itself."""
        values = {name: value for name, value in event.args if isinstance(value, int)}
        if event.name == _model.LOST:
            reason = str(dict(event.args).get("reason", "other"))
            self._losses.append((reason, values.get("events", 0)))
        elif event.name == _model.GENERATION:
            self._generations.append(
                Generation(
                    values.get("number", 0),
                    event.time,
                    values.get("events", 0),
                    values.get("lost", 0),
                    len(self._pending),
                    tuple(self._losses),
                    self._pid(event.track),
                    bool(values.get("last", 0)),
                )
            )
            self._events += self._pending
            self._pending = []
            self._losses = []
            self._open = False

    def _pid(self, number: int) -> int:
        return self._tracks[self._tracks[number].parent].pid


def _intern(sequence: _Sequence, data: Any) -> None:  # noqa: ANN401
    for entry in data.event_names:
        sequence.names[entry.iid] = _text(entry.name)
    for entry in data.event_categories:
        sequence.categories[entry.iid] = _text(entry.name)
    for entry in data.debug_annotation_names:
        sequence.arguments[entry.iid] = _text(entry.name)
    for entry in data.log_message_body:
        sequence.bodies[entry.iid] = _text(entry.body)
    for entry in data.function_names:
        sequence.functions[entry.iid] = _text(entry.str)
    for entry in data.frames:
        name = sequence.functions.get(entry.function_name_id)
        sequence.frames[entry.iid] = hex(entry.rel_pc) if name is None else name
    for entry in data.callstacks:  # from the outermost
        frames = [sequence.frames.get(number, "?") for number in entry.frame_ids]
        sequence.stacks[entry.iid] = frames[::-1]
    for entry in data.debug_annotation_string_values:
        sequence.strings[entry.iid] = _text(entry.str)


def _value(told: Any, sequence: _Sequence) -> Value:  # noqa: ANN401, PLR0911
    """Return what an argument has; the fields are alternatives."""
    if told.HasField("int_value"):
        return int(told.int_value)
    if told.HasField("string_value"):
        return _text(told.string_value)
    if told.HasField("uint_value"):
        return int(told.uint_value)
    if told.HasField("bool_value"):
        return bool(told.bool_value)
    if told.HasField("double_value"):
        return float(told.double_value)
    if told.HasField("pointer_value"):
        return hex(told.pointer_value)
    if told.HasField("string_value_iid"):
        return sequence.strings.get(told.string_value_iid, "")
    if told.dict_entries:
        return {
            _text(e.name) or sequence.arguments.get(e.name_iid, ""): _value(e, sequence)
            for e in told.dict_entries
        }
    if told.array_values:
        return [_value(e, sequence) for e in told.array_values]
    return _text(told.legacy_json_value)

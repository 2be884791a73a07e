# SPDX-License-Identifier: BSD-2-Clause
"""A trace as packets of Perfetto, as the library writes them, but in one generation."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim.trace import _model
from raceshim.trace._schema import packet_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raceshim.trace._model import Event, Trace, Track, Value

_CLEARED, _NEEDS_STATE = 1, 2
_REALTIME, _MONOTONIC, _DIFFERENCES = 1, 3, 64
_KINDS = {_model.BEGIN: 1, _model.END: 2, _model.INSTANT: 3, _model.COUNTER: 4}
_INFO = 4
_USER = 2


def write(trace: Trace, place: str) -> None:
    """Write a file, or to stdout."""
    if place == "-":
        sys.stdout.buffer.writelines(packets(trace))
        return
    with Path(place).open("wb") as file:
        file.writelines(packets(trace))


def packets(trace: Trace) -> Iterator[bytes]:
    """Return the packets, each with what makes it one of a trace."""
    writer = _Writer(trace)
    for packet in writer.packets():
        data = packet.SerializeToString()
        yield b"\x0a" + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@dataclass(slots=True)
class _Names:
    """The names that were written, by field."""

    known: dict[tuple[str, str], int] = field(default_factory=dict)

    def use(self, packet: Any, table: str, text: str) -> int:  # noqa: ANN401
        """Return a name's number; it is written with the packet that uses it first."""
        number = self.known.get((table, text))
        if number is None:
            number = self.known[table, text] = len(self.known) + 1
            getattr(packet.interned_data, table).add(iid=number, name=text.encode())
        return number


class _Writer:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._packet = packet_class()
        self._names = _Names()
        self._last = trace.begin
        self._functions: dict[str, int] = {}
        self._stacks = 0

    def packets(self) -> Iterator[Any]:
        """Return all packets, those of events in the order of their times."""
        yield self._start()
        for track in self._trace.tracks.values():
            if track.kind != "tracer":
                yield self._track(track)
        for event in self._trace.events:
            yield self._sample(event) if event.kind == _model.SAMPLE else self._event(event)
        yield from self._end()

    def _new(self, flags: int = _NEEDS_STATE) -> Any:  # noqa: ANN401
        return self._packet(trusted_packet_sequence_id=1, sequence_flags=flags)

    def _start(self) -> Any:  # noqa: ANN401
        packet = self._new(_CLEARED)
        packet.trace_packet_defaults.timestamp_clock_id = _DIFFERENCES
        packet.clock_snapshot.primary_trace_clock = _MONOTONIC
        clocks = packet.clock_snapshot.clocks
        clocks.add(clock_id=_MONOTONIC, timestamp=self._last)
        if self._trace.realtime is not None:
            clocks.add(clock_id=_REALTIME, timestamp=self._last + self._trace.realtime)
        clocks.add(clock_id=_DIFFERENCES, timestamp=self._last, is_incremental=True)
        return packet

    def _track(self, track: Track) -> Any:  # noqa: ANN401
        packet = self._new()
        told = packet.track_descriptor
        told.uuid = track.number
        if track.parent:
            told.parent_uuid = track.parent
        if track.kind == "process":
            told.process.pid = track.pid
            told.process.process_name = track.name.encode()
            told.process.cmdline.extend(word.encode() for word in track.command)
        elif track.kind == "thread":
            told.thread.pid = track.pid
            told.thread.tid = track.tid
            told.thread.thread_name = track.name.encode()
        else:
            told.name = track.name.encode()
        if track.kind == "counter":
            told.counter.unit_name = track.unit.encode()
        return packet

    def _event(self, event: Event) -> Any:  # noqa: ANN401
        packet = self._new()
        packet.timestamp = max(event.time - self._last, 0)
        self._last = max(event.time, self._last)
        told = packet.track_event
        told.type = _KINDS[event.kind]
        told.track_uuid = event.track
        if event.kind == _model.COUNTER:
            if isinstance(event.value, float):
                told.double_counter_value = event.value
            else:
                told.counter_value = event.value or 0
        elif event.name:
            told.name_iid = self._names.use(packet, "event_names", event.name)
        for category in event.category.split(",") if event.category else ():
            told.category_iids.append(self._names.use(packet, "event_categories", category))
        told.flow_ids.extend(event.flows)
        told.terminating_flow_ids.extend(event.ends)
        if event.text is not None:
            number = len(self._names.known) + 1
            self._names.known["log_message_body", str(number)] = number
            packet.interned_data.log_message_body.add(iid=number, body=event.text.encode())
            told.log_message.body_iid = number
            told.log_message.prio = _INFO
        for name, value in event.args:
            _tell(told.debug_annotations.add(name=name.encode()), value)
        return packet

    def _sample(self, event: Event) -> Any:  # noqa: ANN401
        track = self._trace.track(event.track)
        packet = self._new()
        packet.timestamp = event.time - self._last
        self._last = event.time
        interned = packet.interned_data
        if not self._stacks:
            interned.mapping_paths.add(iid=1, str=b"program")
            interned.mappings.add(iid=1, end=(1 << 32) - 1, path_string_ids=[1])
        self._stacks += 1
        frames = []
        stack = dict(event.args).get("stack")
        for name in reversed(stack if isinstance(stack, list) else []):
            number = self._functions.get(str(name))
            if number is None:
                number = self._functions[str(name)] = len(self._functions) + 1
                interned.function_names.add(iid=number, str=str(name).encode())
                interned.frames.add(
                    iid=number, function_name_id=number, mapping_id=1, rel_pc=number
                )
            frames.append(number)
        interned.callstacks.add(iid=self._stacks, frame_ids=frames)
        sample = packet.perf_sample
        sample.pid, sample.tid = self._trace.process(event.track), track.tid
        sample.callstack_iid = self._stacks
        sample.cpu_mode = _USER
        return packet

    def _end(self) -> Iterator[Any]:
        """Say what was lost, on the tracer's own track, and that this was all."""
        tracks = self._trace.tracks.values()
        process = next((t.number for t in tracks if t.kind == "process"), 0)
        if not self._trace.generations or not process:
            return
        number = next((t.number for t in tracks if t.kind == "tracer"), 0)
        number = number or max(t.number for t in tracks) + 1
        packet = self._new()
        packet.track_descriptor.uuid = number
        packet.track_descriptor.parent_uuid = process
        packet.track_descriptor.name = _model.OURS.encode()
        yield packet
        for reason, lost in self._trace.losses.items():
            yield self._message(number, _model.LOST, {"events": lost, "reason": reason})
        last = self._trace.generations[0].number
        told: dict[str, Value] = {"number": last, "events": len(self._trace.events)}
        told |= {"lost": self._trace.lost, "last": int(self._trace.generations[-1].last)}
        yield self._message(number, _model.GENERATION, told)

    def _message(self, track: int, name: str, args: dict[str, Value]) -> Any:  # noqa: ANN401
        packet = self._new()
        packet.timestamp = 0
        told = packet.track_event
        told.type = _KINDS[_model.INSTANT]
        told.track_uuid = track
        told.name = name.encode()
        told.categories.append(_model.OURS.encode())
        for key, value in args.items():
            _tell(told.debug_annotations.add(name=key.encode()), value)
        return packet


def _tell(told: Any, value: Value) -> None:  # noqa: ANN401
    match value:
        case bool():
            told.bool_value = value
        case int() if -(1 << 63) <= value < 1 << 63:
            told.int_value = value
        case int():
            told.uint_value = value
        case float():
            told.double_value = value
        case str():
            told.string_value = value.encode("utf-8", "replace")
        case list():
            for inner in value:
                _tell(told.array_values.add(), inner)
        case dict():
            for key, inner in value.items():
                _tell(told.dict_entries.add(name=key.encode()), inner)

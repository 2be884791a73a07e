# SPDX-License-Identifier: BSD-2-Clause
"""A trace as a directory of the Common Trace Format 1.8: `metadata` in TSDL and one stream."""

from __future__ import annotations

import json
import struct
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.trace import _model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raceshim.trace._model import Event, Trace

_MAGIC = 0xC1FC1FC1
#: Readers look for a time packet by packet.
_PACKET = 1 << 20
_HEAD = struct.Struct("<I16sIQQQQ")  # magic, uuid, stream, begin, end, content and size in bits
#: Event classes: what stands behind the context, as TSDL has it.
_CLASSES = {
    "begin": "string name; string category; string args;",
    "end": "string name;",
    "instant": "string name; string category; string args;",
    "counter": "string name; double value;",
    "task_begin": "uint64 task; uint64 parent; string name; string args;",
    "task_end": "uint64 task; string name;",
    "flow": "uint64 flow; string name;",
    "flow_end": "uint64 flow; string name;",
    "log": "string name; string text;",
    "lost": "uint64 count; string reason;",
    "sample": "string name; string stack;",
}
_NUMBERS = {name: number for number, name in enumerate(_CLASSES)}


def write(trace: Trace, place: str) -> None:
    """Write the directory; files of an earlier one are replaced, others are refused."""
    folder = Path(place)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"-o {place}: not a directory")
    if folder.is_dir() and not {p.name for p in folder.iterdir()} <= {"metadata", "stream"}:
        raise UsageError(f"-o {place}: there are other files in it")
    folder.mkdir(parents=True, exist_ok=True)
    # The same trace gets the same identity.
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{trace.where} {trace.begin} {len(trace.events)}")
    (folder / "stream").write_bytes(b"".join(_stream(trace, identity.bytes)))
    (folder / "metadata").write_text(_metadata(trace, identity), encoding="utf-8")


def _metadata(trace: Trace, identity: uuid.UUID) -> str:
    offset = trace.realtime or 0
    classes = "".join(
        f'event {{ name = "{name}"; id = {_NUMBERS[name]}; stream_id = 0; '
        f"fields := struct {{ {fields} }}; }};\n"
        for name, fields in _CLASSES.items()
    )
    return f"""/* CTF 1.8 */
typealias integer {{ size = 8; align = 8; signed = false; }} := uint8;
typealias integer {{ size = 32; align = 8; signed = false; }} := uint32;
typealias integer {{ size = 32; align = 8; signed = true; }} := int32;
typealias integer {{ size = 64; align = 8; signed = false; }} := uint64;
typealias floating_point {{ exp_dig = 11; mant_dig = 53; byte_order = le; align = 8; }} := double;
trace {{
	major = 1;
	minor = 8;
	uuid = "{identity}";
	byte_order = le;
	packet.header := struct {{ uint32 magic; uint8 uuid[16]; uint32 stream_id; }};
}};
env {{
	domain = "ust";
	tracer_name = "raceshim";
}};
clock {{
	name = "monotonic";
	description = "the clock of the trace";
	freq = 1000000000;
	offset_s = {offset // 1_000_000_000};
	offset = {offset % 1_000_000_000};
	absolute = {"TRUE" if trace.realtime is not None else "FALSE"};
}};
typealias integer {{
	size = 64; align = 8; signed = false; map = clock.monotonic.value;
}} := time;
stream {{
	id = 0;
	packet.context := struct {{
		time timestamp_begin; time timestamp_end; uint64 content_size; uint64 packet_size;
	}};
	event.header := struct {{ uint8 id; time timestamp; }};
	event.context := struct {{ int32 pid; int32 tid; string thread; }};
}};
{classes}"""


def _stream(trace: Trace, identity: bytes) -> Iterator[bytes]:
    """Return the packets."""
    body: list[bytes] = []
    size = begin = end = 0
    for time, data in _records(trace):
        if not body:
            begin = time
        body.append(data)
        size += len(data)
        end = time
        if size >= _PACKET:
            yield _packet(identity, body, begin, end)
            body, size = [], 0
    if body:
        yield _packet(identity, body, begin, end)


def _packet(identity: bytes, body: list[bytes], begin: int, end: int) -> bytes:
    content = b"".join(body)
    bits = 8 * (_HEAD.size + len(content))
    return _HEAD.pack(_MAGIC, identity, 0, begin, end, bits, bits) + content


def _records(trace: Trace) -> Iterator[tuple[int, bytes]]:
    contexts: dict[int, bytes] = {}
    losses = [(g.time, reason, n) for g in trace.generations for reason, n in g.losses]
    losses.sort(reverse=True)
    for event in trace.events:
        while losses and losses[-1][0] < event.time:
            yield _lost(*losses.pop())
        context = contexts.get(event.track)
        if context is None:
            track = trace.track(event.track)
            pid = trace.process(event.track) & 0x7FFFFFFF
            name = track.name if track.kind in {"thread", "process"} else ""
            context = struct.pack("<ii", pid, track.tid & 0x7FFFFFFF) + _text(name)
            contexts[event.track] = context
        for name, fields in _fields(trace, event):
            head = struct.pack("<BQ", _NUMBERS[name], max(event.time, 0))
            yield event.time, head + context + fields
    while losses:
        yield _lost(*losses.pop())


def _lost(time: int, reason: str, number: int) -> tuple[int, bytes]:
    head = struct.pack("<BQ", _NUMBERS["lost"], time) + struct.pack("<ii", 0, 0) + _text("")
    return time, head + struct.pack("<Q", number) + _text(reason)


def _text(text: str) -> bytes:
    """Return a text with a NUL behind it, and none in it."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace") + b"\0"


def _args(event: Event) -> bytes:
    return _text(json.dumps(dict(event.args), ensure_ascii=False) if event.args else "")


def _id(number: int) -> bytes:
    return struct.pack("<Q", number & 0xFFFFFFFFFFFFFFFF)


def _fields(trace: Trace, event: Event) -> Iterator[tuple[str, bytes]]:
    """Return what an event is here; with several flows it is several."""
    for kind, flows in (("flow", event.flows), ("flow_end", event.ends)):
        for flow in flows:
            yield kind, _id(flow) + _text(event.name)
    if event.text is not None:
        yield "log", _text(event.name) + _text(event.text)
        return
    if event.kind == _model.INSTANT and (event.flows or event.ends):
        return
    yield _BY_KIND[event.kind](trace, event)


def _begin(trace: Trace, event: Event) -> tuple[str, bytes]:
    track = trace.track(event.track)
    if track.kind == "thread":
        return "begin", _text(event.name) + _text(event.category) + _args(event)
    ids = _id(track.number) + _id(track.parent)
    return "task_begin", ids + _text(event.name or track.name) + _args(event)


def _end(trace: Trace, event: Event) -> tuple[str, bytes]:
    track = trace.track(event.track)
    if track.kind == "thread":
        return "end", _text(event.name)
    return "task_end", _id(track.number) + _text(event.name or track.name)


def _instant(_trace: Trace, event: Event) -> tuple[str, bytes]:
    return "instant", _text(event.name) + _text(event.category) + _args(event)


def _counter(_trace: Trace, event: Event) -> tuple[str, bytes]:
    return "counter", _text(event.name) + struct.pack("<d", float(event.value or 0))


def _sample(_trace: Trace, event: Event) -> tuple[str, bytes]:
    stack = dict(event.args).get("stack")
    names = [str(name) for name in stack] if isinstance(stack, list) else []
    return "sample", _text(event.name) + _text(" < ".join(names))


_BY_KIND: dict[str, Callable[[Trace, Event], tuple[str, bytes]]] = {
    _model.BEGIN: _begin,
    _model.END: _end,
    _model.INSTANT: _instant,
    _model.COUNTER: _counter,
    _model.SAMPLE: _sample,
}

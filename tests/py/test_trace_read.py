# SPDX-License-Identifier: BSD-2-Clause
"""Traces are read as far as they are whole, whoever has written them."""

from __future__ import annotations

import gzip
import os
import random
import re
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from perfetto_official import decode, module, protoc
from raceshim._errors import RaceshimError
from raceshim.trace import _schema
from raceshim.trace._check import check
from raceshim.trace._main import main
from raceshim.trace._model import Trace, TraceError
from raceshim.trace._perfetto import packets
from raceshim.trace._read import parse, read_file
from raw_traces import SECOND, START, TSC, Generation, usual, var, zigzag
from shim_builds import ROOT
from test_perfetto import _program, convert  # noqa: F401 - the fixture of the encoder

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = ROOT / "tests/golden"
TYPES = {
    "bool": 8, "bytes": (9, 12), "double": 1, "fixed64": 6, "int32": (5, 14), "int64": 3,
    "uint32": 13, "uint64": 4,
}  # fmt: skip


def test_the_table_is_perfettos() -> None:
    for name, fields in _schema.MESSAGES.items():
        pool = module().DESCRIPTOR.message_types_by_name
        nested = {"Clock": "ClockSnapshot"}.get(name)
        official = pool[nested].nested_types_by_name[name] if nested else pool[name]
        for number, field, text in fields:
            kind = text.removeprefix("*")
            found = official.fields_by_number[number]
            assert (found.name, found.is_repeated) == (field, text != kind), (name, field)
            if found.message_type:
                assert found.message_type.name == kind
            else:
                allowed = TYPES[kind]
                types = allowed if isinstance(allowed, tuple) else (allowed,)
                assert found.type in types, (name, field, found.type)


def plain(trace: Trace) -> dict[str, Any]:
    """Return what two traces have in common that say the same."""

    def track(number: int) -> tuple[object, ...]:
        t = trace.track(number)
        above = trace.track(t.parent).label if t.parent else ""
        return t.kind, t.name, t.tid, trace.process(number), above

    return {
        "events": [
            (e.time, e.kind, track(e.track), e.name, e.value, e.text, e.args, e.flows, e.ends)
            for e in trace.events
        ],
        "categories": [e.category for e in trace.events],
        "lost": trace.losses,
        "realtime": trace.realtime,
        "wrong": check(trace).wrong,
        "cut": trace.cut,
    }


def both() -> bytes:
    """Return two generations, the second with losses, whose ticks are the processor's."""
    options = {"unit": TSC, "ticks": 10**15, "length": 2_900_000_001}
    two = usual(2, **{**options, "ticks": 2 * 10**15}, begin=START + SECOND)
    two.losses = {0: 3, 2: 4}
    two.last = True
    return usual(1, **options).bytes() + two.bytes()


def test_what_the_library_encodes_is_what_is_in_the_raw_trace(
    program: Path, tmp_path: Path
) -> None:
    data = both()
    out, used, error = convert(program, data, tmp_path)
    assert (used, error) == (len(data), "")
    raw, encoded = parse(data, "x"), parse(out, "x")
    assert plain(encoded) == plain(raw)
    assert encoded.generations == raw.generations
    assert len(raw.events) == 40
    assert raw.lost == 7
    assert raw.realtime is not None
    assert raw.begin + raw.realtime == 1_700_000_000 * SECOND + 3


def test_what_is_converted_here_says_the_same_by_perfettos_schema(tmp_path: Path) -> None:
    trace = parse(both(), "x")
    data = b"".join(packets(trace))
    decode(data)
    protoc(data, tmp_path)
    again = parse(data, "x")
    assert plain(again) == plain(trace)
    assert [g.number for g in again.generations] == [1]


def test_events_have_their_place() -> None:
    trace = parse(usual().bytes(), "x")
    names = {(trace.track(e.track).label, e.kind, e.name) for e in trace.events}
    assert ("main 4711", "begin", "work") in names
    assert ("worker 4712", "instant", "thread ends") in names
    assert ("queue", "counter", "queue") in names
    assert ("request", "end", "request") in names
    (step,) = (t for t in trace.tracks.values() if t.name == "step")
    assert trace.track(step.parent).name == "request"
    (wait,) = (e for e in trace.events if e.name == "wait for mutex" and e.kind == "begin")
    assert wait.args == (("of", "0x7fff1234"),)
    (here,) = (e for e in trace.events if e.name == "in a handler")
    assert here.time == START + 42


@pytest.mark.parametrize("encoded", [False, True])
def test_a_trace_that_is_cut_off_keeps_its_whole_generations(
    program: Path, tmp_path: Path, *, encoded: bool
) -> None:
    one = usual(1).bytes()
    whole = one + usual(2, begin=START + SECOND).bytes()
    if encoded:
        one = convert(program, one, tmp_path)[0]
        whole = convert(program, whole, tmp_path)[0]
    kept = set()
    for length in range(1, len(whole) + 1):
        if length < len(one):
            with pytest.raises(TraceError, match=r"truncated|no trace|no events"):
                parse(whole[:length], "x")
            continue
        trace = parse(whole[:length], "x")
        assert len(trace.events) == 20 * len(trace.generations), length
        assert len(trace.generations) == (1 if length < len(whole) else 2)
        assert (trace.cut is None) == (length in {len(one), len(whole)}), length
        assert trace.cut is None or "truncated" in trace.cut
        kept.add(len(trace.generations))
    assert kept == {1, 2}


def test_gzip_that_is_cut_off_keeps_what_it_has(tmp_path: Path) -> None:
    data = b"".join(usual(n, begin=START + n * SECOND).bytes() for n in range(1, 200))
    file = tmp_path / "x.gz"
    file.write_bytes(gzip.compress(data))
    assert len(read_file(file).generations) == 199
    file.write_bytes(gzip.compress(data)[:-2000])
    trace = read_file(file)
    assert trace.cut is not None
    assert 0 < len(trace.generations) < 199


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"#!/bin/sh\n", "neither of Perfetto nor of raceshim"),
        (b"\x0a\x05\xff\xff\xff\xff\xff", "damaged: packet at byte 0"),
        (b"\x0a\xff", "truncated"),
        (gzip.compress(b""), "empty"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff\xff", "damaged: gzip says"),
        (usual().bytes()[:70], "truncated: the generation at byte 0 has no end"),
        (usual().bytes().replace(b"END!", b"END?"), "damaged: the generation at byte 0"),
        (usual().bytes().replace(b"G\n\1", b"G\n\2"), "of version 2 of the format, not 1"),
    ],
    ids=["empty", "script", "packet", "cut", "empty-gzip", "gzip", "no-end", "marker", "version"],
)
def test_refused_with_the_name_and_the_reason(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.pftrace"
    path.write_bytes(data)
    with pytest.raises(TraceError, match=re.escape(message)) as error:
        read_file(path)
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.exit_code == 4


@pytest.mark.parametrize("kind", ["raw", "pftrace"])
def test_files_that_there_are_stay_readable(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A program under ThreadSanitizer has written them when the format was new."""
    file = GOLDEN / f"trace.{kind}"
    assert main(["check", str(file)]) == 0
    assert "in order: 20 events, 2 generations, 0 lost" in capsys.readouterr().out
    assert main(["events", str(file)]) == 0
    assert capsys.readouterr().out == (GOLDEN / "trace.txt").read_text(encoding="utf-8")


def outcome(data: bytes) -> str:
    """Read; return what became of it."""
    try:
        trace = parse(data, "fuzzed")
    except RaceshimError as error:
        return "refused" if str(error).startswith("fuzzed: ") else str(error)
    check(trace)
    return "cut" if trace.cut else "whole"


@pytest.mark.parametrize("encoded", [False, True])
def test_whatever_is_in_a_file_it_is_read_or_refused(
    program: Path, tmp_path: Path, *, encoded: bool
) -> None:
    chance = random.Random(encoded)  # noqa: S311 - repeatable, not secret
    whole = both()
    if encoded:
        whole = convert(program, whole, tmp_path)[0]
    outcomes: list[str] = []
    for _ in range(int(os.environ.get("RACESHIM_FUZZ", "20000")) // 20):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(data) or 1)
            match chance.randrange(4):
                case 0 if data:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    del data[place : place + chance.randrange(1, 20)]
                case 0 | 2:
                    data[place:place] = chance.randbytes(chance.randrange(1, 9))
                case _:
                    data = data[: place + 1]
        outcomes.append(outcome(bytes(data)))
    assert set(outcomes) == {"refused", "cut", "whole"}


def official(**fields: Any) -> bytes:  # noqa: ANN401
    """Return a packet, made with Perfetto's own code."""
    trace = module().Trace()
    trace.packet.add(**fields)
    data: bytes = trace.SerializeToString()
    return data


def event(time: int, kind: str, **fields: Any) -> bytes:  # noqa: ANN401
    """Return a track event of another producer, whose clock is the default one."""
    types = module().TrackEvent
    told = types(type=types.Type.Value(f"TYPE_{kind}"), **fields)
    return official(timestamp=time, trusted_packet_sequence_id=7, track_event=told)


def test_others_traces_are_read_and_what_is_not_shown_is_told() -> None:
    types = module()
    thread = types.ThreadDescriptor(pid=1, tid=2, thread_name="other")
    descriptor = types.TrackDescriptor(uuid=5, thread=thread)
    inner = event(30, "SLICE_END", track_uuid=5)
    data = (
        official(trusted_packet_sequence_id=7, track_descriptor=descriptor)
        + official(system_info=types.SystemInfo(tracing_service_version="9"))
        + event(10, "SLICE_BEGIN", track_uuid=5, name="old", categories=["a", "b"])
        + event(15, "UNSPECIFIED", track_uuid=5)
        + event(20, "COUNTER", track_uuid=6, double_counter_value=2.5)
        + official(compressed_packets=zlib.compress(inner))
        + official(timestamp=1, sequence_flags=2, trusted_packet_sequence_id=9,
                   track_event=types.TrackEvent(type=3, name_iid=4))
    )  # fmt: skip
    trace = parse(data, "x")
    told = [(e.time, e.kind, e.name, e.category, e.value) for e in trace.events]
    assert told == [
        (10, "begin", "old", "a,b", None),
        (20, "counter", "", "", 2.5),
        (30, "end", "", "", None),
    ]
    assert trace.track(5).label == "other 2"
    assert trace.notes == (
        "1 packets of kinds that are not shown",
        "1 events of kinds that are not shown",
        "1 packets left out that refer to others that are missing",
    )
    assert trace.cut is None
    # What has no generations keeps all whole packets.
    shorter = parse(data[:-1], "x")
    assert (len(shorter.events), shorter.cut is not None) == (3, True)


def test_clocks_of_other_producers() -> None:
    types = module()

    def snapshot(times: dict[int, int], **more: Any) -> Any:  # noqa: ANN401
        found = types.ClockSnapshot(**more)
        for number, time in times.items():
            found.clocks.add(clock_id=number, timestamp=time)
        return found

    mark = types.TrackEvent(type=3, name="x", track_uuid=1)
    incremental = snapshot({6: 1000})
    incremental.clocks.add(clock_id=65, timestamp=0, is_incremental=True, unit_multiplier_ns=10)
    data = (
        official(clock_snapshot=snapshot({6: 500, 3: 400, 1: 10_000}))
        + official(timestamp=450, timestamp_clock_id=3, track_event=mark)
        + official(timestamp=520, track_event=mark)
        + official(trusted_packet_sequence_id=4, sequence_flags=1, clock_snapshot=incremental,
                   trace_packet_defaults=types.TracePacketDefaults(timestamp_clock_id=65))
        + official(timestamp=3, trusted_packet_sequence_id=4, track_event=mark)
        + official(timestamp=2, trusted_packet_sequence_id=4, track_event=mark)
    )  # fmt: skip
    trace = parse(data, "x")
    assert [e.time for e in trace.events] == [520, 550, 1030, 1050]
    assert trace.realtime == 9500


def wrong(*generations: Generation) -> tuple[str, ...]:
    """Return what the validator finds."""
    return check(parse(b"".join(g.bytes() for g in generations), "x")).wrong


def test_what_is_in_order_is_found_so() -> None:
    assert wrong(usual(1), usual(2, begin=START + SECOND)) == ()


def test_disorder_is_found() -> None:
    found = Generation()
    main = found.batch(1, "t", 10)
    main.add(20, 4, found.name("a")).add(30, 4, found.name("b")).add(40, 5, found.name("a"))
    main.add(50, 13).add(60, 1, found.name("late"))
    found.batch(1, "t", 45).add(70, 5, found.name("a"))
    found.batch(1, "t", 80).add(90, 5, found.name("never"))
    flow = found.batch(2, "u")
    flow.add(5, 10, found.name("f") + var(1)).add(6, 9, found.name("f") + var(1))
    text = "\n".join(wrong(found))
    assert "'a' ends where 'b' began last" in text
    assert "'late' after the thread's end" in text
    assert "of thread 1 begins before the last one has ended" in text
    assert "'never' ends, but never began" in text
    assert "flow 0x1 arrives before it leaves" in text


def test_ends_that_began_before_the_trace_are_no_disorder() -> None:
    late = Generation(5)
    late.batch(1, "t").add(1, 5, late.name("a"))
    late.last = True
    findings = check(parse(late.bytes(), "x"))
    assert findings.wrong == ()
    assert findings.notes == ("0.000000000 t 1: 'a' ends, but never began",)


def test_generations_have_to_be_complete_and_in_order() -> None:
    one = usual(1).bytes()
    data = one + usual(3, begin=START + SECOND).bytes()
    assert check(parse(data, "x")).wrong == ("generation 3 follows generation 1",)
    trace = parse(one, "x")
    lying = replace(trace.generations[0], events=21, lost=2)
    assert check(replace(trace, generations=(lying,))).wrong == (
        "generation 1 has 20 events instead of 21",
        "generation 1 accounts for 0 of 2 lost events",
    )


def test_a_batch_that_lies_about_its_number_is_wrong() -> None:
    g = Generation()
    g.batch(1, "t").add(1, 2, g.name("a") + zigzag(1)).events = 2
    assert wrong(g)[0].endswith(" has 1 events instead of 2")

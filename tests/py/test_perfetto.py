# SPDX-License-Identifier: BSD-2-Clause
"""Packets that the library writes: by Perfetto's own schema, from each kind of event."""

from __future__ import annotations

import os
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from perfetto_official import decode, module, protoc
from raw_traces import INSTANT, REGION, START, TSC, Generation, usual, var
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

SHIM = ROOT / "shim/src"
FILES = (
    "core/grow.c", "core/raceshim.c", "core/sigsafe_generic_sig.c", "core/sys_linux_sig.c",
    "encode/perfetto.c", "encode/perfetto_event.c", "encode/perfetto_raw.c",
    "encode/perfetto_sample.c", "encode/utf8.c",
)  # fmt: skip
HOOKS = [f"-Drshi_{name}_sig=counted_{name}_sig" for name in ("mmap", "munmap", "mremap")]


@pytest.fixture(scope="session", name="program")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program that encodes, which stops at a byte too far."""
    folder = tmp_path_factory.mktemp("perfetto")
    compile_c = [
        "clang-19", "-std=gnu11", "-D_GNU_SOURCE", "-g", "-O1", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
        *(f"-I{ROOT / part}" for part in
          ("shim/src", "shim/include", "annotations/include", "tests/c")),
    ]  # fmt: skip
    objects = []
    for file in (*(SHIM / name for name in FILES), ROOT / "tests/c/allocations.c"):
        objects.append(folder / f"{file.stem}.o")
        counted = [] if file.stem == "sys_linux_sig" else HOOKS
        # What the library does to memory behind the sanitizer's back is not the sanitizer's.
        run(*compile_c, *counted, "-c", file, "-o", objects[-1])
    program = folder / "test_perfetto"
    run(*compile_c, ROOT / "tests/c/test_perfetto.c", *objects, "-o", program)
    return program


def convert(program: Path, data: bytes, folder: Path) -> tuple[bytes, int, str]:
    """Return the packets, how many bytes were taken, and the error."""
    raw, out = folder / "raw", folder / "out.pftrace"
    raw.write_bytes(data)
    done = subprocess.run(
        [program, out, "raw", raw], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    used, _, error = done.stdout.strip().partition(" ")
    return out.read_bytes(), int(used), error


def test_failures_and_lengths(program: Path) -> None:
    run(program)


def test_every_field_is_perfettos(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.pftrace"
    run(program, file)
    trace = decode(file.read_bytes())
    text = protoc(file.read_bytes(), tmp_path)
    assert text.count("packet {") == len(trace.packet) == 2 * 25
    assert 'body: "it is \\303\\251t?"' in text
    half = len(trace.packet) // 2
    ends = [i for i, p in enumerate(trace.packet) if p.track_event.name == "generation"]
    assert ends == [half - 1, 2 * half - 1]


def times(trace: Any) -> list[tuple[int, Any]]:  # noqa: ANN401
    """Return the packets with their times, as Perfetto adds them up."""
    now: dict[int, int] = {}
    clock: dict[int, int] = {}
    found = []
    for packet in trace.packet:
        sequence = packet.trusted_packet_sequence_id
        if packet.sequence_flags & 1:
            clock[sequence] = packet.trace_packet_defaults.timestamp_clock_id
        for snapshot in packet.clock_snapshot.clocks:
            if snapshot.clock_id == 64:
                now[sequence] = snapshot.timestamp
        if packet.HasField("track_event"):
            time = packet.timestamp
            if clock[sequence] == 64:
                now[sequence] += time
                time = now[sequence]
            found.append((time, packet))
    return found


@pytest.mark.parametrize(
    ("options", "scale"),
    [({}, 1.0), ({"unit": TSC, "ticks": 1 << 60, "length": 3_000_000_000}, 1 / 3)],
    ids=["ns", "tsc"],
)
def test_events_of_the_raw_format(
    program: Path, tmp_path: Path, options: dict[str, int], scale: float
) -> None:
    data = usual(**options).bytes()
    out, used, error = convert(program, data, tmp_path)
    assert (used, error) == (len(data), "")
    protoc(out, tmp_path)
    trace = decode(out)
    names: dict[tuple[int, int], str] = {}
    tracks: dict[int, Any] = {}
    seen = []
    types = module().TrackEvent.Type.Name
    for packet in trace.packet:
        for name in packet.interned_data.event_names:
            names[packet.trusted_packet_sequence_id, name.iid] = name.name
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
    for time, packet in times(trace):
        event = packet.track_event
        name = event.name or names.get((packet.trusted_packet_sequence_id, event.name_iid), "")
        seen.append((time - START, types(event.type).removeprefix("TYPE_"), name))
    want = [
        (10, "INSTANT", "thread begins"), (20, "SLICE_BEGIN", "work"), (30, "INSTANT", "here"),
        (40, "INSTANT", "one"), (50, "INSTANT", "two"), (60, "COUNTER", ""),
        (70, "SLICE_BEGIN", "request"), (80, "SLICE_BEGIN", "step"), (90, "INSTANT", "send"),
        (100, "INSTANT", "app"), (110, "SLICE_BEGIN", "wait for mutex"),
        (500, "SLICE_END", "wait for mutex"), (900, "SLICE_END", "work"),
        (96, "INSTANT", "thread begins"), (120, "INSTANT", "send"), (130, "SLICE_END", "step"),
        (140, "SLICE_END", "request"), (150, "INSTANT", "?"), (160, "INSTANT", "thread ends"),
        (42, "INSTANT", "in a handler"),
    ]  # fmt: skip
    assert seen[:-1] == [(int(time * scale), kind, name) for time, kind, name in want]
    assert seen[-1] == (1_000_000_000, "INSTANT", "generation")
    counter, step = (
        next(t for t in tracks.values() if t.name == name) for name in ("queue", "step")
    )
    assert counter.HasField("counter")
    assert tracks[step.parent_uuid].name == "request"
    process = tracks[counter.parent_uuid].process
    assert (process.pid, process.process_name) == (4711, "program")
    assert {t.thread.thread_name for t in tracks.values() if t.HasField("thread")} == {
        "main",
        "worker",
    }


def test_values_texts_and_losses(program: Path, tmp_path: Path) -> None:
    g = usual()
    g.losses = {0: 3, 1: 0, 2: 4, 7: 5}
    trace = decode(convert(program, g.bytes(), tmp_path)[0])
    events = [p.track_event for p in trace.packet if p.HasField("track_event")]
    assert [e.counter_value for e in events if e.HasField("counter_value")] == [-7]
    values = [[a.int_value for a in e.debug_annotations] for e in events]
    assert [-5] in values
    assert [1 << 40, -(1 << 63)] in values
    assert [e.flow_ids[:] for e in events if e.flow_ids] == [[(1 << 64) - 1]]
    assert [e.terminating_flow_ids[:] for e in events if e.terminating_flow_ids]
    bodies = [b.body for p in trace.packet for b in p.interned_data.log_message_body]
    assert bodies == ["it is \u00e9t\u00e9"]
    lost = [e.debug_annotations for e in events if e.name == "lost events"]
    assert [(a[0].int_value, a[1].string_value) for a in lost] == [
        (3, "buffers were full"),
        (4, "no memory for a thread"),
        (5, "other"),
    ]
    assert [a.int_value for a in events[-1].debug_annotations] == [1, 20, 12, 0]


def test_whole_generations_are_taken_and_the_rest_is_left(program: Path, tmp_path: Path) -> None:
    one, two = usual(1).bytes(), usual(2).bytes()
    for length in (0, 1, len(one) - 1, len(one), len(one) + 1, len(one + two) - 1, len(one + two)):
        out, used, error = convert(program, (one + two)[:length], tmp_path)
        whole = (length >= len(one)) + (length >= len(one + two))
        assert (used, error) == ([0, len(one), len(one + two)][whole], "")
        ends = [p for p in decode(out).packet if p.track_event.name == "generation"]
        assert len(ends) == whole


def test_names_are_written_once_in_a_batch(program: Path, tmp_path: Path) -> None:
    g = Generation()
    name = g.name("x" * 50)
    for tid in (1, 2):
        batch = g.batch(tid, "t")
        for time in range(1, 1001):
            batch.add(time, REGION if time % 2 else 5, name)
    out, _, _ = convert(program, g.bytes(), tmp_path)
    assert out.count(b"x" * 50) == 2
    assert len(out) < 2000 * 17


def test_whatever_the_bytes_are_nothing_is_read_beyond_them(program: Path, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    whole = usual().bytes() + usual(2).bytes()
    errors = set()
    for _ in range(int(os.environ.get("RACESHIM_FUZZ", "20000")) // 200):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[place] ^= 1 << chance.randrange(8)
                case 1:
                    del data[place : place + chance.randrange(1, 20)]
                case _:
                    data[place:place] = chance.randbytes(chance.randrange(1, 9))
        out, _, error = convert(program, bytes(data), tmp_path)
        decode(out)
        errors.add(error)
    assert {"", "Bad message"} <= errors


def test_names_that_are_no_text_do_not_spoil_the_trace(program: Path, tmp_path: Path) -> None:
    g = Generation()
    g.names["x"] = 1
    g.batch(1, "t").add(1, INSTANT, var(1))
    data = g.bytes().replace(b"\x01\x01x", b"\x01\x01\xff")
    trace = decode(convert(program, data, tmp_path)[0])
    names = [n.name for p in trace.packet for n in p.interned_data.event_names]
    assert names == ["?"]

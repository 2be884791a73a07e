# SPDX-License-Identifier: BSD-2-Clause
"""Traces of threads that come and go, while traces begin and end: each event in both formats."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import pytest
from perfetto_official import decode, module
from raceshim._errors import RaceshimError
from raceshim.trace._check import check
from raceshim.trace._ctf import write
from raceshim.trace._read import parse
from shim_builds import WAYS
from test_trace import check as run
from test_trace_output import babeltrace
from test_trace_read import plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shim_builds import Builds


def sound(raw: bytes, encoded: bytes, folder: Path) -> tuple[int, int]:
    """Return how many events a trace has, and how many it has lost: the same in each format."""
    trace = parse(raw, "raw")
    assert (check(trace).wrong, trace.cut) == ((), None)
    assert trace.generations[-1].last
    decode(encoded)
    other = parse(encoded, "encoded")
    assert plain(other) == plain(trace)
    assert other.generations == trace.generations
    write(trace, str(folder / "ctf"))
    lines = babeltrace(folder / "ctf")
    lost = [int(m[1]) for line in lines if (m := re.search(r"lost: .*count = (\d+)", line))]
    assert (len(lines), sum(lost)) == (len(trace.events) + len(lost), trace.lost)
    return len(trace.events), trace.lost


def look(program: Path, seconds: int, seed: int, folder: Path) -> tuple[str, list[Path]]:
    """Run the test and look at all that it has kept; return what it says, and the traces."""
    kept = folder / "kept"
    kept.mkdir()
    told = run(program, str(seconds), str(seed), str(kept))
    (counts,) = re.findall(r"(\d+) traces, \d+ generations, (\d+) events, (\d+) lost\n", told)
    files = sorted(kept.glob("*.trace"))
    found = [sound(f.read_bytes(), f.with_suffix(".pftrace").read_bytes(), folder) for f in files]
    sums = [sum(numbers) for numbers in zip(*found, strict=True)]
    assert [len(files), *sums] == [int(n) for n in counts]
    return told, files


def end_of_events(raw: bytes) -> int:
    """Return where the first block with events ends, of which the last byte is of a value."""
    at = 0
    while True:
        kind, length = struct.unpack_from("<c3xI", raw, at)
        if kind == b"B" and struct.unpack_from("<I", raw, at + 28) != (0,):
            return int(at + length)
        at += length


def one_value_is_another(raw: bytes, encoded: bytes) -> tuple[bytes, bytes]:
    end = end_of_events(raw)
    return raw[: end - 1] + bytes([raw[end - 1] ^ 1]) + raw[end:], encoded


def one_event_is_missing(raw: bytes, encoded: bytes) -> tuple[bytes, bytes]:
    trace = decode(encoded)
    number = next(i for i, p in enumerate(trace.packet) if p.track_event.type == 3)
    del trace.packet[number]
    return raw, trace.SerializeToString()


def a_field_is_not_perfettos(raw: bytes, encoded: bytes) -> tuple[bytes, bytes]:
    packet = module().TracePacket(timestamp=1).SerializeToString() + b"\xf8\xff\x03\x01"
    return raw, encoded + b"\x0a" + bytes([len(packet)]) + packet


def the_mark_is_damaged(raw: bytes, encoded: bytes) -> tuple[bytes, bytes]:
    return b"END?".join(raw.rsplit(b"END!", 1)), encoded


def the_end_is_missing(raw: bytes, encoded: bytes) -> tuple[bytes, bytes]:
    return raw[:-1], encoded


DAMAGES = (
    one_value_is_another, one_event_is_missing, a_field_is_not_perfettos, the_mark_is_damaged,
    the_end_is_missing,
)  # fmt: skip


def test_each_event_is_in_both_formats(builds: Builds, tmp_path: Path) -> None:
    (program,) = builds.tests("gcc-12", "visible", "test_trace_stress")
    _, files = look(program, 0, 7, tmp_path)
    file = max(files, key=lambda f: f.stat().st_size)
    raw, encoded = (file.with_suffix(kind).read_bytes() for kind in (".trace", ".pftrace"))
    # The control: the same trace, when it is not whole any more.
    damage: Callable[[bytes, bytes], tuple[bytes, bytes]]
    for damage in DAMAGES:
        with pytest.raises((AssertionError, RaceshimError)):
            sound(*damage(raw, encoded), tmp_path)
    stream = tmp_path / "ctf/stream"
    stream.write_bytes(stream.read_bytes()[:-1])
    with pytest.raises(AssertionError):
        babeltrace(tmp_path / "ctf")


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_a_minute_of_traces_in_both_formats(way: str, builds: Builds, tmp_path: Path) -> None:
    (program,) = builds.tests("clang-19", way, "test_trace_stress")
    print(look(program, 60, 7, tmp_path)[0])

# SPDX-License-Identifier: BSD-2-Clause
"""Events that nobody writes down, in every format: waits, calls that may wait, CPU samples."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from perfetto_official import decode, protoc
from raceshim.trace._check import check
from raceshim.trace._main import main
from raceshim.trace._model import SAMPLE
from raceshim.trace._perfetto import packets
from raceshim.trace._read import parse
from raw_traces import REGION, REGION_END, THREAD, THREAD_END, WAIT, Generation, automatic, var
from test_perfetto import _program as program  # noqa: F401 - a fixture
from test_perfetto import convert

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.trace._model import Trace

FUNCTIONS = ["hot", "work", "start_thread"]
NAMES = [
    "wait for condition", "wait for semaphore", "wait for thread", "wait for reading",
    "wait for writing", "wait at barrier", "read",
]  # fmt: skip


def stacks(trace: Trace) -> list[tuple[int, list[str]]]:
    """Return the samples: their times, and the functions from the innermost."""
    return [
        (e.time - trace.begin, [str(name) for name in stack])
        for e in trace.events
        if e.kind == SAMPLE
        for _, stack in e.args
        if isinstance(stack, list)
    ]


def plain(trace: Trace) -> list[tuple[object, ...]]:
    """Return the events as they are in any format."""
    return [
        (e.time, e.kind, trace.track(e.track).tid, e.name, e.category, e.args, e.flows, e.ends)
        for e in trace.events
    ]


def test_what_is_read() -> None:
    trace = parse(automatic().bytes(), "x")
    assert check(trace).wrong == ()
    assert "2 still open at the end" in check(trace).notes[0]
    assert [e.name for e in trace.events if e.kind == "end"] == NAMES
    assert stacks(trace) == [
        (90, FUNCTIONS), (190, FUNCTIONS), (290, FUNCTIONS[1:]), (590, ["?"])
    ]  # fmt: skip
    assert trace.losses == {"not kept by the CPU profiler": 2}
    (call,) = (e for e in trace.events if e.name == "read" and e.kind == "begin")
    assert (call.category, call.args) == ("raceshim", (("of", "0x3"),))


def test_the_library_and_the_tool_write_the_same(program: Path, tmp_path: Path) -> None:  # noqa: F811
    raw = parse(automatic().bytes(), "x")
    out, used, error = convert(program, automatic().bytes(), tmp_path)
    assert (used, error) == (len(automatic().bytes()), "")
    for data in (out, b"".join(packets(raw))):
        decode(data)
        assert protoc(data, tmp_path).count("perf_sample {") == 4
        trace = parse(data, "x")
        assert plain(trace) == plain(raw)
        assert trace.losses == raw.losses
        assert trace.notes == ()


def test_names_of_functions_are_written_once_in_a_batch(
    program: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    g = Generation()
    batch = g.batch(1, "t", flags=2)
    for time in range(1, 101):
        batch.add(time, 16, var(128) + g.name("f" * 1000) * 64 + g.name("g" * 1000) * 64)
    out, _, error = convert(program, g.bytes(), tmp_path)
    assert not error
    assert (out.count(b"f" * 1000), out.count(b"g" * 1000)) == (1, 1)
    assert len(stacks(parse(out, "x"))) == 100


def test_a_stack_that_is_too_deep_is_no_stack(program: Path, tmp_path: Path) -> None:  # noqa: F811
    g = Generation()
    g.batch(1, "t", flags=2).add(1, 16, var(129) + g.name("f") * 129)
    assert convert(program, g.bytes(), tmp_path)[2] == "Bad message"


def test_summary_has_samples_and_calls_are_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.trace"
    file.write_bytes(automatic().bytes())
    assert main(["summary", "--json", f"{file}.json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("samples  in function")
    assert lines[at + 1 : at + 4] == ["      2  hot", "      1  work", "      1  ?"]
    assert "    1  200ns    200ns    200ns  wait  read" in lines
    told = json.loads((tmp_path / "x.trace.json").read_text())
    assert told["samples"] == {"hot": 2, "work": 1, "?": 1}
    assert [t["waits"] for t in told["threads"]] == [8, 1]


@pytest.mark.skipif(not shutil.which("babeltrace2"), reason="tools/bootstrap installs it")
def test_ctf_has_samples(tmp_path: Path) -> None:
    file, out = tmp_path / "x.trace", tmp_path / "ctf"
    file.write_bytes(automatic().bytes())
    assert main(["to-ctf", "-o", str(out), str(file)]) == 0
    done = subprocess.run(["babeltrace2", out], capture_output=True, text=True, check=True)
    assert done.stdout.count("sample:") == 4
    assert 'stack = "hot < work < start_thread"' in done.stdout


@pytest.mark.parametrize("command", ["to-json", "html", "events"])
def test_samples_are_in_what_people_look_at(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.trace"
    file.write_bytes(automatic().bytes())
    assert main([command, str(file)]) == 0
    assert "start_thread" in capsys.readouterr().out


def lives(*, samples_after: bool, acts_after: bool) -> Generation:
    """Return a thread that ends amid a wait, and another one that gets its id."""
    g = Generation()
    one = g.batch(9, "t")
    one.add(1, THREAD, var(0)).add(2, WAIT, var(2) + var(7)).add(3, THREAD_END)
    if acts_after:
        one.add(4, REGION, g.name("a"))
    if samples_after:
        g.batch(9, "t", flags=2).add(5, 16, var(1) + g.name("f"))
    two = g.batch(9, "t", 6)
    two.add(7, THREAD, var(0)).add(8, REGION, g.name("b")).add(9, REGION_END, g.name("b"))
    return g


def test_a_thread_that_ends_amid_a_wait_leaves_nothing_to_its_heir() -> None:
    found = check(parse(lives(samples_after=True, acts_after=False).bytes(), "x"))
    assert found.wrong == ()
    assert "1 still open at the end: wait for condition (1)" in found.notes
    # The control: something else than a sample after the end is told.
    found = check(parse(lives(samples_after=True, acts_after=True).bytes(), "x"))
    assert len(found.wrong) == 1
    assert "'a' after the thread's end" in found.wrong[0]

# SPDX-License-Identifier: BSD-2-Clause
"""`gate --profile`: the profiles of many runs become one, whoever has made the runs."""

from __future__ import annotations

import itertools
import re
import shutil
import string
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import CALLS, HEAP, Builder
from raceshim._errors import UsageError
from raceshim._option_values import profile as profile_value
from raceshim._option_values import profile_in, profile_parts
from raceshim.prof._gather import Recorder
from raceshim.prof._model import NOWHERE, Frame, Label, Module, Profile, Sample, ValueType
from raceshim.prof._read import parse, read_file
from raceshim.prof._write import write

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Programs, Raceshim

TEXT = st.text(string.printable + "é漢", min_size=1, max_size=8)
MODULES = st.builds(Module, TEXT, st.sampled_from(("", "00ff"))) | st.just(NOWHERE)


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Frame, ...]:
    """Return a stack as the reader makes them: what is inlined shares its caller's place."""
    frames: list[Frame] = []
    for _ in range(draw(st.integers(0, 3))):
        module, offset = draw(MODULES), draw(st.integers(0, 1 << 48) | st.just((1 << 64) - 1))
        names = draw(st.lists(st.tuples(TEXT, TEXT, st.integers(0, 9)), min_size=1, max_size=3))
        last = len(names) - 1
        frames += [
            Frame(*name, module, offset, inlined=place < last) for place, name in enumerate(names)
        ]
    return tuple(frames)


LABELS = st.builds(Label, TEXT, TEXT) | st.builds(Label, TEXT, st.integers(1, 9), TEXT)
SAMPLES = st.builds(
    Sample,
    stacks(),
    st.tuples(st.integers(0, 1 << 62), st.integers(0, 9)),
    st.lists(LABELS, max_size=2).map(tuple),
)


@given(st.lists(SAMPLES, max_size=6).map(tuple), st.lists(TEXT, max_size=2).map(tuple))
def test_what_is_written_is_read_again(
    samples: tuple[Sample, ...], comments: tuple[str, ...]
) -> None:
    types = (ValueType("samples", "count"), ValueType("cpu", "nanoseconds"))
    profile = Profile(types, samples, types[1], 7, 5, 6, comments, (), "samples")
    again = parse(write(profile), "written")
    for name in ("types", "samples", "period_type", "period", "time", "duration", "comments"):
        assert getattr(again, name) == getattr(profile, name)
    assert again.default_type == "samples"
    starts = [(one.start, one.limit) for one in again.mappings if one.start]
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(starts))


@pytest.mark.skipif(shutil.which("go") is None, reason="no go is installed")
def test_go_reads_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / "sum.pb.gz"
    file.write_bytes(write(Builder().samples(CALLS).profile()))
    words = ("go", "tool", "pprof", "-symbolize=none", "-top", file)
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert re.search(r"^ +600ms .* hot75$", told, re.MULTILINE)


def left(folder: Path, run: int, pid: int, *, kind: str = "cpu") -> None:
    """Leave what a process of a run leaves."""
    types = HEAP if kind == "heap" else (("samples", "count"), ("cpu", "nanoseconds"))
    built = Builder(program="/tree/bin/prog", shift=0x1000 * pid, types=types)
    values = (1, 100, 1, 100) if kind == "heap" else (3, 30)
    built.stack("main work", values, tid=pid).comment("clock: x").comment(f"accepted {pid} samples")
    built.write(folder / f"run-{run}.{pid}.{kind}.pb.gz")


def test_chunks_add_up_to_what_the_processes_have_left(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    worker, gate = Recorder(f"cpu,heap:{there}"), Recorder(f"cpu,heap:{here}")
    for pid, run in enumerate((1, 1, 2, 7)):
        left(there, run, pid)
    left(there, 2, 9, kind="heap")
    left(here, 20, 11)  # a run of the gate's own
    gate.put(worker.take({1, 2}, lambda path: path.removeprefix("/tree")))
    assert [file.name for file in there.iterdir()] == ["run-7.3.cpu.pb.gz"]
    gate.put(worker.take({7}))
    told = gate.finish()
    assert sorted(file.name for file in here.iterdir()) == ["cpu.pb.gz", "heap.pb.gz"]
    assert "15 samples" in told[0]
    assert "100B in 1 blocks allocated" in told[1]
    found = read_file(here / "cpu.pb.gz")
    # Modules are in terms of the gate's machine where the worker has said so; threads are nobody's.
    sums = {(s.stack[0].module.path, s.labels): s.values for s in found.samples}
    assert sums == {("/bin/prog", ()): (9, 90), ("/tree/bin/prog", ()): (6, 60)}
    assert found.comments == ("clock: x", "sum of 5 processes")
    assert read_file(here / "heap.pb.gz").samples[0].values == (1, 100, 1, 100)


def test_an_earlier_gate_does_not_count(tmp_path: Path) -> None:
    left(tmp_path, 1, 1)
    Recorder(f"{tmp_path}").finish()
    left(tmp_path, 1, 2)
    other = tmp_path / "mine.pb.gz"
    other.write_bytes(b"x")
    again = Recorder(f"{tmp_path}")
    assert list(tmp_path.iterdir()) == [other]
    (told,) = again.finish()
    assert "no profile" in told
    left(tmp_path, 3, 4)
    (tmp_path / "run-3.5.cpu.pb.gz").write_bytes(b"damaged")
    told, more = again.finish()
    assert "run-3.5.cpu.pb.gz: " in told
    assert "3 samples" in more


@pytest.mark.parametrize("where", ["worker", "gate"])
@pytest.mark.parametrize("damaged", [0, 2, 10])
def test_what_cannot_be_read_is_told_and_counted(tmp_path: Path, where: str, damaged: int) -> None:
    """Whether a worker has found it, or the gate when a batch of runs had ended."""
    there, here = tmp_path / "there", tmp_path / "here"
    worker, gate = Recorder(f"cpu:{there}"), Recorder(f"cpu:{here}")
    place = there if where == "worker" else here
    left(place, 0, 1)
    whole = (place / "run-0.1.cpu.pb.gz").read_bytes()
    names = [f"run-{run}.7.cpu.pb.gz" for run in range(1, damaged + 1)]
    for name in names:
        (place / name).write_bytes(whole[:-9])
    if where == "worker":
        gate.put(worker.take(range(damaged + 1)))
        assert not list(there.iterdir())
    else:
        for run in range(64):
            gate.ran(run)
        assert (here / "run-0.cpu.pb.gz").exists()
    *told, last = gate.finish()
    assert "3 samples" in last
    assert len([line for line in told if "truncated" in line]) == min(damaged, 8)
    assert ["and 2 more that cannot be read" in line for line in told[8:]] == [True] * (damaged > 8)
    # They are still there to be looked at; a second sum would tell of them again.
    assert sorted(file.name for file in here.iterdir()) == sorted(["cpu.pb.gz", *names])
    assert "sum of 1 processes" in read_file(here / "cpu.pb.gz").comments


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("out", "cpu:/new"),
        ("heap:out", "heap:/new"),
        ("cpu=50,locks=5:7:out", "cpu=50,locks=5:7:/new"),
        ("heap:heap", "heap:/new"),
    ],
)
def test_the_same_profiles_go_to_another_folder(text: str, same: str) -> None:
    assert profile_in(text, "/new") == same
    assert profile_parts(same)[0] == profile_parts(text)[0]


@pytest.mark.parametrize("text", ["", "cpu:", "disk:x", "cpu,cpu:x", "cpu=0:x", "locks=y:x"])
def test_what_names_no_profile_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"none of|no folder|no whole number|neither"):
        profile_value(text)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without %"):
        Recorder(f"{tmp_path}/%p")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--profile"):
        Recorder(f"{tmp_path}/file")


@pytest.mark.parametrize("runs", [1, 3])
def test_all_runs_of_a_command_are_in_one_profile(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, runs: int
) -> None:
    words = ("--profile", "heap=1,locks=1:1:out", "--runs", runs, "--policy", "none,pin")
    words = words if runs > 1 else words[:2]
    done = raceshim("gate", *words, "--", programs("plain"), cwd=tmp_path)
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == ["heap.pb.gz", "locks.pb.gz"]
    assert f"sum of {runs} processes" in read_file(tmp_path / "out/heap.pb.gz").comments
    assert re.search(r"profile of .*/out: .*allocated.*; in heap\.pb\.gz", done.stderr)


def test_profiles_are_of_one_build_of_a_command(raceshim: Raceshim, tmp_path: Path) -> None:
    words = ("gate", "--profile", tmp_path / "out")
    assert "--profile is for a command" in raceshim(*words, "x.c", status=2).stderr
    told = raceshim(*words, "--matrix", "all", "--", "true", status=2).stderr
    assert "leave out --matrix" in told

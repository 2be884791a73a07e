# SPDX-License-Identifier: BSD-2-Clause
"""Programs that leave their last events because RACESHIM_FLIGHT says so."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from flight_programs import DETECTED, HOOK, SIGNALS, Lab
from raceshim.trace._check import check
from raceshim.trace._read import read_file
from shim_builds import ROOT, one_clang, run

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.trace._model import Trace


@pytest.fixture(scope="module", name="lab")
def _lab(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab(sdk, tmp_path_factory.mktemp("flying"))


def fly(
    program: Path, value: str | Path, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program that is to leave its last events."""
    return subprocess.run(
        [program, *words], env={**os.environ, "RACESHIM_FLIGHT": str(value), **more},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def sound(file: Path) -> Trace:
    """Return a trace that is in order, and whole."""
    trace = read_file(file)
    findings = check(trace)
    assert (findings.wrong, trace.cut, trace.lost) == ((), None, 0)
    return trace


def told(trace: Trace) -> list[str]:
    return [e.text for e in trace.events if e.text is not None]


@pytest.mark.parametrize("way", DETECTED)
def test_a_report_has_what_every_thread_did_before(lab: Lab, way: str, tmp_path: Path) -> None:
    file = tmp_path / "last"
    done = fly(lab.program(way), file)
    assert done.stderr.count("WARNING: ThreadSanitizer: data race") == 1
    assert done.returncode == 66
    # Said before the report.
    assert done.stderr.startswith(f"raceshim: the last events before report 1 are in {file}\n")
    assert [p.name for p in tmp_path.iterdir()] == ["last"]
    trace = sound(file)
    names = [event.name for event in trace.events]
    assert told(trace) == ["report 1"]
    assert names.count("first") == names.count("second") == 1
    assert names.count("done") == 200
    assert "busy" in names
    assert "joined" not in names  # this was later
    # Who races reports.
    reporter = next(e.track for e in trace.events if e.text == "report 1")
    assert reporter in {e.track for e in trace.events if e.name in ("first", "second")}


@pytest.mark.parametrize("way", one_clang(DETECTED))
def test_without_a_report_there_is_no_file(lab: Lab, way: str, tmp_path: Path) -> None:
    done = fly(lab.program(way, "-DCONTROL", name="-control"), tmp_path / "last")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", one_clang(DETECTED))
def test_a_users_own_hook_is_called_too(lab: Lab, way: str, tmp_path: Path) -> None:
    hook = lab.folder / "hook.c"
    hook.write_text(HOOK)
    done = fly(lab.program(way, hook, name="-hook"), f"{tmp_path}/last:quiet")
    assert done.stdout == "the user's\n"
    assert "raceshim" not in done.stderr
    assert told(sound(tmp_path / "last")) == ["report 1"]


@pytest.mark.parametrize("way", one_clang(DETECTED))
def test_what_is_suppressed_leaves_no_file(lab: Lab, way: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("race:work\n")
    done = fly(lab.program(way), tmp_path / "last", TSAN_OPTIONS=f"suppressions={rules}")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["rules"]


@pytest.mark.parametrize("way", ["gcc-12"])
def test_preloaded_beside_a_shared_runtime(lab: Lab, way: str, tmp_path: Path) -> None:
    """A program that is not linked with the library."""
    source, program = tmp_path / "race.c", tmp_path / "race"
    source.write_text(
        "#include <pthread.h>\nint shared;\nstatic void *work(void *arg)\n{\n\tshared++;\n"
        "\treturn arg;\n}\nint main(void)\n{\n\tpthread_t a, b;\n"
        "\tpthread_create(&a, 0, work, 0);\n\tpthread_create(&b, 0, work, 0);\n"
        "\tpthread_join(a, 0);\n\tpthread_join(b, 0);\n\treturn 0;\n}\n"
    )
    run(way, "-fsanitize=thread", "-g", source, "-pthread", "-o", program)
    library = lab.sdk / "lib/libraceshim.so"
    done = fly(program, tmp_path / "last", LD_PRELOAD=str(library))
    assert "the last events before report 1" in done.stderr
    assert "report 1" in told(sound(tmp_path / "last"))


@pytest.mark.parametrize(
    ("way", "how"),
    [
        *(("plain", how) for how in SIGNALS),
        *((way, how) for way in ("clang-19", "gcc-12") for how in ("segv", "term")),
        *(pytest.param("clang-14", how, marks=pytest.mark.long) for how in ("segv", "term")),
        ("clang-19", "deep"),
    ],
)
def test_a_signal_that_kills_leaves_the_last_events(
    lab: Lab, way: str, how: str, tmp_path: Path
) -> None:
    number = SIGNALS[how]
    file, number = tmp_path / "last", SIGNALS[how]
    program = lab.program(way, "-DCONTROL", name="-control")
    done = fly(program, file, how)
    assert f"raceshim: the last events before signal {number} are in {file}\n" in done.stderr
    # As without: the detector's own handler comes after, where there is one.
    other = subprocess.run([program, how], capture_output=True, text=True, check=False)
    assert done.returncode == other.returncode
    assert ("SEGV" in done.stderr or "stack-overflow" in done.stderr) == (
        "SEGV" in other.stderr or "stack-overflow" in other.stderr
    )
    trace = sound(file)
    assert told(trace)[0] == f"signal {number}"
    assert [e.name for e in trace.events].count("joined") == 1


def test_who_has_a_handler_of_his_own_keeps_it(lab: Lab, tmp_path: Path) -> None:
    done = fly(lab.program("plain"), tmp_path / "last", "own")
    assert done.stdout == "own\n"
    assert done.returncode == -12
    assert list(tmp_path.iterdir()) == []  # it was his, and he did not go back to what was before


def test_children_leave_their_own(lab: Lab, tmp_path: Path) -> None:
    done = fly(lab.program("plain"), tmp_path / "last", "fork")
    assert done.returncode == 0
    (file,) = tmp_path.iterdir()
    assert re.fullmatch(r"last\.\d+", file.name)
    trace = sound(file)
    assert [e.name for e in trace.events if e.name in ("joined", "child")] == ["child"]
    assert told(trace) == ["signal 6"]


def test_each_file_has_a_name_of_its_own(lab: Lab, tmp_path: Path) -> None:
    """Nothing that was there is replaced."""
    (tmp_path / "last").write_text("kept")
    fly(lab.program("clang-19"), tmp_path / "last", "segv")
    assert (tmp_path / "last").read_text() == "kept"
    assert told(sound(tmp_path / "last.2")) == ["report 1"]
    assert told(sound(tmp_path / "last.3")) == ["report 1", "signal 11"]
    assert sorted(p.name for p in tmp_path.iterdir())[:3] == ["last", "last.2", "last.3"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (":quiet", "there is no path"),
        ("x:0", "there must be a second and a MiB at least"),
        ("x:5:0", "there must be a second and a MiB at least"),
        ("x:3601", "an hour is the most"),
        ("x:5:4097:quiet", "4096 MiB are the most"),
        ("none/x", "No such file or directory"),
    ],
)
def test_what_is_wrong_is_said_and_the_program_runs(
    lab: Lab, value: str, message: str, tmp_path: Path
) -> None:
    done = fly(lab.program("plain"), value if value[0] == ":" else tmp_path / value)
    assert done.returncode == 0
    assert re.fullmatch(
        rf"raceshim: error: no last events will be written: RACESHIM_FLIGHT=.*: {message}.*\n",
        done.stderr,
    ), done.stderr


def test_the_variable_is_documented() -> None:
    assert "RACESHIM_FLIGHT" in (ROOT / "docs/trace.md").read_text()

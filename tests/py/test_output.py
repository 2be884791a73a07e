# SPDX-License-Identifier: BSD-2-Clause
"""What a command prints: passed on as it is, and searched for reports that have no log."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from harness_programs import COMPILERS, Programs, Raceshim
from raceshim.evidence._printed import read_printed
from raceshim.evidence._processes import ProcessLog
from raceshim.evidence._scan import Scanner
from raceshim.report._parse import parse_log

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: clang's runtime of ThreadSanitizer reads UBSAN_OPTIONS too, and finds its log there.
OVERWRITTEN = "env TSAN_OPTIONS=exitcode=0 UBSAN_OPTIONS="

TIMES = "while IFS= read -r l; do printf '%s %s\\n' $(date -u +%FT%T.%NZ) \"$l\"; done"

BOTH = pytest.mark.parametrize("race", [True, False], ids=["race", "norace"])
ALL = pytest.mark.parametrize("compiler", COMPILERS)

CTEST_PROJECT = """\
cmake_minimum_required(VERSION 3.22)
project(overwritten NONE)
enable_testing()
add_test(NAME first COMMAND {program})
add_test(NAME second COMMAND {program})
set_tests_properties(first second PROPERTIES {properties})
"""


def result_of(raceshim: Raceshim, folder: Path, *words: str | Path, status: int) -> dict[str, Any]:
    path = folder / "result.json"
    raceshim("gate", "--json", path, *words, status=status)
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def ctest(folder: Path, program: Path, properties: str) -> list[str]:
    """Configure a project of two tests and return the command that runs them."""
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(
        CTEST_PROJECT.format(program=program, properties=properties)
    )
    build = folder / "build"
    subprocess.run(["cmake", "-S", folder, "-B", build], check=True, capture_output=True)
    return ["ctest", "-j2", "--test-dir", str(build)]


# The options are gone: reports are found where they are printed.


@BOTH
@ALL
@pytest.mark.parametrize("how", ["-V", "--output-on-failure"])
def test_ctest_that_overwrites_the_options(  # noqa: PLR0917
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, race: bool, how: str
) -> None:
    program = programs("plain", race=race, compiler=compiler)
    # The failure is swallowed by `exitcode` for -V, which shows the output of passing tests too.
    options = "exitcode=0" if how == "-V" else "exitcode=66"
    properties = f'ENVIRONMENT "TSAN_OPTIONS={options};UBSAN_OPTIONS=print_stacktrace=1"'
    command = ctest(tmp_path / "project", program, properties)
    status = 1 if race else 4  # no log, no report: nobody knows
    result = result_of(raceshim, tmp_path, "--", *command, how, status=status)
    races = [finding for finding in result["findings"] if finding["kind"] == "data race"]
    assert [finding["functions"] for finding in races] == (
        [["bump_in_main", "bump_in_thread"]] if race else []
    )
    assert all(finding["complete"] for finding in races)
    assert [finding["count"] for finding in races] == ([2] if race else [])
    assert any("string_append" in note for note in result["notes"])


@BOTH
@pytest.mark.parametrize("compiler", ["clang-19", "clang-14"])
def test_clang_finds_its_log_when_one_variable_is_overwritten(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, race: bool
) -> None:
    line = f"TSAN_OPTIONS=exitcode=0 {programs('plain', race=race, compiler=compiler)}"
    result = result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=int(race))
    (process,) = result["processes"]
    assert (process["detector"], process["completed"]) == ("thread", True)
    assert result["notes"] == []


@BOTH
def test_ctest_that_appends_to_the_options(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, race: bool
) -> None:
    program = programs("plain", race=race)
    properties = 'ENVIRONMENT_MODIFICATION "TSAN_OPTIONS=string_append::exitcode=0"'
    command = ctest(tmp_path / "project", program, properties)
    result = result_of(raceshim, tmp_path, "--", *command, "-V", status=int(race))
    assert result["notes"] == []
    assert len(result["processes"]) == 2


@BOTH
@ALL
@pytest.mark.parametrize(
    "line",
    [
        f"{OVERWRITTEN} PROGRAM 2>&1 | tee OUT",
        "env -u TSAN_OPTIONS -u UBSAN_OPTIONS PROGRAM || true",
        f"{OVERWRITTEN} TSAN_OPTIONS=color=always PROGRAM 2>&1 | sed 's/^/    /'; true",
        f"{OVERWRITTEN} PROGRAM 2>&1 | {TIMES}",
    ],
)
def test_script_that_overwrites_the_options(  # noqa: PLR0917
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, race: bool, line: str
) -> None:
    program = str(programs("plain", race=race, compiler=compiler))
    line = line.replace("PROGRAM", program).replace("OUT", str(tmp_path / "out"))
    # Beside a process that is watched, and clean.
    line = f"{programs('plain', compiler=compiler)}; {line}"
    result = result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=int(race))
    assert [finding["kind"] for finding in result["findings"]] == (["data race"] if race else [])
    assert all(finding["complete"] for finding in result["findings"])


def test_same_race_by_log_and_by_output_is_one_finding(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain", race=True)
    line = f"{program}; {OVERWRITTEN} {program}; true"
    (found,) = result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=1)["findings"]
    assert found["count"] == 2


def test_report_that_is_printed_from_its_log_counts_once(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain", race=True)
    # Where the log is, the program's own options tell.
    line = f"{program}; find $FOLDER -name '*-log.*' -exec cat {{}} +; true"
    line = f"FOLDER=$(echo $TSAN_OPTIONS | sed 's/.*log_path=\"//; s/\\/new\\/log\".*//'); {line}"
    (found,) = result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=1)["findings"]
    assert found["count"] == 1
    assert len(found["pids"]) == 1


def test_suppressed_report_without_a_log_proves_nothing(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    rules = tmp_path / "rules"
    rules.write_text("race:bump_in_thread\n")
    watched, other = programs("plain"), programs("plain", race=True)
    options = ("--suppressions", rules, "--", "sh", "-c")
    result = result_of(raceshim, tmp_path, *options, f"{OVERWRITTEN} {other}; true", status=4)
    assert "no process ran" in result["reasons"][0]
    result = result_of(raceshim, tmp_path, *options, f"{OVERWRITTEN} {other}; {watched}", status=4)
    assert any("its log is elsewhere" in reason for reason in result["reasons"])
    result_of(raceshim, tmp_path, *options, f"{other}; {watched}", status=0)


@pytest.mark.parametrize("compiler", ["clang-19", "clang-14"])
def test_detector_that_breaks_down_without_a_log(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    broken = programs("check_failed", compiler=compiler)
    line = f"{OVERWRITTEN} {broken}; {programs('plain', compiler=compiler)}"
    result = result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=4)
    assert [failure["kind"] for failure in result["failures"]] == ["CHECK failed"]


def test_program_under_run_is_searched_too(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    for race in (True, False):
        script = tmp_path / "script"
        script.write_text(f"#!/bin/sh\n{OVERWRITTEN} {programs('plain', race=race)}\n")
        script.chmod(0o755)
        done = raceshim("run", script, status=1 if race else 4)
        assert ("bump_in_thread" in done.stdout) == race
        assert 'TSAN_OPTIONS="$TSAN_OPTIONS' in done.stdout


def test_leave_gives_the_command_our_own_streams(raceshim: Raceshim, programs: Programs) -> None:
    line = f"{OVERWRITTEN} {programs('plain', race=True)}; readlink /proc/self/fd/2 >&2"
    for how, same in (("leave", True), ("scan", False)):
        read_end, write_end = os.pipe()
        with (
            open(read_end, "rb") as reader,  # noqa: PTH123
            subprocess.Popen(
                raceshim.line("gate", "--output", how, "--", "sh", "-c", line),
                env=raceshim.environ,
                stdout=subprocess.DEVNULL,
                stderr=write_end,
            ) as gate,
        ):
            ours = os.readlink(f"/proc/self/fd/{write_end}").encode()  # noqa: PTH115
            os.close(write_end)
            text = reader.read()
        assert gate.wait() == (4 if same else 1)
        assert (ours in text) == same


# What is passed on.


def gate_bytes(raceshim: Raceshim, script: str, *, merged: bool = False) -> tuple[bytes, bytes]:
    """Return what a command writes that the gate passes on."""
    done = subprocess.run(
        raceshim.line("gate", "--json", "-", "--", sys.executable, "-c", script),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if merged else subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 4
    return done.stdout, done.stderr or b""


def test_bytes_pass_unchanged(raceshim: Raceshim) -> None:
    script = """
import os
data = bytes(range(256)) * 3000 + b"no newline, Sanitizer"
for at in range(0, len(data), 997):
    os.write(1, data[at : at + 997])
os.write(2, b"\\0\\xff\\r\\npartial: runtime error: ")
"""
    out, err = gate_bytes(raceshim, script)
    assert out.startswith(bytes(range(256)) * 3000 + b"no newline, Sanitizer{")
    assert err.startswith(b"\0\xff\r\npartial: runtime error: raceshim: ")


def test_order_of_one_stream_is_kept(raceshim: Raceshim) -> None:
    script = """
import os
for number in range(2000):
    os.write(1 + number % 2, b"%d\\n" % number)
"""
    out, _ = gate_bytes(raceshim, script, merged=True)
    assert out.split()[:2000] == [b"%d" % number for number in range(2000)]


def test_output_is_passed_on_at_once(raceshim: Raceshim) -> None:
    with subprocess.Popen(
        raceshim.line("gate", "--", "sh", "-c", "printf part; read answer; echo $answer"),
        env=raceshim.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as gate:
        assert gate.stdin is not None
        assert gate.stdout is not None
        assert gate.stdout.read(4) == b"part"  # before the command has got what it waits for
        out, _ = gate.communicate(b"answered\n", timeout=60)
        assert out.startswith(b"answered\n")


def test_streams_can_be_opened_anew(raceshim: Raceshim) -> None:
    line = "echo one; echo two >/dev/stdout; echo three >/dev/stderr; echo four"
    done = raceshim("gate", "--", "sh", "-c", line, status=4)
    assert done.stdout.startswith("one\ntwo\nfour\n")
    assert done.stderr == "three\n"


def test_reader_that_goes_away_ends_the_command(raceshim: Raceshim, tmp_path: Path) -> None:
    told = tmp_path / "status"
    line = f"yes; echo $? >{told}"
    with subprocess.Popen(
        raceshim.line("gate", "--json", tmp_path / "result", "--", "sh", "-c", line),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as gate:
        assert gate.stdout is not None
        assert gate.stdout.read(2) == b"y\n"
        gate.stdout.close()
        gate.wait(timeout=60)
        assert int(told.read_text()) == 128 + signal.SIGPIPE


def test_daemon_that_outlives_the_gate_goes_on_writing(raceshim: Raceshim, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    # More than a pipe holds, then a last word.
    script = f"setsid sh -c 'read x <{go}; head -c 3000000 /dev/zero; echo last' & echo started"
    with subprocess.Popen(
        raceshim.line("gate", "--", "sh", "-c", script),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as gate:
        assert gate.stdout is not None
        assert gate.wait(timeout=60) == 4
        go.write_text("x\n")
        text = gate.stdout.read()  # until the daemon has ended, as it would be without the gate
        assert text.startswith(b"started\n")
        assert text.count(b"\0") == 3000000
        assert text.endswith(b"last\n")


def test_much_output_costs_no_memory_and_no_disk(raceshim: Raceshim, tmp_path: Path) -> None:
    size = 50 << 20
    log = 'f"1: WARNING: ThreadSanitizer: not a report of this process {i}\\n"'
    script = f"import sys\nfor i in range({size} // 4096):\n sys.stdout.write({log} + 'x' * 4096)"
    folder = tmp_path / "tmp"
    folder.mkdir()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        resource.setrlimit(resource.RLIMIT_DATA, (400 << 20, 400 << 20))

    for text in (script, f"import sys\nsys.stdout.write('plain\\n' * ({size} // 6))"):
        with subprocess.Popen(
            raceshim.line("gate", "--", sys.executable, "-c", text),
            env=raceshim.environ | {"TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            preexec_fn=limit,  # noqa: PLW1509 - this process has no threads
        ) as gate:
            assert gate.stdout is not None
            total = 0
            while data := gate.stdout.read(1 << 20):
                total += len(data)
            assert gate.wait(timeout=60) in (1, 4)
            assert total >= size - 4096
            assert list(folder.iterdir()) == []


def on_terminal(raceshim: Raceshim, *words: str) -> str:
    """Run a command whose streams are a terminal and return what it shows."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        raceshim.line(*words),
        env=raceshim.environ,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as gate:
        os.close(follower)
        text = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody is left
            while select.select([leader], [], [], 60)[0]:
                data = os.read(leader, 4096)
                if not data:
                    break
                text += data
        os.close(leader)
        gate.wait(timeout=60)
        return text.decode()


def test_terminal_stays_one_unless_somebody_asks(raceshim: Raceshim, programs: Programs) -> None:
    line = f"test -t 1 && echo terminal; {OVERWRITTEN} {programs('plain', race=True)}; true"
    shown = on_terminal(raceshim, "gate", "--", "sh", "-c", line)
    assert shown.startswith("terminal")
    assert "inconclusive" in shown
    assert "--output scan" in shown
    shown = on_terminal(raceshim, "gate", "--output", "scan", "--", "sh", "-c", line)
    assert not shown.startswith("terminal")
    assert "1 finding" in shown


def test_interrupt_while_nobody_reads(raceshim: Raceshim) -> None:
    with subprocess.Popen(
        raceshim.line("gate", "--", "sh", "-c", "echo ready; exec cat /dev/zero"),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as gate:
        assert gate.stdout is not None
        assert gate.stdout.read(6) == b"ready\n"
        time.sleep(0.2)  # both pipes may be full by then; it holds if they are not
        gate.send_signal(signal.SIGTERM)
        assert gate.wait(timeout=60) == 130
        gate.stdout.close()


# What is kept, judged from values.

REPORT = """\
==================
WARNING: ThreadSanitizer: data race (pid=PID)
  Write of size 4 at 0x55dfc5d0b258 by thread T1:
    #0 f /src/x.c:4:25 (x+0xe4624)

  Previous write of size 4 at 0x55dfc5d0b258 by main thread:
    #0 main /src/x.c:5:54 (x+0xe45b6)

SUMMARY: ThreadSanitizer: data race /src/x.c:4:25 in f
==================
"""


def scanned(text: str | Iterable[bytes]) -> tuple[ProcessLog, ...]:
    scanner = Scanner()
    for data in [text.encode()] if isinstance(text, str) else text:
        scanner.feed(data)
    scanner.finish()
    return read_printed([scanner], ())


def complete_pids(found: tuple[ProcessLog, ...]) -> list[int | None]:
    return sorted(
        report.pid or 0 for log in found for report in log.parsed.reports if report.complete
    )


def prefixed(text: str, prefix: str) -> list[str]:
    return [f"{prefix}{line}".rstrip() for line in text.splitlines()]


@pytest.mark.parametrize(
    "prefix", ["", "1: ", "    ", "web_1  | ", "[12:30:01.123] ", "E   ", "[1,0]<stderr>:", "ok "]
)
def test_common_prefix_is_taken_off(prefix: str) -> None:
    lines = prefixed(REPORT.replace("PID", "7") * 2 + REPORT.replace("PID", "8"), prefix)
    text = "\n".join(["before", *lines, "after", ""])
    found = scanned(text)
    assert complete_pids(found) == [7, 8]  # the same one twice counts once
    assert all(log.parsed.complete and log.printed for log in found)


def test_tests_at_the_same_time_are_told_apart_by_their_prefixes() -> None:
    first = prefixed(REPORT.replace("PID", "7"), "1: ")
    second = prefixed(REPORT.replace("PID", "8"), "12: ")
    mixed = [line for pair in zip(first, second, strict=True) for line in pair]
    assert complete_pids(scanned("\n".join(mixed) + "\n")) == [7, 8]


def test_times_in_front_may_differ() -> None:
    lines = [
        f"2026-11-21T06:{at:02}:59.{at * 7919:07}Z {line}"
        for at, line in enumerate(REPORT.replace("PID", "7").splitlines())
    ]
    assert complete_pids(scanned("\n".join(lines) + "\n")) == [7]


def test_no_cut_of_the_output_is_clean() -> None:
    for prefix in ("", "1: "):
        text = "\n".join(prefixed(REPORT.replace("PID", "7"), prefix)) + "\n"
        # From here on it can be nothing else than a report's.
        start = text.index("WARNING: ThreadSanitizer") + len("WARNING: ThreadSanitizer")
        for end in range(start, len(text)):
            assert scanned(text[:end]), text[:end]
        for begin in range(text.index("SUMMARY")):
            found = scanned(text[begin:])
            assert found, text[begin:]


def test_chunks_may_be_cut_anywhere() -> None:
    data = b"x" * 3000 + b"\n" + REPORT.replace("PID", "7").encode() + b"y" * 3000
    for size in (1, 7, 100):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert complete_pids(scanned(pieces)) == [7]


def test_report_among_the_output_of_others() -> None:
    noise = "".join(f"working on {number}\n" for number in range(500))
    lines = REPORT.replace("PID", "7").splitlines(keepends=True)
    mixed = noise.join(lines[:-1]) + lines[-1]
    assert complete_pids(scanned(noise + mixed + noise)) == [7]


def test_only_what_looks_like_a_report_is_kept() -> None:
    scanner = Scanner()
    for number in range(1000):
        scanner.feed(f"cc -fsanitize=thread {number} AddressSanitizer.cpp\n".encode() * 20)
    scanner.feed(REPORT.encode())
    for number in range(100000):
        scanner.feed(f"line {number}\n".encode())
    scanner.finish()
    assert len(scanner.lines) < 100
    assert complete_pids(scanned("panic: runtime error: index out of range\n")) == []
    assert scanned("-- Looking for ThreadSanitizer: yes\n") == ()


def test_more_reports_than_can_be_kept_are_not_clean() -> None:
    scanner = Scanner()
    text = "".join(REPORT.replace("PID", str(pid)) for pid in range(1, 4000)).encode()
    for _ in range(40):
        scanner.feed(text)
    scanner.finish()
    assert scanner.cut
    found = read_printed([scanner], ())
    assert not all(log.parsed.complete for log in found)


def test_reports_that_a_log_holds_are_not_told_again() -> None:
    text = REPORT.replace("PID", "7")
    log = ProcessLog("thread", 7, None, completed=True, parsed=parse_log(text))
    scanner = Scanner()
    scanner.feed((text + REPORT.replace("PID", "8")).encode())
    scanner.finish()
    assert complete_pids(read_printed([scanner], [log])) == [8]


def test_other_detectors_are_found() -> None:
    undefined = "3: a.c:3:5: runtime error: signed integer overflow: 1 + 2147483647\n3: done\n"
    (found,) = scanned(undefined)
    assert [report.kind for report in found.parsed.reports] == ["signed-integer-overflow"]
    fatal = "1: FATAL: ThreadSanitizer: unexpected memory mapping 0x5581-0x5582\n"
    (found,) = scanned(fatal)
    assert [failure.kind for failure in found.parsed.failures] == ["unexpected memory mapping"]
    (found,) = scanned("1: ThreadSanitizer: reported 3 warnings\n")
    assert not found.parsed.complete

# SPDX-License-Identifier: BSD-2-Clause
"""The gate over commands: evidence decides, not the exit status, and nothing is left running."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from harness_programs import COMPILERS, Programs, Raceshim
from raceshim._gate import CommandRun, judge_command
from raceshim.evidence._ends import Ends
from raceshim.evidence._logs import LogFolder
from raceshim.evidence._processes import ProcessLog, read_processes
from raceshim.evidence._run import Ended, LeftBehind
from raceshim.report._parse import ParsedLog, parse_log

BOTH = pytest.mark.parametrize("race", [True, False], ids=["race", "norace"])
ALL = pytest.mark.parametrize("compiler", COMPILERS)
#: The kernel tells the signal of those that lived long enough to be noticed.
SILENT_CRASH = re.compile("DIED: it (crashed: SIGABRT|left no record of its end)")


def result_of(raceshim: Raceshim, folder: Path, *words: str | Path, status: int) -> dict[str, Any]:
    """Gate a command and return what it writes as JSON."""
    path = folder / "result.json"
    raceshim("gate", "--json", path, *words, status=status)
    result: dict[str, Any] = json.loads(path.read_text())
    assert result["exit_code"] == status
    return result


@BOTH
@ALL
@pytest.mark.parametrize(
    "command",
    [
        "PROGRAM",
        "PROGRAM || true",
        "PROGRAM | cat",
        "PROGRAM >/dev/null 2>&1; exit 0",
        "(PROGRAM; PROGRAM) && echo unreached; :",
    ],
)
def test_exit_status_decides_nothing(
    raceshim: Raceshim, programs: Programs, command: str, compiler: str, race: bool
) -> None:
    program = programs("plain", race=race, compiler=compiler)
    line = command.replace("PROGRAM", str(program))
    done = raceshim("gate", "--", "sh", "-c", line, status=int(race))
    assert ("bump_in_thread" in done.stdout) == race


@BOTH
@ALL
def test_race_in_a_child_under_exit_status_0(
    raceshim: Raceshim, programs: Programs, compiler: str, race: bool
) -> None:
    program = programs("child", race=race, compiler=compiler)
    assert subprocess.run([program], check=False, stderr=subprocess.DEVNULL).returncode == 0
    raceshim("gate", "--", program, status=int(race))


@BOTH
@ALL
def test_race_before_exec_is_not_wiped_out(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, race: bool
) -> None:
    program = programs("again", race=race, compiler=compiler)
    # What happens without the gate: the second image truncates the log of the first.
    options = f"log_path={tmp_path}/log:print_module_map=1"
    alone = os.environ | {"TSAN_OPTIONS": options, "EXEC_AT_ONCE": "1"}
    subprocess.run([program], env=alone, check=True)
    (log,) = tmp_path.glob("log.*")
    assert "WARNING" not in log.read_text()
    raceshim("gate", "--", program, status=int(race))


@BOTH
@ALL
def test_process_that_ends_without_a_word(
    raceshim: Raceshim, programs: Programs, compiler: str, race: bool
) -> None:
    program = programs("underscore_exit", race=race, compiler=compiler)
    raceshim("gate", "--", "sh", "-c", f"{program}; true", status=int(race))


@ALL
def test_crash_that_nobody_reports_is_a_finding(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    """The runtimes say nothing of SIGABRT, but whoever has started the program is told."""
    dies = programs("abort", compiler=compiler)
    result = result_of(raceshim, tmp_path, "--", dies, status=1)
    (finding,) = result["findings"]
    assert (finding["kind"], finding["title"]) == ("SIGABRT", f"SIGABRT in {Path(dies).name}")
    assert result["processes"][0]["state"] == "DIED"
    assert not result_of(raceshim, tmp_path, "--", programs("plain"), status=0)["findings"]
    # Whoever tolerates it has no evidence of the rest of the run.
    result_of(raceshim, tmp_path, "--tolerate=crash", "--", dies, status=4)
    again = result_of(raceshim, tmp_path, "--runs=2", "--", dies, status=1)["findings"][0]
    assert again["fingerprint"] == finding["fingerprint"]
    assert (again["rate"]["shown"], again["rate"]["runs"]) == (2, 2)


@ALL
def test_crash_that_the_runtime_is_told_to_report_has_its_stack(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    dies = programs("abort", compiler=compiler)
    path = tmp_path / "result.json"
    told = {"TSAN_OPTIONS": "handle_abort=1"}
    raceshim("gate", "--json", path, "--", dies, status=1, env=told)
    (finding,) = json.loads(path.read_text())["findings"]
    assert finding["kind"] == "ABRT"
    assert "main" in str(finding["stacks"])


@ALL
@pytest.mark.parametrize("halt", ["", ":halt_on_error=1"])
def test_detector_that_aborts_makes_no_crash_of_a_race(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, halt: str
) -> None:
    path = tmp_path / "result.json"
    told = {"TSAN_OPTIONS": f"abort_on_error=1{halt}"}
    races = programs("plain", race=True, compiler=compiler)
    raceshim("gate", "--json", path, "--", races, status=1, env=told)
    (finding,) = json.loads(path.read_text())["findings"]
    assert finding["kind"] == "data race"


@ALL
def test_crash_that_is_swallowed_is_not_clean(
    raceshim: Raceshim, programs: Programs, compiler: str
) -> None:
    """Of a shell's child the kernel tells, where it lives for more than an instant."""
    dies, ends = (programs(name, compiler=compiler) for name in ("abort", "plain"))
    for line in (f"{dies}; true", f"{dies}; {ends}"):
        done = raceshim("gate", "--", "sh", "-c", line, status=None)
        assert (done.returncode, bool(SILENT_CRASH.search(done.stdout))) in ((1, False), (4, True))
        assert ("SIGABRT in" in done.stdout or "SIGABRT, process" in done.stdout) is (
            done.returncode == 1
        )
    raceshim("gate", "--", "sh", "-c", f"{ends}; {ends}", status=0)
    # Where tests kill what they have started it is counted; but somebody has to come to an end.
    kills = raceshim("gate", "--evidence=exit", "--", "sh", "-c", f"{dies}; {ends}", status=0)
    assert "1 without a record of its end" in kills.stdout
    raceshim("gate", "--evidence=exit", "--", "sh", "-c", f"{dies}; true", status=4)


def kernel_tells_of_ends() -> bool:
    child = subprocess.Popen(["sleep", "60"])
    ends = Ends()
    ends.watch(child.pid)
    child.kill()
    child.wait()
    try:
        return ends.status(child.pid) is not None
    finally:
        ends.close()


@ALL
@pytest.mark.parametrize("name", ["TERM", "KILL", "PIPE", "ABRT"])
def test_server_that_is_sent_a_signal(
    raceshim: Raceshim, programs: Programs, compiler: str, name: str
) -> None:
    """Killed is an end like any other where the kernel tells, but a core is left by crashes."""
    serve, ends = (programs(name, compiler=compiler) for name in ("serve", "plain"))
    # The shell's parent is the gate, which holds the server from its start on.
    held = 'grep -qs "^Pid:.*[^0-9]$!$" /proc/$PPID/fdinfo/*'
    line = f"{serve} & until {held}; do :; done; kill -{name} $!; wait $!; {ends}"
    clean = name != "ABRT" and kernel_tells_of_ends()
    done = raceshim("gate", "--", "sh", "-c", line, status=None)
    shown = done.stdout
    assert "1 without a record of its end" in shown
    if name == "ABRT" and kernel_tells_of_ends():
        assert done.returncode == 1
        assert "SIGABRT, process" in shown
    else:
        assert done.returncode == (0 if clean else 4)
        assert bool(SILENT_CRASH.search(shown)) is not clean
    alone = f"{serve} & until {held}; do :; done; kill -{name} $!; wait $!; true"
    told = name == "ABRT" and kernel_tells_of_ends()
    raceshim("gate", "--", "sh", "-c", alone, status=1 if told else 4)  # none knows of its threads


@ALL
@pytest.mark.parametrize("body", ["abort", "killed"])
def test_race_before_a_death_that_nobody_reports(
    raceshim: Raceshim, programs: Programs, body: str, compiler: str
) -> None:
    program = programs(body, race=True, compiler=compiler)
    raceshim("gate", "--", "sh", "-c", f"{program}; true", status=1)


@ALL
def test_crash_after_a_race_hides_nothing(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    for body in ("crash", "abort"):
        racy = programs(body, race=True, compiler=compiler)
        kinds = {
            finding["kind"]
            for finding in result_of(raceshim, tmp_path, "--", racy, status=1)["findings"]
        }
        assert "data race" in kinds


def test_failed_command_without_a_race_is_inconclusive(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    result = result_of(raceshim, tmp_path, "--", programs("plain"), "3", status=4)
    assert result["end"]["status"] == 3
    assert result["end"]["signal"] is None
    (reason,) = result["reasons"]
    assert "exit status 3" in reason


def test_failed_command_with_a_race_is_red(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    line = f"{programs('plain', race=True)}; exit 3"
    assert result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=1)["end"]["status"] == 3


@pytest.mark.parametrize("command", [[], ["true"], ["sh", "-c", "exit 0"], ["/no/such/file"]])
def test_nothing_ran_under_the_detector(raceshim: Raceshim, command: list[str]) -> None:
    raceshim("gate", "--", *command, status=4)


def test_uninstrumented_program_is_inconclusive(raceshim: Raceshim, programs: Programs) -> None:
    bare = programs("plain", race=True, detector="none")
    assert "no process ran" in raceshim("gate", "--", bare, status=4).stdout
    raceshim("gate", "--", programs("plain"))


def test_another_detector_is_no_evidence_for_races(raceshim: Raceshim, programs: Programs) -> None:
    program = programs("plain", detector="address")
    assert "but under: address" in raceshim("gate", "--", program, status=4).stdout
    raceshim("gate", "--detector", "address", "--", program)


@pytest.mark.parametrize("compiler", ["clang-19", "clang-14"])
def test_detector_that_breaks_down_is_inconclusive(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("check_failed", compiler=compiler)
    result = result_of(raceshim, tmp_path, "--", "sh", "-c", f"{program}; true", status=4)
    assert [failure["kind"] for failure in result["failures"]] == ["CHECK failed"]
    assert any("CHECK failed" in reason for reason in result["reasons"])


def test_reports_that_say_the_same_are_one_finding(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    racy, other = programs("plain", race=True), programs("leak_thread")
    line = f"for i in 1 2 3; do {racy}; done; {other}; true"
    findings = result_of(raceshim, tmp_path, "--", "sh", "-c", line, status=1)["findings"]
    counts = {finding["kind"]: finding["count"] for finding in findings}
    assert counts == {"data race": 3, "thread leak": 1}
    race = next(finding for finding in findings if finding["kind"] == "data race")
    assert [access["function"] for access in race["accesses"]] == ["bump_in_main", "bump_in_thread"]
    assert len(race["pids"]) == 3


def test_json_tells_the_whole_story(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    racy = programs("plain", race=True)
    result = result_of(raceshim, tmp_path, "--", racy, status=1)
    assert (result["schema"], result["mode"], result["verdict"]) == (1, "command", "races")
    assert result["command"] == [str(racy)]
    (finding,) = result["findings"]
    access = next(stack for stack in finding["stacks"] if stack["role"] == "access")
    assert access["frames"][0]["file"].endswith(".c")
    assert access["frames"][0]["line"] > 0
    assert access["access"]["size"] == 4


def test_json_on_stdout_is_nothing_but_json(raceshim: Raceshim, programs: Programs) -> None:
    quiet = f"{programs('plain', race=True)} >/dev/null"
    done = raceshim("gate", "--json", "-", "--", "sh", "-c", quiet, status=1)
    assert json.loads(done.stdout)["verdict"] == "races"
    assert "bump_in_thread" in done.stderr


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def eventually_dead(pid: int) -> bool:
    """Wait for a process that has been killed to be gone."""
    deadline = time.monotonic() + 30
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def pids_from(fifo: Path) -> list[int]:
    """Wait until both processes of the program `wait` have told their pids."""
    pids: list[int] = []
    with fifo.open() as file:
        pids += [int(line) for line in file]
    while len(pids) < 2:
        with fifo.open() as file:
            pids += [int(line) for line in file]
    return pids


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("detector", ["thread", "none"])
def test_interrupt_ends_every_process_and_writes_nothing(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, number: int, detector: str
) -> None:
    fifo, result = tmp_path / "fifo", tmp_path / "result.json"
    os.mkfifo(fifo)
    program = programs("wait", detector=detector)
    gate = subprocess.Popen(
        raceshim.line("gate", "--json", result, "--", program, fifo),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pids = pids_from(fifo)  # one of them in a session of its own
    assert all(alive(pid) for pid in pids)
    gate.send_signal(number)
    _, err = gate.communicate(timeout=60)
    assert gate.returncode == 130
    assert "Traceback" not in err
    assert all(eventually_dead(pid) for pid in pids)
    assert list(tmp_path.iterdir()) == [fifo]


def test_timeout_ends_every_process(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    result = tmp_path / "result.json"
    gate = subprocess.Popen(
        raceshim.line("gate", "--timeout", "1", "--json", result, "--", programs("wait"), fifo),
        env=raceshim.environ,
        stdout=subprocess.DEVNULL,
    )
    pids = pids_from(fifo)
    assert gate.wait(timeout=60) == 1
    assert all(eventually_dead(pid) for pid in pids)
    whole = json.loads(result.read_text())
    assert whole["end"]["timed_out"]
    assert [finding["kind"] for finding in whole["findings"]] == ["hang"]


@BOTH
@ALL
def test_daemon_is_waited_for(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, race: bool
) -> None:
    program = programs("daemon", race=race, compiler=compiler)
    go, fifo = tmp_path / "go", tmp_path / "fifo"
    os.mkfifo(fifo)
    gate = subprocess.Popen(
        raceshim.line("gate", "--wait", "60", "--", "sh", "-c", f"{program} {go}; echo >{fifo}"),
        env=raceshim.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    fifo.read_text()  # the daemon's parent is gone
    go.touch()
    out, _ = gate.communicate(timeout=60)
    assert gate.returncode == int(race), out


def test_daemon_that_stays_is_named(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    go = tmp_path / "go"
    line = f"{programs('daemon')} {go} >/dev/null 2>&1"  # or it would hold the test's own pipe
    try:
        result = result_of(raceshim, tmp_path, "--wait", "0", "--", "sh", "-c", line, status=4)
        (left,) = result["left_running"]
        assert alive(left["pid"])
        assert str(go) in left["command"]
    finally:
        go.touch()


def test_daemon_without_a_detector_is_not_waited_for(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    line = f"{programs('daemon', detector='none')} {go} >/dev/null 2>&1; {programs('plain')}"
    try:
        result = result_of(raceshim, tmp_path, "--wait", "600", "--", "sh", "-c", line, status=0)
        assert result["left_running"] == []
    finally:
        go.touch()


# What cannot be provoked at will is judged from values.

ENDED = Ended(0, timed_out=False, seconds=1.0, stdout="", stderr="")
QUIET = ParsedLog((), (), (), complete=True)


def process(parsed: ParsedLog) -> ProcessLog:
    return ProcessLog("thread", 1, "/bin/program", completed=True, parsed=parsed)


def judge(*parsed: ParsedLog, left: tuple[LeftBehind, ...] = ()) -> int:
    run = CommandRun(("x",), ENDED, tuple(map(process, parsed)), frozenset(), left)
    return judge_command(run, "thread").exit_code


REPORT = """\
==================
WARNING: ThreadSanitizer: data race (pid=7)
  Write of size 4 at 0x55dfc5d0b258 by thread T1:
    #0 f /src/x.c:4:25 (x+0xe4624)

  Previous write of size 4 at 0x55dfc5d0b258 by main thread:
    #0 main /src/x.c:5:54 (x+0xe45b6)

SUMMARY: ThreadSanitizer: data race /src/x.c:4:25 in f
==================
"""


def test_one_report_in_many_clean_processes_is_red() -> None:
    assert judge(QUIET, QUIET) == 0
    assert judge(QUIET, parse_log(REPORT), QUIET) == 1


def test_no_prefix_of_a_report_is_ever_clean() -> None:
    start = REPORT.index("WARNING: ThreadSanitizer") + len("WARNING: ThreadSanitizer")
    for end in range(start, len(REPORT)):
        assert judge(parse_log(REPORT[:end])) in (1, 4), REPORT[:end]


@pytest.mark.parametrize(
    "text",
    [
        "FATAL: ThreadSanitizer: unexpected memory mapping 0x5581-0x5582\n",
        'ThreadSanitizer: CHECK failed: tsan_rtl.cpp:1 "((x)) != (0)" (0x0, 0x0) (tid=7)\n',
        "==7==ThreadSanitizer: starting new threads after multi-threaded fork is not supported.\n",
    ],
)
def test_broken_detector_is_inconclusive(text: str) -> None:
    assert judge(QUIET, parse_log(text)) == 4
    assert judge(parse_log(REPORT + text)) == 1


def test_process_that_goes_on_is_inconclusive() -> None:
    assert judge(QUIET, left=(LeftBehind(5, "server"),)) == 4


@pytest.mark.parametrize("told", [True, False], ids=["told by the kernel", "looking"])
def test_logs_are_moved_aside_while_they_are_written(
    monkeypatch: pytest.MonkeyPatch, *, told: bool
) -> None:
    if not told:
        monkeypatch.setattr("raceshim.evidence._inotify.FolderWatch", Mock(side_effect=OSError))
    with LogFolder() as logs:
        first, second = (REPORT.replace("pid=7", f"pid={pid}") for pid in (7, 8))
        for text in (first, second):
            with open(f"{logs.log_path}.7", "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(text[:100])
                file.flush()
                deadline = time.monotonic() + 30
                while os.path.exists(file.name) and time.monotonic() < deadline:  # noqa: PTH110
                    time.sleep(0.001)
                file.write(text[100:])
        found = [report.pid for log in read_processes(logs) for report in log.parsed.reports]
    assert found == [7, 8]


def test_reading_the_witness_is_evidence() -> None:
    with LogFolder() as logs:
        assert logs.started() == set()
        witness = logs.witness("thread")
        assert witness is not None
        with open(witness[1], encoding="utf-8") as file:  # noqa: PTH123
            file.read()
        assert logs.started() == {"thread"}
        assert logs.witness("address") is None  # says so in its log


@ALL
def test_runtime_that_cannot_start_is_inconclusive(
    raceshim: Raceshim, programs: Programs, compiler: str
) -> None:
    line = f"setarch -L {programs('plain', compiler=compiler)} || true"
    done = raceshim("gate", "--", "sh", "-c", line, status=4)
    assert "FATAL: ThreadSanitizer" in done.stderr


def test_open_files_are_passed_on(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\t+$(GATE) make -s inner\ninner:\n\t$(PROGRAM)\n")
    gate = " ".join(raceshim.line("gate", "--"))
    done = subprocess.run(
        ["make", "-s", "-j2", f"GATE={gate}", f"PROGRAM={programs('plain')}"],
        cwd=tmp_path,
        env=raceshim.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "jobserver" not in done.stderr

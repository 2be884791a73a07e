# SPDX-License-Identifier: BSD-2-Clause
"""What follows from what a process leaves: threads, instrumentation, death; and the policy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from harness_programs import COMPILERS, Programs, Raceshim, clean_environment
from raceshim import _command
from raceshim._options import resolve
from raceshim._states import evidence
from raceshim.evidence import _instrumented
from raceshim.evidence._exit_record import read_record
from raceshim.evidence._logs import LogFolder
from raceshim.evidence._processes import ProcessLog, read_processes
from raceshim.evidence._run import environment, run

if TYPE_CHECKING:
    from pathlib import Path

ALL = pytest.mark.parametrize("compiler", COMPILERS)
#: Ways to start a program that change where its mappings come to lie, and how large a stack is.
STARTS = {
    "plain": (),
    "small": ("sh", "-c", 'ulimit -s 64; exec "$@"', "sh"),
    "middle": ("sh", "-c", 'ulimit -s 256; exec "$@"', "sh"),
    "unlimited": ("sh", "-c", 'ulimit -s unlimited; exec "$@"', "sh"),
    "fixed": ("setarch", "-R"),
}


def processes_of(*command: str | Path) -> list[ProcessLog]:
    """Run a command and return what its processes left."""
    with LogFolder() as logs:
        environ = environment(logs, clean_environment())
        assert run([str(word) for word in command], environ, logs, capture=True).status == 0
        return list(read_processes(logs))


def gated(raceshim: Raceshim, folder: Path, *words: str | Path, status: int) -> dict[str, Any]:
    """Gate a command and return what it writes as JSON."""
    path = folder / "result.json"
    raceshim("gate", "--json", path, *words, status=status)
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def states(result: dict[str, Any]) -> list[str]:
    return sorted(process["state"] for process in result["processes"])


# Threads.


@ALL
@pytest.mark.parametrize(
    ("start", "kind"),
    [
        *((start, kind) for start in STARTS for kind in ("joined", "own")),
        *(("plain", kind) for kind in ("detached", "small", "large", "many")),
    ],
)
def test_thread_is_seen_however_it_was_made(
    programs: Programs, compiler: str, start: str, kind: str
) -> None:
    (process,) = processes_of(*STARTS[start], programs("stacks", compiler=compiler), kind)
    assert process.completed
    assert process.threaded


@ALL
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", ["none", "allocates", "runs-a-command"])
def test_program_without_a_thread_is_known(
    programs: Programs, compiler: str, start: str, kind: str
) -> None:
    (process,) = processes_of(*STARTS[start], programs("stacks", compiler=compiler), kind)
    assert process.completed
    assert process.threaded is False
    assert not process.forked


@ALL
def test_forked_child_is_known_by_where_the_runtime_started(
    programs: Programs, compiler: str
) -> None:
    ended = processes_of(programs("child", compiler=compiler))
    assert sorted(process.forked for process in ended) == [False, True]
    assert all(process.threaded for process in ended if process.forked)
    assert not any(process.threaded for process in ended if not process.forked)


GUARD, STACK = "\t0x7f0000001000-0x7f0000002000\t\n", "\t0x7f0000002000-0x7f0000802000\t\n"


@pytest.mark.parametrize(
    ("maps", "threaded"),
    [
        (GUARD + STACK, True),
        (GUARD + "\t0x7f0000002000-0x7f0009000000\t\n", True),  # merged with its neighbour
        (GUARD, False),
        (STACK, False),
        (GUARD + "\t0x7f0000002000-0x7f0000004000\t\n", False),  # too small for a stack
        (GUARD + "\t0x7f0000003000-0x7f0000803000\t\n", False),  # a gap between
        (GUARD + STACK.replace("\t\n", "\t/lib/x.so\n"), False),
        (GUARD.replace("\t\n", "\t/lib/x.so\n") + STACK, False),
        ("\t0x7f0000000000-0x7f0000002000\t\n" + STACK, False),
    ],
)
def test_stack_is_a_page_and_what_lies_right_above_it(maps: str, threaded: bool) -> None:
    assert read_record(maps).threaded is threaded


@ALL
def test_killed_server_beside_a_client_without_threads(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    server, client = (programs(name, compiler=compiler) for name in ("killed", "threadless"))
    line = f"{server}; {client}"
    result = gated(raceshim, tmp_path, "--evidence=exit", "--", "sh", "-c", line, status=0)
    assert states(result) == ["NO-EVIDENCE"]  # nobody knows of the server's threads
    gated(raceshim, tmp_path, "--", "sh", "-c", f"{client}; {client}", status=4)


# Ends.


@ALL
def test_start_without_an_end(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    line = f"{programs('abort', compiler=compiler)}; true"
    options = ("--tolerate=crash", "--", "sh", "-c")  # as if the kernel did not tell of it
    result = gated(raceshim, tmp_path, *options, line, status=4)
    (process,) = result["processes"]
    assert (process["state"], process["completed"]) == ("DIED", False)
    assert any(f"process {process['pid']}" in reason for reason in result["reasons"])


@ALL
@pytest.mark.parametrize("evidence", ["exit", "start"])
def test_end_by_underscore_exit_is_one(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, evidence: str
) -> None:
    program = programs("underscore_exit", compiler=compiler)
    result = gated(raceshim, tmp_path, "--evidence", evidence, "--", program, status=0)
    assert states(result) == ["PASS"]


@ALL
def test_program_that_became_another_has_not_died(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("again", compiler=compiler)
    result = gated(raceshim, tmp_path, "--", program, status=0)
    assert states(result) == ["NO-EVIDENCE", "PASS"]


@ALL
@pytest.mark.parametrize("kept", [True, False])
def test_log_that_another_program_began_anew_is_told(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, compiler: str, kept: bool
) -> None:
    """The report of the first program is lost when nobody has moved its log aside in time."""
    if not kept:
        monkeypatch.setattr(LogFolder, "_collect", lambda _: None)
        monkeypatch.setenv("EXEC_AT_ONCE", "1")
    logs = processes_of(programs("again", race=True, compiler=compiler))
    assert [log.begun_anew for log in logs] == ([False, False] if kept else [True])
    assert any(log.parsed.reports for log in logs) == kept
    told = [process.reasons for process in evidence(logs, [()] * len(logs))]
    assert any("begun anew" in reason for reasons in told for reason in reasons) == (not kept)


# Instrumentation.


def test_stripped_program_is_given_the_benefit_of_the_doubt(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    linked = programs("plain", link_only=True)
    assert states(gated(raceshim, tmp_path, "--", linked, status=4)) == ["NOT-INSTRUMENTED"]
    stripped = shutil.copy(linked, tmp_path / "stripped")
    subprocess.run(["strip", stripped], check=True)
    assert states(gated(raceshim, tmp_path, "--", stripped, status=0)) == ["PASS"]


@ALL
def test_instrumented_library_is_enough(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    (tmp_path / "library.c").write_text("int shared; void touch(void) { shared++; }\n")
    library = tmp_path / "libtouch.so"
    options = ("--compiler", compiler)
    raceshim("cc", *options, "-shared", "-fPIC", tmp_path / "library.c", "-o", library)
    for known in (library, programs("plain", compiler=compiler)):
        seen = _instrumented.examine(str(known))
        assert seen is not None
        assert seen.instrumented
    linked = programs("plain", compiler=compiler, link_only=True)
    assert _instrumented.lacks_instrumentation([str(linked)])
    assert not _instrumented.lacks_instrumentation([str(linked), str(library)])
    assert not _instrumented.lacks_instrumentation([str(linked), "/no/longer/there"])


@ALL
def test_canary_is_no_code_of_the_programs(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    for name, state in (("plain", "NOT-INSTRUMENTED"), ("threadless", "NO-EVIDENCE")):
        linked = state == "NOT-INSTRUMENTED"
        program = programs(name, compiler=compiler, link_only=linked)
        result = gated(raceshim, tmp_path, "--canary", "--", program, status=4)
        assert states(result) == [state]


def test_file_is_read_once_until_it_changes(programs: Programs, tmp_path: Path) -> None:
    copy = shutil.copy(programs("plain"), tmp_path / "copy")
    reads = _instrumented._examine.cache_info().misses  # noqa: SLF001 - what it is about
    for _ in range(5):
        _instrumented.examine(str(copy))
    assert _instrumented._examine.cache_info().misses == reads + 1  # noqa: SLF001
    shutil.copy(programs("plain", link_only=True), copy)
    seen = _instrumented.examine(str(copy))
    assert seen is not None
    assert seen.instrumented is False


@pytest.mark.parametrize("size", [0, 3, 16, 64, 200, 5000])
def test_damaged_file_is_no_program(programs: Programs, tmp_path: Path, size: int) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(programs("plain").read_bytes()[:size])
    seen = _instrumented.examine(str(cut))
    assert seen is None or seen.instrumented is None
    assert not _instrumented.lacks_instrumentation([str(cut)])


def test_script_is_called_one(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    script = tmp_path / "tests.sh"
    script.write_text(f"#!/bin/sh\n{programs('plain', detector='none')}\n")
    script.chmod(0o755)
    result = gated(raceshim, tmp_path, "--", script, status=4)
    assert states(result) == ["NO-EVIDENCE"]
    assert f"{script} is a script" in result["reasons"][0]


# A detector that cannot start.


@ALL
def test_program_at_an_address_of_the_detectors(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    good = programs("plain", race=True, compiler=compiler)
    bad = tmp_path / "bad"
    place = "-Wl,-Ttext-segment=0x100000000000"
    options = ("--compiler", compiler, "-O1", "-fPIE", "-pie", "-pthread")
    raceshim("cc", *options, place, good.with_suffix(".c"), "-o", bad)
    result = gated(raceshim, tmp_path, "--", bad, status=4)
    assert states(result) == ["DIED", "NO-EVIDENCE"]
    assert any("linked at 0x100000000000" in reason for reason in result["reasons"])
    swallowed = gated(raceshim, tmp_path, "--", "sh", "-c", f"{bad} || true", status=4)
    assert states(swallowed) == ["DIED", "NO-EVIDENCE"]
    assert any("unexpected memory mapping" in reason for reason in swallowed["reasons"])
    gated(raceshim, tmp_path, "--", good, status=1)


@pytest.mark.parametrize(("bits", "fixed"), [("28", False), ("32", True), ("damaged", False)])
def test_wide_randomisation_is_turned_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: str, fixed: bool
) -> None:
    if subprocess.run(["setarch", "-R", "true"], check=False, capture_output=True).returncode:
        pytest.skip("the system does not let programs turn it off")
    told, shown = tmp_path / "bits", tmp_path / "personality"
    told.write_text(f"{bits}\n")
    monkeypatch.setattr(_command, "_RANDOM_BITS_FILE", told)
    _command._fixed_addresses.cache_clear()  # noqa: SLF001
    try:
        line = f"cat /proc/self/personality >{shown}"
        _command.gate_command(["sh", "-c", line], resolve({}), detector="thread")
    finally:
        _command._fixed_addresses.cache_clear()  # noqa: SLF001
    inherited = int((tmp_path / "personality").read_text(), 16) & 0x40000
    assert bool(inherited) == fixed


# The policy.


@ALL
def test_tolerated_kind_is_told_and_leaves_the_gate_open(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("leak_thread", compiler=compiler)
    gated(raceshim, tmp_path, "--", program, status=1)
    for kinds in ("thread-leak", "lock-order-inversion,thread-leak", "other"):
        result = gated(raceshim, tmp_path, "--tolerate", kinds, "--", program, status=0)
        (finding,) = result["findings"]
        assert (finding["rule"], finding["state"]) == ("thread-leak", "tolerated")
        assert states(result) == ["OTHER-KIND"]
    shown = raceshim("gate", "--tolerate", "other", "--github", "--", program).stdout
    assert "tolerated: thread leak" in shown
    assert "::notice" in shown
    assert "::error" not in shown
    raceshim("run", "--tolerate", "thread-leak", program)
    gated(raceshim, tmp_path, "--tolerate", "lock-order-inversion", "--", program, status=1)


def test_tolerance_of_one_kind_hides_no_race_and_no_failure(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    leak, race = programs("leak_thread"), programs("plain", race=True)
    line = f"{leak}; {race}"
    result = gated(raceshim, tmp_path, "--tolerate", "other", "--", "sh", "-c", line, status=1)
    found = {finding["rule"]: finding["state"] for finding in result["findings"]}
    assert found == {"thread-leak": "tolerated", "data-race": "open"}
    failing = ("sh", "-c", f"{leak}; exit 3")
    result = gated(raceshim, tmp_path, "--tolerate", "other", "--", *failing, status=4)
    assert any("exit status 3" in reason for reason in result["reasons"])


def test_unknown_kind_is_a_usage_error(raceshim: Raceshim, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    done = raceshim("gate", "--tolerate", "thread-leaks", "--", "touch", trace, status=2)
    assert "no such kind: thread-leaks" in done.stderr
    assert "thread-leak," in done.stderr
    assert not trace.exists()


def test_tolerance_from_the_project_and_the_environment(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("leak_thread")
    (tmp_path / "pyproject.toml").write_text('[tool.raceshim]\ntolerate = ["thread-leak"]\n')
    raceshim("gate", "--", program, cwd=tmp_path)
    raceshim("gate", "--", program, env={"RACESHIM_TOLERATE": "thread-leak"}, cwd=os.sep)
    raceshim("gate", "--", program, cwd=os.sep, status=1)

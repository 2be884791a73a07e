# SPDX-License-Identifier: BSD-2-Clause
"""The traps of gates: lanes that CTest passes, or takes for nothing but a failure.

Each lane is run by CTest alone, by CTest's own mode for ThreadSanitizer, and by CTest under the
gate, and each stands beside the same lane with its fault repaired, which is clean.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from ctest_lane import Lane
from harness_programs import COMPILERS, Programs, Raceshim

if TYPE_CHECKING:
    from pathlib import Path

ALL = pytest.mark.parametrize("compiler", COMPILERS)
PASSED, FAILED, FAILED_IN_MEMCHECK = 0, 8, 16
FINGERPRINT = re.compile(r"v1-[0-9a-f]{16}")


@dataclass(frozen=True)
class Seen:
    """What the gate has seen."""

    states: Counter[str]
    kinds: set[str]
    reasons: str


@pytest.fixture
def lane(tmp_path: Path, raceshim: Raceshim) -> Lane:
    return Lane(tmp_path, raceshim)


def judged(result: dict[str, Any]) -> Seen:
    """Sum up the gate's JSON; all open findings have a fingerprint that a process has too."""
    of_processes = {f for process in result["processes"] for f in process["fingerprints"]}
    for finding in result["findings"]:
        assert FINGERPRINT.fullmatch(finding["fingerprint"])
        assert finding["fingerprint"] in of_processes
    reasons = [*result["reasons"], *(r for p in result["processes"] for r in p["reasons"])]
    return Seen(
        Counter(process["state"] for process in result["processes"]),
        {finding["kind"] for finding in result["findings"]},
        "\n".join(reasons),
    )


def shell(line: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", line


@ALL
def test_race_in_a_child_whose_status_nobody_asks_for(
    lane: Lane, programs: Programs, compiler: str
) -> None:
    lane(programs("child", race=True, compiler=compiler))
    assert lane.ctest().returncode == PASSED
    shown = lane.memcheck()
    assert shown.returncode == PASSED
    assert "data race - 1" in shown.stdout  # found, told, and passed
    seen = judged(lane.gate(status=1))
    assert seen.states["RACE"] == 1
    assert seen.kinds == {"data race"}
    repaired = lane(programs("child", compiler=compiler)).gate(status=0)
    assert judged(repaired).states.keys() <= {"PASS", "NO-EVIDENCE"}


@ALL
def test_race_under_an_exit_code_of_0(lane: Lane, programs: Programs, compiler: str) -> None:
    option = 'ENVIRONMENT_MODIFICATION "TSAN_OPTIONS=path_list_append:exitcode=0"'
    lane(programs("plain", race=True, compiler=compiler), properties=option)
    assert lane.ctest().returncode == PASSED
    assert lane.memcheck().returncode == FAILED_IN_MEMCHECK  # which sets the variable anew
    seen = judged(lane.gate(status=1))
    assert (seen.states, seen.kinds) == ({"RACE": 1}, {"data race"})
    repaired = lane(programs("plain", compiler=compiler), properties=option).gate(status=0)
    assert judged(repaired).states == {"PASS": 1}


@ALL
def test_race_that_the_shell_swallows(lane: Lane, programs: Programs, compiler: str) -> None:
    lane(*shell(f"{programs('plain', race=True, compiler=compiler)} || true"))
    assert lane.ctest().returncode == PASSED
    assert lane.memcheck().returncode == PASSED
    seen = judged(lane.gate(status=1))
    assert (seen.states, seen.kinds) == ({"RACE": 1}, {"data race"})
    lane(*shell(f"{programs('plain', compiler=compiler)} || true")).gate(status=0)


@ALL
def test_forked_child_that_the_detector_ends(lane: Lane, programs: Programs, compiler: str) -> None:
    program = programs("forked_thread", compiler=compiler)
    lane(program, "with-a-thread-in-the-child")
    assert lane.ctest().returncode == PASSED
    shown = lane.memcheck()
    assert shown.returncode == PASSED
    assert "Defects" not in shown.stdout
    seen = judged(lane.gate(status=4))
    assert seen.states == {"PASS": 1, "DIED": 1}
    assert "starting new threads after multi-threaded fork" in seen.reasons
    assert "die_after_fork=0" in seen.reasons  # the cure
    assert judged(lane(program).gate(status=0)).states == {"PASS": 2}


@ALL
def test_crash_after_a_race(lane: Lane, programs: Programs, compiler: str) -> None:
    lane(programs("crash", race=True, compiler=compiler))
    assert lane.ctest().returncode == FAILED
    assert lane.memcheck().returncode == FAILED_IN_MEMCHECK
    seen = judged(lane.gate(status=1))
    assert seen.states == {"DIED": 1}
    assert seen.kinds == {"data race", "SEGV"}
    lane(programs("plain", compiler=compiler)).gate(status=0)


@ALL
def test_crash_that_the_shell_swallows(lane: Lane, programs: Programs, compiler: str) -> None:
    lane(*shell(f"{programs('crash', compiler=compiler)} || true"))
    assert lane.ctest().returncode == PASSED
    shown = lane.memcheck()
    assert shown.returncode == PASSED
    assert "Defects" not in shown.stdout
    seen = judged(lane.gate(status=1))
    assert (seen.states, seen.kinds) == ({"DIED": 1}, {"SEGV"})
    assert "it crashed: SEGV" in seen.reasons
    lane(*shell(f"{programs('plain', compiler=compiler)} || true")).gate(status=0)


@ALL
def test_crash_that_nobody_reports(lane: Lane, programs: Programs, compiler: str) -> None:
    lane(*shell(f"{programs('abort', compiler=compiler)} || true"))
    assert lane.ctest().returncode == PASSED
    shown = lane.memcheck()
    assert shown.returncode == PASSED
    assert "Defects" not in shown.stdout
    # The kernel tells of those that lived for more than an instant; of others nothing is known.
    result = lane.gate(status=None)
    seen = judged(result)
    assert seen.states == {"DIED": 1}
    assert (result["exit_code"], seen.kinds) in ((1, {"SIGABRT"}), (4, set()))
    assert "it crashed: SIGABRT" in seen.reasons or "no record of its end" in seen.reasons
    lane(*shell(f"{programs('plain', compiler=compiler)} || true")).gate(status=0)


@pytest.mark.parametrize("compiler", ["clang-19", "clang-14"])  # gcc's does not mind
def test_detector_that_breaks_down(lane: Lane, programs: Programs, compiler: str) -> None:
    program = programs("check_failed", compiler=compiler)
    lane(*shell(f"{program} || true"))
    assert lane.ctest().returncode == PASSED
    shown = lane.memcheck()
    assert shown.returncode == PASSED
    assert "Defects" not in shown.stdout
    seen = judged(lane.gate(status=4))
    assert seen.states == {"DIED": 1}
    assert "CHECK failed" in seen.reasons
    lane(*shell(f"{programs('plain', compiler=compiler)} || true")).gate(status=0)


@ALL
def test_program_that_was_not_built_for_the_detector(
    lane: Lane, programs: Programs, raceshim: Raceshim, compiler: str
) -> None:
    bare = programs("plain", race=True, detector="none", compiler=compiler)
    lane(bare)
    assert lane.ctest().returncode == PASSED
    assert lane.memcheck().returncode == PASSED
    seen = judged(lane.gate(status=4))
    assert seen.states == {"NO-EVIDENCE": 1}  # CTest itself says nothing of what it ran
    shown = raceshim("gate", "--", bare, status=4).stdout
    assert f"NOT-INSTRUMENTED: {bare} has no detector" in shown
    assert "raceshim cc" in shown
    lane(programs("plain", compiler=compiler)).gate(status=0)


@ALL
def test_program_that_was_linked_but_not_compiled_for_the_detector(
    lane: Lane, programs: Programs, compiler: str
) -> None:
    program = programs("plain", race=True, compiler=compiler, link_only=True)
    lane(program)
    assert lane.ctest().returncode == PASSED
    assert lane.memcheck().returncode == PASSED
    seen = judged(lane.gate(status=4))
    assert seen.states == {"NOT-INSTRUMENTED": 1}
    assert "no code was compiled for it" in seen.reasons
    lane(programs("plain", race=True, compiler=compiler)).gate(status=1)
    lane(programs("plain", compiler=compiler)).gate(status=0)


@ALL
def test_detector_that_cannot_start(lane: Lane, programs: Programs, compiler: str) -> None:
    # Memory from below upwards lies where the detector has its own.
    line = f"setarch -L {programs('plain', race=True, compiler=compiler)} || true"
    lane(*shell(line))
    assert lane.ctest().returncode == PASSED
    assert lane.memcheck().returncode == PASSED
    assert judged(lane.gate(status=4)).states == {"NO-EVIDENCE": 1}
    seen = judged(lane.gate("-V", status=4))  # CTest shows what it said
    assert seen.states == {"DIED": 1, "NO-EVIDENCE": 1}
    assert "vm.mmap_rnd_bits=28" in seen.reasons  # the cure
    lane(*shell(line.removeprefix("setarch -L "))).gate(status=1)
    lane(programs("plain", compiler=compiler)).gate(status=0)


def test_lane_without_tests(lane: Lane, programs: Programs) -> None:
    assert lane().ctest().returncode == PASSED
    seen = judged(lane.gate(status=4))
    assert seen.states == {"NO-EVIDENCE": 1}
    assert "no process ran" in seen.reasons
    lane(programs("plain")).gate(status=0)


@ALL
def test_lane_without_threads(lane: Lane, programs: Programs, compiler: str) -> None:
    program = programs("threadless", compiler=compiler)
    lane(program)
    assert lane.ctest().returncode == PASSED
    assert lane.memcheck().returncode == PASSED
    seen = judged(lane.gate(status=4))
    assert seen.states == {"NO-EVIDENCE": 1}
    assert "no process ever created a thread" in seen.reasons
    assert judged(lane(program, "two").gate(status=0)).states == {"PASS": 1}
    # Beside a program with threads it is a helper, told but not red.
    both = lane(*shell(f"{program} two && {program}")).gate(status=0)
    assert judged(both).states == {"PASS": 1, "NO-EVIDENCE": 1}


@ALL
def test_retry_that_comes_out_clean(
    lane: Lane, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program, retry = programs("first_time", race=True, compiler=compiler), "until-pass:3"
    lane(program, tmp_path / "without-the-gate")
    shown = lane.ctest("--repeat", retry)
    assert shown.returncode == PASSED
    assert "Failed" in shown.stdout  # the first time
    lane(program, tmp_path / "with-the-gate")
    seen = judged(lane.gate("--repeat", retry, status=1))
    assert seen.states == {"RACE": 1, "PASS": 1}
    assert seen.kinds == {"data race"}
    lane.gate("--repeat", retry, status=0)  # that was the first time

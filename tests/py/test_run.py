# SPDX-License-Identifier: BSD-2-Clause
"""Running one program: the detectors' options, what is shown, and the exit status."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

import pytest
from harness_programs import COMPILERS, HEAD, Programs, Raceshim
from raceshim.evidence._logs import RUNTIMES, LogFolder
from raceshim.evidence._run import environment
from raceshim.report._parse import MACHINE_STACK_FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def logs() -> Iterator[LogFolder]:
    with LogFolder() as folder:
        yield folder


def in_force(options: str) -> dict[str, str]:
    """Return what a runtime makes of its options: the last one of a name holds."""
    return dict(part.split("=", 1) for part in options.split(":"))


def test_users_options_beat_defaults(logs: LogFolder) -> None:
    base = {"TSAN_OPTIONS": "history_size=2:halt_on_error=1"}
    options = in_force(environment(logs, base)["TSAN_OPTIONS"])
    assert (options["history_size"], options["halt_on_error"]) == ("2", "1")
    assert in_force(environment(logs, {})["TSAN_OPTIONS"])["history_size"] == "7"


def test_what_the_gate_reads_beats_users_options(logs: LogFolder) -> None:
    base = dict.fromkeys(RUNTIMES, "log_path=/elsewhere:stack_trace_format=%n")
    for name in RUNTIMES:
        options = in_force(environment(logs, base)[name])
        assert options["log_path"] == f'"{logs.log_path}"'
        assert options["stack_trace_format"] == f'"{MACHINE_STACK_FORMAT}"'


def test_other_variables_stay(logs: LogFolder) -> None:
    assert environment(logs, {"PATH": "/bin"})["PATH"] == "/bin"


def test_folder_is_private_and_goes_away() -> None:
    with LogFolder() as folder:
        for path in (folder.path, *folder.path.iterdir()):
            assert not path.is_dir() or path.stat().st_mode & 0o44 == 0
    assert not folder.path.exists()


@pytest.mark.parametrize("compiler", COMPILERS)
def test_race_is_shown_with_both_functions_and_source_lines(
    raceshim: Raceshim, programs: Programs, compiler: str
) -> None:
    racy = programs("plain", race=True, compiler=compiler)
    done = raceshim("run", racy, status=1)
    assert done.stdout.startswith("done\n")
    assert "data race" in done.stdout
    assert "bump_in_thread" in done.stdout
    assert "bump_in_main" in done.stdout
    assert "NOINLINE void bump_in_main(void) { LOCK; shared++; UNLOCK; }" in done.stdout


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("evidence", ["exit", "start"])
def test_clean_program_is_clean_and_proves_that_the_detector_ran(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, evidence: str
) -> None:
    clean = programs("plain", compiler=compiler)
    result = tmp_path / "result.json"
    done = raceshim("run", "--evidence", evidence, "--json", result, clean)
    (process,) = json.loads(result.read_text())["processes"]
    assert process["detector"] == "thread"
    assert process["completed"]
    assert process["program"] == str(clean)
    assert done.stderr == ""


def test_stdin_and_arguments_pass_through(raceshim: Raceshim, programs: Programs) -> None:
    assert raceshim("run", programs("echo"), stdin="to and fro").stdout.startswith("to and fro")
    failed = raceshim("run", programs("plain"), "7", status=4)
    assert "exit status 7" in failed.stdout


def test_options_after_the_program_are_its_own(raceshim: Raceshim, programs: Programs) -> None:
    raceshim("run", programs("plain"), "--json")
    assert "unrecognized" in raceshim("run", "--nonsense", programs("plain"), status=2).stderr


@pytest.mark.parametrize("compiler", COMPILERS)
def test_users_suppressions_hold(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    racy = programs("plain", race=True, compiler=compiler)
    rules = tmp_path / "rules"
    rules.write_text("race:bump_in_thread\n")
    raceshim("run", racy, env={"TSAN_OPTIONS": f"suppressions={rules}"})
    rules.write_text("race:something_else\n")
    raceshim("run", racy, env={"TSAN_OPTIONS": f"suppressions={rules}"}, status=1)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_users_exit_code_hides_no_race(
    raceshim: Raceshim, programs: Programs, compiler: str
) -> None:
    racy = programs("plain", race=True, compiler=compiler)
    bare = {**os.environ, "TSAN_OPTIONS": "exitcode=0:log_path=/dev/null"}
    assert subprocess.run([racy], env=bare, check=False).returncode == 0
    raceshim("run", racy, env={"TSAN_OPTIONS": "exitcode=0"}, status=1)


@pytest.mark.parametrize(
    "case",
    [
        ("heap", "clang-19", "address", "heap-use-after-free"),
        ("heap", "clang-14", "address", "heap-use-after-free"),
        ("heap", "gcc-12", "address", "heap-use-after-free"),
        ("uninitialised", "clang-19", "memory", "use-of-uninitialized-value"),
        ("uninitialised", "clang-14", "memory", "use-of-uninitialized-value"),
    ],
)
def test_other_detectors(
    raceshim: Raceshim, programs: Programs, case: tuple[str, str, str, str]
) -> None:
    body, compiler, detector, shown = case
    bad = programs(body, compiler=compiler, detector=detector)
    assert shown in raceshim("run", bad, status=1).stdout
    good = programs("plain", compiler=compiler, detector=detector)
    done = raceshim("run", good)
    assert f"1 under {detector}" in done.stdout
    assert done.stderr == ""


def test_nothing_is_known_without_a_detector(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    bare = programs("plain", race=True, detector="none")
    assert "no process ran under a detector" in raceshim("run", bare, status=4).stdout
    assert "cannot run" in raceshim("run", tmp_path / "missing", status=4).stderr


@pytest.mark.parametrize("compiler", COMPILERS)
def test_detector_that_is_asked_for_must_have_run(
    raceshim: Raceshim, programs: Programs, compiler: str
) -> None:
    other = programs("plain", compiler=compiler, detector="address")
    raceshim("run", other)
    raceshim("run", "--detector", "address", other)
    done = raceshim("run", "--detector", "thread", other, status=4)
    assert "but under: address" in done.stdout


@pytest.mark.parametrize("compiler", COMPILERS)
def test_crash_is_no_clean_run(raceshim: Raceshim, programs: Programs, compiler: str) -> None:
    assert "SEGV" in raceshim("run", programs("crash", compiler=compiler), status=1).stdout
    killed = raceshim("run", programs("killed", compiler=compiler), status=4)
    assert "signal 9" in killed.stdout


def test_temporary_folder_with_a_colon_in_its_name(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    folder = tmp_path / "a:b c"
    folder.mkdir()
    done = raceshim("run", programs("plain", race=True), env={"TMPDIR": str(folder)}, status=1)
    assert "bump_in_thread" in done.stdout
    assert list(folder.iterdir()) == []


def test_undefined_behaviour_beside_races(raceshim: Raceshim, tmp_path: Path) -> None:
    source = tmp_path / "both.c"
    source.write_text(
        "#define LOCK\n#define UNLOCK\n" + HEAD + "int main(int argc, char **argv)\n"
        "{ (void)argv; two_threads(); return argc << (argc + 31) ? 0 : 0; }\n"
    )
    binary = tmp_path / "both"
    raceshim("cc", "-fsanitize=undefined", "-pthread", source, "-o", binary)
    result = tmp_path / "result.json"
    raceshim("run", "--json", result, binary, status=1)
    kinds = {finding["kind"] for finding in json.loads(result.read_text())["findings"]}
    assert "data race" in kinds
    assert len(kinds) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("race", [True, False])
def test_program_that_becomes_another_user_can_log(
    raceshim: Raceshim, programs: Programs, race: bool
) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are for one user only
        os.chmod(folder, 0o755)  # noqa: PTH101, S103
        program = shutil.copy(programs("plain", race=race), folder)
        raceshim("gate", "--", *nobody, program, status=int(race))

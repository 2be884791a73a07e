# SPDX-License-Identifier: BSD-2-Clause
"""The canary: a known race in every program of a command, which the gate has to get to know of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from harness_programs import COMPILERS, Programs, Raceshim

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "gate-1.json"
ALL = pytest.mark.parametrize("compiler", COMPILERS)


def gated(
    raceshim: Raceshim, folder: Path, line: str, *, status: int, options: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Gate a shell's command line with a canary and return the result."""
    file = folder / "result.json"
    raceshim("gate", "--canary", "--json", file, *options, "--", "sh", "-c", line, status=status)
    result: dict[str, Any] = json.loads(file.read_text())
    jsonschema.validate(result, json.loads(SCHEMA.read_text()))
    return result


def caught(result: dict[str, Any]) -> dict[str, bool]:
    """Return for each program, by its file name, whether its canary was caught."""
    return {Path(p["program"]).name: p["caught"] for p in result["canary"]["programs"]}


@ALL
def test_clean_program_is_clean_and_its_canary_is_caught(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("plain", compiler=compiler)
    result = gated(raceshim, tmp_path, f"{program}", status=0)
    assert caught(result) == {program.name: True}
    assert result["findings"] == []
    (process,) = result["processes"]
    assert (process["state"], process["completed"]) == ("PASS", True)


@ALL
def test_a_real_race_is_red_and_the_canary_is_not_among_its_findings(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("plain", race=True, compiler=compiler)
    result = gated(raceshim, tmp_path, f"{program}; {program}; true", status=1)
    (finding,) = result["findings"]
    assert (finding["functions"], finding["count"]) == (["bump_in_main", "bump_in_thread"], 2)
    assert caught(result) == {program.name: True}


@ALL
@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ('TSAN_OPTIONS="$TSAN_OPTIONS report_bugs=0"', "report_bugs=0"),
        ("TSAN_OPTIONS=report_bugs=0", "report_bugs=0"),
        ('TSAN_OPTIONS="$TSAN_OPTIONS suppressions=FILE"', "suppressions that may hide everything"),
        ("TSAN_OPTIONS=log_path=ELSEWHERE UBSAN_OPTIONS=", "replaced, not extended"),
    ],
)
def test_a_lane_that_makes_the_detector_silent_is_inconclusive(  # noqa: PLR0917
    raceshim: Raceshim,
    programs: Programs,
    tmp_path: Path,
    compiler: str,
    options: str,
    cause: str,
) -> None:
    file = tmp_path / "suppressions"
    file.write_text("race:*\n")
    options = options.replace("FILE", str(file)).replace("ELSEWHERE", str(tmp_path / "log"))
    racy = programs("plain", race=True, compiler=compiler)
    clean = programs("child", compiler=compiler)
    line = f"{clean}; {options} {racy}; true"
    # This is why there is a canary: the race is not seen, the rest looks well.
    raceshim("gate", "--", "sh", "-c", line, status=0)
    result = gated(raceshim, tmp_path, line, status=4)
    assert caught(result) == {racy.name: False, clean.name: True}
    (reason,) = result["reasons"]
    assert str(racy) in reason
    assert cause in reason


def test_other_options_of_one_program_are_tried_by_themselves(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain")
    silent = f'TSAN_OPTIONS="$TSAN_OPTIONS report_bugs=0" {program}'
    for line in (f"{program}; {silent}", f"{silent}; {program}"):
        assert caught(gated(raceshim, tmp_path, line, status=4)) == {program.name: False}
    more = f'TSAN_OPTIONS="$TSAN_OPTIONS verbosity=0" {program}'
    assert caught(gated(raceshim, tmp_path, f"{program}; {more}", status=0)) == {program.name: True}


def test_nothing_under_the_detector_is_inconclusive(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    bare = programs("plain", detector="none")
    result = gated(raceshim, tmp_path, f"{bare}", status=4)
    assert result["canary"]["programs"] == []
    assert "no canary was planted: no program ran under ThreadSanitizer" in result["reasons"]


@ALL
def test_a_dropped_preload_is_told(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program, other = programs("plain", compiler=compiler), programs("child", compiler=compiler)
    result = gated(raceshim, tmp_path, f"{program}; env -u LD_PRELOAD {other}", status=4)
    assert caught(result) == {program.name: True, other.name: False}
    (reason,) = result["reasons"]
    assert "LD_PRELOAD was changed" in reason


@ALL
def test_a_program_with_a_wiped_environment_is_told(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = programs("plain", compiler=compiler)
    # It sleeps for a second, which is long enough to be seen.
    sleeper = programs("leak_thread", race=True, compiler=compiler)
    line = f"{program}; env -i {sleeper} 2>/dev/null; true"
    raceshim("gate", "--", "sh", "-c", line, status=0)
    result = gated(raceshim, tmp_path, line, status=4)
    assert caught(result) == {program.name: True, sleeper.name: False}
    (reason,) = result["reasons"]
    assert "without the gate's environment" in reason
    # Nor does another process of the same program, that was well, stand for it.
    line = f"{sleeper} >/dev/null; env -i {sleeper} 2>/dev/null; true"
    result = gated(raceshim, tmp_path, line, status=1)
    assert caught(result) == {sleeper.name: False}
    bare = programs("leak_thread", race=True, compiler=compiler, detector="none")
    gated(raceshim, tmp_path, f"{program}; env -i {bare}", status=0)


@ALL
@pytest.mark.parametrize("body", ["child", "again", "underscore_exit", "echo"])
def test_programs_that_fork_exec_and_vanish(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, body: str
) -> None:
    program = programs(body, compiler=compiler)
    result = gated(raceshim, tmp_path, f"echo in | {program} | cat", status=0)
    assert caught(result) == {program.name: True}
    racy = programs(body, race=True, compiler=compiler)
    result = gated(raceshim, tmp_path, f"echo in | {racy} | cat", status=1)
    assert caught(result) == {racy.name: True}


@ALL
def test_the_threads_of_a_canary_are_no_evidence_for_the_program(
    raceshim: Raceshim, tmp_path: Path, compiler: str
) -> None:
    text, program = tmp_path / "single.c", tmp_path / "single"
    text.write_text("int main(void) { return 0; }\n")
    raceshim("cc", "--compiler", compiler, text, "-o", program)
    assert "no process ever created a thread" in raceshim("gate", "--", program, status=4).stdout
    result = gated(raceshim, tmp_path, f"{program}; {program}", status=4)
    assert caught(result) == {"single": True}
    (reason,) = result["reasons"]
    assert "no process ever created a thread" in reason


def test_a_detector_that_does_not_see_threads_is_told(raceshim: Raceshim, tmp_path: Path) -> None:
    # Only a library brings the runtime, behind libc, whose pthread_create is then the one in use.
    library, program = tmp_path / "libown.so", tmp_path / "program"
    (tmp_path / "own.c").write_text("int own(int *p) { return ++*p; }\n")
    (tmp_path / "main.c").write_text(
        "int own(int *); int main(void) { int i = -1; return own(&i); }\n"
    )
    flags = ["-fsanitize=thread", "-fPIC", "-shared"]
    subprocess.run(["gcc-12", *flags, tmp_path / "own.c", "-o", library], check=True)
    subprocess.run(["gcc-12", tmp_path / "main.c", "-o", program, library], check=True)
    result = gated(raceshim, tmp_path, f"{program}", status=4)
    assert caught(result) == {"program": False}
    assert any("broke down" in reason for reason in result["reasons"])
    # What the canary's child died of is nothing that the program has done.
    assert (result["findings"], result["failures"], result["end"]["status"]) == ([], [], 0)


def test_a_build_with_many_processes(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    one, two = programs("plain"), programs("child", compiler="gcc-12")
    makefile = tmp_path / "Makefile"
    names = [f"t{i}" for i in range(6)]
    rules = "".join(
        f"{name}:\n\t@{one} | cat >/dev/null; (cd / && {two}) && echo {name}\n" for name in names
    )
    makefile.write_text(f"all: {' '.join(names)}\n{rules}")
    result = gated(raceshim, tmp_path, f"make -s -j2 -f {makefile}", status=0)
    assert caught(result) == {one.name: True, two.name: True}
    # Nothing of the canary's is left among the processes: 6, and 6 with a child each.
    assert len(result["processes"]) == 18
    assert all(process["completed"] for process in result["processes"])


def test_options_of_the_user_that_end_programs_do_not_end_them_for_a_canary(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain")
    line = f'TSAN_OPTIONS="$TSAN_OPTIONS halt_on_error=1 exitcode=7" {program}'
    assert caught(gated(raceshim, tmp_path, line, status=0)) == {program.name: True}


def test_a_suppression_of_the_gate_does_not_hide_a_canary(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain", race=True)
    rules = tmp_path / "rules"
    rules.write_text("race:*\n")
    options = ("--suppressions", str(rules))
    result = gated(raceshim, tmp_path, f"{program}", status=0, options=options)
    assert caught(result) == {program.name: True}
    (finding,) = result["findings"]
    assert (finding["state"], finding["count"]) == ("suppressed", 1)


def test_user_preloads_and_other_detectors_go_on(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    address = programs("plain", compiler="gcc-12", detector="address")
    program = programs("plain")
    own = tmp_path / "own.so"
    text = tmp_path / "own.c"
    text.write_text(
        "#include <unistd.h>\n"
        '__attribute__((constructor)) static void own(void) { write(2, "own\\n", 4); }\n'
    )
    subprocess.run(["gcc-12", "-shared", "-fPIC", text, "-o", own], check=True)
    done = raceshim(
        "gate", "--canary", "--", "sh", "-c", f"{address} && {program}",
        env={"LD_PRELOAD": str(own), "ASAN_OPTIONS": "verify_asan_link_order=0"},
    )  # fmt: skip
    assert "canary: caught in 1 of 1 program" in done.stdout
    assert done.stderr.count("own\n") >= 3
    # gcc's AddressSanitizer puts up with the canary even if nobody has asked it to.
    raceshim("gate", "--canary", "--", "sh", "-c", f"{address} && {program}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("compiler", ["clang-19", "gcc-12"])
def test_a_program_that_another_user_runs_is_tried(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    with tempfile.TemporaryDirectory() as public:  # pytest's folder is closed to others
        Path(public).chmod(0o755)
        program = shutil.copy(programs("plain", compiler=compiler), f"{public}/plain")
        other = "setpriv --reuid=65534 --regid=65534 --clear-groups"
        before = os.umask(0o077)
        try:
            result = gated(raceshim, tmp_path, f"cd / && {other} {program}", status=0)
        finally:
            os.umask(before)
        assert caught(result) == {"plain": True}


def test_run_plants_it_too(raceshim: Raceshim, programs: Programs) -> None:
    done = raceshim("run", "--canary", programs("plain"))
    assert "canary: caught in 1 of 1 program" in done.stdout
    silent = {"TSAN_OPTIONS": "report_bugs=0"}
    racy = programs("plain", race=True)
    raceshim("run", racy, env=silent)
    assert "report_bugs=0" in raceshim("run", "--canary", racy, env=silent, status=4).stdout


def test_a_gate_within_a_gate_keeps_the_canary_out(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain")
    inner = " ".join(raceshim.line("gate", "--json", tmp_path / "inner.json", "--", program))
    gated(raceshim, tmp_path, inner, status=4)  # the inner one has the evidence
    result = json.loads((tmp_path / "inner.json").read_text())
    assert (result["exit_code"], result["findings"]) == (0, [])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("gate", "--canary", "--detector", "address", "--", "true"), "reports none"),
        (("run", "--canary", "--detector", "memory", "true"), "reports none"),
        (("gate", "--canary", "."), "for a command"),
    ],
)
def test_where_there_is_no_canary_it_is_an_error(
    raceshim: Raceshim, words: tuple[str, ...], told: str
) -> None:
    assert told in raceshim(*words, status=2).stderr


def test_every_format_tells_that_it_was_not_caught(
    raceshim: Raceshim, programs: Programs, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("json", "sarif", "junit")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    line = f'TSAN_OPTIONS="$TSAN_OPTIONS report_bugs=0" {programs("plain")}'
    done = raceshim("gate", "--canary", "--github", *options, "--", "sh", "-c", line, status=4)
    for text in (done.stdout, *(file.read_text() for file in files.values())):
        assert "was not caught" in text
        assert "report_bugs=0" in text
    assert "canary: caught in 0 of 1 program" in done.stdout


def test_the_environment_of_the_command_is_otherwise_untouched(
    raceshim: Raceshim,
) -> None:
    lines = {}
    for name, option in (("without", ()), ("with", ("--canary",))):
        done = raceshim("gate", *option, "--", "env", status=4)
        lines[name] = {line.split("=")[0] for line in done.stdout.splitlines() if "=" in line}
    assert lines["with"] - lines["without"] <= {"LD_PRELOAD", "RACESHIM_CANARY_CLAIMS"}
    assert "LD_PRELOAD" in lines["with"]

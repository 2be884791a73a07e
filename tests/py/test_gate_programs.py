# SPDX-License-Identifier: BSD-2-Clause
"""The gate over programs: every way to be right and to be wrong, the tables, the interrupt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from harness_programs import HEAD, Raceshim

if TYPE_CHECKING:
    from pathlib import Path

RACE = "report: data race in bump_in_thread, bump_in_main"
CONTROL = RACE.replace("report", "control")
#: Locked, and without the lock when RSH_CONTROL is defined.
GUARD = """\
#ifdef RSH_CONTROL
#define LOCK
#define UNLOCK
#else
#define LOCK pthread_mutex_lock(&lock)
#define UNLOCK pthread_mutex_unlock(&lock)
#endif
"""
OPEN = "#define LOCK\n#define UNLOCK\n"


def write(
    folder: Path, name: str, *directives: str, guard: str = GUARD, body: str = "two_threads();"
) -> None:
    comment = "".join(f" * {line}\n" for line in ("prose", *directives))
    main = f"int main(int argc, char **argv)\n{{ (void)argc; (void)argv; {body} return 0; }}\n"
    (folder / f"{name}.c").write_text(f"/*\n{comment} */\n{guard}{HEAD}{main}")


def gate(raceshim: Raceshim, folder: Path, *options: str, status: int) -> list[dict[str, Any]]:
    """Gate a folder and return its programs' verdicts."""
    result = folder / "result.json"
    raceshim("gate", "--json", result, "--jobs", "2", *options, folder, status=status)
    whole = json.loads(result.read_text())
    assert whole["exit_code"] == status
    programs: list[dict[str, Any]] = whole["programs"]
    return programs


def verdicts(programs: list[dict[str, Any]]) -> list[str]:
    return [program["verdict"] for program in programs]


def test_right_verdicts_open_the_gate(raceshim: Raceshim, tmp_path: Path) -> None:
    write(tmp_path, "norace_guarded", CONTROL)
    write(tmp_path, "race_open", RACE, guard=OPEN)
    found = gate(raceshim, tmp_path, "--compiler", "all", "--runs", "2", status=0)
    assert [(p["program"].rpartition("/")[2], p["compiler"], p["variant"]) for p in found] == [
        (f"{name}.c", compiler, variant)
        for name, variants in (("norace_guarded", ("main", "control")), ("race_open", ("main",)))
        for compiler in ("clang-19", "clang-14", "gcc-12")
        for variant in variants
    ]
    assert verdicts(found) == ["right"] * 9
    assert {(p["runs"], p["right"]) for p in found} == {(2, 2)}


@pytest.mark.parametrize(
    ("name", "directive", "verdict"),
    [
        ("norace_open", CONTROL, "false positive"),
        ("race_guarded", RACE, "false negative"),
        ("race_elsewhere", "report: data race in bump_in_thread, elsewhere", "wrong"),
        ("race_other_kind", "report: thread leak", "wrong"),
        ("miss_no_longer", CONTROL, "found"),
    ],
)
def test_wrong_verdict_shuts_the_gate(
    raceshim: Raceshim, tmp_path: Path, name: str, directive: str, verdict: str
) -> None:
    write(tmp_path, name, directive, guard=GUARD if name == "race_guarded" else OPEN)
    assert gate(raceshim, tmp_path, status=1)[0]["verdict"] == verdict


def test_control_that_is_silent_is_a_false_negative(raceshim: Raceshim, tmp_path: Path) -> None:
    write(tmp_path, "norace_toothless", CONTROL, guard=GUARD.replace("RSH_CONTROL", "NOTHING"))
    assert verdicts(gate(raceshim, tmp_path, status=1)) == ["right", "false negative"]


def test_false_positives_and_negatives_are_counted_apart(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    write(tmp_path, "norace_open", guard=OPEN)
    write(tmp_path, "race_guarded", RACE)
    write(tmp_path, "race_open", RACE, guard=OPEN)
    done = raceshim("gate", tmp_path, status=1)
    assert "1 right, 1 false positive, 1 false negative" in done.stdout
    # The report that should not be there is shown in full.
    assert "bump_in_thread  /" in done.stdout.split("norace_open, clang-19: false positive")[1]


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("for (;;) pause();", "hang"),
        ("abort();", "crash"),
        ("*(volatile int *)8 = 1;", "SEGV in main"),
        ("return 7;", "exit status 7"),
        ('puts("other");', "wrong stdout"),
    ],
)
def test_ends_that_are_not_clean(
    raceshim: Raceshim, tmp_path: Path, body: str, outcome: str
) -> None:
    lines = ["timeout: 1", "stdout: done"]
    write(tmp_path, "norace_x", *lines, body=body)
    (program,) = gate(raceshim, tmp_path, status=1)
    assert program["got"] == {outcome: 1}
    if not outcome.startswith(("exit", "wrong")):
        report = outcome.replace("SEGV in main", "crash")
        write(tmp_path, "race_x", f"report: {report}", *lines, body=body)
        assert verdicts(gate(raceshim, tmp_path, status=1)) == ["wrong", "right"]


def test_stdout_is_checked(raceshim: Raceshim, tmp_path: Path) -> None:
    write(tmp_path, "norace_x", "stdout: it is done", body='puts("it is done");')
    gate(raceshim, tmp_path, status=0)


def test_arguments_environment_and_options_reach_the_program(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    body = (
        'printf("%s %s %d\\n", argv[1], getenv("COLOUR"), '
        'strstr(getenv("TSAN_OPTIONS"), "history_size=3") != 0);'
    )
    options = ("args: 'a b'", "env: COLOUR='dark red'", "options: history_size=3 io_sync=1")
    write(tmp_path, "norace_x", *options, "stdout: a b dark red 1", body=body)
    gate(raceshim, tmp_path, status=0)


def test_helpers_are_built_their_own_way(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "quiet.c").write_text(
        "#if defined __SANITIZE_THREAD__ || "
        "(defined __has_feature && __has_feature(thread_sanitizer))\n#error instrumented\n#endif\n"
        "int quiet(void) { return 1; }\n".replace("&& __has_feature(thread_sanitizer)", "&& 0")
    )
    (tmp_path / "loud.c").write_text("int loud(void) { return 2; }\n")
    (tmp_path / "plug.c").write_text("int plug(void) { return 4; }\n")
    body = (
        "int quiet(void), loud(void); int (*plug)(void) = 0; "
        'void *so = dlopen("libplug.so", RTLD_NOW); if (so) plug = dlsym(so, "plug"); '
        'printf("%d\\n", quiet() + loud() + (plug ? plug() : 0));'
    )
    lines = ("helper: loud.c", "helper-so: plug.c", "uninstrumented: quiet.c", "stdout: 7")
    libs = "libs: -Wl,--disable-new-dtags"
    guard = f"#include <dlfcn.h>\n{GUARD}"
    write(tmp_path, "norace_x", *lines, libs, guard=guard, body=body)
    build = tmp_path / "build"
    gate(raceshim, tmp_path, "--compiler", "all", "--build-dir", str(build), status=0)
    (quiet,) = build.glob("clang-19/*quiet.o")
    symbols = subprocess.run(["nm", quiet], capture_output=True, text=True, check=True).stdout
    assert "__tsan" not in symbols


def test_failed_build_is_3_and_says_why(raceshim: Raceshim, tmp_path: Path) -> None:
    write(tmp_path, "race_broken", RACE, body="no_such_variable = 1;")
    done = raceshim("gate", tmp_path, status=3)
    assert "no_such_variable" in done.stdout
    assert verdicts(gate(raceshim, tmp_path, status=3)) == ["build failed"]


def test_wrong_verdict_outweighs_a_failed_build(raceshim: Raceshim, tmp_path: Path) -> None:
    write(tmp_path, "race_broken", RACE, body="no_such_variable = 1;")
    write(tmp_path, "norace_open", guard=OPEN)
    gate(raceshim, tmp_path, status=1)


def test_nothing_to_judge_is_inconclusive(raceshim: Raceshim, tmp_path: Path) -> None:
    assert "no race_" in raceshim("gate", tmp_path, status=4).stderr
    write(tmp_path, "race_gcc", RACE, "compilers: gcc-12", guard=OPEN)
    raceshim("gate", "--compiler", "clang-19", tmp_path, status=4)
    raceshim("gate", tmp_path)


def test_detector_that_did_not_run_is_no_evidence(raceshim: Raceshim, tmp_path: Path) -> None:
    # The build's own flags win over the detector, and silence would be taken for a clean run.
    write(tmp_path, "norace_blind", "cflags: -fno-sanitize=all", guard=OPEN)
    assert verdicts(gate(raceshim, tmp_path, status=4)) == ["no evidence"]


def test_misspelt_directive_stops_everything(raceshim: Raceshim, tmp_path: Path) -> None:
    write(tmp_path, "race_open", RACE, "timeuot: 3", guard=OPEN)
    assert (
        "race_open.c:4: unknown directive 'timeuot'" in raceshim("gate", tmp_path, status=2).stderr
    )


@pytest.mark.parametrize("tool", ["helgrind", "drd"])
def test_valgrind_tools(raceshim: Raceshim, tmp_path: Path, tool: str) -> None:
    control = CONTROL if tool == "helgrind" else "control: data race"  # DRD knows one side only
    write(tmp_path, "norace_guarded", f"detector: {tool}", control)
    found = gate(raceshim, tmp_path, "--compiler", "all", status=0)
    assert verdicts(found) == ["right"] * 6


def test_markdown_is_the_same_each_time_and_has_no_times(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    write(tmp_path, "norace_guarded", CONTROL)
    write(tmp_path, "race_open", RACE, guard=OPEN)
    pages = []
    for name in ("a.md", "b.md"):
        page = tmp_path / "docs" / name
        raceshim("gate", "--jobs", "2", "--runs", "2", "--table", page, tmp_path)
        pages.append(page.read_text())
    assert pages[0] == pages[1]
    assert "[race_open](../race_open.c)" in pages[0]
    assert "| 2/2 | right |" in pages[0]


def test_interrupt_ends_programs_in_all_threads(raceshim: Raceshim, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for name in ("norace_a", "norace_b"):
        body = (
            'FILE *f = fopen(argv[1], "w"); fprintf(f, "%d\\n", (int)getpid()); fclose(f); '
            "for (;;) pause();"
        )
        write(tmp_path, name, f"args: {fifo}", body=body)
    gate = subprocess.Popen(
        raceshim.line("gate", "--jobs", "2", "--json", tmp_path / "result.json", tmp_path),
        env=raceshim.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    pids: list[int] = []
    while len(pids) < 2:
        pids += [int(line) for line in fifo.read_text().splitlines()]
    gate.send_signal(signal.SIGINT)
    _, err = gate.communicate(timeout=60)
    assert gate.returncode == 130
    assert "Traceback" not in err
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not (tmp_path / "result.json").exists()


def test_uninstrumented_sources_have_flags_of_their_own_and_a_control(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    (tmp_path / "quiet.c").write_text(
        "#ifndef QUIET\n#error no flags of its own\n#endif\n#ifdef LOUD\n#error foreign flags\n"
        "#endif\n#ifdef RSH_CONTROL\nint quiet(void) { return 1; }\n#else\n"
        "int quiet(void) { return 0; }\n#endif\n"
    )
    lines = ("uninstrumented: quiet.c", "uninstrumented-cflags: -DQUIET", "cflags: -DLOUD")
    body = "int quiet(void); if (quiet()) abort();"
    write(tmp_path, "norace_x", "control: crash", *lines, body=body)
    assert verdicts(gate(raceshim, tmp_path, status=0)) == ["right", "right"]


def test_runtime_that_finds_its_memory_taken_gets_a_second_try(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    # The legacy layout of addresses puts mappings where ThreadSanitizer's shadow has to be.
    write(tmp_path, "norace_guarded", CONTROL)
    words = raceshim.line("gate", "--jobs", "2", "--compiler", "all", tmp_path)
    done = subprocess.run(
        ["setarch", "-L", *words], env=raceshim.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "6 right" in done.stdout

# SPDX-License-Identifier: BSD-2-Clause
"""Late symbolisation: the same names, findings and verdicts as the runtime's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from harness_programs import COMPILERS, Programs, Raceshim
from raceshim.evidence._late import Names, needs_names
from raceshim.evidence._symbolizer import Symbolizer, find_symbolizer, stamp_of
from raceshim.finding._merge import merge
from raceshim.report._parse import MACHINE_STACK_FORMAT, ParsedLog, parse_log

ALL = pytest.mark.parametrize("compiler", COMPILERS)

#: Inlined functions, an interceptor, a thread's start, a global and a lock.
SOURCE = """\
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef __clang__
#define UNSEEN __attribute__((noinline, disable_sanitizer_instrumentation))
#else
#define UNSEEN __attribute__((noinline, no_sanitize_thread))
#endif
static volatile int turn;
UNSEEN static void pass_turn(void) { turn = 1; }
UNSEEN static void await_turn(void) { while (!turn) syscall(SYS_sched_yield); }
struct pair { int left, right; } shared;
static char text[64];
char *volatile where = text;
volatile int length = 16;
pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER, two = PTHREAD_MUTEX_INITIALIZER;
static inline __attribute__((always_inline)) void deepest(void) { shared.right++; }
static inline __attribute__((always_inline)) void deeper(void) { deepest(); }
__attribute__((noinline)) void fill(void) { memset(where, 1, length); }
__attribute__((noinline)) void touch(void) { deeper(); fill(); }
static void *side(void *arg) { touch(); pass_turn(); return arg; }
int main(void)
{
    pthread_t thread;
    pthread_mutex_lock(&one); pthread_mutex_lock(&two);
    pthread_mutex_unlock(&two); pthread_mutex_unlock(&one);
    pthread_create(&thread, 0, side, 0);
    await_turn();
    touch();
    pthread_join(thread, 0);
    pthread_mutex_lock(&two); pthread_mutex_lock(&one);
    pthread_mutex_unlock(&one); pthread_mutex_unlock(&two);
    return 0;
}
"""


def build(raceshim: Raceshim, folder: Path, compiler: str, *, folders: bool) -> Path:
    """Build the program; `folders` gives the compiler a relative path with one in it."""
    (folder / "sub").mkdir(exist_ok=True)
    source = Path("sub/shown.c") if folders else folder / "shown.c"
    (folder / source).write_text(SOURCE)
    words = ("-O1", "-g", "-pthread", source, "-o", folder / "shown")
    raceshim("cc", "--compiler", compiler, *words, cwd=folder)
    return folder / "shown"


def log_of(program: Path, folder: Path, *, late: bool) -> str:
    """Run a program and return its log."""
    options = [
        f'stack_trace_format="{MACHINE_STACK_FORMAT}"',
        f'log_path="{folder}/log"',
        "print_module_map=1:history_size=7:exitcode=0",
        *(["symbolize=0"] if late else []),
    ]
    environ = os.environ | {"TSAN_OPTIONS": ":".join(options)}
    subprocess.run([program], env=environ, check=True)
    (path,) = folder.glob("log.*")
    text = path.read_text()
    path.unlink()
    return text


def told(text: str) -> str:
    """Return what two runs of a program must have in common."""
    text = re.sub(
        r"^==\d+==Process memory map follows:.*", "", text, flags=re.DOTALL | re.MULTILINE
    )
    text = text.replace(" in __interceptor_", " in ")  # clang 14, in a summary
    text = re.sub(r"<\|>0x[0-9a-f]{9,}<", "<|>PC<", text)
    # Whether a thread has ended yet is a matter of the run.
    text = re.sub(r"(?<=, )(running|finished)(?=\))", "STATE", text)
    return re.sub(r"\b[pt]id=\d+|0x[0-9a-f]{9,}", "N", text)


@ALL
@pytest.mark.parametrize("folders", [False, True])
def test_late_log_says_what_the_runtime_would_have_said(
    raceshim: Raceshim, tmp_path: Path, compiler: str, folders: bool
) -> None:
    program = build(raceshim, tmp_path, compiler, folders=folders)
    online = told(log_of(program, tmp_path, late=False))
    with Symbolizer(compiler.partition("-")[2]) as symbolizer:
        names = Names(symbolizer)
        bare = log_of(program, tmp_path, late=True)
        late = told(names.complete(bare, time.time_ns()))
        asked = symbolizer.asked
        assert told(names.complete(bare, time.time_ns())) == late
        assert symbolizer.asked == asked  # each address is asked for once
    assert names.notes == ()
    assert "deepest" in online
    assert "Location is global 'shared'" in online
    assert "lock-order-inversion" in online
    assert "deepest" not in bare
    assert late == online


@ALL
def test_fingerprints_are_the_same(raceshim: Raceshim, tmp_path: Path, compiler: str) -> None:
    program = build(raceshim, tmp_path, compiler, folders=False)

    def fingerprints(parsed: ParsedLog) -> set[str]:
        return {one.fingerprint for one in merge(parsed.reports)}

    online = fingerprints(parse_log(log_of(program, tmp_path, late=False)))
    bare = log_of(program, tmp_path, late=True)
    with Symbolizer() as symbolizer:
        late = fingerprints(parse_log(Names(symbolizer).complete(bare, time.time_ns())))
    assert late == online
    assert fingerprints(parse_log(bare)) != online


def result_of(raceshim: Raceshim, folder: Path, *words: str | Path, status: int) -> dict[str, Any]:
    path = folder / "result.json"
    raceshim("gate", "--symbolize", "late", "--json", path, *words, status=status)
    result: dict[str, Any] = json.loads(path.read_text())
    return result


@ALL
@pytest.mark.parametrize("rule", ["race:bump_in_thread", "race:^shared$", "race:nothing_like_it"])
def test_our_suppressions_match_late_names(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str, rule: str
) -> None:
    rules = tmp_path / "rules"
    rules.write_text(f"{rule}\n")
    program = programs("plain", race=True, compiler=compiler)
    status = 1 if "nothing" in rule else 0
    result_of(raceshim, tmp_path, "--suppressions", rules, "--", program, status=status)


@ALL
def test_users_suppressions_need_names_at_run_time(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    rules = tmp_path / "rules"
    program = programs("plain", race=True, compiler=compiler)
    path = tmp_path / "result.json"
    words = ("gate", "--symbolize", "late", "--json", path, "--", program)
    for rule, status in (("race:bump_in_thread", 0), ("race:something_else", 1)):
        rules.write_text(f"{rule}\n")
        raceshim(*words, env={"TSAN_OPTIONS": f"suppressions={rules}"}, status=status)
        (note,) = json.loads(path.read_text())["notes"]
        assert "not symbolised late" in note


@ALL
def test_module_that_is_gone_or_changed_keeps_its_finding(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, compiler: str
) -> None:
    program = tmp_path / "copy"
    for script, why in (
        ("{} || rm {}", "is gone"),
        ("{} || {{ sleep 0.1; cat {} >x; rm {}; mv x {}; }}", "has changed"),
    ):
        shutil.copy2(programs("plain", race=True, compiler=compiler), program)
        line = script.replace("{}", str(program)).replace("{{", "{").replace("}}", "}")
        result = result_of(raceshim, tmp_path, "--", "sh", "-c", f"cd {tmp_path}; {line}", status=1)
        assert [finding["kind"] for finding in result["findings"]] == ["data race"]
        assert any(str(program) in note and why in note for note in result["notes"]), result[
            "notes"
        ]
    shutil.copy2(programs("plain", race=True, compiler=compiler), program)
    result = result_of(raceshim, tmp_path, "--", program, status=1)
    assert result["notes"] == []
    assert result["findings"][0]["functions"] == ["bump_in_main", "bump_in_thread"]


def test_without_llvm_the_binutils_must_do(
    raceshim: Raceshim, programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = programs("plain", race=True)
    bare = log_of(program, tmp_path, late=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "addr2line").symlink_to(shutil.which("addr2line") or "")
    monkeypatch.setenv("PATH", str(tools))
    assert find_symbolizer("19") == str(tools / "addr2line")
    with Symbolizer() as symbolizer:
        text = Names(symbolizer).complete(bare, time.time_ns())
    assert [one.title for one in merge(parse_log(text).reports)] == [
        "data race in bump_in_main / bump_in_thread"
    ]
    (tools / "addr2line").unlink()
    words = ("gate", "--symbolize", "late", "--", program)
    done = raceshim(*words, env={"PATH": str(tools)}, status=4)
    assert "install llvm" in done.stderr


def test_folders_of_programs_are_late_unless_somebody_says(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    head = "/*\n * A program.\n *\n * report: data race in touch, touch\n */\n"
    (tmp_path / "race_shown.c").write_text(head + SOURCE.replace("pthread_mutex_lock(&two);", ""))
    told_by = {}
    for how in ([], ["--symbolize", "late"], ["--symbolize", "online"]):
        path = tmp_path / "result.json"
        build_dir = tmp_path / "build"
        raceshim("gate", *how, "--build-dir", build_dir, "--json", path, tmp_path, status=None)
        (program,) = json.loads(path.read_text())["programs"]
        told_by[" ".join(how)] = (program["verdict"], program["got"])
    assert len(set(map(str, told_by.values()))) == 1, told_by


def test_options_that_need_names() -> None:
    assert needs_names("history_size=7:suppressions=/tmp/x")
    assert needs_names("", "strip_path_prefix=/src")
    assert not needs_names("history_size=7 exitcode=0", "")


def test_stamp_of_what_is_not_there() -> None:
    assert stamp_of("/no/such/file") is None
    assert stamp_of("[vdso]") is None

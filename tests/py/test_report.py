# SPDX-License-Identifier: BSD-2-Clause
"""Every report of the corpus is read into the right kind, stacks, location and threads."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from raceshim.report._frames import parse_frame
from raceshim.report._parse import (
    MACHINE_STACK_FORMAT,
    Frame,
    ParsedLog,
    Report,
    Stack,
    parse_log,
    parse_valgrind_xml,
    render_report,
)

REPORTS = Path(__file__).parents[2] / "testdata" / "reports"
COMPILERS = ("clang-14", "clang-19", "gcc-12")
EXPECTED: dict[str, Any] = tomllib.loads((REPORTS / "expected.toml").read_text())
GOLDENS = sorted([*REPORTS.glob("*.txt"), *REPORTS.glob("*.xml")])
MACHINE = [path for path in GOLDENS if path.name.endswith(".machine.txt")]


def read(path: Path) -> ParsedLog:
    if path.suffix == ".xml":
        return parse_valgrind_xml(path.read_bytes())
    return parse_log(path.read_text())


def golden(name: str) -> str:
    return (REPORTS / f"{name}.txt").read_text()


def expected_of(path: Path) -> dict[str, Any]:
    tool, rest = path.name.split("-", 1)
    compiler = next(name for name in COMPILERS if rest.startswith(name))
    case = rest.removeprefix(compiler + "-").split(".")[0]
    for key in (f"{case}@{tool}-{compiler}", f"{case}@{tool}", case):
        if key in EXPECTED:
            found: dict[str, Any] = EXPECTED[key]
            return found
    pytest.fail(f"expected.toml says nothing of {path.name}")


def function_of(frame: Frame) -> str:
    """Strip what differs between compilers: the interceptor's prefix and the arguments."""
    name = (frame.function or "?").removeprefix("__interceptor_").removeprefix("__GI_")
    if name.startswith("(") or "operator(" in name or "operator/" in name:
        return name
    return name.split("(")[0]


def what_of(stack: Stack) -> str:
    access = stack.access
    if access is None:
        return stack.label
    return (
        ("atomic " if access.atomic else "")
        + access.operation
        + (f" {access.size}" if access.size else "")
        + (f" by {access.thread}" if access.thread else "")
        + (f" holding {', '.join(access.mutexes)}" if access.mutexes else "")
    )


def check_stack(stack: Stack, wanted: str) -> None:
    role, what, frames = (part.strip() for part in wanted.split("|"))
    assert stack.role == role
    if stack.access is None:
        assert what in stack.label
    else:
        assert what_of(stack) == what
    if frames == "-":
        assert not stack.restored
        assert stack.frames == ()
        return
    functions = frames.split(" < ")
    assert stack.restored
    assert [function_of(frame) for frame in stack.frames[: len(functions)]] == functions


def check_report(report: Report, wanted: dict[str, Any]) -> None:
    assert report.kind == wanted["kind"]
    assert report.complete
    if "location" in wanted:
        assert wanted["location"] in (report.location or "")
    else:
        assert report.location is None
    for stack, line in zip(report.stacks, wanted["stacks"], strict=True):
        check_stack(stack, line)


def check_golden(path: Path) -> None:
    log = read(path)
    wanted = expected_of(path)
    assert log.complete
    for report, table in zip(log.reports, wanted.get("report", []), strict=True):
        check_report(report, table)
    assert [failure.kind for failure in log.failures] == wanted.get("failures", [])
    if "starts" in wanted:
        assert [start.detector for start in log.starts] == wanted["starts"]
        assert all(start.pid > 1000 for start in log.starts)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.name)
def test_golden_report_is_read_whole(path: Path) -> None:
    check_golden(path)


def test_corpus_covers_every_program_and_nothing_else() -> None:
    cases = {path.stem for path in (REPORTS / "src").glob("*.c*")}
    told = {key.split("@")[0] for key in EXPECTED}
    made = {path.name.split(".")[0].split("-", 3)[3] for path in GOLDENS if "clang" in path.name}
    made |= {path.name.split("gcc-12-")[1].split(".")[0] for path in GOLDENS if "gcc" in path.name}
    assert cases == told == made


def test_goldens_name_no_folder_of_the_machine_that_made_them() -> None:
    for path in GOLDENS:
        text = path.read_text()
        assert "/tmp" not in text, path.name  # noqa: S108
        assert "/root" not in text, path.name
        assert "/home" not in text, path.name


@pytest.mark.parametrize("path", MACHINE, ids=lambda path: path.name)
def test_machine_format_says_the_same_and_more(path: Path) -> None:
    for report, twin in zip(
        read(path).reports,
        read(path.with_name(path.name.replace(".machine", ""))).reports,
        strict=True,
    ):
        for stack, other in zip(report.stacks, twin.stacks, strict=True):
            assert len(stack.frames) == len(other.frames)
            for frame, plain in zip(stack.frames, other.frames, strict=True):
                assert (frame.function, frame.file) == (plain.function, plain.file)
                assert frame.module is not None
                assert frame.module.startswith("/")
                assert frame.offset is not None
                # The default format of TSan names the module by its last part.
                assert plain.module is None or frame.module.endswith(plain.module)


def test_machine_format_needs_no_quotes_in_an_options_variable() -> None:
    assert not set(MACHINE_STACK_FORMAT) & set(" :,'\"\n\t\r\\")


FRAMES = [
    ("    #0 main race.c:5:3 (race+0x12)", Frame("main", "race.c", 5, 3, "race", 0x12)),
    ("    #1 main race.c:5 (race+0x12)", Frame("main", "race.c", 5, 0, "race", 0x12)),
    (
        "    #2 main /a b/race (1).c:5:3 (race (2)+0x12) (BuildId: 0a1f)",
        Frame("main", "/a b/race (1).c", 5, 3, "race (2)", 0x12),
    ),
    ("    #3 free <null> (libc.so.6+0x12)", Frame("free", None, 0, 0, "libc.so.6", 0x12)),
    ("    #4 <null> <null> (prog+0x12)", Frame(None, None, 0, 0, "prog", 0x12)),
    (
        "    #5 0x55d5 in operator new(unsigned long) (/a b/prog+0x12) (BuildId: 0a)",
        Frame("operator new(unsigned long)", None, 0, 0, "/a b/prog", 0x12),
    ),
    ("    #6 0x55d5  (/a/prog+0x12)", Frame(None, None, 0, 0, "/a/prog", 0x12)),
    ("    #7 0x55d5 in main race.c:5:3", Frame("main", "race.c", 5, 3, None, None)),
    (
        "    #8 (anonymous namespace)::f<int, void (*)(long)>(a b) const x.cpp:5:3 (m+0x1)",
        Frame("(anonymous namespace)::f<int, void (*)(long)>(a b) const", "x.cpp", 5, 3, "m", 1),
    ),
    (
        "    #9 operator/(a, b) ../src/x.cpp:5 (m+0x1)",
        Frame("operator/(a, b)", "../src/x.cpp", 5, 0, "m", 1),
    ),
    ("    #10 f(void*) unit.cpp.o (m+0x1)", Frame("f(void*)", "unit.cpp.o", 0, 0, "m", 1)),
    (
        "half a line    #11 main race.c:5:3 (race+0x12)",
        Frame("main", "race.c", 5, 3, "race", 0x12),
    ),
    (
        "@{#12<|>0x55<|>5<|>3<|>0x12<|>/a b/m|n<|>/s (1)/x.cpp<|>operator|(a<b>, c)}",
        Frame("operator|(a<b>, c)", "/s (1)/x.cpp", 5, 3, "/a b/m|n", 0x12),
    ),
    (
        "@{#13<|>0x55<|>0<|>0<|>0x12<|>/a/m<|><null><|><null>}",
        Frame(None, None, 0, 0, "/a/m", 0x12),
    ),
    ("  #1 main race.c:5:3 (race+0x12)", None),
    ("    # comment", None),
    ("@{#1<|>0x55<|>5<|>3<|>0x12<|>/a/m<|>x.c<|>mai", None),
]


@pytest.mark.parametrize(("line", "wanted"), FRAMES, ids=[line for line, _ in FRAMES])
def test_frame_line(line: str, wanted: Frame | None) -> None:
    found = parse_frame(line)
    assert (None if found is None else found[1]) == wanted


KINDS = {
    "heap-buffer-overflow on address 0x602000 at pc 0x55 bp 0x7f sp 0x7f": "heap-buffer-overflow",
    "SEGV on unknown address 0x0000 (pc 0x55 bp 0x7f sp 0x7f T0)": "SEGV",
    "SEGV on unknown address (pc 0x55 bp 0x7f sp 0x7f T0)": "SEGV",
    "attempting double-free on 0x602000 in thread T1 (worker):": "attempting double-free",
    "attempting free on address which was not malloc()-ed: 0x60 in thread T0": (
        "attempting free on address which was not malloc()-ed"
    ),
    "alloc-dealloc-mismatch (malloc vs operator delete) on 0x60": (
        "alloc-dealloc-mismatch (malloc vs operator delete)"
    ),
    "odr-violation (0x5581):": "odr-violation",
    "initialization-order-fiasco on address 0x55 at pc 0x55": "initialization-order-fiasco",
    "calloc parameters overflow: count * size (9 * -1) cannot be": "calloc parameters overflow",
    "invalid-pointer-pair: 0x60 0x61": "invalid-pointer-pair",
    "detected memory leaks": "detected memory leaks",
    "memcpy-param-overlap: memory ranges [0x1,0x2) and [0x1, 0x2) overlap": "memcpy-param-overlap",
    "requested allocation size 0x4000 exceeds maximum": "requested allocation size",
}


@pytest.mark.parametrize(("header", "kind"), KINDS.items())
def test_kind_of_an_error_header(header: str, kind: str) -> None:
    (report,) = parse_log(f"==7==ERROR: AddressSanitizer: {header}\n").reports
    assert (report.kind, report.pid, report.complete) == (kind, 7, False)


UNDEFINED = {
    "unsigned integer overflow: 1 - 2 cannot be": "unsigned-integer-overflow",
    "negation of -2147483648 cannot be represented in type 'int'": "signed-integer-overflow",
    "left shift of negative value -1": "shift",
    "member access within misaligned address 0x01 for type 'S'": "alignment",
    "store to null pointer of type 'int'": "null",
    "null pointer passed as argument 1, which is declared to never be null": "nonnull-attribute",
    "load of value 7, which is not a valid value for type 'enum e'": "enum",
    "applying non-zero offset 4 to null pointer": "pointer-overflow",
    "execution reached an unreachable program point": "unreachable",
    "execution reached the end of a value-returning function without": "return",
    "call to function f through pointer to incorrect function type": "function",
    "implicit conversion from type 'int' of value": "implicit-conversion",
    "passing zero to ctz(), which is not a valid argument": "builtin",
    "something that no version says": "undefined-behavior",
}


@pytest.mark.parametrize(("message", "kind"), UNDEFINED.items())
def test_kind_of_undefined_behaviour(message: str, kind: str) -> None:
    (report,) = parse_log(f"a.c:5:3: runtime error: {message}\n").reports
    assert (report.kind, report.location, report.complete) == (kind, "a.c:5:3", True)
    assert report.stacks[0].frames == (Frame(None, "a.c", 5, 3, None, None),)


def test_descriptor_that_is_gone_and_a_destroyed_mutex_are_understood() -> None:
    text = golden("tsan-clang-19-race_fd")
    text = text.replace(
        "created by main thread at:\n    #0 pipe", "destroyed by T1 at:\n    #0 pipe"
    )
    text = text.replace("\n  Thread T1", "\n  Mutex M0 is already destroyed.\n\n  Thread T1")
    (report,) = parse_log(text).reports
    assert report.complete
    assert report.location == "file descriptor 4 destroyed by T1 at"
    assert [stack.role for stack in report.stacks][2] == "allocation"


def test_two_processes_one_after_the_other_keep_their_pids() -> None:
    log = parse_log(golden("tsan-clang-19-race_two"))
    assert [report.pid for report in log.reports] == [1001, 1003]
    assert log.complete


def test_interleaved_reports_are_both_there_and_incomplete() -> None:
    text = golden("tsan-clang-19-race_two").splitlines(keepends=True)
    middle = len(text) // 2
    first, second = text[:middle], text[middle:]
    # the second process begins in the middle of the first one's report, line by line from there
    mixed = first[:6]
    for left, right in zip(first[6:], second, strict=False):
        mixed += [left, right]
    log = parse_log("".join(mixed))
    assert [(report.kind, report.pid) for report in log.reports] == [
        ("data race", 1001),
        ("data race", 1003),
    ]
    assert not log.complete
    assert not any(report.complete for report in log.reports)


def test_cut_report_spoils_the_next_one_only() -> None:
    text = golden("tsan-clang-19-race_two").splitlines(keepends=True)
    second = text[len(text) // 2 :]
    log = parse_log("".join(text[:8] + second + second + second))
    assert [report.complete for report in log.reports] == [False, False, True, True]
    assert [report.pid for report in log.reports] == [1001, 1003, 1003, 1003]
    assert log.reports[1].stacks == log.reports[2].stacks
    assert not log.complete


def test_missing_frame_makes_a_report_incomplete() -> None:
    lines = golden("tsan-clang-19-race_heap").splitlines(keepends=True)
    gap = next(index for index, line in enumerate(lines) if "#1 new_table" in line)
    (report,) = parse_log("".join(lines[:gap] + lines[gap + 1 :])).reports
    assert not report.complete


NOISE = [
    "progress: 40%\n",
    "\n",
    "==================\n",
    "  usage:\n",
    "    prog [-x]\n",
    "LLVMSymbolizer: error reading file: No such file or directory\n",
    "/usr/bin/llvm-symbolizer-19: error: '[stack]': No such file or directory\n",
]


@pytest.mark.parametrize(
    "name",
    [
        "tsan-gcc-12-race_heap",
        "tsan-clang-14-race_heap.machine",
        "tsan-clang-19-lock_order",
        "tsan-clang-19-signal_errno",
        "asan-clang-19-asan_uaf",
        "msan-clang-14-msan_stack",
    ],
)
def test_output_of_program_and_symbolizer_inside_a_report_is_skipped(name: str) -> None:
    text = golden(name)
    end = text.index("\nSUMMARY")
    lines = text[:end].splitlines(keepends=True)
    noisy = "".join(part for line in lines for part in (line, *NOISE)) + text[end:]
    (report,) = parse_log(noisy).reports
    (clean,) = parse_log(text).reports
    assert report.stacks == clean.stacks
    assert report.location == clean.location
    assert report.complete


def test_traces_of_a_lost_report_make_a_log_incomplete() -> None:
    for line in (
        "ThreadSanitizer: reported 1 warnings\n",
        "SUMMARY: ThreadSanitizer: data race race.c:5:3 in main\n",
        "  Previous write of size 4 at 0x5555 by thread T1:\n",
        "==1001==ABORTING\n",
        "WARNING: Thread",
        "==1001==ERR",
    ):
        log = parse_log("hello\n" + line)
        assert log.reports == ()
        assert not log.complete, line
    assert parse_log("hello\n==================\nWARNING: it rains\n").complete


def test_failure_tells_the_process() -> None:
    (failure,) = parse_log(golden("tsan-clang-19-fork_dies")).failures
    assert failure.pid == 1001
    (failure,) = parse_log(golden("tsan-clang-19-check_failed")).failures
    assert "pthread_join" in failure.text


def test_rendered_report_shows_both_sides_and_no_addresses() -> None:
    (report,) = parse_log(golden("tsan-clang-19-race_mutexes")).reports
    text = render_report(report)
    assert "data race" in text
    assert "by thread T2 holding write M0" in text
    assert "holds_other  race_mutexes.c:30" in text
    assert "previous write of 4 bytes by thread T1 holding write M1, read M2" in text
    assert "holds_two  race_mutexes.c:19" in text
    assert "location: global 'shared'" in text
    assert "incomplete" not in text
    cut = parse_log(report.text[:300]).reports[0]
    assert "incomplete" in render_report(cut)


def test_cut_xml_keeps_what_came_before() -> None:
    data = (REPORTS / "helgrind-gcc-12-vg_locks.xml").read_bytes()
    whole = parse_valgrind_xml(data)
    cut = parse_valgrind_xml(data[: data.rindex(b"<error>") + 40])
    assert cut.reports == whole.reports[:-1]
    assert not cut.complete
    assert not parse_valgrind_xml(b"").complete
    assert not parse_valgrind_xml(data[: data.rindex(b"</valgrindoutput>")]).complete


def test_two_processes_in_one_xml_file() -> None:
    data = (REPORTS / "helgrind-gcc-12-vg_race.xml").read_bytes()
    log = parse_valgrind_xml(data + data.replace(b"<pid>1001<", b"<pid>1777<"))
    assert [report.pid for report in log.reports] == [1001, 1777]
    assert [start.pid for start in log.starts] == [1001, 1777]
    assert log.complete


def test_xml_with_a_dtd_is_refused() -> None:
    log = parse_valgrind_xml(b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>')
    assert not log.complete


@pytest.mark.long
@pytest.mark.parametrize("compiler", COMPILERS)
def test_corpus_made_anew_reads_the_same(compiler: str, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, REPORTS / "make_golden.py", "--out", tmp_path, "--compiler", compiler],
        check=True,
        capture_output=True,
    )
    made = sorted(tmp_path.iterdir())
    assert {path.name for path in made} == {
        path.name for path in GOLDENS if f"-{compiler}-" in path.name
    }
    for path in made:
        check_golden(path)

# SPDX-License-Identifier: BSD-2-Clause
"""The annotations: every header with every detector, the bytes without one, and what each reports.

The programs are in tests/c/annotations. Each is run "annotated" and, as the control, with its
annotations kept silent; the tables here say which cases each detector reports in either run.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INCLUDE = ROOT / "annotations" / "include"
HEADERS = sorted((INCLUDE / "raceshim").glob("*.h"))
PROGRAMS = ROOT / "tests" / "c" / "annotations"

COMPILERS = ("clang-14", "clang-19", "gcc-12")
CXX = {"clang-14": "clang++-14", "clang-19": "clang++-19", "gcc-12": "g++-12"}
CLANGS = ("clang-14", "clang-19")
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

# How a detector is switched on. HWASan on x86-64 works through aliased pages. Valgrind 3.19 gives
# up on DWARF 5 as clang writes it for more than one translation unit.
FLAGS: dict[str, tuple[str, ...]] = {
    "none": (),
    "thread": ("-fsanitize=thread",),
    "address": ("-fsanitize=address",),
    "memory": ("-fsanitize=memory",),
    "hwaddress": ("-fsanitize=hwaddress", "-fsanitize-hwaddress-experimental-aliasing"),
    "valgrind": ("-DRSH_VALGRIND", "-gdwarf-4"),
}
CLANG_ONLY = ("memory", "hwaddress")


def flags_of(compiler: str) -> dict[str, tuple[str, ...]]:
    """Return the flags of each detector that the compiler has."""
    return {d: f for d, f in FLAGS.items() if compiler.startswith("clang") or d not in CLANG_ONLY}


COMBINATIONS = [(c, d) for c in COMPILERS for d in flags_of(c)]
LANGUAGES = ("c11", "c++17")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command; nothing of the caller's environment decides what a detector does."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith("SAN_OPTIONS")}
    return subprocess.run(
        command,
        env=kept | {"TSAN_OPTIONS": "atexit_sleep_ms=0"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )


def compile_(compiler: str, language: str, *arguments: str | Path) -> str:
    """Compile strictly and return the messages, empty when all is well."""
    driver = CXX[compiler] if language == "c++17" else compiler
    command = (driver, "-x", language.rstrip("0123456789"), f"-std={language}", *STRICT)
    done = run(*command, f"-I{INCLUDE}", f"-I{PROGRAMS}", *arguments)
    assert (done.returncode == 0) == (not done.stderr), done.stderr
    return done.stderr


def program(folder: Path, compiler: str, name: str, *flags: str) -> Path:
    """Build a program of tests/c/annotations as users build with a detector."""
    built = folder / f"{name}-{compiler}"
    done = run(
        compiler, "-std=gnu11", *STRICT, "-g", "-fno-omit-frame-pointer", "-pthread", *flags,
        f"-I{INCLUDE}", PROGRAMS / f"{name}.c", "-o", built,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return built


def line_of(name: str, marker: str) -> int:
    """Return the number of the line with `HERE marker`."""
    lines = (PROGRAMS / f"{name}.c").read_text().splitlines()
    (found,) = [n for n, text in enumerate(lines, 1) if f"/* HERE {marker} */" in text]
    return found


# 1. Every header alone, and every annotation in every backend.


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("compiler", "detector"), COMBINATIONS)
def test_each_header_compiles_alone(
    compiler: str, detector: str, language: str, tmp_path: Path
) -> None:
    assert len(HEADERS) >= 11
    for header in HEADERS:
        source = tmp_path / f"{header.stem}.c"
        source.write_text(f"#include <raceshim/{header.name}>\nextern int not_empty;\n")
        assert not compile_(compiler, language, *FLAGS[detector], "-fsyntax-only", source)


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("compiler", "detector"), COMBINATIONS)
def test_each_annotation_compiles(
    compiler: str, detector: str, language: str, level: str, tmp_path: Path
) -> None:
    source, built = PROGRAMS / "every.c", tmp_path / "every.o"
    assert not compile_(compiler, language, *FLAGS[detector], level, "-c", source, "-o", built)


# 2. No detector: no instruction.


def public_macros() -> set[str]:
    """Return the names that annotate.h and the backends behind it define for users."""
    found = {
        m for h in HEADERS for m in re.findall(r"^#define (RSH_\w+)", h.read_text(), re.MULTILINE)
    }
    return {name for name in found if not name.startswith("RSH_HAS_")}


def test_every_c_uses_every_public_annotation() -> None:
    source = (PROGRAMS / "every.c").read_text()
    used = set(re.findall(r"\b[AV]\((RSH_\w+)", source))
    assert re.search(r"^RSH_DEFINE_RACE_ERRORS$", source, re.MULTILINE)
    assert "V(rsh_race_errors()" in source
    assert public_macros() - used == {"RSH_DEFINE_RACE_ERRORS"}
    assert len(used) > 70


def instructions(folder: Path, compiler: str, language: str, *flags: str) -> tuple[str, str]:
    """Return the disassembly of every.c with and without its annotations."""
    shown = []
    for extra in ((), ("-DWITHOUT",)):
        built = folder / "every.o"
        source = PROGRAMS / "every.c"
        assert not compile_(compiler, language, *flags, *extra, "-c", source, "-o", built)
        done = run("objdump", "-dr", built)
        assert done.returncode == 0
        shown.append(done.stdout)
    assert shown[0].count("\n") > 100
    return shown[0], shown[1]


@pytest.mark.parametrize("level", ["-O1", "-O2", "-O3", "-Os"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_annotations_are_no_instructions_without_a_detector(
    compiler: str, language: str, level: str, tmp_path: Path
) -> None:
    annotated, without = instructions(tmp_path, compiler, language, level)
    assert annotated == without


@pytest.mark.parametrize("level", ["-O1", "-O2"])
@pytest.mark.parametrize(("compiler", "detector"), [c for c in COMBINATIONS if c[1] != "none"])
def test_annotations_are_instructions_with_a_detector(
    compiler: str, detector: str, level: str, tmp_path: Path
) -> None:
    annotated, without = instructions(tmp_path, compiler, "c11", level, *FLAGS[detector])
    assert annotated != without


# 3. What must not compile, and what the compiler says.

MISUSES: dict[str, str] = {
    'RSH_RACE_BENIGN(p, 4, "");': "say in a string literal why the race is benign",
    "RSH_RACE_BENIGN(p, 4, );": "say in a string literal why the race is benign",
    "RSH_RACE_BENIGN(p, 4);": r"RSH_RACE_BENIGN|too few arguments",
    "RSH_RACE_BENIGN(p, 4, text);": "text",
    "RSH_RACE_READ(p, 3);": "RSH_RACE_READ: size must be the constant 1, 2, 4, 8 or 16",
    "RSH_RACE_READ(p, 0);": "RSH_RACE_READ: size must be the constant",
    "RSH_RACE_WRITE(p, 32);": "RSH_RACE_WRITE: size must be the constant.* RSH_RACE_WRITE_RANGE",
    "RSH_RACE_READ_PC(p, 5, 0, f);": "RSH_RACE_READ: size must be the constant",
    "RSH_RACE_WRITE_PC(p, 12, 0, f);": "RSH_RACE_WRITE: size must be the constant",
    "RSH_RACE_READ(p, n);": "constant",
    "RSH_RACE_ACQUIRE(n);": "pointer|const volatile void|const char",
    "RSH_RACE_READ_RANGE(p, p);": "integer|size_t|conversion",
    "RSH_RACE_MUTEX_BEFORE_LOCK(n);": "pointer|const volatile void|const char",
    "RSH_RACE_THREAD_NAME(n);": "pointer|const volatile void|const char",
    "RSH_MEM_READ(n, 4);": "pointer|const volatile void|const char",
    "RSH_MEM_MOVE(p, n, 4);": "pointer|const volatile void|const char",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("compiler", "detector"), COMBINATIONS)
def test_misuse_does_not_compile_and_the_message_says_why(
    compiler: str, detector: str, language: str, tmp_path: Path
) -> None:
    def messages(statement: str) -> str:
        source = tmp_path / "misuse.c"
        source.write_text(
            "#include <raceshim/annotate.h>\n"
            "void f(int *p, size_t n, const char *text);\n"
            f"void f(int *p, size_t n, const char *text)\n{{\n\t(void)p, (void)n, (void)text;\n"
            f"\t{statement}\n}}\n"
        )
        return compile_(compiler, language, *FLAGS[detector], "-fsyntax-only", source)

    assert not messages('RSH_RACE_BENIGN(p, n, "because"); RSH_RACE_READ(p, sizeof(*p));')
    for statement, expected in MISUSES.items():
        assert re.search(expected, messages(statement)), statement


# 4. Reports of races, by function. The control run is the same for all three detectors.

# The cases of race.c. "unsaid": reported in the control run only, the annotation says why it is no
# race; "said": reported by way of the annotation only; "both": a race that no annotation hides.
RACES = """
case       thread  helgrind  drd
benign     unsaid  unsaid    unsaid
chain      unsaid  unsaid    unsaid
cond       unsaid  unsaid    unsaid
dangling   said    -         -       a stale pointer, before anybody else has the block
edge       unsaid  unsaid    unsaid
logical    said    -         -       an access that is said to be made
merge      unsaid  unsaid    unsaid
mutex      unsaid  unsaid    unsaid
nested     unsaid  unsaid    unsaid
once       unsaid  unsaid    unsaid
readers    both    both      both
reads      unsaid  both      unsaid  Helgrind has no ignore scopes
recycle    unsaid  unsaid    unsaid
restored   both    both      both
resync     -       -         -
rwlock     unsaid  unsaid    unsaid
stale      both    both      both
sync       said    -         -       an edge that is ignored
tryfail    both    both      both
trylock    unsaid  unsaid    unsaid
tryrdfail  both    both      both
unborn     said    -         -       a lock that is used before its creation is known
writes     unsaid  both      unsaid
"""


def reported(table: str, detector: str, mode: str) -> set[str]:
    """Return the cases that a table says the detector reports in a run."""
    heading, *rows = [line.split() for line in table.strip().splitlines()]
    column = heading.index(detector)
    words = {"both", "said" if mode == "annotated" else "unsaid"}
    return {row[0] for row in rows if row[column] in words}


def cases_of(name: str, pattern: str) -> set[str]:
    """Return the names of a program's cases."""
    return set(re.findall(pattern, (PROGRAMS / f"{name}.c").read_text(), re.MULTILINE))


def test_the_tables_have_every_case() -> None:
    for table, cases in (
        (RACES, cases_of("race", r"^STEP\((\w+)_first\)")),
        (MEMORY, cases_of("memory", r"^CASE\((\w+)\)")),
    ):
        assert {line.split()[0] for line in table.strip().splitlines()[1:]} == cases


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of race.c told: the cases named in reports, and two counts of reports."""

    cases: frozenset[str]
    reported: int
    counted: int
    text: str


def outcome_of(done: subprocess.CompletedProcess[str], frame: str, reports: str) -> Outcome:
    """Read the detector's output; `frame` and `reports` are how it writes frames and counts."""
    text = done.stdout + done.stderr
    frames = re.findall(frame + r"(\w+)_(?:first|second|third)\b", text)
    counts = re.findall(reports, text)
    reported = int(counts[0]) if counts[0].isdigit() else len(counts)
    (counted,) = re.findall(r"^errors (\d+)$", text, re.MULTILINE)
    return Outcome(frozenset(frames), reported, int(counted), text)


def thread_sanitizer(built: Path, mode: str) -> Outcome:
    done = run(built, mode)
    assert done.returncode == 66, done.stderr
    assert set(re.findall("WARNING: ThreadSanitizer: (.*) \\(", done.stderr)) == {"data race"}
    return outcome_of(done, r"#\d+ ", "WARNING: ThreadSanitizer")


def valgrind(tool: str, built: Path, mode: str) -> Outcome:
    done = run("valgrind", f"--tool={tool}", built, mode)
    assert done.returncode == 0, done.stderr
    return outcome_of(done, r"(?:at|by) 0x[0-9A-F]+: ", r"ERROR SUMMARY: (\d+) errors")


@pytest.mark.parametrize("level", ["-O1", "-O2"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_thread_sanitizer_reports_what_is_a_race(compiler: str, level: str, tmp_path: Path) -> None:
    built = program(tmp_path, compiler, "race", "-fsanitize=thread", level, "-fvisibility=hidden")
    annotated, control = (thread_sanitizer(built, mode) for mode in ("annotated", "control"))
    assert annotated.cases == reported(RACES, "thread", "annotated")
    assert control.cases == reported(RACES, "thread", "control")
    assert annotated.counted == annotated.reported >= len(annotated.cases)
    assert control.counted == control.reported >= len(control.cases)
    assert "'player-1'" in control.text  # RSH_RACE_THREAD_NAME


@pytest.mark.parametrize("compiler", COMPILERS)
def test_errors_are_counted_in_cxx_too(compiler: str, tmp_path: Path) -> None:
    source, built = tmp_path / "count.cpp", tmp_path / "count"
    source.write_text("""
        #include <raceshim/annotate.h>
        #include "turns.h"
        RSH_DEFINE_RACE_ERRORS
        static int data;
        static void *second(void *arg)
        {
            await_turn(0);
            data = 2;
            return arg;
        }
        int main()
        {
            pthread_t thread;
            turns_open();
            pthread_create(&thread, nullptr, second, nullptr);
            data = 1;
            const size_t before = rsh_race_errors();
            pass_turn(0);
            pthread_join(thread, nullptr);
            printf("%d: %zu %zu", data, before, rsh_race_errors());
        }
    """)
    flags = ("-std=c++17", "-O2", "-pthread", "-fsanitize=thread", "-fvisibility=hidden")
    done = run(CXX[compiler], *flags, f"-I{INCLUDE}", f"-I{PROGRAMS}", source, "-o", built)
    assert done.returncode == 0, done.stderr
    assert run(built).stdout == "2: 0 1"


@pytest.mark.parametrize("tool", ["helgrind", "drd"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_one_binary_serves_helgrind_and_drd(compiler: str, tool: str, tmp_path: Path) -> None:
    built = program(tmp_path, compiler, "race", *FLAGS["valgrind"], "-O1")
    annotated, control = (valgrind(tool, built, mode) for mode in ("annotated", "control"))
    assert annotated.cases == reported(RACES, tool, "annotated")
    assert control.cases == reported(RACES, tool, "control")
    assert annotated.counted == annotated.reported > 0
    assert control.counted == control.reported > annotated.reported
    assert "Bug in libpthread" not in annotated.text
    assert ("(player-1)" in control.text) == (tool == "drd")  # RSH_RACE_THREAD_NAME


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("detector", ["none", "valgrind"])
def test_outside_a_detector_nothing_is_reported(
    compiler: str, detector: str, tmp_path: Path
) -> None:
    done = run(program(tmp_path, compiler, "race", *FLAGS[detector], "-O1"), "annotated")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "errors 0"


# What helgrind.h and drd.h call the requests of race_helgrind.h.
REQUESTS = """
ours                        helgrind                                drd
RSHI_VG_CLEAN_MEMORY        VG_USERREQ__HG_CLEAN_MEMORY             DRD_CLEAN_MEMORY
RSHI_VG_RWLOCK_CREATE       _VG_USERREQ__HG_PTHREAD_RWLOCK_INIT_POST    DRD_ANNOTATE_RWLOCK_CREATE
RSHI_VG_RWLOCK_DESTROY      _VG_USERREQ__HG_PTHREAD_RWLOCK_DESTROY_PRE  DRD_ANNOTATE_RWLOCK_DESTROY
RSHI_VG_RWLOCK_ACQUIRED     _VG_USERREQ__HG_PTHREAD_RWLOCK_ACQUIRED DRD_ANNOTATE_RWLOCK_ACQUIRED
RSHI_VG_RWLOCK_RELEASED     _VG_USERREQ__HG_PTHREAD_RWLOCK_RELEASED DRD_ANNOTATE_RWLOCK_RELEASED
RSHI_VG_HAPPENS_BEFORE      _VG_USERREQ__HG_USERSO_SEND_PRE         DRD_ANNOTATE_HAPPENS_BEFORE
RSHI_VG_HAPPENS_AFTER       _VG_USERREQ__HG_USERSO_RECV_POST        DRD_ANNOTATE_HAPPENS_AFTER
RSHI_HG_MAKE_UNTRACKED      _VG_USERREQ__HG_ARANGE_MAKE_UNTRACKED   -
RSHI_DRD_START_SUPPRESSION  -                                       DRD_START_SUPPRESSION
RSHI_DRD_RECORD_LOADS       -                                       DRD_RECORD_LOADS
RSHI_DRD_RECORD_STORES      -                                       DRD_RECORD_STORES
RSHI_DRD_THREAD_NAME        -                                       DRD_SET_THREAD_NAME
"""


@pytest.mark.parametrize("tool", ["helgrind", "drd"])
def test_request_numbers_are_those_of_the_tools_headers(tool: str, tmp_path: Path) -> None:
    rows = [line.split() for line in REQUESTS.strip().splitlines()[1:]]
    backend = (INCLUDE / "raceshim" / "race_helgrind.h").read_text()
    assert set(re.findall(r"^#define (\w+) +0x4\w+u$", backend, re.MULTILINE)) == {
        ours for ours, *_ in rows
    }
    lines = [f"#include <valgrind/{tool}.h>", "#include <raceshim/race_helgrind.h>"]
    for ours, helgrind, drd in rows:
        theirs = helgrind if tool == "helgrind" else f"VG_USERREQ__{drd}"
        if not theirs.endswith("-"):
            lines.append(f'_Static_assert({ours} == (unsigned){theirs}, "{ours}");')
    source = tmp_path / f"{tool}.c"
    source.write_text("\n".join(lines) + "\n")
    assert not compile_("gcc-12", "c11", "-fsyntax-only", source)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_ignore_scopes_nest_across_translation_units_under_drd(
    compiler: str, tmp_path: Path
) -> None:
    inner = (
        "#include <raceshim/annotate.h>\nvoid inner(void);\n"
        "void inner(void)\n{\n\tRSH_RACE_IGNORE_WRITES_BEGIN();\n\tRSH_RACE_IGNORE_WRITES_END();\n}"
    )
    outer = """
        #include <raceshim/annotate.h>
        #include "turns.h"
        void inner(void);
        static int inside, behind;
        static void *second(void *arg)
        {
            await_turn(0);
            RSH_RACE_IGNORE_WRITES_BEGIN();
            inner();
            inside = 2;
            RSH_RACE_IGNORE_WRITES_END();
            behind = 2;
            pass_turn(1);
            return arg;
        }
        static void *first(void *arg)
        {
            inside = behind = 1;
            pass_turn(0);
            await_turn(1);
            return arg;
        }
        int main(void)
        {
            pthread_t a, b;
            turns_open();
            pthread_create(&a, NULL, first, NULL);
            pthread_create(&b, NULL, second, NULL);
            pthread_join(a, NULL);
            pthread_join(b, NULL);
            return inside + behind == 4 ? 0 : 1;
        }
    """
    sources = [tmp_path / "inner.c", tmp_path / "outer.c"]
    sources[0].write_text(inner)
    sources[1].write_text(outer)
    built = tmp_path / "scopes"
    flags = ("-O1", "-pthread", *FLAGS["valgrind"], f"-I{INCLUDE}", f"-I{PROGRAMS}")
    assert run(compiler, *flags, *sources, "-o", built).returncode == 0
    done = run("valgrind", "--tool=drd", built)
    behind = next(n for n, text in enumerate(outer.splitlines(), 1) if "behind = 2" in text)
    # Valgrind shows the folder or not, depending on where the compiler ran.
    seen = re.findall(r"at 0x\w+: second \((?:\S*/)?outer.c:(\d+)\)", done.stderr)
    assert seen == [str(behind)]


# 5. Where a report points to.

ACCESSES = cases_of("frames", r"^(?:ACCESS|API)\((\w+)\)") - {"name"}


@pytest.mark.parametrize("order", ["current", "previous"])
@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_frame_0_is_the_annotating_function_on_its_line(
    compiler: str, level: str, order: str, tmp_path: Path
) -> None:
    built = program(tmp_path, compiler, "frames", "-fsanitize=thread", level)
    text = run(built, order).stderr
    stacks = re.findall(r"#0 (\w+) \S*frames\.c:(\d+).*\n(?: *#1 (\w+))?", text)
    found = {(name, int(line)): caller for name, line, caller in stacks if name in ACCESSES}
    assert set(found) == {(name, line_of("frames", name)) for name in ACCESSES}
    callers = {name: caller for (name, _), caller in found.items()}
    pushed = {name for name in ACCESSES if name.startswith("api_")} - {"api_write"}
    assert {callers[name] for name in pushed} == {"user"}
    assert callers["api_write"] == "entry"  # no caller given: what the detector knows anyway


# 6. Reports of bad memory.

# The cases of memory.c, as in RACES.
MEMORY = """
case              memory  address  hwaddress  memcheck
check             -       -        -          -
move_defined      unsaid  -        -          unsaid
move_keeps_bytes  -       -        -          -
move_overlaps     -       -        -          -
move_undefined    said    -        -          said
poisoned          said    said     said       said
pool_again        -       -        -          -
pool_stale        said    said     said       said
pool_unfilled     said    -        -          said
read_beyond       -       said     said       said
read_freed        said    said     said       said
read_pc           -       said     said       said
read_undefined    said    -        -          said
unpoisoned        -       -        -          -
write_beyond      -       said     said       said
write_defines     unsaid  -        -          unsaid
write_pc          -       said     said       said
"""
# What the detector calls it; AddressSanitizer tells more kinds than one.
KINDS = {
    "memory": "use-of-uninitialized-value",
    "hwaddress": "tag-mismatch",
    "address": "heap-buffer-overflow",
    "address read_freed": "heap-use-after-free",
    "address pool_stale": "use-after-poison",
    "address poisoned": "use-after-poison",
}
# Cases in which the annotation itself reports, and the number of the frame that shows its line:
# HWASan's own entry point is frame #0 of every report it makes.
POINTED: dict[str, tuple[int, tuple[str, ...]]] = {
    "memory": (0, ("read_undefined", "read_freed")),
    "address": (0, ("read_beyond", "write_beyond", "read_freed", "read_pc", "write_pc")),
    "hwaddress": (1, ("read_beyond", "write_beyond", "read_freed")),
}


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize(("compiler", "detector"), [c for c in COMBINATIONS if c[1] in KINDS])
def test_sanitizers_report_bad_memory_where_the_annotation_is(
    compiler: str, detector: str, level: str, tmp_path: Path
) -> None:
    built = program(tmp_path, compiler, "memory", *FLAGS[detector], level)
    texts: dict[str, str] = {}
    for mode in ("control", "annotated"):
        found: dict[str, str] = {}
        for case in sorted(cases_of("memory", r"^CASE\((\w+)\)")):
            done = run(built, mode, case)
            texts[case] = done.stderr
            kinds = re.findall(r"(?:ERROR|WARNING): \w+Sanitizer: ([\w-]+)", done.stderr)
            if kinds:
                found[case] = kinds[0]
            assert (done.returncode != 0) == bool(kinds), (mode, case, done.stderr)
        expected = reported(MEMORY, detector, mode)
        assert found == {c: KINDS.get(f"{detector} {c}", KINDS[detector]) for c in expected}
    number, cases = POINTED[detector]
    for case in cases:
        here = line_of("memory", case)
        pattern = rf"#{number} 0x\w+ in {case} \S*memory\.c:{here}\b"
        assert re.search(pattern, texts[case]), texts[case]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_memcheck_reports_bad_memory_where_the_annotation_is(compiler: str, tmp_path: Path) -> None:
    built = program(tmp_path, compiler, "memory", *FLAGS["valgrind"], "-O1")
    cases = cases_of("memory", r"^CASE\((\w+)\)")

    def reports(mode: str) -> tuple[set[str], str]:
        done = run("valgrind", "--tool=memcheck", built, mode, *sorted(cases))
        assert done.returncode == 0, done.stderr
        frames = re.findall(r"(?:at|by) 0x[0-9A-F]+: (\w+) \(memory\.c", done.stderr)
        return set(frames) & cases, done.stderr

    found, text = reports("annotated")
    assert found == reported(MEMORY, "memcheck", "annotated")
    for case in ("read_undefined", "read_beyond", "write_beyond", "read_freed"):
        here = line_of("memory", case)
        assert re.search(rf"client check request\n.*: {case} \(memory\.c:{here}\)", text), case
    assert reports("control")[0] == reported(MEMORY, "memcheck", "control")


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("detector", ["none", "thread", "valgrind"])
def test_outside_a_memory_detector_nothing_is_reported(
    compiler: str, detector: str, tmp_path: Path
) -> None:
    built = program(tmp_path, compiler, "memory", *FLAGS[detector], "-O1")
    # Without a detector CHECK finds nothing, which is what the control run expects.
    done = run(built, "control", *cases_of("memory", r"^CASE\((\w+)\)"))
    assert (done.returncode, done.stderr) == (0, "")


# 7. The guide.


def test_the_guide_names_every_annotation() -> None:
    guide = (ROOT / "docs" / "annotations.md").read_text()
    short = {name for name in public_macros() if name != "RSH_DEFINE_RACE_ERRORS"}
    missing = {name for name in short if not re.search(rf"`{name}\b", guide)}
    assert not missing

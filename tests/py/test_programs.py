# SPDX-License-Identifier: BSD-2-Clause
"""Programs whose name is their verdict: what their directives mean, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raceshim._errors import UsageError
from raceshim._options import resolve
from raceshim._outcomes import Outcome, Sign, function_name, is_right, observe, parse_outcomes
from raceshim._programs import IGNORE_FILE, has_directives, is_program, load_program, load_programs
from raceshim._tasks import compilers_of
from raceshim.cc._compilers import Compiler
from raceshim.report._parse import Failure, Frame, Report, Stack

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim._programs import Program

CLANG_19 = Compiler("clang-19", "clang", "clang-19", "clang++-19")
CLANG_14 = Compiler("clang-14", "clang", "clang-14", "clang++-14")
GCC = Compiler("gcc-12", "gcc", "gcc-12", "g++-12")


def write(folder: Path, *directives: str, name: str = "race_x.c") -> Path:
    lines = "".join(f" * {line}\n" for line in directives)
    path = folder / name
    path.write_text(
        f"/* SPDX-License-Identifier: BSD-2-Clause */\n/*\n * Some prose.\n *\n{lines} */\n"
        "int main(void) { return 0; }\n"
    )
    return path


def load(folder: Path, *directives: str, name: str = "race_x.c") -> Program:
    return load_program(write(folder, *directives, name=name))


def test_every_directive_is_read(tmp_path: Path) -> None:
    (tmp_path / "help.c").touch()
    program = load(
        tmp_path,
        "report: data race in a, b<c",
        "control: clean",
        "annotation: RSH_RACE_ACQUIRE RSH_RACE_RELEASE",
        "detector: thread",
        "compilers: clang gcc-12",
        "cflags: -DTEXT='two words' -O0",
        "control-cflags: -DX",
        "libs: -lm",
        "args: one 'two three'",
        "pthread: no",
        "env: A=1 B='2 3'",
        "options: atexit_sleep_ms=0",
        "stdout: it's done",
        "timeout: 7",
        "helper: help.c",
        "helper-so: help.c",
        "uninstrumented: help.c",
    )
    assert program.verdict == "race"
    assert program.outcomes("main", GCC) == (Outcome("data race", (("a",), ("b", "c"))),)
    assert program.annotations == ("RSH_RACE_ACQUIRE", "RSH_RACE_RELEASE")
    assert program.words("cflags") == ["-DTEXT=two words", "-O0"]
    assert program.words("args") == ["one", "two three"]
    assert program.get("stdout") == "it's done"
    assert program.timeout == 7
    assert program.files("helper") == [tmp_path / "help.c"]
    assert program.variants(GCC) == ("main", "control")


def test_defaults(tmp_path: Path) -> None:
    program = load(tmp_path, "report: data race")
    assert (program.detector, program.timeout, program.annotations) == ("thread", 60, ())
    assert program.variants(GCC) == ("main",)
    assert all(program.runs_on(compiler) for compiler in (CLANG_14, CLANG_19, GCC))


@pytest.mark.parametrize(("name", "expected"), [("norace_x.c", "clean"), ("miss_x.c", "clean")])
def test_silent_programs_expect_silence(tmp_path: Path, name: str, expected: str) -> None:
    program = load(tmp_path, "control: data race", name=name)
    assert program.expected("main") == expected
    assert program.expected("control") == "data race"


def test_selector_beats_family_beats_plain(tmp_path: Path) -> None:
    program = load(
        tmp_path, "report: data race", "cflags: -O1", "cflags[clang]: -O2", "cflags[clang-14]: -O3"
    )
    got = [program.words("cflags", compiler) for compiler in (GCC, CLANG_19, CLANG_14)]
    assert got == [["-O1"], ["-O2"], ["-O3"]]


def test_control_of_one_compiler_only(tmp_path: Path) -> None:
    program = load(tmp_path, "control[gcc-12]: data race", name="norace_x.c")
    assert program.variants(GCC) == ("main", "control")
    assert program.variants(CLANG_19) == ("main",)


def test_control_has_the_programs_coverage_unless_it_names_its_own(tmp_path: Path) -> None:
    program = load(tmp_path, "report: data race", "cover: count", "cover[gcc]: atomic")
    assert [program.cover(v, CLANG_19) for v in ("main", "control")] == ["count", "count"]
    assert program.cover("main", GCC) == "atomic"
    program = load(tmp_path, "report: data race", "cover: count", "control-cover: none")
    assert [program.cover(v, CLANG_19) for v in ("main", "control")] == ["count", "none"]
    assert load(tmp_path, "report: data race").cover("main", CLANG_19) == ""


@pytest.mark.parametrize(
    ("detector", "fit"),
    [
        ("thread", [CLANG_19, CLANG_14, GCC]),
        ("memory", [CLANG_19, CLANG_14]),
        ("hwaddress", [CLANG_19, CLANG_14]),
        ("helgrind", [CLANG_19, CLANG_14, GCC]),
    ],
)
def test_detector_limits_the_compilers(tmp_path: Path, detector: str, fit: list[Compiler]) -> None:
    program = load(tmp_path, "report: data race", f"detector: {detector}")
    assert [c for c in (CLANG_19, CLANG_14, GCC) if program.runs_on(c)] == fit


def test_best_compiler_is_taken_unless_some_are_named(tmp_path: Path) -> None:
    program = load(tmp_path, "report: data race", "compilers: gcc-12 clang-14")
    available = [CLANG_19, CLANG_14, GCC]
    assert compilers_of(program, available, resolve({"compiler": "auto"})) == [CLANG_14]
    assert compilers_of(program, available, resolve({"compiler": "all"})) == [CLANG_14, GCC]
    assert compilers_of(program, [CLANG_19], resolve({"compiler": "clang-19"})) == []


@pytest.mark.parametrize(
    ("directives", "line", "message"),
    [
        (["reprot: data race"], 5, "unknown directive 'reprot'"),
        (["report: data race", "Cflags: -O2"], 6, "no directive: Cflags: -O2"),
        (["report: data race", "cflags [gcc]: -O2"], 6, "no directive"),
        (["report: data race", "report: data race"], 6, "a second report"),
        (["report:"], 5, "report has no value"),
        (["report: data race in"], 5, "cannot read"),
        (["report: data race in a,"], 5, "a function is missing"),
        (["report: data race in a<"], 5, "a function is missing"),
        (["report: clean in a"], 5, "'clean' names no functions"),
        (["report: a in b in c"], 5, "cannot read the outcome"),
        (["report: data race", "control: data race or "], 6, "cannot read the outcome"),
        (["report: data race", "cflags[icc]: -O2"], 6, "'icc' is none of"),
        (["report: data race", "detector: asan"], 6, "'asan' is none of"),
        (["report: data race", "detector[gcc]: thread"], 6, "takes no selector"),
        (["report: data race", "compilers: clang-19 tcc"], 6, "tcc"),
        (["report: data race", "timeout: soon"], 6, "no number of seconds"),
        (["report: data race", "timeout: 0"], 6, "no number of seconds"),
        (["report: data race", "pthread: yes"], 6, "can only be `no`"),
        (["report: data race", "cover: branches"], 6, "'branches' is none of none, set"),
        (["report: data race", "control-cover: yes"], 6, "'yes' is none of none, set"),
        (["report: data race", "helper: missing.c"], 6, "there is no missing.c"),
        (["report: data race", "env: NAME"], 6, "not NAME=VALUE"),
        (["report: data race", "cflags: -DX='"], 6, "No closing quotation"),
    ],
)
def test_wrong_directive_is_an_error_that_names_its_line(
    tmp_path: Path, directives: list[str], line: int, message: str
) -> None:
    path = write(tmp_path, *directives)
    with pytest.raises(UsageError) as error:
        load_program(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "directives", "message"),
    [
        ("race_x.c", [], "needs a line `report:`"),
        ("race_x.c", ["report[gcc]: data race"], "needs a line `report:` for clang-19"),
        ("norace_x.c", ["report: data race"], "a norace_ program has no `report:`"),
        ("miss_x.c", ["report: data race"], "a miss_ program has no `report:`"),
        ("other.c", ["report: data race"], "the name is no verdict"),
    ],
)
def test_name_and_directives_must_agree(
    tmp_path: Path, name: str, directives: list[str], message: str
) -> None:
    path = write(tmp_path, *directives, name=name)
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        load_program(path)


def test_compiler_that_sees_what_others_miss_may_be_named(tmp_path: Path) -> None:
    program = load(tmp_path, "report[gcc]: data race", name="miss_x.c")
    assert program.expected("main", GCC) == "data race"
    assert program.expected("main", CLANG_19) == "clean"


def test_file_without_a_comment_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "race_x.c"
    path.write_text("int main(void) { return 0; }\n")
    with pytest.raises(UsageError, match="does not begin with a comment"):
        load_program(path)
    assert not has_directives(path)


def test_only_named_files_are_programs(tmp_path: Path) -> None:
    for name in ("race_a.c", "norace_b.c", "miss_c.c"):
        write(tmp_path, "report[gcc]: data race" if name == "miss_c.c" else "control: clean",
              *(["report: data race"] if name == "race_a.c" else []), name=name)  # fmt: skip
    for name in ("races.c", "helper.c", "race_.c", "race_a.h", "trace_a.c"):
        (tmp_path / name).touch()
    (tmp_path / "below").mkdir()
    write(tmp_path / "below", "report: data race", name="race_d.c")
    found = [program.path.name for program in load_programs(tmp_path)]
    assert found == ["race_d.c", "miss_c.c", "norace_b.c", "race_a.c"]
    (tmp_path / "below" / IGNORE_FILE).touch()
    assert not is_program(tmp_path / "below/race_d.c")
    assert len(load_programs(tmp_path)) == 3


def frame(function: str) -> Frame:
    return Frame(function, "x.c", 1, 1, "x", 0)


def report(*stacks: tuple[str, str], kind: str = "data race") -> Report:
    """Build a report from (role, "callee<caller") pairs."""
    made = tuple(
        Stack(role, role, tuple(map(frame, chain.split("<"))), None, restored=True)
        for role, chain in stacks
    )
    return Report("ThreadSanitizer", kind, 1, made, None, None, complete=True, text="")


RACE = report(("access", "memcpy<fill<work"), ("previous", "drain<main"), ("thread", "start<main"))


@pytest.mark.parametrize(
    ("expected", "right"),
    [
        ("data race", True),
        ("data race in fill, drain", True),
        ("data race in drain, fill", True),
        ("data race in fill<work, drain<main", True),
        ("data race in memcpy<fill<work", True),
        ("data race in memcpy<work, drain", False),  # not called directly
        ("data race in work<fill, drain", False),
        ("data race in memcpy, fill", False),  # both in one stack
        ("data race in fill, start", False),  # no access
        ("thread leak", False),
        ("clean", False),
        ("thread leak or data race in fill, drain", True),
    ],
)
def test_expected_functions_are_found_each_in_a_stack_of_its_own(
    expected: str, right: bool
) -> None:
    assert is_right((Sign(RACE.kind, RACE),), parse_outcomes(expected)) == right


def test_other_kinds_may_name_functions_of_any_stack() -> None:
    leak = report(("other", "pthread_create<start_worker<main"), kind="thread leak")
    assert is_right((Sign("thread leak", leak),), parse_outcomes("thread leak in start_worker"))


def test_one_function_racing_with_itself_needs_both_stacks() -> None:
    same = report(("access", "f<a"), ("previous", "f<b"))
    assert is_right((Sign(same.kind, same),), parse_outcomes("data race in f, f"))
    assert not is_right((Sign(RACE.kind, RACE),), parse_outcomes("data race in fill, fill"))


def test_report_that_was_not_expected_makes_a_run_wrong() -> None:
    other = report(("access", "x"), ("previous", "y"))
    expected = parse_outcomes("data race in fill, drain")
    both = observe(reports=(RACE, other), failures=(), status=66, timed_out=False)
    assert not is_right(both, expected)
    twice = observe(reports=(RACE, RACE), failures=(), status=66, timed_out=False)
    assert is_right(twice, expected)


@pytest.mark.parametrize(
    ("status", "timed_out", "stdout", "kinds"),
    [
        (0, False, True, ["clean"]),
        (3, False, True, ["exit status 3"]),
        (-11, False, True, ["crash"]),
        (-9, True, True, ["hang"]),
        (0, False, False, ["wrong stdout"]),
    ],
)
def test_end_of_a_run_without_reports(
    status: int, timed_out: bool, stdout: bool, kinds: list[str]
) -> None:
    signs = observe(
        reports=(), failures=(), status=status, timed_out=timed_out, expected_stdout=stdout
    )
    assert [sign.kind for sign in signs] == kinds


def test_deadly_signal_under_a_detector_is_a_crash() -> None:
    segv = report(("access", "f"), kind="SEGV")
    failure = Failure("DEADLYSIGNAL", 1, "")
    signs = observe(reports=(segv,), failures=(failure,), status=66, timed_out=False)
    assert is_right(signs, parse_outcomes("crash"))
    assert not is_right(signs, parse_outcomes("clean"))


@pytest.mark.parametrize(
    "kind",
    [
        "unlock of an unlocked mutex (or by a wrong thread)",
        "use of an invalid mutex (e.g. uninitialized or destroyed)",
        "data race on vptr (ctor/dtor vs virtual call)",
        "signal-unsafe call inside of a signal",
    ],
)
def test_kinds_hold_the_grammars_own_words(kind: str) -> None:
    (outcome,) = parse_outcomes(f"{kind} in f")
    assert outcome == Outcome(kind, (("f",),))
    assert parse_outcomes(f"{kind} or hang") == (Outcome(kind), Outcome("hang"))
    assert str(outcome) == f"{kind} in f"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("work.part.0", "work"),
        ("work.constprop.1.cold", "work"),
        ("__interceptor_memcpy", "memcpy"),
        ("plain", "plain"),
        (None, ""),
    ],
)
def test_functions_are_named_as_people_write_them(name: str | None, shown: str) -> None:
    assert function_name(name) == shown

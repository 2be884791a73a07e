# SPDX-License-Identifier: BSD-2-Clause
"""The pytest plugin: the fixture, the collected programs, and projects that want neither."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness_programs import HEAD, source

pytest_plugins = ["pytester"]

PASSES = """\
def test_guarded(race):
    race.build("guarded.c").run().assert_no_data_race().assert_clean()

def test_racy(race):
    racy = race.build("racy.c", compiler="gcc-12", cflags=["-O0"])
    racy.run().assert_race(functions=["bump_in_main<two_threads"])
    racy.run().assert_race(functions=["bump_in_main", "bump_in_thread"], kind="data race")
    racy.run().assert_race()

def test_run_gives_what_the_program_printed(race):
    ran = race.build("guarded.c", detector="none").run()
    assert (ran.stdout, ran.stderr, ran.status) == ("done\\n", "", 0)
"""


@pytest.fixture(autouse=True)
def _environment(
    sdk_environment: dict[str, str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "RACESHIM_SDK" in sdk_environment:
        monkeypatch.setenv("RACESHIM_SDK", sdk_environment["RACESHIM_SDK"])
    pytester.path.joinpath("guarded.c").write_text(source("plain", race=False))
    pytester.path.joinpath("racy.c").write_text(source("plain", race=True))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def test_fixture_builds_runs_and_asserts(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PASSES)
    run(pytester).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('race.build("racy.c").run().assert_no_data_race()', ["racy: 1 unexpected: data race"]),
        ('race.build("racy.c").run().assert_clean()', ["racy: unexpected: data race"]),
        (
            'race.build("racy.c").run().assert_race(functions=["nobody"])',
            ["racy: not reported: data race in nobody", "*bump_in_main*"],
        ),
        (
            'race.build("guarded.c").run().assert_race()',
            ["guarded: not reported: data race", "nothing was reported*exit status 0"],
        ),
        (
            'race.build("racy.c", detector="address").run().assert_race()',
            ["racy: not reported: data race"],
        ),
        (
            'race.build("guarded.c").run("9").assert_no_data_race()',
            ["guarded: inconclusive: the command failed (exit status 9)*"],
        ),
        (
            'race.build("guarded.c", cflags=["-fno-sanitize=all"]).run().assert_no_data_race()',
            ["guarded: inconclusive: no process ran under the thread detector*"],
        ),
        ('race.build("missing.c")', ["*BuildError*", "*missing.c*"]),
        ('race.build("racy.c", compiler="nonsense")', ["*compiler not found: nonsense*"]),
    ],
)
def test_failure_says_what_was_seen(pytester: pytest.Pytester, line: str, shown: list[str]) -> None:
    pytester.makepyfile(f"def test_it(race):\n    {line}\n")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E  *{text}" for text in shown])


def test_race_in_a_failure_text_has_both_stacks(pytester: pytest.Pytester) -> None:
    pytester.makepyfile('def test_it(race):\n    race.build("racy.c").run().assert_clean()\n')
    text = run(pytester).stdout.str()
    assert "bump_in_thread  " in text
    assert "bump_in_main  " in text
    assert "_lab.py" not in text.split("short test summary")[0]


def test_other_kinds_are_no_data_race(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("leak.c").write_text(source("leak_thread", race=False))
    pytester.makepyfile(
        "def test_race(race):\n    race.build('leak.c').run().assert_no_data_race()\n"
        "def test_any(race):\n    race.build('leak.c').run().assert_clean()\n"
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*leak: unexpected: thread leak"])


GUARDED = "#ifdef RSH_CONTROL\n#define LOCK\n#define UNLOCK\n#else\n"
GUARDED += "#define LOCK pthread_mutex_lock(&lock)\n#define UNLOCK pthread_mutex_unlock(&lock)\n"
GUARDED += "#endif\n"
RACE = "data race in bump_in_thread, bump_in_main"


def program(pytester: pytest.Pytester, name: str, *directives: str, guard: str = GUARDED) -> None:
    comment = "".join(f" * {line}\n" for line in directives)
    main = "int main(void) { two_threads(); return 0; }\n"
    pytester.path.joinpath(f"{name}.c").write_text(f"/*\n{comment} */\n{guard}{HEAD}{main}")


def test_programs_are_collected_with_their_controls(pytester: pytest.Pytester) -> None:
    program(pytester, "norace_guarded", f"control: {RACE}")
    result = run(pytester, "-v", "--race-compiler", "clang-19,gcc-12")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines_random(
        [
            f"norace_guarded.c::{variant}[[]{compiler}[]] PASSED*"
            for variant in ("main", "control")
            for compiler in ("clang-19", "gcc-12")
        ]
    )


def test_wrong_program_shows_both_stacks_and_no_traceback(pytester: pytest.Pytester) -> None:
    program(pytester, "norace_open", guard="#define LOCK\n#define UNLOCK\n")
    pytester.path.joinpath("norace_open.c").write_text(
        pytester.path.joinpath("norace_open.c")
        .read_text()
        .replace("/*\n", "/*\n * control: hang\n", 1)
    )
    result = run(pytester, "-k", "main")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        ["norace_open, clang-19: false positive", "  expected: clean", "  got: *data race*"]
    )
    text = result.stdout.str()
    assert "bump_in_thread  " in text
    assert "bump_in_main  " in text
    assert "Traceback" not in text
    assert "_items.py" not in text


def test_program_for_another_compiler_is_skipped(pytester: pytest.Pytester) -> None:
    program(pytester, "norace_guarded", f"control: {RACE}", "compilers: gcc-12")
    run(pytester, "--race-compiler", "clang-19").assert_outcomes(skipped=2)
    run(pytester).assert_outcomes(passed=2)


def test_wrong_directive_is_a_collection_error(pytester: pytest.Pytester) -> None:
    program(pytester, "race_x", f"report: {RACE}", "reprot: x")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*race_x.c:3: unknown directive 'reprot'*"])


def test_options_are_checked(pytester: pytest.Pytester) -> None:
    program(pytester, "norace_guarded", f"control: {RACE}")
    result = run(pytester, "--race-runs", "many")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--race-runs*'many'*"])


def test_pyproject_chooses_the_compiler(pytester: pytest.Pytester) -> None:
    program(pytester, "norace_guarded", f"control: {RACE}")
    pytester.makepyprojecttoml("[tool.raceshim]\ncompiler = 'gcc-12'\n")
    result = run(pytester, "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*main[[]gcc-12[]] PASSED*"])


def test_programs_run_under_xdist(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    program(pytester, "norace_guarded", f"control: {RACE}")
    program(pytester, "race_open", f"report: {RACE}", guard="#define LOCK\n#define UNLOCK\n")
    run(pytester, "-n", "2").assert_outcomes(passed=3)


def test_projects_that_only_have_the_plugin_are_left_alone(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("race_condition.c").write_text("/* Their own. */\nint x;\n")
    pytester.path.joinpath("race_table.c").write_text("int x;\n")
    pytester.path.joinpath("norace.c").write_text("int x;\n")
    pytester.path.joinpath("race_latin.c").write_bytes(b"/* \xe9 */\n")
    elsewhere = pytester.mkdir("elsewhere")
    program(pytester, "race_open", f"report: {RACE}")
    pytester.path.joinpath("race_open.c").rename(elsewhere / "race_open.c")
    tests = pytester.mkdir("tests")
    tests.joinpath("test_own.py").write_text("def test_it():\n    pass\n")
    run(pytester, "tests").assert_outcomes(passed=1)
    run(pytester, "-k", "test_it or condition", ".").assert_outcomes(passed=1, deselected=1)


def test_loading_the_plugin_imports_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\n"
        "def test_it():\n"
        "    loaded = {m for m in sys.modules if m.startswith(('raceshim', 'rich'))}\n"
        "    assert loaded == {'raceshim', 'raceshim.plugin'}\n"
    )
    run(pytester).assert_outcomes(passed=1)


def test_importing_the_package_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import raceshim; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["raceshim"]

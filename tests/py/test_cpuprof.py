# SPDX-License-Identifier: BSD-2-Clause
"""Programs that know nothing of it profile themselves, because their environment says so."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import pytest
from asked_programs import FLAGS, Program, compiled
from raceshim.prof._read import read_file
from shim_builds import COMPILERS, run

if TYPE_CHECKING:
    from pathlib import Path

    from raceshim.prof._model import Profile

DETECTORS = ("", "-fsanitize=thread")
#: At a thousand samples a second chance alone makes differences of one or two points.
POINTS = 6.0


asked = partial(Program, "RACESHIM_CPUPROFILE")


@pytest.fixture(scope="module")
def plain(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Path, ...]]:
    """Return the program as everybody would build it, and the library to preload."""
    program = compiled(tmp_path_factory.mktemp("plain"), "clang-19", "profiled")
    return program, (sdk / "lib/libraceshim.so",)


@pytest.fixture
def program(plain: tuple[Path, tuple[Path, ...]], tmp_path: Path) -> Program:
    return asked(*plain, tmp_path)


def numbers(profile: Profile) -> dict[str, int]:
    """Return what the profile says became of the samples."""
    line = next(c for c in profile.comments if c.startswith("accepted "))
    found = {word: int(n) for word, n in re.findall(r"(\w+)[ =](\d+)", line)}
    assert found["accepted"] == found["delivered"] + found["lost"]
    assert found["lost"] == sum(profile.lost(0).values())
    return found


def share(profile: Profile, function: str, other: str) -> float:
    """Return the share, in per cent, that a function has of what it and another one take."""
    counts = {
        name: sum(n for s, n in profile.values(1) if name in {f.function for f in s.stack})
        for name in (function, other)
    }
    return 100 * counts[function] / sum(counts.values())


def check_work(profile: Profile, printed: str) -> None:
    """Compare a profile of the work with what the kernel has measured of it."""
    hot, total = map(float, printed.split())
    assert abs(share(profile, "hot75", "hot25") - 100 * hot / total) < POINTS
    work = [(s, n) for s, n in profile.values(1) if "work" in {f.function for f in s.stack}]
    whole = sum(n for s, n in work if s.stack[-1].function in {"clone3", "clone"})
    assert whole >= 0.98 * sum(n for _, n in work)
    # Time in the kernel is not sampled; nothing is sampled that was not there. What the library
    # does where a thread ends is, and where it counts itself.
    assert 0.5 * total < sum(n for _, n in work) / 1e9 < 1.1 * total
    for sample, _ in profile.values(1):
        names = {frame.function for frame in sample.stack}
        if not any(name.startswith("rsh_cover_own_") for name in names):
            assert "rshi_births_leave_sig" in names or not any("rshi_" in name for name in names)
    labels = {label.key: label.value for s, _ in work for label in s.labels}
    assert labels["thread"] == "profiled"
    assert isinstance(labels["tid"], int)


@pytest.mark.parametrize("variant", ["0", "25", "75"])
@pytest.mark.parametrize("detector", DETECTORS, ids=("plain", "tsan"))
@pytest.mark.parametrize("compiler", COMPILERS)
def test_shares_are_those_that_the_kernel_measures(
    compiler: str, detector: str, variant: str, plain: tuple[Path, tuple[Path, ...]], tmp_path: Path
) -> None:
    executable = compiled(tmp_path, compiler, "profiled", *detector.split())
    done = asked(executable, plain[1], tmp_path).run("cpu.pb:1000", "work", variant)
    assert not done.stderr
    profile = read_file(tmp_path / "cpu.pb")
    check_work(profile, done.stdout)
    assert [t.type for t in profile.types] == ["samples", "cpu"]
    assert numbers(profile)["delivered"] > 100


@pytest.mark.parametrize("detector", DETECTORS, ids=("plain", "tsan"))
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_that_is_linked_with_the_archive(
    compiler: str, detector: str, sdk: Path, tmp_path: Path
) -> None:
    archive = ("-Wl,-u,rsh_cpuprof_start", sdk / "lib/libraceshim.a")
    executable = compiled(tmp_path, compiler, "profiled", *detector.split(), *archive)
    program = asked(executable, (sdk / "lib/libraceshim.so",), tmp_path)
    # With the library preloaded as well there are two; one of them does it.
    done = program.run("cpu.pb:1000", "work")
    assert not done.stderr
    check_work(read_file(tmp_path / "cpu.pb"), done.stdout)
    assert program.left() == {"profiled", "cpu.pb"}
    alone = asked(executable, (), tmp_path)
    done = alone.run("alone.pb:1000", "work")
    check_work(read_file(tmp_path / "alone.pb"), done.stdout)


LABELLED = """
#include <stdint.h>
#include <time.h>
#include <raceshim/cpuprof.h>
int main(void)
{
	volatile uint64_t turns = 0;
	int err = rsh_label_set("request", "login");

	for (clock_t end = clock() + CLOCKS_PER_SEC / 10; clock() < end;)
		for (int i = 0; i < 100000; i++)
			turns++;
	return err ? 1 : 5;
}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_program_that_only_sets_labels(compiler: str, sdk: Path, tmp_path: Path) -> None:
    source, executable = tmp_path / "labelled.c", tmp_path / "labelled"
    source.write_text(LABELLED)
    archive = (f"-I{sdk / 'include'}", sdk / "lib/libraceshim.a")
    run(compiler, *FLAGS, source, *archive, "-o", executable)
    done = asked(executable, (), tmp_path).run("cpu.pb:1000")
    assert "raceshim: " not in done.stderr
    profile = read_file(tmp_path / "cpu.pb")
    assert numbers(profile)["delivered"] > 20
    labels = [{label.key: label.value for label in s.labels} for s, _ in profile.values(1)]
    assert sum(label.get("request") == "login" for label in labels) > len(labels) / 2


NAMED = """
#include <sys/prctl.h>
#include <time.h>
#include <raceshim/cpuprof.h>
int main(void)
{
	volatile unsigned long turns = 0;
	int err = rsh_label_set("bytes", "caf\\xe9") || prctl(PR_SET_NAME, "\\xff\\xc3\\xa9t\\xc3");

	for (clock_t end = clock() + CLOCKS_PER_SEC / 10; clock() < end;)
		for (int i = 0; i < 100000; i++)
			turns++;
	return err ? 1 : 5;
}
"""


def test_names_that_are_no_text_and_a_program_without_any(sdk: Path, tmp_path: Path) -> None:
    """Nothing is shared, so there is no table of symbols at all behind `-s`."""
    source, executable = tmp_path / "named.c", tmp_path / "named"
    source.write_text(NAMED)
    archive = (f"-I{sdk / 'include'}", sdk / "lib/libraceshim.a")
    run("gcc-12", *FLAGS, "-static", "-s", source, *archive, "-o", executable)
    done = asked(executable, (), tmp_path).run("cpu.pb:1000")
    assert "raceshim: " not in done.stderr
    profile = read_file(tmp_path / "cpu.pb")
    assert f"no symbols of {executable}: the file has no symbols" in profile.comments
    labels = {label.key: label.value for s, _ in profile.values(1) for label in s.labels}
    assert (labels["bytes"], labels["thread"]) == ("caf?", "?\u00e9t?")


@pytest.mark.parametrize("clock", ["perf", "timer", "wall", "auto"])
def test_a_clock_can_be_chosen(clock: str, program: Program) -> None:
    done = program.run(f"cpu.pb:200:{clock}", "work")
    assert not done.stderr
    profile = read_file(program.folder / "cpu.pb")
    assert profile.period == 5_000_000
    names = {"perf": "perf_event cpu-clock", "timer": "timer_create", "auto": ""}
    assert f"clock: {names.get(clock, 'timer_create wall clock')}" in "\n".join(profile.comments)
    assert profile.types[1].type == ("wall" if clock == "wall" else "cpu")
    assert numbers(profile)["delivered"] > 20
    main = sum(n for s, n in profile.values(1) if "main" in {f.function for f in s.stack})
    # Only that clock sees a thread wait for others.
    assert (main > 0.2 * sum(n for _, n in profile.values(1))) == (clock == "wall")


@pytest.mark.parametrize(
    ("how", "files"),
    [
        ("little", {"cpu.pb"}),
        ("exec", {"cpu.pb"}),
        ("fork", {"cpu.pb", "cpu.pb.PID"}),
        ("spawn", {"cpu.pb", "cpu.pb.PID"}),
        ("stale", {"cpu.pb", "cpu.pb.PID"}),
    ],
)
def test_each_process_leaves_its_own_file(how: str, files: set[str], program: Program) -> None:
    assert not program.run("cpu.pb:5000", how).stderr
    assert program.left() == files
    for path in program.folder.iterdir():
        numbers(read_file(path))


def test_a_name_with_the_process_id(program: Program) -> None:
    assert not program.run("%p.pb:5000", "fork").stderr
    assert program.left() == {"PID.pb"}
    assert len(list(program.folder.iterdir())) == 2


def test_a_folder_that_the_program_leaves(program: Program) -> None:
    program.run(f"{program.folder}/a:b.pb:100", "little")
    assert program.left() == {"a:b.pb"}


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ("cpu.pb:0", "the rate has to be 1 to 5000"),
        ("cpu.pb:99999", "the rate has to be 1 to 5000"),
        ("cpu.pb:wall", "a clock stands behind the rate"),
        (":100", "there is no path"),
        ("nowhere/cpu.pb", "No such file or directory"),
        ("cpu.pb:5000:timer", "clock too slow for this rate"),
    ],
)
def test_what_is_wrong_is_told_once(wish: str, why: str, program: Program) -> None:
    done = program.run(wish, "fork")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("raceshim: error: no CPU profile will be written: ")
    assert why in done.stderr
    assert program.left() == set()


def test_a_file_that_cannot_be_written_leaves_nothing(program: Program) -> None:
    (program.folder / "cpu.pb").mkdir()
    done = program.run("cpu.pb", "little")
    assert re.fullmatch(
        r"raceshim: error: cannot write the CPU profile .*cpu\.pb: Is a directory\n", done.stderr
    )
    assert program.left() == {"cpu.pb"}


def test_a_program_that_takes_the_signal_is_told(program: Program) -> None:
    done = program.run("cpu.pb:1000", "install")
    assert done.stderr == (
        "raceshim: warning: the CPU profile ends here: "
        "the program has installed a handler of SIGPROF of its own\n"
    )
    profile = read_file(program.folder / "cpu.pb")
    assert any("installed a handler" in comment for comment in profile.comments)
    numbers(profile)


def test_without_the_variable_nothing_happens(program: Program) -> None:
    assert not program.run("", "work").stderr
    assert program.left() == set()

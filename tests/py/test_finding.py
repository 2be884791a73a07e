# SPDX-License-Identifier: BSD-2-Clause
"""One finding per bug: merged in any order, from any side, any run, any build, any compiler."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raceshim.finding._merge import Finding, merge, merge_findings
from raceshim.report._parse import MACHINE_STACK_FORMAT, Report, parse_log, parse_valgrind_xml

if TYPE_CHECKING:
    from collections.abc import Sequence

REPORTS = Path(__file__).parents[2] / "testdata" / "reports"
COMPILERS = ("clang-19", "clang-14", "gcc-12")

# Three bugs, each of them in every run. Who comes first is told by three bits of the argument;
# the hand-over is relaxed, so that it orders nothing.
ALWAYS = """
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static int counter, turn;
static char text[64];
char copy[64]; /* seen from outside: or clang drops the copying */
static volatile size_t length = 64; /* keeps the calls of libc what they are */
static int *block;
static int order;

static void bump(void)
{
	counter++;
}

static void reset(void)
{
	counter = 0;
}

static void fill(void)
{
	memset(text, 1, length);
}

static void take(void)
{
	memcpy(copy, text, length);
}

static void drop(void)
{
	free(block);
}

static void use(void)
{
	block[1] = 1;
}

static void step(int at, int side, void (*work)(void))
{
	int mine = 2 * at + ((order >> at & 1) != side);

	while (__atomic_load_n(&turn, __ATOMIC_RELAXED) != mine)
		sched_yield();
	work();
	__atomic_store_n(&turn, mine + 1, __ATOMIC_RELAXED);
}

static void *left(void *arg)
{
	step(0, 0, bump);
	step(1, 0, fill);
	step(2, 0, drop);
	return arg;
}

static void *right(void *arg)
{
	step(0, 1, reset);
	step(1, 1, take);
	step(2, 1, use);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];

	order = argc > 1 ? atoi(argv[1]) : 0;
	block = calloc(4, sizeof(*block));
	pthread_create(&threads[0], NULL, left, NULL);
	pthread_create(&threads[1], NULL, right, NULL);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return 0;
}
"""
ALWAYS_BUGS = {
    "race bump / reset",
    "race fill / take",
    "race drop / use",
}

# Nobody decides who is caught, nor which of the accesses of `shared++`.
CHANCE = """
#include <pthread.h>
#include <sched.h>

static int shared, ready;

static void meet(void)
{
	__atomic_add_fetch(&ready, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&ready, __ATOMIC_RELAXED) < 2)
		sched_yield();
}

__attribute__((noinline)) static void bump(void)
{
	shared++;
}

__attribute__((noinline)) static void leap(void)
{
	shared += 2;
}

static void *left(void *arg)
{
	meet();
	for (int i = 0; i < 10000; i++)
		bump();
	return arg;
}

static void *right(void *arg)
{
	meet();
	for (int i = 0; i < 10000; i++)
		leap();
	return arg;
}

int main(void)
{
	pthread_t threads[2];

	pthread_create(&threads[0], 0, left, 0);
	pthread_create(&threads[1], 0, right, 0);
	pthread_join(threads[0], 0);
	pthread_join(threads[1], 0);
	return 0;
}
"""


def build(compiler: str, source: Path, program: Path, *flags: str) -> Path:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    command = [compiler, "-std=gnu11", "-g", "-pthread", "-fsanitize=thread", *flags]
    subprocess.run([*command, source, "-o", program], check=True, cwd=program.parent)
    return program


def build_text(compiler: str, text: str, folder: Path, *flags: str, name: str = "main.c") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return build(compiler, folder / name, folder / "program", *(flags or ("-O1",)))


def run(program: Path, *args: str) -> tuple[Report, ...]:
    env = dict(os.environ)
    env["TSAN_OPTIONS"] = (
        f'history_size=7:atexit_sleep_ms=0:stack_trace_format="{MACHINE_STACK_FORMAT}"'
    )
    done = subprocess.run(
        ["setarch", "-R", program, *args],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    parsed = parse_log(done.stderr)
    assert parsed.complete, done.stderr
    return parsed.reports


def in_every_order(program: Path, runs: int = 8) -> list[Report]:
    return [report for at in range(runs) for report in run(program, str(at % 8))]


def from_both_sides(program: Path) -> list[Report]:
    return [*run(program, "0"), *run(program, "7")]


def titles(found: Sequence[Finding]) -> set[str]:
    """The classes and functions of findings."""
    return {f"{one.kind_class} {one.title.partition(' in ')[2]}" for one in found}


def prints(found: Sequence[Finding]) -> set[str]:
    return {one.fingerprint for one in found}


@cache
def goldens() -> tuple[Report, ...]:
    found: list[Report] = []
    for path in sorted(REPORTS.iterdir()):
        if path.suffix == ".txt":
            found += parse_log(path.read_text()).reports
        elif path.suffix == ".xml":
            found += parse_valgrind_xml(path.read_bytes()).reports
    assert len(found) > 300
    return tuple(found)


# Merging


def test_reports_of_one_bug_become_one_finding_with_a_count() -> None:
    (report,) = parse_log((REPORTS / "tsan-clang-19-race_plain.txt").read_text()).reports
    again = replace(report, pid=7, text=report.text.replace("pid=1001", "pid=7"))
    (found,) = merge([report, again, report], program="t/one")
    assert (found.count, found.pids, found.programs) == (3, (7, 1001), ("t/one",))
    assert found.title == "data race in main / writer"
    assert [(a.function, a.line, a.access) for a in found.accesses] == [
        ("main", 24, "write"),
        ("writer", 13, "write"),
    ]
    assert found.doubts == ()


def test_the_order_of_reports_and_how_they_were_spread_is_of_no_importance() -> None:
    reports = list(goldens())
    whole = merge(reports)
    assert sum(one.count for one in whole) >= len(reports)
    for seed in range(6):
        rng = random.Random(seed)  # noqa: S311 - no secret
        rng.shuffle(reports)
        assert merge(reports) == whole
        cuts = sorted(rng.sample(range(len(reports)), 3))
        shards = [merge(reports[a:b]) for a, b in itertools.pairwise([0, *cuts, len(reports)])]
        rng.shuffle(shards)
        assert merge_findings(*shards) == whole
        left = merge_findings(merge_findings(shards[0], shards[1]), shards[2])
        right = merge_findings(shards[0], merge_findings(shards[1], shards[2]))
        assert left == right


FEW = st.lists(st.integers(0, 11), max_size=8)


@given(FEW, FEW, FEW)
def test_merging_is_associative_and_commutative(a: list[int], b: list[int], c: list[int]) -> None:
    pool = [
        replace(report, pid=pid, complete=complete)
        for report in goldens()[::60]
        for pid in (1, None)
        for complete in (True, False)
    ][:12]
    x, y, z = (merge(pool[at] for at in part) for part in (a, b, c))
    assert merge_findings(merge_findings(x, y), z) == merge_findings(x, merge_findings(y, z))
    assert merge_findings(x, y) == merge_findings(y, x)
    assert merge_findings(x) == x


def test_the_report_that_tells_most_stands_for_the_finding() -> None:
    (whole,) = parse_log((REPORTS / "tsan-clang-19-race_plain.txt").read_text()).reports
    torn = replace(whole, complete=False, stacks=whole.stacks * 2)
    for order in itertools.permutations([torn, whole, torn]):
        (found,) = merge(order)
        assert found.report is whole
        assert found.count == 3


def test_a_use_after_free_is_called_so_though_it_was_a_data_race_first() -> None:
    (freed_first,) = parse_log((REPORTS / "tsan-gcc-12-uaf_thread.txt").read_text()).reports
    access, previous, *rest = freed_first.stacks
    used_first = replace(
        freed_first,
        kind="data race",
        stacks=(replace(previous, role="access"), replace(access, role="previous"), *rest),
    )
    (found,) = merge([used_first, freed_first, used_first])
    assert (found.kind, found.kind_class) == ("heap-use-after-free", "race")


def test_each_leak_of_a_report_is_a_finding() -> None:
    (report,) = parse_log((REPORTS / "asan-clang-19-asan_leak.txt").read_text()).reports
    stack = report.stacks[0]
    other = replace(stack, frames=(stack.frames[0], *stack.frames[2:]))
    indirect = replace(stack, label=stack.label.replace("Direct", "Indirect"), frames=())
    found = merge([replace(report, stacks=(stack, indirect, other))])
    assert titles(found) == {"leak new_node", "leak loses_list"}


def test_the_worst_comes_first() -> None:
    classes = [one.kind_class for one in merge(goldens())]
    assert classes[0] == "race"
    assert classes.index("died") < classes.index("lock-order") < classes.index("thread-leak")


def test_ten_thousand_reports_become_few_findings() -> None:
    reports = [replace(report, pid=at) for at in range(40) for report in goldens()][:10000]
    found = merge(reports)
    assert sum(one.count for one in found) >= len(reports)
    assert prints(found) == prints(merge(goldens()))


# Real programs


@pytest.fixture(scope="module", params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def always(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_text(compiler, ALWAYS, tmp_path_factory.mktemp("always"))


@pytest.mark.parametrize("runs", [8, pytest.param(50, marks=pytest.mark.long)])
def test_one_finding_per_bug_whoever_comes_first(always: Path, runs: int) -> None:
    reports = in_every_order(always, runs)
    found = merge(reports)
    assert titles(found) == ALWAYS_BUGS
    assert len(found) == len(ALWAYS_BUGS)
    # Both sides have been the one that was caught, and a use after free was called a race too.
    first = {(report.kind, report.stacks[0].frames[0].function) for report in reports}
    assert {("data race", "bump"), ("data race", "reset")} <= first
    assert {"data race", "heap-use-after-free"} == {report.kind for report in reports}
    assert all(one.count >= runs for one in found)
    assert all(one.doubts == () and len(one.ways) == 1 for one in found)


@pytest.mark.parametrize("runs", [8, pytest.param(50, marks=pytest.mark.long)])
def test_one_finding_where_chance_decides(compiler: str, tmp_path: Path, runs: int) -> None:
    program = build_text(compiler, CHANCE, tmp_path)
    found = merge(report for _ in range(runs) for report in run(program))
    assert titles(found) == {"race bump / leap"}
    assert found[0].count >= runs / 2  # a runtime may miss a race, now and then


def test_lines_above_change_no_fingerprint(compiler: str, always: Path, tmp_path: Path) -> None:
    above = "\n".join(f"int added_{at}(void) {{ return {at}; }}\n" for at in range(20))
    moved = build_text(compiler, above + ALWAYS, tmp_path / "elsewhere" / "deep")
    before, after = merge(from_both_sides(always)), merge(from_both_sides(moved))
    assert prints(before) == prints(after)
    assert [one.ways for one in before] == [one.ways for one in after]
    lines = [[access.line for one in found for access in one.accesses] for found in (before, after)]
    assert [line + above.count("\n") for line in lines[0]] == lines[1]


@pytest.mark.parametrize("level", ["-O0", "-O2"])
def test_another_level_changes_no_fingerprint(
    compiler: str, always: Path, tmp_path: Path, level: str
) -> None:
    other = build_text(compiler, ALWAYS, tmp_path, level)
    assert prints(merge(from_both_sides(always))) == prints(merge(from_both_sides(other)))


def test_without_debug_information_functions_still_tell(compiler: str, tmp_path: Path) -> None:
    program = build_text(compiler, ALWAYS, tmp_path, "-O0", "-g0")
    assert titles(merge(from_both_sides(program))) == ALWAYS_BUGS


def test_compilers_agree(tmp_path: Path) -> None:
    """What one compiler's lane has shown, a suppression in another compiler's lane knows."""
    found = [merge(from_both_sides(build_text(c, ALWAYS, tmp_path / c))) for c in COMPILERS]
    assert prints(found[0]) == prints(found[1]) == prints(found[2])
    assert len(merge_findings(*found)) == len(ALWAYS_BUGS)


def test_files_of_one_name_are_apart_below_a_root(tmp_path: Path) -> None:
    """Two programs of a project have a main.c each, with the same functions and other bugs."""
    one = run(build_text("gcc-12", ALWAYS, tmp_path / "project" / "one"))
    two = run(build_text("gcc-12", ALWAYS, tmp_path / "project" / "two"))
    copy = run(build_text("gcc-12", ALWAYS, tmp_path / "copy" / "one"))
    roots = (str(tmp_path / "project"),)
    assert prints(merge(one)) == prints(merge(two))
    assert prints(merge(one, roots=roots)).isdisjoint(prints(merge(two, roots=roots)))
    assert prints(merge(one, roots=roots)) == prints(merge(copy, roots=(str(tmp_path / "copy"),)))


def test_without_symbols_findings_stay_apart_and_say_that_they_will_not_last(
    always: Path,
) -> None:
    env = {**os.environ, "TSAN_OPTIONS": f'symbolize=0:stack_trace_format="{MACHINE_STACK_FORMAT}"'}
    done = subprocess.run(
        ["setarch", "-R", always, "0"], env=env, capture_output=True, text=True, check=False
    )
    found = merge(parse_log(done.stderr).reports)
    assert len(found) >= len(ALWAYS_BUGS)
    assert all("every build" in one.doubts[0] for one in found)
    again = subprocess.run([always, "0"], env=env, capture_output=True, text=True, check=False)
    assert prints(found) == prints(merge(parse_log(again.stderr).reports))

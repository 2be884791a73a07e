# SPDX-License-Identifier: BSD-2-Clause
"""Programs of a folder under policies, for a time, and until they show what they should."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from raceshim._build import Case
from raceshim._outcomes import CLEAN, Sign, parse_outcomes
from raceshim._programs import load_program
from raceshim._series import PLAIN, Series, series_of
from raceshim._verdicts import CaseVerdict, ProgramRun
from raceshim.cc._compilers import find
from raceshim.runs._policies import TURNS

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

#: The race is there only where the second thread comes first.
ORDER = """\
/*
 * report: data race in first, second
 * control: clean
 */
#include <pthread.h>
#ifdef RSH_CONTROL
#define GO_ON
#else
#define GO_ON if (!was_there) shared = 2
#endif
int shared;
static int there;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *first(void *arg)
{
    shared = 1;
    pthread_mutex_lock(&lock);
    there = 1;
    pthread_mutex_unlock(&lock);
    return arg;
}
static void *second(void *arg)
{
    int was_there;
    pthread_mutex_lock(&lock);
    was_there = there;
    pthread_mutex_unlock(&lock);
    GO_ON;
    return was_there ? 0 : arg;
}
int main(void)
{
    pthread_t threads[2];
    pthread_create(&threads[0], 0, first, 0);
    pthread_create(&threads[1], 0, second, 0);
    pthread_join(threads[0], 0);
    pthread_join(threads[1], 0);
    return 0;
}
"""


class _Told:
    """The options that matter here."""

    runs, budget, until_found, inputs, policy, seed, shard, jobs = 3, None, False, 1, None, 1, "", 2
    told: frozenset[str] = frozenset()

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)
        self.told = frozenset(values)


def policies(series: Series) -> list[str]:
    with series.case() as turns:
        return [task.policy for task in turns]


def series(cases: int = 1, **values: object) -> Series:
    return series_of(_Told(**values), cases)  # type: ignore[arg-type]


def test_runs_alone_are_plain_and_strict() -> None:
    assert policies(series()) == [PLAIN] * 3
    assert not series().perturbed


def test_a_policy_a_time_or_a_search_takes_turns() -> None:
    mixed = series(runs=8, policy="mixed")
    assert policies(mixed) == [*TURNS, *TURNS]
    assert mixed.perturbed
    assert not series(runs=8, policy="none").perturbed
    assert not series(runs=8, policy="none,none").perturbed
    assert policies(series(runs=3, until_found=True)) == list(TURNS[:3])


def test_programs_share_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("raceshim._series.time.monotonic", lambda: now)
    whole = series(cases=4, budget=40.0, policy="none")  # two at a time
    counts = []
    for _ in range(4):
        count = 0
        with whole.case() as turns:
            for _task in turns:
                count += 1
                now += 5.0
        counts.append(count)
    # Half of 40 s, two thirds of 20 s, and all that is left; one run anyway.
    assert counts == [4, 3, 1, 1]


def test_a_bandit_learns_of_each_program_alone() -> None:
    auto = series(runs=60, policy="auto")
    had = []
    with auto.case() as turns:
        for number, task in enumerate(turns):
            had.append(task.policy)
            turns.learn(task, [f"race {number}"] if task.policy == "pct" else [])
    assert had.count("pct") > 60 / 4
    with auto.case() as turns:
        assert next(iter(turns)).policy == PLAIN  # it knows nothing


@pytest.mark.parametrize(
    ("expected", "shown", "once", "verdict"),
    [
        ("data race", ("clean", "data race"), True, "right"),
        ("data race", ("clean", "data race"), False, "false negative"),
        ("data race", ("clean", "clean"), True, "false negative"),
        ("data race", ("data race", "thread leak"), True, "wrong"),
        ("data race", ("data race", "hang"), True, "false negative"),
        ("clean", ("clean", "exit status 3"), True, "wrong"),
    ],
)
def test_one_run_that_shows_a_race_will_do_where_others_are_silent(
    tmp_path: Path, expected: str, shown: tuple[str, ...], once: bool, verdict: str
) -> None:
    source = tmp_path / "race_order.c"
    source.write_text(ORDER)
    case = Case(load_program(source), "main", find("auto"))
    runs = tuple(ProgramRun((Sign(kind),), (), 0.1, evidence=True, complete=True) for kind in shown)
    assert CLEAN == "clean"
    assert CaseVerdict(case, parse_outcomes(expected), runs, once=once).verdict == verdict


def test_a_folder_is_searched_under_policies(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "race_order.c").write_text(ORDER)
    result = tmp_path / "result.json"
    words = ("--runs", "24", "--policy", "pct", "--until-found", "--json", result, tmp_path)
    raceshim("gate", "--build-dir", tmp_path / "built", *words, status=0)
    found: dict[str, Any] = json.loads(result.read_text())
    main, control = found["programs"]
    assert (main["variant"], main["verdict"]) == ("main", "right")
    assert main["right"] == 1  # and no run after it
    assert (control["variant"], control["verdict"], control["right"]) == ("control", "right", 24)
    raceshim("gate", "--budget", "1s", "--policy", "auto", tmp_path, status=None)
    assert "takes no" not in raceshim("gate", "--shard", "1/2", tmp_path, status=2).stderr

# SPDX-License-Identifier: BSD-2-Clause
"""Which runs there are, and what their number says."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raceshim.runs._plan import Plan, Task
from raceshim.runs._policies import TURNS, Bandit, adapted
from raceshim.runs._rates import missed, percent, rarest, runs_to, sureness, wilson
from raceshim.runs._tally import Tally


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_are_where_the_sample_is_a_normal_deviation_away(of: tuple[int, int]) -> None:
    shown, runs = of
    low, high = wilson(shown, runs)
    assert 0 <= low <= shown / runs <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:  # the definition of the score interval
            deviation = math.sqrt(bound * (1 - bound) / runs)
            assert abs(shown / runs - bound) == pytest.approx(1.959964 * deviation, rel=1e-4)


@pytest.mark.parametrize(
    ("shown", "runs", "low", "high"),
    [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1), (3, 200, 0.0051, 0.0432)],
)
def test_bounds_that_others_have_published(shown: int, runs: int, low: float, high: float) -> None:
    assert wilson(shown, runs) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
def test_bounds_hold_the_true_rate_as_often_as_they_say(rate: float) -> None:
    source = random.Random(7)  # noqa: S311 - to be the same each time
    inside = 0
    for _ in range(2000):
        low, high = wilson(sum(source.random() < rate for _ in range(60)), 60)
        inside += low <= rate <= high
    assert 0.92 <= inside / 2000 <= 0.985


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.5, 0.949, 0.95, 0.96, 1.0])
def test_runs_to_95_are_the_fewest_that_do(rate: float) -> None:
    runs = runs_to(rate)
    assert runs is not None
    assert missed(rate, runs) <= 0.05 + 1e-9
    assert runs == 1 or missed(rate, runs - 1) > 0.05
    assert runs_to(0) is None


def test_what_silence_means_is_said_with_a_probability() -> None:
    assert sureness(200) == (
        "0 of 200 runs; a race that shows in 1 run of 50 would have been missed with p < 2 %"
    )
    for runs in (5, 9, 50, 1000, 123_456):
        k = rarest(runs)
        assert k is not None
        assert missed(1 / k, runs) <= 0.05
        bound = float(sureness(runs).split("p < ")[1].removesuffix(" %")) / 100
        assert missed(1 / k, runs) < bound <= 2.1 * missed(1 / k, runs) + 0.01
    for runs in (1, 4):
        assert rarest(runs) is None
        assert "too few" in sureness(runs)


def test_no_rate_is_rounded_to_none_or_all() -> None:
    assert [percent(rate) for rate in (0, 0.0004, 0.0312, 0.854, 0.9996, 1)] == [
        *("0 %", "0.04 %", "3.1 %", "85 %", "99.9 %", "100 %")
    ]


@given(
    st.integers(0, 300),
    st.integers(1, 7),
    st.integers(1, 4),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
)
def test_shards_have_each_run_once(
    runs: int, shards: int, inputs: int, policies: list[str]
) -> None:
    def plan(shard: tuple[int, int]) -> Plan:
        return Plan(runs, tuple(policies), inputs, seed=5, shard=shard)

    parts = [list(plan((which, shards)).tasks()) for which in range(1, shards + 1)]
    assert [len(part) for part in parts] == [
        plan((which, shards)).total for which in range(1, shards + 1)
    ]
    whole = list(plan((1, 1)).tasks())
    assert sorted(task for part in parts for task in part) == whole
    assert len({(t.policy, t.input_seed, t.schedule_seed) for t in whole}) == runs
    assert all(plan((1, 1)).task(task.number) == task for task in whole)


def test_a_task_is_a_function_of_its_number() -> None:
    plan = Plan(None, ("none", "pin"), inputs=2, seed=9)
    assert [plan.task(number) for number in (0, 1, 2, 4, 7)] == [
        Task(0, "none", 1, 9),
        Task(1, "none", 2, 9),
        Task(2, "pin", 1, 9),
        Task(4, "none", 1, 10),
        Task(7, "pin", 2, 10),
    ]


def test_each_turn_of_a_policy_has_the_next_seed() -> None:
    plan = Plan(None, TURNS, seed=5)
    assert [(task.policy, task.schedule_seed) for task in islice(plan.tasks(), 8)] == [
        *(("none", 5), ("pct", 5), ("noise", 5), ("pct", 6)),
        *(("none", 6), ("pct", 7), ("noise", 6), ("pct", 8)),
    ]


def test_a_bandits_runs_go_through_all_seeds_and_shards_have_others() -> None:
    chosen = [
        task
        for which in (1, 2)
        for task in adapted(Plan(800, TURNS, inputs=2, shard=(which, 2)), Bandit(TURNS))
    ]
    assert len({(t.policy, t.input_seed, t.schedule_seed) for t in chosen}) == 800
    of_pct = Counter(task.schedule_seed % 4 for task in chosen if task.policy == "pct")
    assert len(of_pct) == 4  # its styles follow from the last two bits
    assert max(of_pct.values()) <= min(of_pct.values()) + 2


def test_a_tally_counts_policies_and_inputs_apart() -> None:
    tally = Tally()
    for task in Plan(12, ("none", "pin"), inputs=2).tasks():
        assert tally.add(task, ["x"] if task.input_seed == 2 else [])
        assert not tally.add(task, ["x"])  # once is enough
    rate = tally.rate("x")
    assert (rate.all.shown, rate.all.runs, tally.runs, tally.silent) == (6, 12, 12, 6)
    assert {name: (s.shown, s.runs) for name, s in rate.by_policy.items()} == {
        "none": (3, 6),
        "pin": (3, 6),
    }
    assert rate.depends_on_input
    assert {seed: share.shown for seed, share in rate.by_input.items()} == {1: 0, 2: 6}
    assert rate.best is not None
    assert rate.best.input_seed == 2
    assert tally.rate("y").best is None


def test_the_run_to_try_again_is_of_the_policy_that_shows_most() -> None:
    tally = Tally()
    for task in Plan(40, ("none", "pin")).tasks():
        tally.add(task, ["x"] if task.policy == "pin" or task.number == 0 else [])
    rate = tally.rate("x")
    assert rate.best == Task(1, "pin", 1, 1)
    assert not rate.depends_on_input

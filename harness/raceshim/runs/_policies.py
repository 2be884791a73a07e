# SPDX-License-Identifier: BSD-2-Clause
"""Policies: how a run's schedule is made unlikely. Which of them finds a race, nobody knows before.

    none   as the system schedules
    noise  threads are held up and moved to other processors where they synchronise and begin
    pct    one processor; threads have priorities by chance, and lose them at a few events
    pin    one processor, and nothing else
    mixed  none, pct, noise and pct in turn
    auto   those three; more runs for those that have shown what was seldom shown before

Easy races become harder to see under any of them, and hard ones easier: so a policy is no
replacement for plain runs, and the default for several runs is to take turns. `pct` has two, with
a seed for each: it shows most of what others do not show. `pin` shows little more than `none`, and
nothing that `pct` does not, so it has none.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim.runs._plan import SEEDS_APART

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raceshim.runs._plan import Plan, Task

SINGLE = ("none", "pin", "noise", "pct")
#: Who has the turns of `mixed`, and between whom `auto` chooses.
TURNS = ("none", "pct", "noise", "pct")
MIXED, AUTO = "mixed", "auto"
#: Those in which the library that is preloaded does something.
PRELOADED = ("noise", "pct")
#: Those in which a command has one processor.
PINNED = ("pin", "pct")
#: How much the least tried one is worth a try.
_CURIOSITY = 0.7
#: Of so many runs at least one is plain, for races that perturbation hides.
_PLAIN_EVERY = 8


def policies_of(text: str) -> tuple[str, ...]:
    """Return the turns that a list with commas means; who is named twice has two."""
    found: list[str] = []
    for word in text.split(","):
        if word in (MIXED, AUTO):
            found += TURNS
        elif word in SINGLE:
            found.append(word)
        else:
            known = ", ".join((*SINGLE, MIXED, AUTO))
            raise ValueError(f"{word!r} is no policy; there are {known}")
    return tuple(found)


class Bandit:
    """Chooses the policy of each run by what the runs before have shown.

    What a run is worth depends on what it has shown: 1 for something new, less for what many
    have shown before. The choice is the best of average and curiosity (UCB1), so none is ever given
    up. The same runs always lead to the same choice.
    """

    def __init__(self, policies: Iterable[str]) -> None:
        """Know nothing."""
        self._runs = dict.fromkeys(policies, 0)
        self._worth = dict.fromkeys(self._runs, 0.0)
        self._shown: Counter[str] = Counter()

    def choose(self) -> str:
        """Return the policy of the next run, and count it as one that has shown nothing yet."""
        total = sum(self._runs.values())
        if "none" in self._runs and total % _PLAIN_EVERY == 0:
            policy = "none"
        else:
            policy = max(self._runs, key=lambda name: self._promise(name, total))
        self._runs[policy] += 1
        return policy

    def learn(self, policy: str, shown: Iterable[str]) -> None:
        """Tell what a run has shown."""
        names = set(shown)
        if names:
            self._worth[policy] += max(1 / (1 + self._shown[name]) ** 0.5 for name in names)
        self._shown.update(names)

    def _promise(self, policy: str, total: int) -> float:
        runs = self._runs[policy]
        if not runs:
            return math.inf
        return self._worth[policy] / runs + _CURIOSITY * math.sqrt(math.log(total) / runs)


def adapted(plan: Plan, bandit: Bandit) -> Iterator[Task]:
    """Return the runs of a plan, each with the policy that the bandit then chooses.

    A policy goes through its seeds as it is chosen, and those of each shard are others.
    """
    turns: Counter[str] = Counter()
    first = plan.seed + (plan.shard[0] - 1) * SEEDS_APART
    for task in plan.tasks():
        policy = bandit.choose()
        yield replace(task, policy=policy, schedule_seed=first + turns[policy])
        turns[policy] += 1

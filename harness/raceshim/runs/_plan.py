# SPDX-License-Identifier: BSD-2-Clause
"""Which run is which: a run's policy and seeds follow from its number, and from nothing else.

The seed of the input and the seed of the schedule are two: a third of the races that come and go
depend on the input alone, and no number of schedules finds those. Runs go through all inputs, then
through the turns of the policies, again and again. A policy may have several turns; each turn that
it gets has the policy's next schedule seed:

    input seed     1 + number % inputs
    turn           number // inputs
    policy         policies[turn % len(policies)]
    schedule seed  seed + how many turns before this one were the same policy's

So every shard of a plan, on whichever machine, knows its runs, and any of them can be run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seeds that must not meet begin so far apart. What a policy does with a seed follows in part from
#: its lowest bits, so nobody may always have the same ones there.
SEEDS_APART = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """One run: its number in the plan, and what sets it apart from the others."""

    number: int
    policy: str
    input_seed: int
    schedule_seed: int

    def environment(self) -> dict[str, str]:
        """Return what the command may want to know of its run."""
        return {
            "RACESHIM_RUN": str(self.number),
            "RACESHIM_INPUT_SEED": str(self.input_seed),
            "RACESHIM_SCHEDULE_SEED": str(self.schedule_seed),
        }

    def text(self) -> str:
        """Name it for people."""
        seeds = f"input {self.input_seed}, schedule {self.schedule_seed}"
        return f"run {self.number}: {self.policy}, {seeds}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All runs of a gate; `runs` is None where only time ends it. `shard` is (which, of how many).

    `policies` are the turns in their order, and may name a policy more than once.
    Shards are counted from 1, runs from 0: shard i of n has the runs i-1, i-1+n, ...
    """

    runs: int | None
    policies: tuple[str, ...] = ("none",)
    inputs: int = 1
    seed: int = 1
    shard: tuple[int, int] = (1, 1)

    def task(self, number: int) -> Task:
        """Return a run by its number."""
        turn, of_input = divmod(number, self.inputs)
        rounds, place = divmod(turn, len(self.policies))
        policy = self.policies[place]
        before = rounds * self.policies.count(policy) + self.policies[:place].count(policy)
        return Task(number, policy, 1 + of_input, self.seed + before)

    def tasks(self) -> Iterator[Task]:
        """Return the runs of this shard, in order; without end if there is none."""
        first, step = self.shard[0] - 1, self.shard[1]
        numbers = count(first, step)
        return map(self.task, numbers if self.runs is None else islice(numbers, self.total))

    @property
    def total(self) -> int | None:
        """How many runs this shard has."""
        if self.runs is None:
            return None
        return len(range(self.shard[0] - 1, self.runs, self.shard[1]))

# SPDX-License-Identifier: BSD-2-Clause
"""Count which runs have shown what.

A rate is that of the runs which were counted. Policies differ in what they show, and so do inputs,
so both are counted apart as well.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from raceshim.runs._rates import percent, runs_to, sureness, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from raceshim.runs._plan import Task

#: So many runs are named of those that have shown one thing.
NAMED = 100


@dataclass(frozen=True, slots=True)
class Share:
    """Of how many runs how many have shown something."""

    shown: int
    runs: int

    @property
    def bounds(self) -> tuple[float, float]:
        """Between what the rate is, at 95 %."""
        return wilson(self.shown, self.runs)

    @property
    def runs_to_95(self) -> int | None:
        """In how many runs it shows with a probability of 95 %."""
        return runs_to(self.shown / self.runs) if self.runs else None

    def text(self) -> str:
        """Say it in a few words."""
        low, high = self.bounds
        return f"{self.shown} of {self.runs} runs ({percent(low)} to {percent(high)})"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a finding was shown: by all runs, by those of each policy, and of each input.

    `tasks` are the first runs that have shown it.
    """

    all: Share
    by_policy: Mapping[str, Share]
    by_input: Mapping[int, Share]
    tasks: tuple[Task, ...]

    def text(self) -> str:
        """Say it in one line."""
        more = self.all.runs_to_95
        text = self.all.text()
        return text if more is None else f"{text}, 95 % sure to show in {_runs(more)}"

    @property
    def best(self) -> Task | None:
        """The run to try again: of the policy, then of the input, that has shown it most often."""
        return max(
            self.tasks,
            key=lambda task: (
                _ratio(self.by_policy[task.policy]),
                _ratio(self.by_input[task.input_seed]),
                -task.number,
            ),
            default=None,
        )

    @property
    def depends_on_input(self) -> bool:
        """Whether some inputs always show it and all others never do."""
        shares = self.by_input.values()
        return (
            len(self.by_input) > 1
            and all(share.shown in (0, share.runs) and share.runs > 1 for share in shares)
            and any(share.shown == 0 for share in shares)
            and any(share.shown for share in shares)
        )


@dataclass(slots=True)
class _Shown:
    policies: Counter[str] = field(default_factory=Counter)
    inputs: Counter[int] = field(default_factory=Counter)
    tasks: list[Task] = field(default_factory=list)
    count: int = 0


class Tally:
    """Counts runs as they come, in any order; a run that comes twice is counted once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._tasks: dict[str, set[int]] = {}
        self._runs = 0
        self._policies: Counter[str] = Counter()
        self._inputs: Counter[int] = Counter()
        self._shown: dict[str, _Shown] = {}
        self.silent = 0

    def add(self, task: Task, shown: Iterable[str]) -> bool:
        """Count a run and what it has shown, by fingerprint; False if it was counted before."""
        known = self._tasks.setdefault(task.policy, set())
        # A number takes a third of the memory, and there may be a million.
        key = (task.number << 128) | (task.input_seed << 64) | task.schedule_seed
        if key in known:
            return False
        known.add(key)
        self._runs += 1
        self._policies[task.policy] += 1
        self._inputs[task.input_seed] += 1
        names = set(shown)
        self.silent += not names
        for name in names:
            seen = self._shown.setdefault(name, _Shown())
            seen.count += 1
            seen.policies[task.policy] += 1
            seen.inputs[task.input_seed] += 1
            if len(seen.tasks) < NAMED or task < seen.tasks[-1]:
                seen.tasks = sorted((*seen.tasks, task))[:NAMED]
        return True

    @property
    def runs(self) -> int:
        """How many runs were counted."""
        return self._runs

    @property
    def policies(self) -> dict[str, int]:
        """How many runs each policy had."""
        return dict(sorted(self._policies.items()))

    @property
    def inputs(self) -> int:
        """How many inputs there were."""
        return len(self._inputs)

    def rate(self, name: str) -> Rate:
        """Return how often something was shown."""
        seen = self._shown.get(name, _Shown())
        return Rate(
            Share(seen.count, self.runs),
            {
                policy: Share(seen.policies[policy], runs)
                for policy, runs in sorted(self._policies.items())
            },
            {number: Share(seen.inputs[number], r) for number, r in sorted(self._inputs.items())},
            tuple(seen.tasks),
        )

    def sureness(self) -> str:
        """Say what it means if nothing was shown."""
        return sureness(self.runs)


def _ratio(share: Share) -> float:
    return share.shown / share.runs


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"

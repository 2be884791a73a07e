# SPDX-License-Identifier: BSD-2-Clause
"""How often each program of a folder runs, and under which policies.

Without a policy, a time or a search, each program runs so often as it is told, as the system
schedules, and must show every time what its name says. With one of them runs take turns at policies
as those of a command do. A budget is of all programs together: each that begins gets its share of
what is left, so programs that need little leave more to the others; one run each has anyway.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._repeat import plan_of
from raceshim.runs._plan import Plan
from raceshim.runs._policies import AUTO, Bandit, adapted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raceshim._options import Settings
    from raceshim.runs._plan import Task

PLAIN = "none"


class Turns:
    """The runs of one program, each asked for when the one before has ended."""

    def __init__(self, plan: Plan, deadline: float | None, *, adaptive: bool) -> None:
        """Begin with no runs."""
        self._bandit = Bandit(plan.policies) if adaptive else None
        self._tasks = plan.tasks() if self._bandit is None else adapted(plan, self._bandit)
        self._deadline = deadline

    def __iter__(self) -> Iterator[Task]:
        """Give the tasks until they or time are over; one at least."""
        for count, task in enumerate(self._tasks):
            if count and self._deadline is not None and time.monotonic() >= self._deadline:
                return
            yield task

    def learn(self, task: Task, shown: Iterable[str]) -> None:
        """Tell what a run has shown."""
        if self._bandit is not None:
            self._bandit.learn(task.policy, shown)


@dataclass(frozen=True, slots=True)
class _Share:
    deadline: float
    jobs: int


class Series:
    """The runs of all programs of a folder."""

    def __init__(
        self,
        plan: Plan,
        *,
        cases: int = 1,
        share: _Share | None = None,
        until_found: bool = False,
        adaptive: bool = False,
    ) -> None:
        """Begin; `cases` is how many programs share the time."""
        self.until_found = until_found
        self._plan = plan
        self._share = share
        self._adaptive = adaptive
        self._waiting = cases
        self._lock = threading.Lock()

    @property
    def perturbed(self) -> bool:
        """Whether any run is not as the system schedules: then a race need not show in each."""
        return set(self._plan.policies) != {PLAIN}

    @contextmanager
    def case(self) -> Iterator[Turns]:
        """Give the runs of one program. Its time begins now, and building is part of it."""
        deadline = None
        with self._lock:
            waiting, self._waiting = self._waiting, max(self._waiting - 1, 0)
        if self._share is not None:
            now = time.monotonic()
            left = max(self._share.deadline - now, 0.0)
            deadline = now + left * min(1.0, self._share.jobs / max(waiting, 1))
        yield Turns(self._plan, deadline, adaptive=self._adaptive)


def runs_of(count: int) -> Series:
    """Return so many plain runs of each program."""
    return Series(Plan(count))


def series_of(settings: Settings, cases: int) -> Series:
    """Return the runs that the options ask for."""
    if not settings.policy and settings.budget is None and not settings.until_found:
        return Series(Plan(settings.runs, inputs=settings.inputs, seed=settings.seed))
    share = None
    if settings.budget is not None:
        share = _Share(time.monotonic() + settings.budget, settings.jobs)
    return Series(
        plan_of(settings),
        cases=cases,
        share=share,
        until_found=settings.until_found,
        adaptive=AUTO in (settings.policy or "").split(","),
    )

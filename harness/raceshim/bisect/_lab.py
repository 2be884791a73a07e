# SPDX-License-Identifier: BSD-2-Clause
"""Build a commit, and run the command there until it is known whether it shows the finding.

Only a run that has shown the finding, or that is conclusive without it, counts: one in which no
detector ran, or that failed, was silent for another reason. A commit at which too many runs are of
that kind cannot be tested.

Silence is counted by policy and input: of each so many. A rate is an average over them, and would
mean less if those runs that fail were always of the policy that shows most.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim._command import Bench
from raceshim._errors import BuildError, ToolError
from raceshim._repeat import run_tasks, setting_of
from raceshim.bisect._search import Verdict
from raceshim.evidence._logs import LogFolder
from raceshim.evidence._run import run
from raceshim.runs._plan import SEEDS_APART

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from raceshim._options import Settings
    from raceshim.bisect._repository import Repository
    from raceshim.bisect._state import State, Tested
    from raceshim.bisect._target import Target
    from raceshim.formats._lines import Result
    from raceshim.runs._plan import Plan, Task

#: So many runs may be silent where the finding is said to be, before nobody believes it.
UNSEEN = 1000
#: So many runs of one policy and input are inconclusive, and so many times those that are not:
#: then a commit cannot be tested.
_DOUBTFUL, _TIMES = 5, 4
_SAVE_EVERY = 1.0
_PID = re.compile(r"\bprocess \d+\b")
#: Tells the command and the build which commit it is.
_VARIABLE = "RACESHIM_COMMIT"
_TOLD_OF_BUILD = 20


class Lab:
    """One work tree, in which one commit after the other is built and run."""

    def __init__(  # noqa: PLR0913 - what a bisection is made of
        self,
        repository: Repository,
        state: State,
        target: Target,
        *,
        plan: Plan,
        command: Sequence[str],
        settings: Settings,
        build: str | None,
        incremental: bool,
        told: Callable[[str], None],
    ) -> None:
        """Keep what it needs; `told` is told what is going on."""
        self._repository = repository
        self._state = state
        self._target = target
        self._plan = plan
        self._command = command
        self._settings = settings
        self._build = build
        self._incremental = incremental
        self._told = told
        self._saved = 0.0

    @property
    def round(self) -> int:
        """Return how many runs give every policy its turns with every input once."""
        return len(self._plan.policies) * self._plan.inputs

    def measure(self, bad: Tested, shows: int, patience: int) -> None:
        """Run the bad end until so many runs have shown the finding, or none of `patience`.

        It goes on where it was interrupted.
        """
        if bad.shown >= shows:
            return
        with self._at(bad.commit) as why:
            if why is not None:
                raise BuildError(why)

            def done() -> bool:
                return bad.shown >= shows or (not bad.shown and bad.runs >= patience)

            self._run(bad, done, None, lambda: f"{bad.shown} of {bad.runs} runs, until {shows}")

    def test(self, one: Tested, needed: int) -> Verdict:
        """Run a commit until it shows the finding, or was silent for long enough."""
        one.needed = needed
        with self._at(one.commit) as why:
            if why is not None:
                one.why, one.verdict = why, Verdict.SKIPPED
            else:
                self._run(
                    one,
                    lambda: one.shown > 0 or one.runs >= needed,
                    needed // self.round,
                    lambda: f"{one.runs} of {needed} runs",
                )
                if one.shown:
                    one.verdict = Verdict.BAD
                else:
                    one.verdict = Verdict.GOOD if one.runs >= needed else Verdict.SKIPPED
        self._state.save()
        return one.verdict

    @contextlib.contextmanager
    def _at(self, commit: str) -> Iterator[str | None]:
        """Have a commit built, and be in its folder; says why that cannot be, if it cannot."""
        tree = self._state.tree
        self._told(f"{commit[:12]}: checkout")
        self._repository.checkout(tree, commit, clean=not self._incremental)
        folder = tree / self._repository.prefix
        if not folder.is_dir():
            yield f"there is no {self._repository.prefix}"
            return
        before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = commit
        try:
            with contextlib.chdir(folder):
                yield self._built(commit, folder)
        finally:
            os.environ.pop(_VARIABLE)
            if before is not None:
                os.environ[_VARIABLE] = before

    def _built(self, commit: str, folder: Path) -> str | None:
        if self._build is None:
            return None
        self._told(f"{commit[:12]}: {self._build}")
        with LogFolder() as logs:
            # By this its processes are found when it is interrupted.
            environ = dict(os.environ) | {"RACESHIM_BUILD": str(logs.path)}
            done = run(["sh", "-c", self._build], environ, logs, cwd=folder, capture=True)
        if not done.status:
            return None
        lines = (done.stdout + done.stderr).strip().splitlines()[-_TOLD_OF_BUILD:]
        return "\n".join(["does not build", *lines])

    def _run(
        self, one: Tested, done: Callable[[], bool], rounds: int | None, how_far: Callable[[], str]
    ) -> None:
        """Run until it is done, or the commit cannot be tested."""
        settings = self._settings
        jobs = settings.jobs if "jobs" in settings.told else 1
        try:
            with Bench(self._command, settings, settings.detector, only_looks=True) as bench:
                setting = setting_of(self._command, settings, settings.detector)
                while not done() and not _is_hopeless(one):
                    tasks = self._tasks(one, rounds)
                    with contextlib.closing(run_tasks(bench, setting, tasks, jobs, None)) as ended:
                        for result in ended:
                            self._count(one, result)
                            self._told(f"{one.commit[:12]}: {how_far()}")
                            if done() or _is_hopeless(one):
                                break
        except ToolError as error:
            one.why = str(error)
        finally:
            self._state.save()

    def _tasks(self, one: Tested, rounds: int | None) -> Iterator[Task]:
        """Return the next runs; so many as are missing of the rounds if all of them count."""
        begun = Counter(one.slots)
        turns = Counter(_slot(self._task(number)) for number in range(self.round))

        def missing(slot: str) -> bool:
            return rounds is None or begun[slot] < rounds * turns[slot]

        while any(map(missing, turns)):
            task = self._task(self._state.number)
            self._state.number += 1
            if missing(_slot(task)):
                begun[_slot(task)] += 1
                yield task

    def _task(self, number: int) -> Task:
        """Return a run by its number.

        Each policy has seeds of its own: what depends on the seed alone would else be shown by all
        policies or by none, and four runs would tell as much as one.
        """
        task = self._plan.task(number)
        apart = self._plan.policies.index(task.policy) * SEEDS_APART
        return replace(task, schedule_seed=task.schedule_seed + apart)

    def _count(self, one: Tested, result: Result) -> None:
        shown = self._target.look(result)
        slot = _slot(result.task)
        if shown.found or not result.doubts:
            one.runs += 1
            one.slots[slot] = one.slots.get(slot, 0) + 1
        else:
            one.doubtful += 1
            one.doubtful_slots[slot] = one.doubtful_slots.get(slot, 0) + 1
            one.why = _PID.sub("a process", result.doubts[0])
        if shown.found:
            one.shown += 1
            one.shown_slots[slot] = one.shown_slots.get(slot, 0) + 1
            one.moved = one.moved or shown.moved
            self._state.finding = self._target.document()
        one.similar = sorted({*one.similar, *shown.similar})
        if time.monotonic() - self._saved >= _SAVE_EVERY:
            self._state.save()
            self._saved = time.monotonic()


def policies(counts: dict[str, int]) -> dict[str, int]:
    """Return counts by policy."""
    found: Counter[str] = Counter()
    for slot, count in counts.items():
        found[slot.split()[0]] += count
    return dict(found)


def _slot(task: Task) -> str:
    return f"{task.policy} {task.input_seed}"


def _is_hopeless(one: Tested) -> bool:
    return any(
        count >= _DOUBTFUL and count > _TIMES * one.slots.get(slot, 0)
        for slot, count in one.doubtful_slots.items()
    )

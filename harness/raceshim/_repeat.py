# SPDX-License-Identifier: BSD-2-Clause
"""Run a command many times: so often, for so long, or until it shows something.

Each run is watched and judged as a single one would be, and leaves a line. The gate's verdict is
made of nothing but these lines; see `_campaign`.
"""

from __future__ import annotations

import contextlib
import hashlib
import resource
import shutil
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from raceshim._campaign import Campaign, CampaignVerdict
from raceshim._command import Bench, Trial, project_root
from raceshim._errors import Interrupted, ToolError, UsageError
from raceshim._perturbed import asked_of
from raceshim.evidence._interrupts import LOOK_UP
from raceshim.evidence._run import end_active
from raceshim.formats._lines import Result, Setting, encode
from raceshim.runs._plan import Plan
from raceshim.runs._policies import AUTO, MIXED, Bandit, adapted, policies_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from typing import TextIO

    from raceshim._gate import CommandVerdict
    from raceshim._options import Settings
    from raceshim._progress import Progress
    from raceshim.cluster._dask import Client
    from raceshim.runs._plan import Task

#: So many runs at most where nobody has said how many, or for how long.
UNTIL_FOUND = 1000
#: A run of which nobody has said how long it may take has this much more than the longest one.
_SHORTEST, _PATIENCE = 60.0, 20.0
#: So often what is to end is told so: it may have started a command meanwhile.
_OFTEN = 0.1
#: Of larger programs no digest is made.
_LARGEST = 1 << 30


def plan_of(settings: Settings) -> Plan:
    """Return the runs that the options ask for."""
    runs: int | None = settings.runs
    if "runs" not in settings.told:
        if settings.budget is not None:
            runs = None
        elif settings.until_found:
            runs = UNTIL_FOUND
    try:
        policies = policies_of(settings.policy or MIXED)
    except ValueError as error:
        raise UsageError(f"--policy: {error}") from None
    return Plan(
        runs,
        policies,
        inputs=settings.inputs,
        seed=settings.seed,
        shard=shard_of(settings.shard),
    )


def shard_of(text: str | None) -> tuple[int, int]:
    """Return which shard this is, and of how many."""
    which, _, of = (text or "1/1").partition("/")
    return int(which), int(of)


def setting_of(command: Sequence[str], settings: Settings, detector: str | None) -> Setting:
    """Return what the runs of a command have in common."""
    options = {"evidence": settings.evidence}
    if settings.timeout is not None:
        options["timeout"] = str(settings.timeout)
    return Setting(
        tuple(command),
        str(Path.cwd()),
        str(project_root()),
        detector,
        _build(command),
        tuple(sorted(options.items())),
    )


class Limits:
    """How long a run may take: what was told, or else much longer than the longest by now."""

    def __init__(self, told: float | None) -> None:
        """Know no run."""
        self._told = told
        self._longest = 0.0

    def limit(self) -> float | None:
        """Return the time of the next run, in seconds; None if there is no end to it."""
        if self._told is None and self._longest:
            return max(_SHORTEST, _PATIENCE * self._longest)
        return self._told

    def learn(self, seconds: float) -> None:
        """Take a run's time into account."""
        self._longest = max(self._longest, seconds)


class Source(Protocol):
    """Where the runs of a gate are made."""

    #: Why some of the runs were not made, if that was not meant.
    missing: tuple[str, ...]

    def __iter__(self) -> Iterator[Result]:
        """Make the runs, and give what they have left."""

    def finished(self) -> Iterator[Result]:
        """End all runs, and give what those have left that had ended and were not given yet."""

    def close(self) -> None:
        """End all runs."""


def gate_repeatedly(
    command: Sequence[str],
    settings: Settings,
    detector: str | None,
    progress: Progress,
) -> CampaignVerdict:
    """Run a command as often as the options say, and judge all runs together.

    `progress` is told of each run. When it is interrupted, what has ended by then is judged.
    """
    setting = setting_of(command, settings, detector)
    plan = plan_of(settings)
    bandit = Bandit(plan.policies) if AUTO in (settings.policy or "").split(",") else None
    tasks = plan.tasks() if bandit is None else adapted(plan, bandit)
    deadline = None if settings.budget is None else time.monotonic() + settings.budget
    with Bench(command, settings, detector) as bench, _lines(settings.results) as lines:
        campaign = Campaign(setting, bench.suppressions, policy=bench.policy)

        def take(result: Result) -> None:
            if lines is not None:
                lines.write(encode(result))
                lines.flush()
            bench.ran(result.task.number)
            shown = campaign.add(result)
            if bandit is not None:
                bandit.learn(result.task.policy, shown or ())
            progress(campaign)

        interrupted = False
        source = source_of(bench, setting, tasks, deadline, plan.total, progress)
        with contextlib.closing(source):
            try:
                for result in source:
                    take(result)
                    if settings.until_found and campaign.open:
                        break
            except (Interrupted, KeyboardInterrupt):
                for result in source.finished():
                    take(result)
                if not campaign.tally.runs:
                    raise
                interrupted = True
        for line in bench.recorded():
            progress.say(line)
        return campaign.verdict(interrupted=interrupted, notes=bench.notes, missing=source.missing)


def source_of(  # noqa: PLR0913, PLR0917 - what a gate has
    bench: Bench,
    setting: Setting,
    tasks: Iterator[Task],
    deadline: float | None,
    total: int | None,
    progress: Progress,
    client: Client | None = None,
) -> Source:
    """Return where the runs are made; `client` is a cluster's, if there is one already."""
    settings = bench.settings
    if settings.cluster is not None:
        from raceshim.cluster._drive import ClusterRuns  # noqa: PLC0415 - Dask takes a second

        return ClusterRuns(bench, setting, tasks, deadline, total, progress, client)
    jobs = settings.jobs if "jobs" in settings.told else 1
    return _OwnRuns(bench, setting, tasks, jobs, deadline)


class _OwnRuns:
    """Runs of this machine. What is cut short by an interrupt counts nowhere."""

    missing: tuple[str, ...] = ()

    def __init__(
        self,
        bench: Bench,
        setting: Setting,
        tasks: Iterator[Task],
        jobs: int,
        deadline: float | None,
    ) -> None:
        self._results = run_tasks(bench, setting, tasks, jobs, deadline)

    def __iter__(self) -> Iterator[Result]:
        return self._results

    def finished(self) -> Iterator[Result]:
        return iter(())

    def close(self) -> None:
        self._results.close()


def run_tasks(
    bench: Bench, setting: Setting, tasks: Iterator[Task], jobs: int, deadline: float | None
) -> Generator[Result, None, None]:
    """Run tasks, so many at a time, and give their results as they come.

    None begins after the deadline, but for the first. Whoever stops to ask ends those that run.
    """
    limits = Limits(bench.settings.timeout)
    under_way = _UnderWay()

    def one(task: Task) -> Result:
        with under_way:
            return run_task(bench, setting, task, limits.limit(), alone=jobs == 1)

    with ThreadPoolExecutor(jobs, thread_name_prefix="raceshim-run") as pool:
        running: set[Future[Result]] = set()
        try:
            for task in islice(tasks, jobs):
                running.add(pool.submit(one, task))
            while running:
                done, running = wait(running, LOOK_UP, FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    limits.learn(result.seconds)
                    yield result
                    if deadline is None or time.monotonic() < deadline:
                        running |= {pool.submit(one, task) for task in islice(tasks, 1)}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            under_way.end()


class _UnderWay:
    """Runs that are under way, in threads; each enters it as `with`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 0
        self._is_over = False

    def __enter__(self) -> None:
        with self._changed:
            if self._is_over:
                raise Interrupted
            self._number += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._number -= 1
            self._changed.notify()

    def end(self) -> None:
        """End those that run, also one whose command is yet to start, and let none begin."""
        with self._changed:
            self._is_over = True
            while self._number:
                end_active()
                self._changed.wait(_OFTEN)


def run_task(  # noqa: PLR0913 - a run
    bench: Bench,
    setting: Setting,
    task: Task,
    limit: float | None,
    *,
    alone: bool,
    environ: Mapping[str, str] | None = None,
) -> Result:
    """Run a command once. What it uses of processors is known if nothing else runs meanwhile.

    `environ` is more of its environment.
    """
    before = _used()
    trial = trial_of(task, limit, bench)
    verdict = bench.run(replace(trial, environ={**trial.environ, **(environ or {})}))
    return result_of(setting, task, verdict, _used() - before if alone else None)


def trial_of(task: Task, limit: float | None, bench: Bench) -> Trial:
    """Return what a task asks of a run of the command that lies on the bench."""
    options = bench.environ.get("TSAN_OPTIONS", "")
    environ, preload, processor = asked_of(task, options, bench.program)
    return Trial(
        environ, limit, quiet=True, preload=preload, processor=processor, number=task.number
    )


def result_of(setting: Setting, task: Task, verdict: CommandVerdict, cpu: float | None) -> Result:
    """Return what one run has left."""
    run = verdict.run
    if run.ended is None:
        raise ToolError("there was no command to run")
    return Result(
        setting=setting,
        task=task,
        status=run.ended.status,
        timed_out=run.ended.timed_out,
        seconds=run.ended.seconds,
        cpu=cpu,
        reports=(
            *((p.program, report) for p in run.processes for report in p.parsed.reports),
            *((hanging.program, hanging.report) for hanging in run.hanging),
        ),
        processes=verdict.processes,
        failures=verdict.failures,
        doubts=verdict.doubts,
        reasons=run.canary.reasons if run.canary else (),
        notes=verdict.notes,
    )


def _used() -> float:
    """Return how much time the children of this process have used of processors."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def _lines(target: str | None) -> Iterator[TextIO | None]:
    """Open the file that gets a line for each run as it ends."""
    if target is None:
        yield None
        return
    path = Path(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise ToolError(f"{target}: {error.strerror}") from None
    with file:
        yield file


def _build(command: Sequence[str]) -> str:
    """Return a digest of the file that a command names, so that builds are told apart."""
    found = shutil.which(command[0]) if command else None
    with contextlib.suppress(OSError):
        if found is not None and Path(found).stat().st_size <= _LARGEST:
            with Path(found).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    return ""

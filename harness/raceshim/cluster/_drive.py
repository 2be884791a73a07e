# SPDX-License-Identifier: BSD-2-Clause
"""Give runs out to a cluster, and take back what they have left.

Runs go out in chunks, one for each thread of a worker and none to lie behind another, since any run
may hang; which worker gets it is said here, for Dask goes by how long runs took before. Results
come back in the order of the runs, whoever made them and when: so the report is that of one
machine. Dask runs again what a lost worker had; what comes back is taken once, by the place of its
first run. A chunk may come back before its last run; the rest goes out anew. A worker that cannot
do it gets no more.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import threading
import time
import uuid
import zlib
from collections import Counter
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import RaceshimError, ToolError
from raceshim.cluster import _cover, _probe
from raceshim.cluster._connect import (
    CALL,
    DATA,
    await_worker,
    connected,
    look_at,
    this_environment,
)
from raceshim.cluster._dask import Client, Future, KilledWorker, as_completed
from raceshim.cluster._files import shipment
from raceshim.cluster._job import Done, Job
from raceshim.cluster._order import InOrder
from raceshim.cluster._store import pieces
from raceshim.formats._lines import Result, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim._command import Bench
    from raceshim._progress import Progress
    from raceshim.formats._lines import Setting
    from raceshim.runs._plan import Task

#: A chunk shall take so long, and have so many runs at most.
SECONDS, LARGEST = 2.0, 500
#: So many chunks a second are enough for the scheduler: with many workers, chunks are longer.
RATE = 50.0
#: So much longer than it should take, a chunk comes back before its end.
_TOO_LONG = 5.0
#: So many chunks there shall be for each thread when the end is near.
SHARES = 2
#: So often the workers are counted, and so long a cluster may be without any.
_LOOK, _DESERTED = 2.0, 300.0
#: So many workers must have failed at a chunk before it is the chunk's fault.
_TRIES = 3
#: So long what is under way when all is over may take to come back.
_LAST = 15.0


@dataclass(slots=True)
class _Chunk:
    """Runs that are out: `place` is that of the first of them in the order of all."""

    place: int
    tasks: tuple[Task, ...]
    worker: str = ""
    failed: frozenset[str] = frozenset()
    deaths: int = 0


class ClusterRuns:
    """The runs of a gate on a cluster; see `_repeat.Source`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a gate has
        self,
        bench: Bench,
        setting: Setting,
        tasks: Iterator[Task],
        deadline: float | None,
        total: int | None,
        progress: Progress,
        client: Client | None = None,
    ) -> None:
        """Send what all runs need; connect first, unless somebody has and gives his `client`."""
        self.missing: tuple[str, ...] = ()
        self._setting = setting
        self._tasks = tasks
        self._deadline = deadline
        self._left = total
        self._progress = progress
        self._cover = bench.settings.coverdir
        self._profiles = bench.profiles
        self._gate = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._chunks: dict[Future, _Chunk] = {}
        self._again: list[_Chunk] = []
        self._has: Counter[str] = Counter()  # how many chunks each worker was given
        self._exhausted = False
        self._place = 0
        self._count = 0  # of futures
        self._taken = 0  # runs that have come back
        self._estimate: float | None = None
        self._longest = 0.0
        self._workers: dict[str, int] = {}
        self._unfit: dict[str, str] = {}
        self._looked = self._peopled = time.monotonic()
        self._over = False
        self._order = InOrder()
        self._ends = contextlib.ExitStack()
        self._ends.callback(self._order.close)
        with self._given_up(), _told():
            target = bench.settings.cluster or ""
            if client is None:
                client = self._ends.enter_context(joined(target, progress))
            self._client = client
            self._prepare(bench, target)
            self._done: Any = as_completed((), loop=self._client.loop, with_results=True)

    def __iter__(self) -> Iterator[Result]:
        """Make the runs, and give what they have left, in order."""
        while not self.missing:
            with _told():
                self._tick()
                self._fill()
                if not self._chunks and (self._over or (self._exhausted and not self._again)):
                    break
                self._receive(_LOOK / 8)
            for data in self._order.ready():
                yield from _results(data)
        for data in self._order.rest():
            yield from _results(data)

    def finished(self) -> Iterator[Result]:
        """End all runs, and give what those have left that had ended and were not given yet."""
        self._again.clear()
        self._end(now=True)
        deadline = time.monotonic() + _LAST
        while self._chunks and time.monotonic() < deadline:
            self._receive(0.1)
            self._again.clear()
        for data in self._order.rest():
            yield from _results(data)

    def close(self) -> None:
        """End all runs, and leave the cluster."""
        with contextlib.suppress(Exception):  # whatever Dask still has to say, nobody needs it now
            self._client.cancel(list(self._chunks), force=True)
            self._tell(now=True, forget=True).join(_LAST)
        self._ends.close()

    @contextlib.contextmanager
    def _given_up(self) -> Iterator[None]:
        """Leave the cluster if something is wrong with it."""
        try:
            yield
        except BaseException:
            self._ends.close()
            raise

    def _prepare(self, bench: Bench, target: str) -> None:
        settings = bench.settings
        local = target.startswith("local:")
        environ = {**this_environment(settings.pass_env), **bench.added}
        if local:
            environ = dict(bench.environ)
        sent = None
        if settings.ship != "none" and not (local and settings.ship is None):
            told = (settings.ship or "").split(",")
            places = [place for place in told if place not in ("", "auto")]
            folder = Path(self._setting.folder)
            sent = shipment(self._setting.command, places, {**os.environ, **environ}, folder)
        job = Job(
            self._gate,
            self._setting,
            {name: value for name, value in vars(settings).items() if name != "told"},
            settings.told,
            environ,
            is_whole=local,
            is_local=local,
            suppressions=tuple(bench.suppressions),
            policy=bench.policy,
            shipment=sent,
            cover=self._cover is not None,
        )
        files = {file.digest: file.path for file in sent.files} if sent is not None else {}
        machine = platform.machine() if sent is not None else None
        sources, missing = look_at(self._client, list(files), machine=machine)
        self._sources = None if local else sources
        self._files = files
        self._pieces: dict[str, list[Future]] = {}
        self._job = self._submit_data(pickle.dumps(job), f"job-{self._gate}")
        self._send(sorted(missing))
        if sent is not None:
            count, size = len(missing), sum(f.size for f in sent.files if f.digest in missing)
            self._progress.say(
                f"{len(files)} files for each worker; to send: {count}, {size} bytes"
            )

    def _submit_data(self, data: bytes, name: str) -> Future:
        """Make data a task's result: workers get it from each other, and lost, it is made again."""
        return self._client.submit(DATA, data, key=f"raceshim-{name}", pure=True)

    def _send(self, digests: Sequence[str]) -> None:
        for digest in digests:
            if digest not in self._pieces:
                self._pieces[digest] = [
                    self._submit_data(data, f"file-{digest}-{number}")
                    for number, data in enumerate(pieces(self._files[digest]))
                ]

    def _fill(self) -> None:
        """Give each free thread a chunk."""
        for name, threads in self._fit().items():
            while self._has[name] < threads and not self._over:
                fit = (one for one in self._again if name not in one.failed)
                chunk = next(fit, None)
                if chunk is not None:
                    self._again.remove(chunk)
                else:
                    chunk = self._next()
                if chunk is None:
                    break
                chunk.worker = name
                self._submit(chunk)

    def _next(self) -> _Chunk | None:
        tasks = tuple(islice(self._tasks, self._size()))
        if not tasks:
            self._exhausted = True
            return None
        chunk = _Chunk(self._place, tasks)
        self._place += len(tasks)
        if self._left is not None:
            self._left -= len(tasks)
        return chunk

    def _size(self) -> int:
        """Return how many runs a chunk shall have: few, when the end is near."""
        if self._estimate is None:
            return 1
        threads = sum(self._fit().values())
        return chunk_size(self._estimate, self._left, threads)

    def _submit(self, chunk: _Chunk) -> None:
        rows = [
            (task.number, task.policy, task.input_seed, task.schedule_seed) for task in chunk.tasks
        ]
        digests = [digest for digest, futures in self._pieces.items() for _ in futures]
        data = [future for futures in self._pieces.values() for future in futures]
        self._count += 1
        future = self._client.submit(
            CALL,
            "cluster._worker",
            "run_chunk",
            self._gate,
            self._sources,
            self._job,
            _TOO_LONG * chunk_seconds(sum(self._fit().values())),
            self._longest,
            rows,
            digests,
            *data,
            key=f"raceshim-runs-{self._gate}-{chunk.place}-{len(chunk.tasks)}-{self._count}",
            pure=False,
            workers=[chunk.worker],
            allow_other_workers=True,  # should it be gone
            priority=0 if chunk.place + len(chunk.tasks) == self._place else 1,
        )
        self._chunks[future] = chunk
        self._has[chunk.worker] += 1
        self._done.add(future)

    def _receive(self, patience: float) -> None:
        """Wait for chunks, and take what has come."""
        with self._done.thread_condition:
            if not self._done.has_ready():
                self._done.thread_condition.wait(timeout=patience)
        for future, result in self._done.next_batch(block=False):
            chunk = self._chunks.pop(future)
            self._has[chunk.worker] -= 1
            if isinstance(result, Done):
                self._take(chunk, result)
            else:
                self._failed(chunk, result)

    def _take(self, chunk: _Chunk, done: Done) -> None:
        if done.unfit:
            self._judge_worker(chunk, done)
            return
        if done.missing:
            self._send(done.missing)
            self._again.append(chunk)
            return
        if done.runs:
            if self._order.add(chunk.place, done.runs, done.lines):
                self._keep(done)
            self._taken += done.runs
            self._longest = max(self._longest, done.longest)
            one = done.seconds / done.runs
            self._estimate = one if self._estimate is None else 0.8 * self._estimate + 0.2 * one
        if done.runs < len(chunk.tasks):
            rest = chunk.tasks[done.runs :]
            self._again.append(_Chunk(chunk.place + done.runs, rest, failed=chunk.failed))

    def _keep(self, done: Done) -> None:
        """Put what a chunk has counted and sampled to that of the others."""
        if self._cover is not None:
            _cover.put(Path(self._cover), done.cover)
        if self._profiles is not None:
            self._profiles.put(done.profiles)

    def _judge_worker(self, chunk: _Chunk, done: Done) -> None:
        """Let a worker go that cannot make runs, unless others cannot either."""
        chunk.failed |= {done.worker}
        if done.worker not in self._unfit:
            self._unfit[done.worker] = done.unfit
            self._progress.say(f"{done.worker} gets no more runs: {done.unfit}")
        if len(chunk.failed) >= _TRIES or not self._fit():
            raise ToolError(f"{done.worker}: {done.unfit}")
        self._again.append(chunk)

    def _failed(self, chunk: _Chunk, error: object) -> None:
        """See what became of a chunk that has left nothing."""
        if isinstance(error, tuple):  # type, error, and where
            error = error[1]
        if isinstance(error, CancelledError):  # the scheduler has lost it, and says no more
            self._again.append(chunk)
        elif not isinstance(error, KilledWorker):
            raise ToolError(f"a worker failed: {error!r}")
        elif len(chunk.tasks) > 1:
            # One of these has ended worker after worker. Which, they tell one by one.
            self._again += [
                _Chunk(chunk.place + number, (task,)) for number, task in enumerate(chunk.tasks)
            ]
        else:
            doubt = f"the worker died of each try of this run: {error.last_worker.address}"
            lost = Result(
                self._setting,
                chunk.tasks[0],
                0,
                timed_out=False,
                seconds=0.0,
                cpu=None,
                doubts=(doubt,),
            )
            self._order.add(chunk.place, 1, zlib.compress(encode(lost).encode(), 1))

    def _tick(self) -> None:
        """Look at the clock, and now and then at the workers."""
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and self._taken and not self._over:
            self._end(now=False)
        if self._over:
            self._again.clear()
        if self._client.status != "running":
            self._stop_short("the scheduler is gone")
        if now - self._looked < _LOOK and self._workers:
            return
        self._looked = now
        with contextlib.suppress(OSError, TimeoutError):
            found = self._client.nthreads()
            for name in sorted(set(self._workers) - set(found)):
                self._progress.say(f"{name} is gone: others make its runs")
            self._workers = found
        fit = self._fit()
        if fit:
            self._peopled = now
        elif now - self._peopled > _DESERTED:
            self._stop_short(f"there has been no worker for {_DESERTED:.0f} s")
        text = f"{len(fit)} worker{'' if len(fit) == 1 else 's'}"
        waiting = self._order.waiting
        self._progress.place(f"{text}, {waiting} runs ahead" if waiting else text)

    def _stop_short(self, why: str) -> None:
        out = sum(len(chunk.tasks) for chunk in (*self._chunks.values(), *self._again))
        self.missing = (f"not all runs were made: {why}; {out} were under way",)
        self._again.clear()
        self._over = True

    def _fit(self) -> dict[str, int]:
        return {name: n for name, n in self._workers.items() if name not in self._unfit}

    def _end(self, *, now: bool) -> None:
        self._over = True
        self._tell(now=now, forget=False)

    def _tell(self, *, now: bool, forget: bool) -> threading.Thread:
        """Tell all workers that nobody needs more runs; whoever does not hear it is left alone."""

        def tell() -> None:
            with contextlib.suppress(Exception):
                self._client.run(_probe.end, self._gate, now, forget, on_error="ignore")

        thread = threading.Thread(target=tell, name="raceshim-tell", daemon=True)
        thread.start()
        return thread


@contextlib.contextmanager
def joined(target: str, progress: Progress) -> Iterator[Client]:
    """Give the client of a cluster that has a worker, for one gate or several."""
    with contextlib.ExitStack() as ends:
        with _told():
            before = dict(os.environ)  # Dask sets OpenMP's threads, for workers that it starts
            client = ends.enter_context(connected(target, progress))
            await_worker(client, patient=target.startswith("slurm"))
            os.environ.clear()
            os.environ.update(before)
        yield client


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell what Dask raises, which may be anything: no traceback, whose status would say race."""
    try:
        yield
    except RaceshimError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        raise ToolError(f"the cluster failed: {error!r}") from None


def chunk_seconds(threads: int) -> float:
    """Return how long a chunk shall take on a cluster of so many threads."""
    return max(SECONDS, threads / RATE)


def chunk_size(run: float, left: int | None, threads: int) -> int:
    """Return how many runs, of so many seconds each, make a chunk: few, when the end is near."""
    size = LARGEST if run <= 0 else int(chunk_seconds(threads) / run)
    if left is not None:
        size = min(size, left // (SHARES * max(1, threads)) + 1)
    return min(max(size, 1), LARGEST)


def _results(data: bytes) -> Iterator[Result]:
    for line in zlib.decompress(data).decode().splitlines():
        yield decode(line)

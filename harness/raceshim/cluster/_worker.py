# SPDX-License-Identifier: BSD-2-Clause
"""What a worker does: chunks of runs, each run made by the function that makes it anywhere.

A worker gets ready for a gate when its first chunk comes, and keeps that until it is told that the
gate has ended. A run that is cut short, because nobody needs it any more, leaves nothing.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import tempfile
import threading
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dask
from distributed import get_worker

from raceshim._command import Bench, Place
from raceshim._errors import RaceshimError
from raceshim._option_values import profile_in
from raceshim._options import Settings
from raceshim._repeat import Limits, run_task
from raceshim.cluster._cover import collected
from raceshim.cluster._job import Done, Job, Row
from raceshim.cluster._probe import facts
from raceshim.cluster._store import Store, Tree, UnfitError
from raceshim.evidence._run import end_active
from raceshim.evidence._symbolizer import find_symbolizer
from raceshim.formats._lines import encode
from raceshim.runs._plan import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: A chunk ends when its lines are so large, whatever is left of it.
_LARGE = 8 << 20
#: So long a gate that has ended is waited for.
_GRACE = 30.0
#: What this worker has in hand, by gate; guarded by `_lock`.
_gates: dict[str, _Gate] = {}
#: Gates that need no more runs: chunks may still be on their way.
_over: set[str] = set()
#: And those whose runs were ended.
_cut: set[str] = set()
_lock = threading.Lock()


class MissingError(Exception):
    """Files that were thought to be here are not."""


class _Gate:
    """A gate on this worker, ready to run."""

    def __init__(
        self, job: Job, folder: Path, contents: Mapping[str, Sequence[bytes]], threads: int
    ) -> None:
        self.job = job
        self.threads: set[int] = set()
        self.alone = threads == 1
        told = job.values["timeout"]
        self.limits = Limits(told if isinstance(told, float) else None)
        self.tree: Tree | None = None
        self.folder = folder / "raceshim-gates" / job.gate
        self._ends = contextlib.ExitStack()
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self.folder.mkdir(parents=True)
            self.bench = self._get_ready(Store(folder / "raceshim-files"), contents)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._ends.close()

    def _get_ready(self, store: Store, contents: Mapping[str, Sequence[bytes]]) -> Bench:
        job = self.job
        if job.values["symbolize"] == "late" and find_symbolizer() is None:
            raise UnfitError(
                "it has no symbolizer: install llvm or binutils there, or say --symbolize online"
            )
        if job.is_local:
            with contextlib.suppress(OSError):
                # Ctrl-C is for the gate: what runs here must not end by it, and be counted.
                os.setpgid(0, 0)
        environ = dict(job.environ) if job.is_whole else {**_inherited(), **job.environ}
        command, folder = job.setting.command, Path(job.setting.folder)
        if job.shipment is not None:
            _complete(store, job, contents)
            tree = self.tree = Tree(self.folder / "tree", job.shipment, job.setting.folder)
            tree.build(store)
            environ = {name: tree.to_there(value) for name, value in environ.items()}
            environ = tree.environ(environ)
            tree.check(environ)
            command, folder = tuple(map(tree.to_there, command)), tree.cwd
        elif not folder.is_dir():
            raise UnfitError(f"{folder} is not there, and nothing was to be sent")
        place = Place(environ, folder, job.setting.root, job.suppressions, job.policy)
        values = dict(job.values)
        if isinstance(profile := values["profile"], str):
            values["profile"] = profile_in(profile, str(self.folder / "profiles"))
        settings = Settings(values, job.told)
        return self._ends.enter_context(Bench(command, settings, job.setting.detector, place=place))

    def line(self, task: Task, environ: Mapping[str, str]) -> str:
        """Make a run, and return the line that it leaves."""
        limit = self.limits.limit()
        result = run_task(
            self.bench, self.job.setting, task, limit, alone=self.alone, environ=environ
        )
        self.limits.learn(result.seconds)
        notes = dict.fromkeys((*result.notes, *self.bench.notes))
        line = encode(replace(result, notes=tuple(notes)))
        return line if self.tree is None else self.tree.to_here(line)


def run_chunk(  # noqa: PLR0913, PLR0917 - a task's arguments
    gate: str,
    sources: str | None,
    data: bytes,
    seconds: float,
    longest: float,
    rows: Sequence[Row],
    digests: Sequence[str],
    *pieces: bytes,
) -> Done:
    """Make some runs of a gate; `pieces` are of the contents that `digests` name, one each.

    A chunk that takes more than so many `seconds` ends before its last run. `longest` is how long a
    run has taken at most, anywhere. `sources` is what the worker's raceshim must be, None where it
    is the gate's own.
    """
    worker = get_worker()
    name = worker.address
    try:
        with _lock:
            one = _gates.get(gate)
            if one is None and gate not in _over:
                _check(sources)
                contents: dict[str, list[bytes]] = {}
                for digest, piece in zip(digests, pieces, strict=True):
                    contents.setdefault(digest, []).append(piece)
                folder = Path(worker.local_directory)
                one = _Gate(pickle.loads(data), folder, contents, worker.state.nthreads)  # noqa: S301 - from our client
                _gates[gate] = one
        if one is None:
            return Done(name)
        one.limits.learn(longest)
        return _run(one, [Task(*row) for row in rows], seconds, name)
    except MissingError as error:
        return Done(name, missing=tuple(error.args))
    except (UnfitError, RaceshimError, OSError) as error:
        return Done(name, unfit=str(error))


def end(gate: str, *, now: bool, forget: bool) -> None:
    """Make no more runs of a gate; end those that run, if `now`, and give back what it has here."""
    _over.add(gate)
    if now:
        _cut.add(gate)
    one = _gates.get(gate)
    if one is not None:
        # Others must be heard meanwhile: this is the thread of all that comes.
        threading.Thread(target=_end, args=(gate, one, now, forget), daemon=True).start()


def _end(gate: str, one: _Gate, now: bool, forget: bool) -> None:
    deadline = time.monotonic() + _GRACE
    while (now or forget) and one.threads and time.monotonic() < deadline:
        if now:
            end_active(one.threads)  # again and again: one may be about to start its command
        time.sleep(0.05)
    if forget:
        _gates.pop(gate, None)
        one.close()


def _run(one: _Gate, tasks: Sequence[Task], limit: float, worker: str) -> Done:
    gate = one.job.gate
    me = threading.get_ident()
    lines: list[str] = []
    size = 0
    longest = 0.0
    begin = time.monotonic()
    one.threads.add(me)
    try:
        with tempfile.TemporaryDirectory(prefix="cover-", dir=one.folder) as folder:
            environ = {"RACESHIM_COVERDIR": folder} if one.job.cover else {}
            for task in tasks:
                if gate in _over or size > _LARGE or time.monotonic() - begin > limit:
                    break
                before = time.monotonic()
                line = one.line(task, environ)
                if gate in _cut:
                    break  # it may have been ended
                lines.append(line)
                longest = max(longest, time.monotonic() - before)
                size += len(line)
            seconds = time.monotonic() - begin
            cover = collected(Path(folder), one.tree) if one.job.cover and lines else ()
        profiles: tuple[tuple[str, bytes], ...] = ()
        if one.bench.profiles is not None and lines:
            made = {task.number for task in tasks[: len(lines)]}
            rename = None if one.tree is None else one.tree.to_here
            profiles = one.bench.profiles.take(made, rename)
    finally:
        one.threads.discard(me)
    text = "".join(lines).encode()
    return Done(worker, len(lines), seconds, longest, zlib.compress(text, 1), cover, profiles)


def _check(sources: str | None) -> None:
    if sources is not None:
        mine = facts([])["raceshim"]
        if mine != sources:
            raise UnfitError(f"it has another raceshim: sources {mine}, not {sources}")


def _complete(store: Store, job: Job, contents: Mapping[str, Sequence[bytes]]) -> None:
    files = job.shipment.files if job.shipment is not None else ()
    wanted = {file.digest: file.size for file in files}
    lacking = {digest: size for digest, size in wanted.items() if not store.has(digest)}
    missing = [digest for digest, size in lacking.items() if size and digest not in contents]
    if missing:
        raise MissingError(*missing)
    for digest in lacking:
        store.put(digest, contents.get(digest, ()))


def _inherited() -> dict[str, str]:
    """Return the worker's environment as it was before Dask: OpenMP's threads are no business."""
    environ = dict(os.environ)
    for key in ("distributed.nanny.pre-spawn-environ", "distributed.nanny.environ"):
        for name, value in dask.config.get(key, {}).items():
            if environ.get(name) == str(value):
                del environ[name]
    return environ

# SPDX-License-Identifier: BSD-2-Clause
"""Find the cluster that `--cluster` names, or start one, and see whether its workers will do."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import ToolError, UsageError
from raceshim.cluster import _probe
from raceshim.cluster._dask import Client, LocalCluster, cloudpickle, dask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from raceshim._progress import Progress

#: So long a scheduler may take to answer, and its first worker to be there.
_ANSWER, _FIRST = 10.0, 60.0
#: So much of a cluster's doings is told: nothing but what ends it.
_QUIET = logging.CRITICAL
_TOLD = 5

cloudpickle.register_pickle_by_value(_probe)


class ByValue:
    """A function of `_probe` as it goes into tasks, which Dask would send by name."""

    def __init__(self, function: Callable[..., object]) -> None:
        """Pickle it."""
        self._function = function
        self._data = cloudpickle.dumps(function)

    def __call__(self, *arguments: object) -> object:
        """Call it."""
        return self._function(*arguments)

    def __reduce__(self) -> tuple[object, ...]:
        """Let it arrive as the function itself."""
        return pickle.loads, (self._data,)


CALL = ByValue(_probe.call)
DATA = ByValue(_probe.as_it_is)


@contextlib.contextmanager
def connected(target: str, progress: Progress) -> Iterator[Client]:
    """Give the client of a cluster that has a worker at least."""
    kind, _, rest = target.partition(":")
    logging.getLogger("distributed").setLevel(_QUIET)
    settings = {"distributed.admin.large-graph-warning-threshold": "1GB"}
    with dask.config.set(settings), contextlib.ExitStack() as ends:
        if kind in ("tcp", "tls"):
            yield ends.enter_context(contextlib.closing(_reached(target)))
            return
        cluster = _local(int(rest)) if kind == "local" else _slurm(rest, progress)
        ends.callback(_ended, cluster)
        client = Client(cluster, timeout=_ANSWER, set_as_default=False)
        yield ends.enter_context(contextlib.closing(client))


def await_worker(client: Client, *, patient: bool) -> None:
    """Wait for the first worker; a queue of jobs may take any time."""
    try:
        client.wait_for_workers(1, timeout=None if patient else _FIRST)
    except TimeoutError:
        raise ToolError(
            f"the scheduler {client.scheduler.address} has had no worker for {_FIRST:.0f} s: start "
            "some with `dask worker`"
        ) from None


def look_at(client: Client, digests: Sequence[str], *, machine: str | None) -> tuple[str, set[str]]:
    """Return the digest of raceshim's sources, and the files that some worker lacks.

    A ToolError names workers that have another Python, Dask or raceshim, or none; or another kind
    of processor, where they are sent programs of this `machine`.
    """
    mine = _probe.facts([])
    _compare_versions(client)
    found: dict[str, Any] = client.run(_probe.facts, list(digests), on_error="return")
    wrong = []
    missing: set[str] = set()
    for worker, told in sorted(found.items()):
        if isinstance(told, BaseException):
            wrong.append(f"{worker}: {told!r}")
        elif told["raceshim"] is None:
            wrong.append(f"{worker} ({told['host']}): raceshim is not installed there")
        elif told["raceshim"] != mine["raceshim"]:
            wrong.append(
                f"{worker} ({told['host']}): another raceshim (sources {told['raceshim']}, here "
                f"{mine['raceshim']})"
            )
        elif machine is not None and told["machine"] != machine:
            wrong.append(f"{worker} ({told['host']}): a {told['machine']}, not a {machine}")
        else:
            missing |= set(told["missing"])
    _refuse(wrong)
    return mine["raceshim"], missing


def _compare_versions(client: Client) -> None:
    """Refuse what cannot understand each other: Dask says so in ways that nobody understands."""
    versions = client.get_versions(check=False)
    here = _versions(versions["client"])
    parts = {f"the scheduler {client.scheduler.address}": versions["scheduler"]}
    parts |= versions["workers"]
    wrong = []
    for name, told in parts.items():
        if told and _versions(told) != here:
            there = ", ".join(f"{what} {number}" for what, number in _versions(told).items())
            wrong.append(f"{name}: {there}")
    if wrong:
        wanted = ", ".join(f"{what} {number}" for what, number in here.items())
        _refuse(wrong, f" (here: {wanted})")


def _versions(told: Mapping[str, Any]) -> dict[str, str]:
    python = told["host"]["python"].split(".")
    return {
        "Python": ".".join(python[:2]),
        "dask": told["packages"]["dask"],
        "distributed": told["packages"]["distributed"],
    }


def _refuse(wrong: Sequence[str], more: str = "") -> None:
    if wrong:
        shown = list(wrong[:_TOLD])
        if len(wrong) > _TOLD:
            shown.append(f"and {len(wrong) - _TOLD} more")
        lines = "".join(f"\n  {line}" for line in shown)
        raise ToolError(f"the cluster does not fit{more}; install the same on all machines:{lines}")


def _reached(address: str) -> Client:
    try:
        return Client(address, timeout=_ANSWER, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise ToolError(
            f"no scheduler answers at {address} ({error}); `dask scheduler` starts one, and `dask "
            f"worker {address} --nthreads 1` its workers"
        ) from None
    except (AssertionError, TypeError, RuntimeError) as error:  # no certificates, odd settings
        raise ToolError(f"{address}: {error}") from None


def _local(count: int) -> LocalCluster:
    return LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,  # what the workers hold is little, and what they run is not theirs
        silence_logs=_QUIET,
    )


def _slurm(name: str, progress: Progress) -> Any:  # noqa: ANN401 - has no types
    """Start jobs as a file describes them: SLURMCluster's arguments, and how many `jobs`."""
    try:
        from dask_jobqueue import SLURMCluster  # noqa: PLC0415 - only for Slurm
    except ImportError:
        raise ToolError(
            "--cluster slurm:FILE needs dask-jobqueue: pip install 'raceshim[cluster]'"
        ) from None
    try:
        options = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"--cluster slurm:{name}: {error}") from None
    jobs = options.pop("jobs", None)
    if not isinstance(jobs, int) or jobs < 1:
        raise UsageError(f"{name}: `jobs` must say how many jobs to start, as in jobs = 10")
    options.setdefault("scheduler_options", {}).setdefault("dashboard_address", None)
    try:
        cluster = SLURMCluster(silence_logs=_QUIET, **options)
        cluster.scale(jobs=jobs)
    except (TypeError, ValueError, OSError, RuntimeError) as error:
        raise ToolError(f"{name}: {error}") from None
    progress.say(f"{jobs} jobs are in Slurm's queue; the scheduler is {cluster.scheduler_address}")
    return cluster


def _ended(cluster: Any) -> None:  # noqa: ANN401 - see above
    with contextlib.suppress(TimeoutError, OSError):
        cluster.close(timeout=_ANSWER)


def this_environment(passed: str | None) -> dict[str, str]:
    """Return what workers of other machines get of the environment: little, and no secrets."""
    names = set((passed or "").split(",")) - {""}
    lost = sorted(name for name in names if name not in os.environ)
    if lost:
        raise UsageError(f"--pass-env: {', '.join(lost)}: not in the environment")
    return {
        name: value
        for name, value in os.environ.items()
        if name in names
        or name.endswith("SAN_OPTIONS")
        or name in ("LANG", "LANGUAGE", "TZ")
        or name.startswith("LC_")
    }

# SPDX-License-Identifier: BSD-2-Clause
"""Gate a command: run, parse, filter, judge.

What a command costs more under the gate is mostly the start of the gate itself. So only what is
needed to start the command is imported before, and the rest while it runs.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raceshim.evidence._interrupts import interrupts_kept
from raceshim.evidence._logs import LogFolder
from raceshim.evidence._run import environment, left_behind, program_of, run
from raceshim.evidence._tee import Tee

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from raceshim._flight import FlightFolder
    from raceshim._gate import CommandVerdict
    from raceshim._options import Settings
    from raceshim._policy import Policy
    from raceshim.evidence._hang import Hanging
    from raceshim.evidence._late import Names
    from raceshim.evidence._processes import ProcessLog
    from raceshim.evidence._run import Ended, LeftBehind
    from raceshim.evidence._unwatched import Unwatched
    from raceshim.prof._gather import Recorder
    from raceshim.suppress._apply import Suppression

#: What is looked for in the project's folder; `_suppress.FILE_NAME`, without its import.
SUPPRESSIONS = "raceshim-suppressions.toml"
#: More random bits than this, and the older runtimes find their shadow memory taken.
_RANDOM_BITS = 28
_RANDOM_BITS_FILE = Path("/proc/sys/vm/mmap_rnd_bits")


@dataclass(frozen=True, slots=True)
class Trial:
    """What sets one run of a command apart where there are several.

    `limit` is the time it has, in seconds. Its output is only searched, and it has no stdin, if it
    is `quiet`. `preload` is a library for all its processes, `processor` the only one it gets,
    `number` its place among all runs.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    limit: float | None = None
    quiet: bool = False
    preload: str | None = None
    processor: int | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs that does not run here: what the gate would have looked up otherwise.

    `folder` is its working directory, `root` the project's folder, in whose terms findings name
    files; `environ` is all of its environment that is not the gate's.
    """

    environ: Mapping[str, str]
    folder: Path
    root: str
    suppressions: tuple[Suppression, ...] = ()
    policy: Policy | None = None


class Bench:
    """What all runs of a command have in common: read and opened once."""

    def __init__(  # noqa: PLR0913 - by name
        self,
        command: Sequence[str],
        settings: Settings,
        detector: str | None,
        environ: Mapping[str, str] | None = None,
        *,
        only_looks: bool = False,
        place: Place | None = None,
    ) -> None:
        """Read the suppressions and the policy; who `only_looks` for something has none of them.

        `environ` is added to that of all runs. Of a `place`, all is known.
        """
        self.added = environ or {}
        self.command = command
        self.settings = settings
        self.detector = detector
        self.suppressions = (
            () if only_looks else _suppressions(settings) if place is None else place.suppressions
        )
        self.policy = None if only_looks else _policy(settings) if place is None else place.policy
        # What is suppressed, tolerated or not looked for is no failure of the command either.
        self._lets_pass = bool(only_looks or self.suppressions or self.policy)
        self._place = place
        self._late = _late_names(settings, self.environ)
        self._flights = _flights(settings)
        #: What adds up the profiles of all runs.
        self.profiles = None if only_looks else _profiles(settings)
        self._ends = contextlib.ExitStack()
        self._names: Names | None = None
        self._refused: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Open what gives names, and what records."""
        with self._ends:
            self._names, self._refused = self._ends.enter_context(self._late)
            if self.profiles is not None:
                self._ends.enter_context(self.profiles)
            self._ends = self._ends.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._ends.__exit__(kind, error, trace)

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to say of the names."""
        return (*self._refused, *(self._names.notes if self._names else ()))

    def ran(self, run: int) -> None:
        """Hear which run has ended, here or on a cluster."""
        if self.profiles is not None and self.settings.cluster is None:
            self.profiles.ran(run)

    def recorded(self) -> tuple[str, ...]:
        """Put together what all runs have recorded, and return what there is to say of it."""
        return () if self.profiles is None else self.profiles.finish()

    @property
    def program(self) -> str | None:
        """The file that the command runs, if that is a program with a detector itself."""
        return program_of(self.command, None if self._place is None else self._place.folder)

    @property
    def environ(self) -> Mapping[str, str]:
        """What a command inherits."""
        base = os.environ if self._place is None else self._place.environ
        return {**base, **self.added}

    def run(self, trial: Trial | None = None) -> CommandVerdict:
        """Run the command and judge every process that ran under it."""
        command, settings, place = self.command, self.settings, self._place
        asked = "output" in settings.told
        quiet = trial is not None and trial.quiet
        with (
            LogFolder() as logs,
            Tee(scan=settings.output == "scan", terminals=asked, drop=quiet) as tee,
        ):
            ended = None
            left: list[LeftBehind] = []
            hanging: list[Hanging] = []
            unwatched: Unwatched | None = None
            if command:
                environ = self._environment(logs, trial)
                if settings.canary:
                    from raceshim.evidence._canary import plant  # noqa: PLC0415 - most commands have none
                    from raceshim.evidence._unwatched import Unwatched  # noqa: PLC0415

                    environ = plant(logs, environ)
                    unwatched = Unwatched(logs)
                line = [*_fixed_addresses(), *command]
                with unwatched or contextlib.nullcontext():
                    ended = run(
                        line,
                        environ,
                        logs,
                        timeout=settings.timeout if trial is None else trial.limit,
                        cwd=None if place is None else place.folder,
                        meanwhile=_load_judges if trial is None else None,
                        tee=tee,
                        late=lambda: hanging.extend(_hanging(logs)),
                        alone=quiet,
                        processor=None if trial is None else trial.processor,
                    )
                    left = left_behind(logs, settings.wait)
            tee.finish()
            verdict = judge_logs(
                logs,
                command,
                ended,
                left,
                self.detector,
                self.suppressions,
                policy=self.policy,
                needs_threads=self.detector == "thread",
                canary=unwatched,
                tee=tee,
                names=self._names,
                hanging=hanging,
                folder=None if place is None else place.folder,
                root=None if place is None else place.root,
            )
        if self._flights is None:
            return verdict
        from raceshim._flight import attach  # noqa: PLC0415 - most commands have none

        return attach(verdict, self._flights, (str(project_root()),))

    def _environment(self, logs: LogFolder, trial: Trial | None) -> dict[str, str]:
        options = "exitcode=0" if self._lets_pass else ""
        base = dict(self.environ)
        if trial is not None:
            base |= trial.environ
            if trial.preload is not None:
                from raceshim.evidence._preload import preloaded  # noqa: PLC0415 - most have none

                base = preloaded(base, trial.preload, logs.path)
        if self.profiles is not None:
            base = self.profiles.environment(base, 0 if trial is None else trial.number)
        if self._flights is not None:
            base = self._flights.environment(base, logs)
        return environment(
            logs,
            base,
            evidence=self.settings.evidence,
            options=options,
            late=self._names is not None,
        )


def gate_command(
    command: Sequence[str], settings: Settings, *, detector: str | None
) -> CommandVerdict:
    """Run a command as it is and judge every process that ran under it.

    `detector` is the one that must have run; None accepts any.
    """
    with Bench(command, settings, detector) as bench:
        verdict = bench.run()
        sys.stderr.write("".join(f"raceshim: {line}\n" for line in bench.recorded()))
        return replace(verdict, notes=(*verdict.notes, *bench.notes))


def _hanging(logs: LogFolder) -> list[Hanging]:
    from raceshim.evidence._hang import look  # noqa: PLC0415 - most commands end in time

    return look(logs)


def judge_logs(  # noqa: PLR0913, PLR0917 - what a verdict rests on
    logs: LogFolder,
    command: Sequence[str],
    ended: Ended | None,
    left: Sequence[LeftBehind],
    detector: str | None,
    suppressions: Sequence[Suppression] = (),
    *,
    canary: Unwatched | None = None,
    policy: Policy | None = None,
    needs_threads: bool = False,
    tee: Tee | None = None,
    names: Names | None = None,
    hanging: Sequence[Hanging] = (),
    folder: Path | None = None,
    root: str | None = None,
) -> CommandVerdict:
    """Read what the processes of a command have left, and what they have printed, and judge it.

    `folder` and `root` are the command's and the project's, if they are not those of this process.
    """
    from raceshim._gate import CommandRun, judge_command  # noqa: PLC0415
    from raceshim.evidence._crash import with_crashes  # noqa: PLC0415 - see the top
    from raceshim.evidence._processes import read_processes  # noqa: PLC0415

    logged = with_crashes(read_processes(logs, names))
    started = frozenset(logs.started())
    planted = None
    printed, terminals = _printed(tee, logged)
    processes = logged
    if canary is not None:
        from raceshim.evidence._canary import is_canary, take_out  # noqa: PLC0415

        processes, planted = take_out(logs, logged, canary.programs)
        if printed:
            from raceshim.evidence._printed import leave_out  # noqa: PLC0415

            printed = leave_out(printed, is_canary, nameless=planted.broke)
    starts = logs.starts("thread")
    command_run = CommandRun(
        tuple(command),
        ended,
        processes + printed,
        started,
        tuple(left),
        canary=planted,
        starts=starts,
        hanging=tuple(hanging),
        folder=folder,
    )
    verdict = judge_command(
        command_run,
        detector,
        suppressions,
        policy=policy,
        needs_threads=needs_threads,
        roots=(str(project_root()) if root is None else root,),
    )
    ran = bool(logged or started)
    if ended is None or (ran and not printed):
        return verdict
    from raceshim.evidence._printed import notes  # noqa: PLC0415

    return replace(verdict, notes=notes(printed, terminals, evidence=ran))


@contextlib.contextmanager
def _late_names(
    settings: Settings, environ: Mapping[str, str]
) -> Iterator[tuple[Names | None, tuple[str, ...]]]:
    """Give what completes the logs if no names are to be looked up online, or say why not."""
    if settings.symbolize != "late":
        yield None, ()
        return
    from raceshim.evidence._late import Names, needs_names  # noqa: PLC0415 - most commands do without

    if needs_names(environ.get("TSAN_OPTIONS", "")):
        yield None, ("not symbolised late: TSAN_OPTIONS asks for names while the program runs",)
        return
    from raceshim.evidence._symbolizer import Symbolizer  # noqa: PLC0415

    with Symbolizer() as symbolizer:
        yield Names(symbolizer), ()


def _printed(
    tee: Tee | None, logged: tuple[ProcessLog, ...]
) -> tuple[tuple[ProcessLog, ...], list[str]]:
    """Return what the command has printed of reports, and the streams where nobody looked."""
    if tee is None:
        return (), []
    scanners = [scanner for scanner in tee.scanners if scanner.lines or scanner.cut]
    if not scanners:
        return (), tee.terminals
    from raceshim.evidence._printed import read_printed  # noqa: PLC0415 - few commands print any

    return read_printed(scanners, logged), tee.terminals


def project_root() -> Path:
    """Return the folder whose files findings name relative to it: the checkout's, or this one."""
    here = Path.cwd()
    return next((path for path in (here, *here.parents) if (path / ".git").exists()), here)


def _suppressions(settings: Settings) -> tuple[Suppression, ...]:
    """Read the file that is named, or the one that stands in the project's folder."""
    file = settings.suppressions
    if file is None and not (project_root() / SUPPRESSIONS).exists():
        return ()
    from raceshim.suppress._apply import load  # noqa: PLC0415 - most commands have none

    return load(project_root() / SUPPRESSIONS if file is None else Path(file))


def _flights(settings: Settings) -> FlightFolder | None:
    """Make the folder of last events."""
    if settings.flight is None:
        return None
    from raceshim._flight import FlightFolder  # noqa: PLC0415 - most commands have none

    return FlightFolder(settings.flight)


def _profiles(settings: Settings) -> Recorder | None:
    """Make the folder of profiles."""
    if settings.profile is None:
        return None
    from raceshim.prof._gather import Recorder  # noqa: PLC0415 - most commands have none

    return Recorder(settings.profile)


def _policy(settings: Settings) -> Policy | None:
    """Read which kinds of finding are only told of."""
    if settings.tolerate is None:
        return None
    from raceshim._policy import read_policy  # noqa: PLC0415 - most commands have none

    return read_policy(settings.tolerate)


def _load_judges() -> None:
    # Python drops an exception that is raised in a weak reference's callback; imports have some.
    with interrupts_kept():
        for name in ("evidence._processes", "_gate", "formats._text"):
            importlib.import_module(f"raceshim.{name}")


@functools.cache
def _fixed_addresses() -> tuple[str, ...]:
    """Return what runs a command without address randomisation, where that is needed and allowed.

    A command cannot be run again like a test program can: it may have had effects.
    """
    try:
        bits = int(_RANDOM_BITS_FILE.read_text(encoding="ascii"))
        if bits > _RANDOM_BITS:
            subprocess.run(["setarch", "-R", "true"], check=True, capture_output=True)
            return ("setarch", "-R")
    except (OSError, ValueError, subprocess.CalledProcessError):
        pass
    return ()

# SPDX-License-Identifier: BSD-2-Clause
"""Plant a known race in every program of a command, and see whether the gate gets to know of it.

A gate that finds nothing looks like one that cannot find anything. `libraceshim-canary.so` is
preloaded into every process; in one process of each program that runs under ThreadSanitizer it
makes a race in a forked child, and leaves a claim: which program, under which options, in which
child. A program whose claim has no report to it would have raced in silence.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.cc import _prefix
from raceshim.evidence._preload import preloaded
from raceshim.evidence._run import CANARY_CLAIMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from raceshim.evidence._logs import LogFolder
    from raceshim.evidence._processes import ProcessLog
    from raceshim.report._model import Report

LIBRARY = "libraceshim-canary.so"
_FIELDS = 6
_NOT_PLANTED = (
    "it was not planted; LD_PRELOAD was changed, or is ignored (a static or privileged program, "
    f"another root folder), or {CANARY_CLAIMS} was"
)
_STRANGER = (
    "it ran without the gate's environment (env -i, sudo, a cleaning build system): keep the "
    f"variables that end in SAN_OPTIONS, LD_PRELOAD and {CANARY_CLAIMS}"
)
#: What the child says when it could not start its threads.
_NO_THREADS = 9


@dataclass(frozen=True, slots=True)
class Claim:
    """What a program has left that was tried: `options` is its TSAN_OPTIONS.

    `child` and `status`, as wait() gives it, are None if not told.
    """

    pid: int
    program: str
    options: str
    child: int | None
    status: int | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A program, and whether its canary was caught; if not, the likely cause."""

    program: str
    caught: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Canary:
    """What became of the known race in each program that ran under the detector.

    `broke` tells whether the detector broke down in a child, which says so on stderr.
    """

    programs: tuple[Tried, ...]
    broke: bool = False

    @property
    def caught(self) -> int:
        """In how many programs it was caught."""
        return sum(tried.caught for tried in self.programs)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a verdict cannot be clean; empty if it was caught wherever it should be."""
        if not self.programs:
            return ("no canary was planted: no program ran under ThreadSanitizer",)
        return tuple(
            f"the canary in {tried.program} was not caught: {tried.cause}"
            for tried in self.programs
            if not tried.caught
        )

    def text(self) -> str:
        """Say it in one line."""
        programs = "program" if len(self.programs) == 1 else "programs"
        return f"canary: caught in {self.caught} of {len(self.programs)} {programs}"


def plant(logs: LogFolder, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a command in which every program has its canary."""
    return {
        **preloaded(environ, _prefix.canary(), logs.path),
        CANARY_CLAIMS: str(logs.claims()),
    }


def is_canary(report: Report) -> bool:
    """Whether a report is the canary's, and not one of the program.

    It is by the library of both accesses, which holds nothing else. Functions have no names where
    there is no symbolizer.
    """
    accesses = [stack for stack in report.stacks if stack.role in ("access", "previous")]
    return (
        report.kind == "data race"
        and bool(accesses)
        and all(
            stack.frames
            and stack.frames[0].module is not None
            and Path(stack.frames[0].module).name == LIBRARY
            for stack in accesses
        )
    )


def take_out(
    logs: LogFolder, processes: Iterable[ProcessLog], unwatched: Iterable[str] = ()
) -> tuple[tuple[ProcessLog, ...], Canary]:
    """Part the canary's children from the processes of the command, and tell what was caught.

    `unwatched` are programs that were seen without the gate's environment.
    """
    claims = read_claims(logs)
    broken = {claim.child for claim in claims if claim.status}
    left: list[ProcessLog] = []
    caught: Counter[int | None] = Counter()
    for process in processes:
        reports = tuple(r for r in process.parsed.reports if not is_canary(r))
        found = [r for r in process.parsed.reports if is_canary(r)]
        caught[process.pid] += any(report.complete for report in found)
        if not found and (process.completed or process.pid not in broken):
            left.append(process)
        elif reports and found:
            left.append(replace(process, parsed=replace(process.parsed, reports=reports)))
        # The rest is the canary's own child: its claim tells what became of it.
    return tuple(left), _canary(claims, caught, left, unwatched, logs)


def read_claims(logs: LogFolder) -> tuple[Claim, ...]:
    """Read what the programs have left."""
    claims = (_claim(path.read_bytes()) for path in sorted(logs.claims().iterdir()))
    return tuple(claim for claim in claims if claim is not None)


def _canary(
    claims: Sequence[Claim],
    caught: Counter[int | None],
    processes: Iterable[ProcessLog],
    unwatched: Iterable[str],
    logs: LogFolder,
) -> Canary:
    causes: dict[str, str] = {}
    for claim in claims:
        causes.setdefault(claim.program, "")
        if claim.child is not None and caught[claim.child] > 0:
            caught[claim.child] -= 1  # a pid may come back
        else:
            causes[claim.program] = _cause(claim, logs)
    for process in processes:
        if process.detector == "thread" and process.program is not None:
            causes.setdefault(process.program, _NOT_PLANTED)
    for program in unwatched:  # some process of it, though another one may be well
        causes[program] = causes.get(program) or _STRANGER
    tried = tuple(Tried(name, not cause, cause) for name, cause in sorted(causes.items()))
    return Canary(tried, broke=any(claim.status for claim in claims))


def _cause(claim: Claim, logs: LogFolder) -> str:
    """Say why nothing was reported, as far as what the program had can tell."""
    own = _options(claim.options)
    causes = []
    if claim.child is None or claim.child < 0:
        causes.append("it could not fork, or was killed")
    elif claim.status:
        causes.append(_broken(claim.status))
    if own.get("report_bugs") in ("0", "false", "no"):
        causes.append("it ran with report_bugs=0")
    witness = logs.witness("thread")
    suppressions = own.get("suppressions")
    if suppressions and (witness is None or suppressions != witness[1]):
        causes.append(f"it ran with suppressions that may hide everything ({suppressions})")
    if own.get("log_path") != logs.log_path:
        causes.append(
            "its TSAN_OPTIONS were replaced, not extended, so its reports go elsewhere: write "
            f'TSAN_OPTIONS="$TSAN_OPTIONS {claim.options}"'
        )
    if not causes:
        causes.append("it reported nothing; has it options of its own compiled in?")
    return f"process {claim.pid}: {'; '.join(causes)}"


def _broken(status: int) -> str:
    if os.WIFSIGNALED(status):
        how = f"signal {os.WTERMSIG(status)}"
    elif os.WEXITSTATUS(status) == _NO_THREADS:
        return "it could not start threads"
    else:
        how = f"exit status {os.WEXITSTATUS(status)}"
    return (
        f"the detector broke down in it ({how}): is the runtime among the program's own libraries, "
        "and does no library start threads before main()?"
    )


def _options(text: str) -> dict[str, str]:
    """Read options as the runtimes do: the last one holds."""
    found = re.findall(r"""([A-Za-z0-9_]+)=("[^"]*"|'[^']*'|[^\s:,]*)""", text)
    return {name: value.strip("\"'") for name, value in found}


def _claim(data: bytes) -> Claim | None:
    fields = [os.fsdecode(field) for field in data.split(b"\0")[:-1]]
    if len(fields) < _FIELDS - 2 or not fields[0].isdigit():
        return None  # killed in the middle; its evidence, if any, tells that it was not caught
    numbers = [int(field) for field in fields[4:_FIELDS]]
    pid, program = int(fields[0]), fields[1]
    child, status = (*numbers, None, None)[:2]
    return Claim(pid, program, fields[2], child, status)

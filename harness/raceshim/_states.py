# SPDX-License-Identifier: BSD-2-Clause
"""The state of each process, from what it left behind.

    DIED              its log has no record of its end, or is cut off, or the detector broke down
    NOT-INSTRUMENTED  the detector ran, and none of the code was compiled for it
    RACE, OTHER-KIND  reports
    NO-EVIDENCE       no thread was ever created, so no race could be seen
    PASS              watched to its end, which may be a signal from outside, nothing reported

The first that fits holds: a process that has raced and then died is DIED, and its kinds tell of
the race.
"""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

from raceshim.evidence._crash import CRASHES
from raceshim.evidence._instrumented import examine, is_system, lacks_instrumentation
from raceshim.formats._result import ProcessEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from raceshim.evidence._processes import ProcessLog
    from raceshim.finding._merge import Finding

#: What helps against a breakdown.
CURES = {
    "unexpected memory mapping": (
        "the addresses of its memory are taken: `sysctl vm.mmap_rnd_bits=28` on the host, or "
        "`setarch -R` where that is allowed; link without fixed addresses"
    ),
    "starting new threads after multi-threaded fork": (
        "a child of a threaded process made threads: exec in it, or set "
        "TSAN_OPTIONS=die_after_fork=0"
    ),
    "CHECK failed": "the program broke a rule that the detector relies on, or the detector has a "
    "bug; the stack below its message tells where",
    "out of memory": "give it more memory, or run fewer tests at a time",
}
#: What is under ThreadSanitizer's own memory, or too near to it, on x86-64.
_LOWEST_TAKEN = 1 << 33
_BUILD = "build it with `raceshim cc`, or with -fsanitize={} both to compile and to link"


def evidence(
    processes: Sequence[ProcessLog], findings: Sequence[Sequence[Finding]]
) -> tuple[ProcessEvidence, ...]:
    """Return what is known of each process; `findings` are those of each, in the same order."""
    return tuple(
        _evidence(process, found, _successor(process, processes[number + 1 :]))
        for number, (process, found) in enumerate(zip(processes, findings, strict=True))
    )


def lacks_threads(processes: Sequence[ProcessLog], starts: int) -> bool:
    """Whether surely no process that ran under ThreadSanitizer ever created a thread.

    `starts` is how often its runtime was seen to start; who has left no record of its end (killed,
    or gone by exec) may have had threads.
    """
    ran = [process for process in processes if process.detector == "thread"]
    if not starts or without_record(processes, starts):
        return False
    return bool(ran) and all(process.threaded is False for process in ran)


def without_record(processes: Sequence[ProcessLog], starts: int) -> int:
    """Return how many programs, at least, ThreadSanitizer has watched but not to their end."""
    ended = sum(p.detector == "thread" and p.completed and not p.forked for p in processes)
    return max(starts - ended, 0)


def lacks_ends(processes: Sequence[ProcessLog], starts: int) -> bool:
    """Whether ThreadSanitizer has watched programs, and none of them to its end."""
    return bool(starts) and not any(p.detector == "thread" and p.completed for p in processes)


def own_program(
    command: Sequence[str], detector: str | None, folder: Path | None = None
) -> ProcessEvidence:
    """Say why nothing ran under a detector, from the file that the command names.

    `folder` is its working directory, if that is not ours.
    """
    wanted = detector or "thread"
    path = command[0] if command else None
    if path is not None and (folder is None or "/" not in path):
        path = shutil.which(path)
    known = examine(os.path.join(folder or "", path)) if path is not None else None  # noqa: PTH118
    state, reason = "NO-EVIDENCE", f"was it built with `raceshim cc` or -fsanitize={wanted}?"
    if path is None or known is None:
        pass
    elif known.kind == "script":
        reason = f"{path} is a script: what it ran must be built with -fsanitize={wanted}"
    elif is_system(path):
        reason = f"{path} is the system's: what it ran must be built with -fsanitize={wanted}"
    elif known.kind == "program" and known.runtime:
        reason = f"{path} has a detector's runtime, which {_why_not_started(known.base)}"
    elif known.kind == "program":
        state, reason = "NOT-INSTRUMENTED", f"{path} has no detector: {_BUILD.format(wanted)}"
    return ProcessEvidence(
        program=path,
        pid=None,
        state=state,
        detector=None,
        completed=False,
        reasons=(reason,),
    )


def _why_not_started(base: int | None) -> str:
    if base is not None and base >= _LOWEST_TAKEN:
        return (
            f"could not start: the program is linked at {base:#x}, where the detector has its own "
            "memory; link it without a fixed address"
        )
    return (
        "left nothing: it could not start (see what it printed), or the program was given other "
        "options than the gate's"
    )


def _successor(process: ProcessLog, later: Iterable[ProcessLog]) -> bool:
    """Whether a process became another program by exec, which has a log of its own."""
    return any(one.pid == process.pid and one.detector == process.detector for one in later)


def _evidence(process: ProcessLog, findings: Sequence[Finding], replaced: bool) -> ProcessEvidence:
    kinds = {finding.kind_class for finding in findings}
    crash = next((finding.kind for finding in findings if finding.kind_class == "died"), None)
    state, reasons = "PASS", _death(process, crash, replaced=replaced)
    if reasons:
        state = "DIED"
    elif process.detector == "thread" and lacks_instrumentation(process.modules):
        state = "NOT-INSTRUMENTED"
        reasons = (
            f"linked with the detector, but no code was compiled for it: {_BUILD.format('thread')}",
        )
    elif kinds:
        state = "RACE" if "race" in kinds else "OTHER-KIND"
    elif process.detector == "thread" and process.threaded is False:
        state, reasons = "NO-EVIDENCE", ("no thread was ever created",)
    return ProcessEvidence(
        program=process.program,
        pid=process.pid,
        state=state,
        detector=process.detector,
        completed=process.completed,
        kinds=tuple(dict.fromkeys(finding.kind for finding in findings)),
        fingerprints=tuple(finding.fingerprint for finding in findings),
        reasons=reasons,
    )


def _death(process: ProcessLog, crash: str | None, *, replaced: bool) -> tuple[str, ...]:
    reasons = [_broken_down(failure.kind) for failure in process.parsed.failures]
    if crash is not None:
        reasons.append(f"it crashed: {crash}")
    if process.begun_anew:
        reasons.append(
            "its log was begun anew before it was kept, and what was in it is lost: it became "
            "another program within milliseconds, or has two detectors; gate it again"
        )
    if process.printed:
        reasons.append(
            "its reports were printed: its log is elsewhere, and so is what else it said"
        )
        if not process.parsed.complete:
            reasons.append("what it printed is cut off or damaged")
    elif not process.parsed.complete:
        reasons.append("its log is cut off or damaged")
    # A log without a word, of whichever detector, is one that was about to be written.
    elif process.detector in ("thread", "unknown") and not (
        process.completed or replaced or reasons
    ):
        reasons += _silent_end(process.status)
    return tuple(reasons)


def _silent_end(status: int | None) -> Sequence[str]:
    """Say what is wrong with an end that nobody has recorded; nothing where it was killed."""
    if status is None:
        why = "it crashed or was killed, or closed the log (killed on purpose: --evidence exit)"
        return (f"it left no record of its end: {why}",)
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return (f"it left no record of its end, exit status {code}: it went past the detector",)
    number = os.WTERMSIG(status)
    return (f"it crashed: {signal.Signals(number).name}",) if number in CRASHES else ()


def _broken_down(kind: str) -> str:
    cure = CURES.get(kind)
    return f"the detector or its program broke down: {kind}" + (f" ({cure})" if cure else "")

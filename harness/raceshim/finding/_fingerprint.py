# SPDX-License-Identifier: BSD-2-Clause
"""Fingerprints: what stays the same however often, and from whichever side, a bug is reported.

It is made of the kind's class and the *sites* of the bug: of each stack that matters, the first
frame that is the program's own, as (file, function), and how it accesses memory. The sites are
sorted, for it is chance which of two racing threads is caught. Lines, columns, addresses, process
and thread ids, sizes and the SUMMARY line are no part of it.

    class           stacks that matter                                  program frames a stack
    race            both accesses                                       1
    lock-order      each "acquired while holding" of the cycle          2
    thread-leak     where the thread was created                        2
    leak            where the block was allocated                       2
    hang            where each thread waits; of a timeout, the program  1
    mutex           the misuse                                          2
    all others      the first stack                                     1

A crash of which no detector has told has no stack: the program stands for it, and the signal.

Two frames where the first is so often a project's own wrapper (`xmalloc`, `spawn`) that it would
stand for every bug of the kind.

**Access.** A plain read and a plain write are one class, "plain". A race has a write on one side
at least, and which access of `x++` is caught differs: gcc instruments the load and the store, clang
the store alone. Apart, they would make three bugs of one (measured: gcc 12, `x++` against `x += 2`,
50 runs), and the compilers would disagree. "atomic", "free" and "object" (tagged, external) differ.

**Builds.** Lines may move and optimisation change, as inlined functions have frames of their own.
gcc 12 at -O2 is apart: it folds functions of equal code, and moves loads to callers. 9 of 39
programs get another fingerprint there; none differ at its -O0 and -O1, none from -O0 to -O2 with
clang 14 and 19, and none between the three compilers at -O0 and -O1.

**A race is a race.** ThreadSanitizer calls one and the same bug "data race", "data race on vptr"
or "heap-use-after-free", depending on which side came first; in the fingerprint they are "race".

**Canonical text.** JSON without spaces, ASCII: ["raceshim", VERSION, CLASS, KIND, SITES]. KIND is
the detector's word, without a parenthesis behind, and "" for races; Helgrind's and DRD's words for
misused locks are few, so their message follows, without its numbers. SITES is a sorted list of
[ACCESS, [FILE, FUNCTION], ...], ACCESS "" but for races. The fingerprint is `v1-` and the first
16 hex digits of its SHA-256; the long key, with two more frames of the program a site, `v1L-` and
16 digits. The number is raised when any of this changes.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from raceshim.finding._frames import Origin, bare_function, origin, stable_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.report._model import Frame, Report, Stack

VERSION = 1
_MORE = 2  # frames that the long key has beyond the fingerprint

#: Every class there is, the worst first.
KIND_CLASSES = (
    "race",
    "memory",
    "uninitialized",
    "undefined",
    "died",
    "hang",
    "lock-order",
    "mutex",
    "signal",
    "thread-leak",
    "leak",
    "other",
)
_DEPTH = {"lock-order": 2, "mutex": 2, "thread-leak": 2, "leak": 2}
_THREAD_KINDS: tuple[tuple[str, str], ...] = (
    ("lock-order-inversion", "lock-order"),
    ("thread leak", "thread-leak"),
    ("signal", "signal"),
    ("data race", "race"),
    ("heap-use-after-free", "race"),
    ("race on ", "race"),
)
_OTHER_KINDS: tuple[tuple[str, str], ...] = (
    ("data race", "race"),
    ("LockOrder", "lock-order"),
    ("Leak_", "leak"),
    ("Uninit", "uninitialized"),
)
#: The detector of what the gate itself has seen.
_OURS = "raceshim"
_DETECTOR_CLASSES = {
    "AddressSanitizer": "memory",
    "HWAddressSanitizer": "memory",
    "MemorySanitizer": "uninitialized",
    "LeakSanitizer": "leak",
    "UndefinedBehaviorSanitizer": "undefined",
    "Helgrind": "mutex",
    "DRD": "mutex",
    "Memcheck": "memory",
    _OURS: "hang",
}
#: Kinds that end the program, whichever detector was there to tell.
_DEATHS = re.compile(
    r"(?:SIG[A-Z]+|SEGV|ABRT|FPE|ILL|BUS|TRAP|stack-overflow|out-of-memory"
    r"|requested allocation size)\b"
)
_EDGE = re.compile(r"Mutex M\d+ acquired here while holding|followed by a later acquisition")
_THREAD = re.compile(r"^Thread #\d+:? ")
_NUMBER = re.compile(r"#?\b(?:0x[0-9A-Fa-f]+|\d+)\b")
_LIBRARY_VERSION = re.compile(r"(?<=\.so)[.\d]+$")
_HANDLER = "CallUserSignalHandler"


@dataclass(frozen=True, slots=True)
class Site:
    """One side of a bug. `names` are (file, function) of its frames, the same in every checkout.

    `access` is the class that the fingerprint knows. `frame` is the one that the site is in, as
    the detector told it. A stack that was lost has neither names nor a frame.
    """

    access: str
    names: tuple[tuple[str, str], ...]
    frame: Frame | None
    stack: Stack | None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a bug, and how sure that is: `doubts` says what was missing for it."""

    text: str
    long_key: str
    kind_class: str
    sites: tuple[Site, ...]
    doubts: tuple[str, ...]
    canonical: str


def fingerprint(report: Report, roots: Sequence[str] = ()) -> Fingerprint:
    """Identify a report.

    `roots` are folders of the project. With them, files are told apart by their path from there;
    without, by their name alone, and two programs' `main.c` are one file.
    """
    kind_class = classify(report)
    stacks = _stacks(report, kind_class)
    depth = _DEPTH.get(kind_class, 1)
    sites: list[Site] = []
    longer: list[Site] = []
    doubts = [] if report.complete else ["the report is incomplete"]
    for stack in stacks:
        frames, doubt = _frames(report, stack, kind_class)
        if kind_class == "hang":
            # Threads that wait at the same place may be any number; those of libraries are many.
            own = [frame for frame in frames if origin(frame) is Origin.PROGRAM]
            frames = own[-1:] if report.kind == "timeout" else own
            if not frames or _site(stack, frames, depth, kind_class, roots).names in (
                site.names for site in sites
            ):
                continue
            doubt = []
        doubts += doubt
        sites.append(_site(stack, frames, depth, kind_class, roots))
        longer.append(_site(stack, frames, depth + _MORE, kind_class, roots))
    if kind_class == "race" and len(sites) == 1 and report.detector != "DRD":
        doubts.append("one of the two accesses is missing")
        sites.append(_LOST)
        longer.append(_LOST)
    kind = _kind(report, kind_class)
    sites.sort(key=_order)
    longer.sort(key=_order)
    canonical = _canonical(kind_class, kind, sites)
    return Fingerprint(
        f"v{VERSION}-{_digest(canonical)}",
        f"v{VERSION}L-{_digest(_canonical(kind_class, kind, longer))}",
        kind_class,
        tuple(sites),
        tuple(dict.fromkeys(doubts)),
        canonical,
    )


def parts(report: Report) -> tuple[Report, ...]:
    """Take a report apart that tells of several bugs: LeakSanitizer's, one for each leak.

    What is reachable from a leaked block only ("indirect") is no bug of its own.
    """
    leaks = [stack for stack in report.stacks if stack.role == "allocation"]
    if report.detector != "LeakSanitizer" or len(leaks) < 2:
        return (report,)
    direct = [stack for stack in leaks if not stack.label.startswith("Indirect")]
    return tuple(replace(report, stacks=(stack,)) for stack in direct or leaks)


def classify(report: Report) -> str:
    """Return the class of a report's kind, one of `KIND_CLASSES`."""
    if _DEATHS.match(report.kind):
        return "died"
    if report.detector == "ThreadSanitizer":
        # A tagged object's races have a header of the user's own: two accesses are what counts.
        if any(stack.role == "previous" and stack.access for stack in report.stacks):
            return "race"
        named = _THREAD_KINDS
        default = "mutex" if "mutex" in report.kind else "other"
    else:
        named = _OTHER_KINDS
        default = _DETECTOR_CLASSES.get(report.detector, "other")
    return next((name for start, name in named if report.kind.startswith(start)), default)


def _kind(report: Report, kind_class: str) -> str:
    if kind_class == "race":
        return ""
    kind = report.kind.partition(" (")[0]
    if kind_class == "mutex" and report.detector in ("Helgrind", "DRD"):
        message = _THREAD.sub("", report.summary or "").partition(": ")[0]
        kind += ": " + " ".join(_NUMBER.sub("", message).split())
    return kind


def _stacks(report: Report, kind_class: str) -> list[Stack]:
    """Return the stacks that say where the bug is."""
    stacks = report.stacks
    chosen: list[Stack] = []
    if kind_class == "race":
        chosen = [s for s in stacks if s.role in ("access", "previous") and s.access][:2]
    elif kind_class == "lock-order":
        chosen = [s for s in stacks if _EDGE.match(s.label)]
        chosen += [s for s in stacks if s.role == "access" and s not in chosen]
    elif kind_class == "hang":
        return list(stacks if report.kind == "hang" else stacks[:1])
    elif kind_class == "thread-leak":
        chosen = [s for s in stacks if s.role == "thread"][:1]
    elif kind_class == "leak":
        chosen = [s for s in stacks if s.role == "allocation"][:1]
    if not chosen:
        chosen = [s for s in stacks if s.role == "access"][:1]
    return chosen or list(stacks[:1])


def _frames(report: Report, stack: Stack, kind_class: str) -> tuple[list[Frame], list[str]]:
    """Return a stack's frames from the first of the program's on, and what there is to doubt."""
    if report.detector == _OURS and kind_class == "died":
        return list(stack.frames), ["a crash without a stack: the program stands for the place"]
    if not stack.restored or not stack.frames:
        return [], ["the detector has lost a stack"]
    frames = list(_distinct(stack.frames))
    # What lies below a signal handler was interrupted by chance.
    ends = [at for at, frame in enumerate(frames) if _HANDLER in (frame.function or "")]
    frames = frames[: ends[0]] or frames if ends else frames
    if _spoils_errno(report):  # the handler alone is its own, and no frame marks the end
        frames = frames[:1]
    own = [frame for frame in frames if origin(frame) is Origin.PROGRAM]
    doubts = []
    if not own:
        doubts.append("a stack has no frame of the program itself")
        own = [frame for frame in frames if origin(frame) is Origin.LIBRARY] or frames
    if own[0].function is None:
        until = "with the line's number" if own[0].file is not None else "with every build"
        doubts.append(f"function names are unknown: this fingerprint changes {until}")
    elif own[0].file is None:
        doubts.append("source files are unknown: the module's name stands for them")
    return own, doubts


def _distinct(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Leave out frames that repeat the one before: recursion, and what runtimes print twice."""
    last: tuple[object, ...] | None = None
    for frame in frames:
        this = (frame.function, frame.file, frame.module, frame.function or frame.offset)
        if this != last:
            yield frame
        last = this


def _spoils_errno(report: Report) -> bool:
    return report.kind == "signal handler spoils errno"


def _site(
    stack: Stack, frames: list[Frame], depth: int, kind_class: str, roots: Sequence[str]
) -> Site:
    """Make a site of the first `depth` frames; of more where only offsets tell code apart."""
    if frames and frames[0].function is None:
        # The first may be an interceptor: without names nobody can know.
        depth = max(depth, 1 + _MORE)
    return Site(
        _access_class(stack) if kind_class == "race" else "",
        tuple(_name(frame, roots) for frame in frames[:depth]),
        frames[0] if frames else None,
        stack,
    )


_LOST = Site("plain", (), None, None)


def _name(frame: Frame, roots: Sequence[str]) -> tuple[str, str]:
    """Return file and function of a frame, or what stands for them where they are unknown."""
    module = _LIBRARY_VERSION.sub("", posixpath.basename(frame.module or "?"))
    if origin(frame) is Origin.RUNTIME and frame.function is not None:
        return "(runtime)", bare_function(frame.function)
    file = stable_file(frame.file, roots) if frame.file else f"({module})"
    if frame.function is not None:
        return file, bare_function(frame.function)
    if frame.file is not None:
        return file, f"line {frame.line}"
    return file, f"+{frame.offset:#x}" if frame.offset is not None else "?"


def _access_class(stack: Stack) -> str:
    access = stack.access
    if access is None:
        return "plain"
    if access.operation in ("modifying", "read-only"):
        return "object"
    if access.operation == "free" or (stack.frames and _frees(stack.frames[0])):
        return "free"
    return "atomic" if access.atomic else "plain"


def _frees(frame: Frame) -> bool:
    name = bare_function(frame.function or "")
    return name in _FREES and origin(frame) is Origin.RUNTIME


_FREES = (
    "free",
    "cfree",
    "realloc",
    "reallocarray",
    "__libc_free",
    "munmap",
    "operator delete",
    "operator delete[]",
)


def _order(site: Site) -> tuple[str, tuple[tuple[str, str], ...]]:
    return site.access, site.names


def _canonical(kind_class: str, kind: str, sites: Sequence[Site]) -> str:
    value = ["raceshim", VERSION, kind_class, kind, [[site.access, *site.names] for site in sites]]
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def _digest(text: str) -> str:
    return sha256(text.encode("ascii")).hexdigest()[:16]

# SPDX-License-Identifier: BSD-2-Clause
"""What a detector said, as values: frames, stacks, reports, and signs of life and death.

Nothing here judges. A `Report` is what was printed, `complete` tells whether all of it was,
and `text` is the printed original, so that no reader ever has to trust the parser.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame. What the detector could not tell is None (0 for line and column)."""

    function: str | None
    file: str | None
    line: int
    column: int
    module: str | None
    offset: int | None


@dataclass(frozen=True, slots=True)
class Access:
    """The memory access a stack belongs to, in the detector's words.

    `operation` is "read" or "write"; "free" where the detector calls it that; "modifying" or
    "read-only" for an access to a tagged external object. `thread` is "main thread", "thread T1".
    """

    operation: str
    atomic: bool
    size: int
    address: int
    thread: str
    mutexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """A labelled stack. `restored` is False when the detector had lost the frames.

    `role` is "access" (the access that was caught), "previous" (the one it conflicts with),
    "allocation", "thread" (its creation), "mutex" (its creation) or "other".
    """

    label: str
    role: str
    frames: tuple[Frame, ...]
    access: Access | None
    restored: bool


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `complete` is False as soon as any part is missing, torn or mixed up."""

    detector: str
    kind: str
    pid: int | None
    stacks: tuple[Stack, ...]
    location: str | None
    summary: str | None
    complete: bool
    text: str


@dataclass(frozen=True, slots=True)
class Start:
    """Proof that a process ran under a detector."""

    detector: str
    pid: int


@dataclass(frozen=True, slots=True)
class Failure:
    """The detector, or the program under it, broke down: nothing is known about the rest."""

    kind: str
    pid: int | None
    text: str


@dataclass(frozen=True, slots=True)
class ParsedLog:
    """Everything found in one log. `complete` is False when something in it is not whole."""

    reports: tuple[Report, ...]
    starts: tuple[Start, ...]
    failures: tuple[Failure, ...]
    complete: bool

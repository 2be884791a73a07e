# SPDX-License-Identifier: BSD-2-Clause
"""What the threads of a finding did last, and where the rest of it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FlightThread:
    """The last events of one thread, a line each; `events` is how many there are in the file."""

    label: str
    tid: int
    events: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flight:
    """A trace that a process has left beside a report; `threads` are those that the report names.

    `reason` is what made it: "report 2" of the process `pid`, "signal 11".
    """

    path: str
    pid: int
    reason: str
    threads: tuple[FlightThread, ...]

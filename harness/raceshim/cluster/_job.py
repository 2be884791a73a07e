# SPDX-License-Identifier: BSD-2-Clause
"""What every worker must know of a gate, and what a chunk of its runs leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raceshim._options import Value
    from raceshim._policy import Policy
    from raceshim.cluster._files import Shipment
    from raceshim.formats._lines import Setting
    from raceshim.suppress._apply import Suppression

#: A run in short: number, policy, seed of the input, seed of the schedule.
Row = tuple[int, str, int, int]


@dataclass(frozen=True, slots=True)
class Job:
    """A gate, as its workers know it.

    `environ` is the command's whole environment where `is_whole`, and otherwise what comes on top
    of the worker's own. `is_local` tells that the worker is one of the gate's own processes. Only
    where there is a `shipment` do the command's paths mean others there.
    """

    gate: str
    setting: Setting
    values: Mapping[str, Value]
    told: frozenset[str]
    environ: Mapping[str, str]
    is_whole: bool
    is_local: bool
    suppressions: tuple[Suppression, ...] = ()
    policy: Policy | None = None
    shipment: Shipment | None = None
    cover: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What a chunk has left: lines of results, compressed, and how long all and one took at most.

    A chunk that grows too long, or too large, ends before its last run. `cover` are files of
    coverage, and `profiles` files of profiles, by name, compressed as well. `unfit` says why the
    worker, and not the command, could not do it, and `missing` which files it has not got: then
    there is nothing else.
    """

    worker: str
    runs: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    lines: bytes = b""
    cover: tuple[tuple[str, bytes], ...] = ()
    profiles: tuple[tuple[str, bytes], ...] = ()
    unfit: str = ""
    missing: tuple[str, ...] = ()

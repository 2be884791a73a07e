# SPDX-License-Identifier: BSD-2-Clause
"""Read the gate's JSON, as much of it as is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from raceshim._errors import CLEAN, RACES, ToolError, UsageError
from raceshim.formats._documents import load

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Found:
    """A finding; `state` is open, tolerated or suppressed.

    `shown` is how many of the runs that count have shown it.
    """

    fingerprint: str
    kind: str
    kind_class: str
    title: str
    state: str
    count: int
    shown: int


@dataclass(frozen=True, slots=True)
class Result:
    """What the gate has written. `digest` is of the whole file: nothing else has the same.

    `counted` is how many runs of the command it tells of; one that was inconclusive does not count.
    """

    where: str
    digest: str
    command: tuple[str, ...]
    detector: str
    started: datetime
    verdict: str
    exit_code: int
    counted: int
    findings: tuple[Found, ...]

    @property
    def is_conclusive(self) -> bool:
        """Whether a finding that is not there has not shown."""
        return self.exit_code in (CLEAN, RACES)


def read(paths: Sequence[str]) -> list[Result]:
    """Read files; one that cannot be read is an error, never a run without findings."""
    return [_read(path) for path in paths]


def _read(path: str) -> Result:
    document = load(path)
    if document.of_programs:
        raise UsageError(
            f"{path}: of a folder of programs, which have verdicts and no findings; "
            "write it with raceshim gate --json FILE -- COMMAND"
        )
    content = document.content
    try:
        exit_code = int(content["exit_code"])
        once = int(exit_code in (CLEAN, RACES))
        runs = content.get("runs")
        return Result(
            path,
            document.digest,
            tuple(map(str, content["command"])),
            str(content["detector"] or ""),
            datetime.fromisoformat(content["started"]).astimezone(UTC),
            str(content["verdict"]),
            exit_code,
            int(runs["counted"]) if runs else once,
            tuple(_found(one, once) for one in content["findings"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ToolError(f"{path}: damaged: {error}") from None


def _found(one: dict[str, Any], once: int) -> Found:
    rate = one.get("rate")
    return Found(
        str(one["fingerprint"]),
        str(one["kind"]),
        str(one["kind_class"]),
        str(one["title"]),
        str(one["state"]),
        int(one["count"]),
        int(rate["shown"]) if rate else once,
    )

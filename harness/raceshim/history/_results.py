# SPDX-License-Identifier: BSD-2-Clause
"""Read the gate's JSON, as much of it as is remembered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import CLEAN, RACES, ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCHEMA = 1


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
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}") from None
    try:
        content = json.loads(data)
        schema, mode = content["schema"], content["mode"]
    except (ValueError, TypeError, KeyError):
        raise ToolError(f"{path}: not written by raceshim gate --json") from None
    if schema != _SCHEMA:
        raise ToolError(f"{path}: schema {schema!r}; this raceshim knows {_SCHEMA}")
    if mode != "command":
        raise UsageError(
            f"{path}: of a folder of programs, which have verdicts and no findings; "
            "write it with raceshim gate --json FILE -- COMMAND"
        )
    try:
        exit_code = int(content["exit_code"])
        once = int(exit_code in (CLEAN, RACES))
        runs = content.get("runs")
        return Result(
            path,
            sha256(data).hexdigest(),
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

# SPDX-License-Identifier: BSD-2-Clause
"""What one run of a command came to, as a value and as a line of JSON.

A line holds what was seen, not what was concluded: its reports, the states of its processes, and
the doubts. So lines of several machines, or of yesterday, are judged together by the same code as
the runs of one gate, with the suppressions of today. And it holds all that is needed to run it
again: the command, the folder, the seeds and the policy.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from raceshim._errors import UsageError
from raceshim.formats._result import ProcessEvidence
from raceshim.report._model import Access, Failure, Frame, Report, Stack
from raceshim.runs._plan import Task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Json = dict[str, Any]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """What all runs of a gate have in common, and a run that is repeated must have again.

    `root` is the folder of the project, `folder` the one that the command runs in. `build` tells
    builds of the program apart. `options` are those of the gate that matter to it.
    """

    command: tuple[str, ...]
    folder: str
    root: str
    detector: str | None
    build: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What one run has left.

    `reports` come with the program that made them. `cpu` is the time on processors, in seconds,
    where it could be told apart. `status` is the command's, negative for a signal.
    """

    setting: Setting
    task: Task
    status: int
    timed_out: bool
    seconds: float
    cpu: float | None
    reports: tuple[tuple[str | None, Report], ...] = ()
    processes: tuple[ProcessEvidence, ...] = ()
    failures: tuple[Failure, ...] = ()
    doubts: tuple[str, ...] = ()
    #: The doubts that count beside findings too: of a canary that was not caught.
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def encode(result: Result) -> str:
    """Return a result as one line."""
    value = {
        "schema": SCHEMA,
        "task": asdict(result.task),
        "command": list(result.setting.command),
        "folder": result.setting.folder,
        "root": result.setting.root,
        "detector": result.setting.detector,
        "build": result.setting.build,
        "options": dict(result.setting.options),
        "status": result.status,
        "timed_out": result.timed_out,
        "seconds": round(result.seconds, 6),
        "cpu": None if result.cpu is None else round(result.cpu, 6),
        "reports": [{"program": p, **asdict(report)} for p, report in result.reports],
        "processes": [asdict(process) for process in result.processes],
        "failures": [asdict(failure) for failure in result.failures],
        "doubts": list(result.doubts),
        "reasons": list(result.reasons),
        "notes": list(result.notes),
    }
    return json.dumps(value, separators=(",", ":"), allow_nan=False) + "\n"


def decode(line: str) -> Result:
    """Return the result that a line holds; a ValueError says that it holds none."""
    try:
        value = json.loads(line)
        if value["schema"] != SCHEMA:
            raise ValueError(f"lines of schema {value['schema']}, not {SCHEMA}")
        return Result(
            setting=Setting(
                tuple(value["command"]),
                value["folder"],
                value["root"],
                value["detector"],
                value["build"],
                tuple(sorted(value["options"].items())),
            ),
            task=Task(**value["task"]),
            status=value["status"],
            timed_out=value["timed_out"],
            seconds=value["seconds"],
            cpu=value["cpu"],
            reports=tuple((one.pop("program"), _report(one)) for one in value["reports"]),
            processes=tuple(_process(one) for one in value["processes"]),
            failures=tuple(Failure(**one) for one in value["failures"]),
            doubts=tuple(value["doubts"]),
            reasons=tuple(value["reasons"]),
            notes=tuple(value["notes"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no result of a run: {error!r}") from None


def read(path: Path) -> Iterator[Result]:
    """Read a file of lines. A last line that is cut off is left out: its run was not finished."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith("\n"):
                    return
                try:
                    yield decode(line)
                except ValueError as error:
                    raise UsageError(f"{path}:{number}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None


def _report(value: Json) -> Report:
    stacks = tuple(
        Stack(
            label=stack["label"],
            role=stack["role"],
            frames=tuple(Frame(**frame) for frame in stack["frames"]),
            access=None if stack["access"] is None else _access(stack["access"]),
            restored=stack["restored"],
        )
        for stack in value["stacks"]
    )
    return Report(**{**value, "stacks": stacks})


def _access(value: Json) -> Access:
    return Access(**{**value, "mutexes": tuple(value["mutexes"])})


def _process(value: Json) -> ProcessEvidence:
    lists = ("kinds", "fingerprints", "reasons")
    return ProcessEvidence(**{**value, **{name: tuple(value[name]) for name in lists}})

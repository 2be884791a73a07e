# SPDX-License-Identifier: BSD-2-Clause
"""The commands that are about many runs: `gate --runs N -- COMMAND`, `merge`, `repro`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import CLEAN, RACES, ToolError, UsageError
from raceshim._formats import result_of_runs, write_result
from raceshim._matrix import command_cells, gate_matrix
from raceshim._options import FORMATS
from raceshim._progress import Progress
from raceshim._repeat import gate_repeatedly, plan_of
from raceshim._replay import judge_lines, recall, remember, reproduce
from raceshim.cover._gate import collect_into, summary
from raceshim.evidence._late import needs_names
from raceshim.evidence._symbolizer import find_symbolizer
from raceshim.formats._runs import runs_text
from raceshim.runs._rates import sureness

if TYPE_CHECKING:
    from typing import TextIO

    from raceshim._campaign import CampaignVerdict
    from raceshim._options import Settings
    from raceshim.runs._matrix import Matrix


def gate(command: list[str], settings: Settings) -> int:
    """Run a command many times and tell the verdict."""
    folder = None if settings.coverdir is None else collect_into(settings.coverdir)
    name_late(settings)
    total = plan_of(settings).total
    with Progress(total, "runs") as told:
        verdict = gate_repeatedly(command, settings, settings.detector, told)
    note = remember(verdict)
    _tell(verdict, settings, [note] if note else [])
    if folder is not None:
        _stream(settings).write(summary(folder, settings))
    return verdict.exit_code


def gate_settings(command: list[str], settings: Settings) -> int:
    """Run a command in all settings of a matrix and tell the verdict."""
    for flag, value in (("--cover", settings.coverdir), ("--profile", settings.profile)):
        if value is not None:
            raise UsageError(f"{flag} is for one build of a command: leave out --matrix")
    name_late(settings)
    with Progress(len(command_cells(settings)) * settings.runs, "runs") as told:
        verdict, matrix = gate_matrix(command, settings, told)
    _tell(verdict, settings, [], matrix)
    return verdict.exit_code


def merge(files: list[str], settings: Settings) -> int:
    """Judge the runs that files hold."""
    verdict = judge_lines([Path(file) for file in files], settings)
    _tell(verdict, settings, [])
    return verdict.exit_code


def repro(fingerprint: str, settings: Settings) -> int:
    """Run again what has shown a finding: 1 if it is shown again, 0 if not, 4 if nobody knows."""
    item = recall(fingerprint, settings.results)
    name_late(settings)
    stream = _stream(settings)
    stream.write(f"raceshim: {item.title}: {item.share.text()}; {item.task.text()}\n")
    stream.flush()
    with Progress(item.runs if "runs" not in settings.told else settings.runs, "runs") as told:
        verdict, shown = reproduce(item, settings, told)
    _tell(verdict, settings, [])
    runs = verdict.tally.runs
    if shown:
        stream.write(f"raceshim: shown again, by run {runs}\n")
        return RACES
    stream.write(f"raceshim: not shown again: {sureness(runs)}\n")
    return verdict.exit_code if verdict.exit_code != RACES else CLEAN


def name_late(settings: Settings) -> None:
    """Look names up once for all runs, where that can be done: a run that races is faster then."""
    if settings.symbolize is None and find_symbolizer() is not None:
        asked = os.environ.get("TSAN_OPTIONS", "")
        settings.symbolize = "online" if needs_names(asked) else "late"


def _tell(
    verdict: CampaignVerdict, settings: Settings, notes: list[str], matrix: Matrix | None = None
) -> None:
    stream = _stream(settings)
    stream.write(runs_text(verdict, colour=stream.isatty(), matrix=matrix))
    stream.write("".join(f"  note: {note}\n" for note in notes))
    if any(getattr(settings, name) for name in FORMATS):
        try:
            write_result(result_of_runs(verdict, matrix), settings)
        except OSError as error:
            raise ToolError(f"{error.filename}: {error.strerror}") from None


def _stream(settings: Settings) -> TextIO:
    """Return where text goes: stdout, unless JSON has it."""
    return sys.stderr if settings.json == "-" else sys.stdout

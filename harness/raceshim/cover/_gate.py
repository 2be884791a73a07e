# SPDX-License-Identifier: BSD-2-Clause
"""The percentages that the gate and the pytest plugin print when everything has run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import RaceshimError, UsageError

if TYPE_CHECKING:
    from raceshim._options import Settings
    from raceshim.cover._model import Row

#: What the programs read once, when they start.
VARIABLE = "RACESHIM_COVERDIR"


def collect_into(directory: str) -> Path:
    """Let every program that starts from now on leave its coverage in a directory."""
    folder = Path(directory).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"coverage directory {folder}: {error.strerror}") from None
    os.environ[VARIABLE] = str(folder)
    return folder


def summary(folder: Path, settings: Settings) -> str:
    """Return the table by directory; what went wrong is told, and is no verdict on the programs."""
    from raceshim.cover import _tables  # noqa: PLC0415

    try:
        rows, notes = by_directory(folder, settings.jobs)
    except RaceshimError as error:
        return f"coverage: {error}\n"
    table = _tables.percent(rows[:-1], rows[-1], "coverage of") if rows else ""
    return table + "".join(f"coverage: {note}\n" for note in notes)


def by_directory(folder: Path, jobs: int) -> tuple[list[Row], tuple[str, ...]]:
    """Return what a directory has of coverage, the total last, and what there is to say of it."""
    from raceshim.cover import _inputs, _merge, _model, _report  # noqa: PLC0415

    inputs = _inputs.find([str(folder)], skip_damaged=True)
    if not inputs.counters:
        return [], (
            f"no program left any in {folder}; were they built with raceshim cc --cover=MODE?",
        )
    report = _report.units(inputs, _merge.merge(inputs, jobs=jobs, skip_damaged=True))
    files = _report.files(report)
    return [*_model.rows(files, "directory"), _model.total(files)], tuple(report.skipped)

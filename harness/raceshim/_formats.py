# SPDX-License-Identifier: BSD-2-Clause
"""Write the verdict on a command in every format that was asked for."""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim import __version__
from raceshim._command import project_root
from raceshim._errors import RaceshimError
from raceshim._files import programs_json, write_text
from raceshim.formats import _github, _gitlab, _json, _junit, _sarif
from raceshim.formats._result import CanaryEvidence, CommandEnd, GateResult, Runs, stale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim._campaign import CampaignVerdict
    from raceshim._gate import CommandVerdict
    from raceshim._options import Settings
    from raceshim.cover._model import Row
    from raceshim.runs._matrix import Matrix


def write_formats(verdict: CommandVerdict, settings: Settings, detector: str | None) -> None:
    """Write the files that the settings name, and GitHub's commands to stdout."""
    write_result(result_of(verdict, detector), settings)


def write_result(result: GateResult, settings: Settings) -> None:
    """Write a result likewise."""
    if settings.json is not None:
        write_text(settings.json, _json.encode(result))
    if settings.sarif is not None:
        write_text(settings.sarif, _sarif.encode(result))
    if settings.junit is not None:
        write_text(settings.junit, _junit.encode(result))
    if settings.gitlab is not None:
        write_text(settings.gitlab, _gitlab.encode(result))
    if settings.html is not None:
        write_text(settings.html, _html(result, settings))
    if settings.github:
        sys.stdout.write(_github.commands(result))
        page = os.environ.get("GITHUB_STEP_SUMMARY")
        if page:
            with Path(page).open("a", encoding="utf-8") as file:
                file.write(_github.summary(result))


def write_programs(content: dict[str, object], settings: Settings) -> None:
    """Write the verdicts on a folder of programs likewise."""
    if settings.json is not None:
        write_text(settings.json, programs_json(content))
    if settings.html is not None:
        from raceshim.formats._documents import Document  # noqa: PLC0415
        from raceshim.view._page import page  # noqa: PLC0415

        write_text(settings.html, page([Document("this run", "", content)]))


def _html(result: GateResult, settings: Settings) -> str:
    # Only the page needs all that makes it.
    from raceshim.formats._documents import Document  # noqa: PLC0415
    from raceshim.view._page import Extras, page  # noqa: PLC0415
    from raceshim.view._source import Sources  # noqa: PLC0415

    rows: Sequence[Row] = ()
    if settings.coverdir is not None:
        from raceshim.cover._gate import by_directory  # noqa: PLC0415

        with contextlib.suppress(RaceshimError):  # has been told with the percentages
            rows, _ = by_directory(Path(settings.coverdir), settings.jobs)
    sources = Sources([Path(result.root), Path.cwd()])
    content = _json.document(result)
    return page([Document("this run", "", content)], Extras(sources=sources, coverage=rows))


def result_of(verdict: CommandVerdict, detector: str | None) -> GateResult:
    """Return a verdict as the value that all formats are made of."""
    run = verdict.run
    end = None
    if run.ended is not None:
        end = CommandEnd(run.ended.status, run.ended.timed_out, run.ended.seconds)
    return GateResult(
        command=run.command,
        exit_code=verdict.exit_code,
        root=project_root(),
        started=datetime.now(UTC) - timedelta(seconds=end.seconds if end else 0),
        version=__version__,
        end=end,
        detector=detector,
        findings=verdict.findings,
        tolerated=verdict.tolerated,
        suppressed=verdict.applied.suppressed,
        stale=stale(verdict.applied),
        processes=verdict.processes,
        failures=verdict.failures,
        left=tuple((left.pid, left.command) for left in run.left),
        reasons=verdict.reasons,
        notes=verdict.notes,
        canaries=_canaries(verdict),
    )


def result_of_runs(verdict: CampaignVerdict, matrix: Matrix | None = None) -> GateResult:
    """Return the verdict on many runs as that value."""
    tally, setting = verdict.tally, verdict.setting
    return GateResult(
        command=setting.command,
        exit_code=verdict.exit_code,
        root=project_root(),
        started=datetime.now(UTC) - timedelta(seconds=verdict.seconds),
        version=__version__,
        end=CommandEnd(verdict.status, verdict.timed_out, verdict.seconds),
        detector=setting.detector,
        findings=verdict.findings,
        tolerated=verdict.tolerated,
        suppressed=verdict.applied.suppressed,
        stale=stale(verdict.applied),
        processes=verdict.processes,
        failures=verdict.failures,
        reasons=verdict.reasons,
        notes=verdict.notes,
        runs=Runs(
            counted=tally.runs,
            clean=verdict.ends.get("clean", 0),
            races=verdict.ends.get("races", 0),
            inconclusive=verdict.ends.get("inconclusive", 0),
            policies=tally.policies,
            inputs=tally.inputs,
            sureness=tally.sureness(),
            rates=verdict.rates,
        ),
        matrix=matrix,
    )


def _canaries(verdict: CommandVerdict) -> tuple[CanaryEvidence, ...] | None:
    canary = verdict.run.canary
    if canary is None:
        return None
    return tuple(CanaryEvidence(t.program, t.caught, t.cause) for t in canary.programs)

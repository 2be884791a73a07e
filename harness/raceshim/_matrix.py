# SPDX-License-Identifier: BSD-2-Clause
"""A command in every setting of a matrix: built anew for each, run so often, judged together.

A setting reaches the build through the environment, where `raceshim cc` reads it. Findings are put
together by fingerprint, which builds do not change, so that what only some settings show is seen.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from raceshim._campaign import Campaign
from raceshim._command import Bench
from raceshim._errors import BUILD, RACES, Interrupted, UsageError
from raceshim._repeat import setting_of, source_of
from raceshim.cc._compilers import DETECTORS, find, find_all
from raceshim.runs._matrix import (
    AS_EVER,
    Cell,
    CellResult,
    Matrix,
    MatrixRow,
    cells_of,
    parse_axes,
)
from raceshim.runs._plan import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from raceshim._campaign import CampaignVerdict
    from raceshim._options import Settings
    from raceshim._progress import Progress
    from raceshim.cluster._dask import Client
    from raceshim.finding._merge import Finding
    from raceshim.formats._lines import Result

#: So much is kept of what a build that failed has said.
_TOLD = 600


@dataclass(frozen=True, slots=True)
class _Done:
    """A setting that has run, or could not be built."""

    cell: Cell
    verdict: CampaignVerdict | None
    error: str | None = None

    def result(self) -> CellResult:
        """Return what the table says of it."""
        if self.verdict is None:
            return CellResult(self.cell, "build failed", BUILD, 0, 0.0, self.error)
        code, runs = self.verdict.exit_code, self.verdict.tally.runs
        return CellResult(self.cell, self.verdict.verdict, code, runs, self.verdict.seconds)


def axes_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return all axes that the options ask for, as they were named."""
    try:
        return parse_axes(settings.matrix or "all")
    except ValueError as error:
        raise UsageError(f"--matrix: {error}") from None


def command_cells(settings: Settings) -> list[Cell]:
    """Return the settings for a command; compilers and detectors must be there."""
    axes = axes_of(settings)
    asked = axes.get("compiler", (settings.compiler,))
    found = [
        compiler for name in asked for compiler in ([find()] if name == "auto" else find_all(name))
    ]
    detectors = axes.get("detector", (settings.detector,))
    for detector in detectors:
        if detector not in DETECTORS or detector == "none":
            raise UsageError(f"--matrix: a command has no detector {detector!r}")
    known = {compiler.name: compiler for compiler in found}
    cells = cells_of(
        {
            "compiler": tuple(known),
            "opt": axes.get("opt", (AS_EVER,)),
            "detector": detectors,
            "mode": axes.get("mode", ("none",)),
        }
    )
    return [cell for cell in cells if known[cell.compiler].has(cell.detector)]


def gate_matrix(
    command: Sequence[str], settings: Settings, progress: Progress
) -> tuple[CampaignVerdict, Matrix]:
    """Run a command in all settings; return the verdict on all runs, and the table."""
    cells = command_cells(settings)
    detectors = {cell.detector for cell in cells}
    shared = detectors.pop() if len(detectors) == 1 else None
    done: list[_Done] = []
    whole: Campaign | None = None
    interrupted = False
    missing: list[str] = []
    builds = itertools.groupby(enumerate(cells), key=lambda at: replace(at[1], mode=""))
    ends = contextlib.ExitStack()
    try:
        client = ends.enter_context(_cluster(settings, progress))
        for build, members in builds:
            environ = _environment(build)
            with Bench(command, settings, build.detector, environ) as bench:
                if whole is None:
                    setting = setting_of(command, settings, shared)
                    whole = Campaign(setting, bench.suppressions, policy=bench.policy)
                error = _build(settings.build, environ)
                for place, cell in members:
                    if error is not None:
                        done.append(_Done(cell, None, error))
                        continue
                    one, lost = _run(bench, cell, place, whole, progress, client)
                    done.append(one)
                    missing += (f"{cell.text()}: {why}" for why in lost)
    except (Interrupted, KeyboardInterrupt):
        if whole is None or not whole.tally.runs:
            raise
        interrupted = True
    finally:
        ends.close()
    if whole is None:
        raise UsageError("--matrix: no compiler at hand has the detector")
    verdict = whole.verdict(interrupted=interrupted, missing=missing)
    failed = [one for one in done if one.error is not None]
    if failed and not interrupted:
        told = tuple(f"the build failed: {one.cell.text()}" for one in failed)
        code = RACES if verdict.exit_code == RACES else BUILD
        verdict = replace(verdict, exit_code=code, reasons=(*told, *verdict.reasons))
    return verdict, _table(done, verdict)


@contextlib.contextmanager
def _cluster(settings: Settings, progress: Progress) -> Iterator[Client | None]:
    """Give the cluster that makes the runs of all settings, if one does."""
    if settings.cluster is None:
        yield None
        return
    from raceshim.cluster._drive import joined  # noqa: PLC0415 - Dask takes a second

    with joined(settings.cluster, progress) as client:
        yield client


def _run(  # noqa: PLR0913, PLR0917 - what a gate has
    bench: Bench,
    cell: Cell,
    place: int,
    whole: Campaign,
    progress: Progress,
    client: Client | None,
) -> tuple[_Done, tuple[str, ...]]:
    """Make the runs of a setting; return why some were not made, too."""
    settings = bench.settings
    setting = setting_of(bench.command, settings, cell.detector)
    own = Campaign(setting, bench.suppressions, policy=bench.policy)
    tasks = iter(
        [
            Task(
                place * settings.runs + number,
                cell.mode,
                1 + number % settings.inputs,
                settings.seed + number // settings.inputs,
            )
            for number in range(settings.runs)
        ]
    )

    def take(results: Iterable[Result]) -> None:
        for result in results:
            own.add(result)
            whole.add(result)
            progress(whole)

    source = source_of(bench, setting, tasks, None, settings.runs, progress, client)
    with contextlib.closing(source):
        try:
            take(source)
        except (Interrupted, KeyboardInterrupt):
            take(source.finished())
            raise
    return _Done(cell, own.verdict(missing=source.missing)), source.missing


def _environment(cell: Cell) -> dict[str, str]:
    """Return what tells `raceshim cc` of a setting."""
    environ = {"RACESHIM_COMPILER": cell.compiler, "RACESHIM_DETECTOR": cell.detector}
    if cell.opt != AS_EVER:
        environ["RACESHIM_OPT"] = cell.opt
    return environ


def _build(line: str | None, environ: Mapping[str, str]) -> str | None:
    """Run what builds; return why it failed, if it did."""
    if line is None:
        return None
    done = subprocess.run(
        ["sh", "-c", line],
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return None
    return done.stdout.strip()[-_TOLD:] or f"exit status {done.returncode}"


def _table(done: Sequence[_Done], verdict: CampaignVerdict) -> Matrix:
    findings: list[Finding] = [
        *verdict.findings,
        *verdict.tolerated,
        *(item.finding for item in verdict.applied.suppressed),
    ]
    rows = tuple(
        MatrixRow(
            finding.fingerprint,
            finding.title,
            tuple(
                None
                if one.verdict is None
                else one.verdict.tally.rate(finding.fingerprint).all.shown
                for one in done
            ),
        )
        for finding in findings
    )
    return Matrix(tuple(one.result() for one in done), rows)

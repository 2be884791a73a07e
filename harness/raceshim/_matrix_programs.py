# SPDX-License-Identifier: BSD-2-Clause
"""Programs whose name is their verdict, in every setting of a matrix.

A race shows in some settings and not in others, so its program is right if any of them shows it. A
program that has no race must be silent in all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim._build import Case
from raceshim._errors import BUILD, CLEAN, INCONCLUSIVE, RACES, UsageError
from raceshim._matrix import axes_of
from raceshim._outcomes import CLEAN as SILENT
from raceshim._programs import Directive, Program
from raceshim.cc._compilers import DETECTORS, VALGRIND_TOOLS, find_all
from raceshim.formats._text import relative
from raceshim.runs._matrix import AS_EVER, Cell, CellResult, Matrix, MatrixRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from raceshim._options import Settings
    from raceshim._verdicts import CaseVerdict

_WORDS = {CLEAN: "clean", RACES: "races", BUILD: "build failed", INCONCLUSIVE: "inconclusive"}


def matrix_cases(programs: Sequence[Program], settings: Settings) -> list[Case]:
    """Return what there is to build and run: each program in each setting that is for it."""
    axes = axes_of(settings)
    names = ",".join(axes.get("compiler", (settings.compiler,)))
    compilers = find_all(names)
    if names == "auto":
        compilers = compilers[:1]
    detectors = axes.get("detector", (AS_EVER,))
    for detector in detectors:
        if detector not in (*DETECTORS, *VALGRIND_TOOLS, AS_EVER) or detector == "none":
            raise UsageError(f"--matrix: there is no detector {detector!r}")
    return [
        Case(one, variant, compiler, opt, mode, of_matrix=True)
        for program in programs
        for compiler in compilers
        for opt in axes.get("opt", (AS_EVER,))
        for one in _under(program, detectors)
        if one.runs_on(compiler)
        for mode in axes.get("mode", ("none",))
        for variant in one.variants(compiler)
    ]


def matrix_of(verdicts: Sequence[CaseVerdict], root: Path, *, by_detector: bool) -> Matrix:
    """Return the table of what was shown; detectors are told apart only where they were named."""
    cells = {_cell(v, by_detector=by_detector): None for v in verdicts}
    by_cell: dict[Cell, list[CaseVerdict]] = defaultdict(list)
    by_row: dict[str, dict[Cell, CaseVerdict]] = defaultdict(dict)
    for verdict in verdicts:
        cell = _cell(verdict, by_detector=by_detector)
        by_cell[cell].append(verdict)
        by_row[_row_name(verdict, root)][cell] = verdict
    rows = tuple(
        MatrixRow(name, name, tuple(_shown(found.get(cell)) for cell in cells))
        for name, found in by_row.items()
    )
    return Matrix(tuple(_result(cell, by_cell[cell]) for cell in cells), rows)


def wrong_rows(verdicts: Sequence[CaseVerdict]) -> Iterator[tuple[str, CaseVerdict]]:
    """Return what is wrong over all settings: why, and a case that shows it."""
    rows: dict[tuple[Path, str], list[CaseVerdict]] = defaultdict(list)
    for verdict in verdicts:
        rows[verdict.case.program.path, verdict.case.variant].append(verdict)
    for found in rows.values():
        silent = [v for v in found if any(o.kind == SILENT for o in v.expected)]
        loud = [v for v in found if v not in silent and v.error is None]
        for one in silent:
            if one.verdict in ("false positive", "wrong"):
                yield one.verdict, one
        # A program may be expected to be silent with one compiler, and be heard with another.
        if loud and not any(v.right for v in loud):
            yield "false negative", loud[0]


def matrix_exit_code(verdicts: Sequence[CaseVerdict]) -> int:
    """Return the exit status: a wrong row outweighs a build that failed."""
    words = Counter(verdict.verdict for verdict in verdicts)
    if any(wrong_rows(verdicts)):
        return RACES
    if words["build failed"]:
        return BUILD
    return INCONCLUSIVE if words["no evidence"] or not words else CLEAN


def _under(program: Program, detectors: Sequence[str]) -> Iterator[Program]:
    """Return a program under each detector; one that is about another kind of bug, under its own.

    What reports races is ThreadSanitizer, Helgrind and DRD: programs about races go under any.
    """
    own = program.detector
    for detector in detectors:
        if detector in (AS_EVER, own):
            yield program
        elif own in ("thread", "helgrind", "drd"):
            others = tuple(d for d in program.directives if d.key != "detector")
            named = Directive("detector", "", detector, 0)
            yield replace(program, directives=(*others, named))


def _cell(verdict: CaseVerdict, *, by_detector: bool) -> Cell:
    case = verdict.case
    detector = case.program.detector if by_detector else AS_EVER
    return Cell(case.compiler.name, case.opt, detector, case.mode)


def _row_name(verdict: CaseVerdict, root: Path) -> str:
    case = verdict.case
    control = f" ({case.variant})" if case.variant != "main" else ""
    return f"{relative(case.program.path, root)}{control}"


def _shown(verdict: CaseVerdict | None) -> int | None:
    """Return in how many runs something was shown."""
    if verdict is None or not verdict.runs:
        return None
    return sum(any(sign.kind != SILENT for sign in run.signs) for run in verdict.runs)


def _result(cell: Cell, verdicts: Sequence[CaseVerdict]) -> CellResult:
    runs = max((len(verdict.runs) for verdict in verdicts), default=0)
    seconds = sum(verdict.seconds for verdict in verdicts)
    code = matrix_exit_code(verdicts)
    return CellResult(cell, _WORDS[code], code, runs, seconds)

# SPDX-License-Identifier: BSD-2-Clause
"""The table of programs and the progress bar, by rich."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from raceshim._gate import accesses
from raceshim._matrix_programs import wrong_rows
from raceshim.formats._matrix import matrix_text
from raceshim.formats._text import got_text, relative, summary
from raceshim.report._parse import render_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from raceshim._verdicts import CaseVerdict
    from raceshim.runs._matrix import Matrix


@contextlib.contextmanager
def progress(
    console: Console,
) -> Iterator[tuple[Callable[[int], None], Callable[[CaseVerdict], None]]]:
    """Show a progress bar; yields what to call with the total and with each verdict."""
    wrong = 0
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("programs", total=None, note="")

        def started(total: int) -> None:
            bar.update(task, total=total)

        def done(verdict: CaseVerdict) -> None:
            nonlocal wrong
            wrong += verdict.verdict != "right"
            bar.update(task, advance=1, note=f"[red]{wrong} wrong[/]" if wrong else "")

        yield started, done


def show_programs(console: Console, verdicts: Sequence[CaseVerdict], root: Path) -> None:
    """Show the table, the details of what is wrong, and the sums."""
    if not verdicts:
        console.print("raceshim: inconclusive: no program is for the compilers at hand")
        return
    console.print(_table(verdicts, root))
    for verdict in verdicts:
        if verdict.verdict != "right":
            _show_wrong(console, verdict)
    console.print(summary(verdicts), highlight=False, soft_wrap=True)


def show_matrix(console: Console, verdicts: Sequence[CaseVerdict], matrix: Matrix) -> None:
    """Show what which setting shows, and what is wrong over all of them."""
    console.print(matrix_text(matrix), markup=False, highlight=False, soft_wrap=True, end="")
    for why, verdict in wrong_rows(verdicts):
        console.print(f"\n{verdict.case.name}: {why}", style="bold red", markup=False)
        _show_reports(console, verdict)
    for verdict in verdicts:
        if verdict.error is not None:
            _show_wrong(console, verdict)
    console.print(summary(verdicts), highlight=False, soft_wrap=True)


def _table(verdicts: Sequence[CaseVerdict], root: Path) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("program", "compiler", "variant"):
        table.add_column(column, no_wrap=True)
    for column in ("expected", "got"):
        table.add_column(column, overflow="fold")
    for column in ("runs", "reports", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    folder = None
    for verdict in verdicts:
        case = verdict.case
        if case.program.path.parent != folder:
            folder = case.program.path.parent
            table.add_row(f"[bold]{escape(str(relative(folder, root)))}/[/]")
        table.add_row(
            f"  {case.program.path.stem}",
            case.compiler.name,
            case.variant,
            escape(" or ".join(map(str, verdict.expected))),
            _got_cell(verdict),
            f"{verdict.right}/{len(verdict.runs)}",
            str(verdict.reports),
            f"{verdict.seconds:.1f} s",
        )
    return table


def _got_cell(verdict: CaseVerdict) -> str:
    got = escape(got_text(verdict))
    if verdict.verdict != "right":
        return f"[bold red]{verdict.verdict}[/]: {got}"
    return "[green]as expected[/]" if len(verdict.expected) == 1 else got


def _show_wrong(console: Console, verdict: CaseVerdict) -> None:
    console.print(f"\n{verdict.case.name}: {verdict.verdict}", style="bold red", markup=False)
    console.print(f"  {verdict.case.program.path}", markup=False, highlight=False, soft_wrap=True)
    if verdict.error:
        console.print(verdict.error, markup=False, highlight=False, soft_wrap=True)
    _show_reports(console, verdict)


def _show_reports(console: Console, verdict: CaseVerdict) -> None:
    shown: set[str] = set()
    for run in verdict.runs:
        for report in run.reports:
            heading = f"{report.kind}{[s.frames[:1] for s in accesses(report)]}"
            if heading not in shown and len(shown) < 3:
                console.print(render_report(report), markup=False, highlight=False, soft_wrap=True)
            shown.add(heading)

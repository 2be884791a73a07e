# SPDX-License-Identifier: BSD-2-Clause
"""Show verdicts to people: tables and progress by rich, findings with their source lines."""

from __future__ import annotations

import contextlib
import linecache
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from raceshim._gate import CaseVerdict, CommandVerdict, Finding, accesses
from raceshim._report import Stack, render_report
from raceshim._run import describe_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

_STYLES = {"clean": "green", "races": "bold red", "inconclusive": "bold yellow"}
_SHOWN_REPORTS = 20


def show_command(console: Console, verdict: CommandVerdict) -> None:
    """Show what a command is found to be."""
    for finding in verdict.findings[:_SHOWN_REPORTS]:
        show_finding(console, finding)
    hidden = len(verdict.findings) - _SHOWN_REPORTS
    if hidden > 0:
        console.print(f"and {hidden} more findings; --json writes all of them\n", highlight=False)
    for failure in verdict.failures:
        console.print(failure.text, style="dim", markup=False, highlight=False, soft_wrap=True)
    ran = Counter(process.detector for process in verdict.run.processes)
    evidence = ", ".join(f"{count} under {name}" for name, count in sorted(ran.items()))
    if not evidence and verdict.run.started:
        evidence = f"some under {', '.join(sorted(verdict.run.started))}, none with a record"
    line = f"raceshim: {verdict.verdict}"
    if verdict.findings:
        reports = sum(finding.count for finding in verdict.findings)
        line += f": {_many(len(verdict.findings), 'finding')} in {_many(reports, 'report')}"
        status = verdict.run.ended.status if verdict.run.ended else 0
        line += f"; the command's own end was {describe_status(status)}"
    console.print(line, style=_STYLES[verdict.verdict], highlight=False, soft_wrap=True)
    console.print(f"  processes seen: {evidence or 'none'}", highlight=False, soft_wrap=True)
    for reason in verdict.reasons:
        console.print(f"  {reason}", markup=False, highlight=False, soft_wrap=True)


def show_finding(console: Console, finding: Finding) -> None:
    """Show the report in full, then the source lines that it is about."""
    console.print(
        render_report(finding.report), markup=False, highlight=False, soft_wrap=True, end="\n"
    )
    for stack in accesses(finding.report):
        excerpt = source_excerpt(stack)
        if excerpt:
            console.print(excerpt, markup=False, highlight=False, soft_wrap=True)
    if finding.count > 1:
        console.print(f"  reported {finding.count} times", highlight=False)
    console.print()


def source_excerpt(stack: Stack) -> str:
    """Return the source line of a stack's first frame whose file can be read."""
    for frame in stack.frames:
        if frame.file and frame.line:
            line = linecache.getline(frame.file, frame.line).strip()
            if line:
                return f"  {Path(frame.file).name}:{frame.line}:  {line}"
    return ""


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
    shown: set[str] = set()
    for run in verdict.runs:
        for report in run.reports:
            heading = f"{report.kind}{[s.frames[:1] for s in accesses(report)]}"
            if heading not in shown and len(shown) < 3:
                console.print(render_report(report), markup=False, highlight=False, soft_wrap=True)
            shown.add(heading)


def summary(verdicts: Sequence[CaseVerdict]) -> str:
    """Count the verdicts, false positives and false negatives apart."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    programs = len({verdict.case.program.path for verdict in verdicts})
    compilers = sorted({verdict.case.compiler.name for verdict in verdicts})
    runs = sum(len(verdict.runs) for verdict in verdicts)
    line = (
        f"{_many(programs, 'program')}, {_many(len(verdicts), 'case')}, {_many(runs, 'run')} "
        f"({', '.join(compilers)}): {counts.pop('right', 0)} right, "
        f"{_many(counts.pop('false positive', 0), 'false positive')}, "
        f"{_many(counts.pop('false negative', 0), 'false negative')}"
    )
    return line + "".join(f", {count} {name}" for name, count in sorted(counts.items()))


def got_text(verdict: CaseVerdict) -> str:
    """Say what the runs showed, the most frequent first if there is more than one thing."""
    if verdict.error is not None:
        return verdict.error.splitlines()[0]
    got = sorted(verdict.got.items(), key=lambda item: (-item[1], item[0]))
    return got[0][0] if len(got) == 1 else ", ".join(f"{what} ({count})" for what, count in got)


def relative(path: Path, root: Path) -> Path:
    """Return a path as it is seen from a folder, or as it is."""
    with contextlib.suppress(ValueError):
        return path.resolve().relative_to(root.resolve())
    return path


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

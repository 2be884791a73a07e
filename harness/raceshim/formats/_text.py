# SPDX-License-Identifier: BSD-2-Clause
"""Verdicts as plain text: findings in full with their source lines, sums, the last line."""

from __future__ import annotations

import contextlib
import linecache
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._gate import CommandVerdict, accesses
from raceshim._states import without_record
from raceshim.evidence._run import describe_status
from raceshim.report._parse import Stack, render_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim._verdicts import CaseVerdict
    from raceshim.finding._merge import Finding

_COLOURS = {"clean": "32", "races": "1;31", "inconclusive": "1;33"}
_SHOWN = 20


def command_text(verdict: CommandVerdict, *, colour: bool) -> str:
    """Say what a command is found to be."""
    parts = [finding_text(finding) for finding in verdict.findings[:_SHOWN]]
    hidden = len(verdict.findings) - _SHOWN
    if hidden > 0:
        parts.append(f"and {hidden} more findings; --json writes all of them\n")
    parts += [failure.text for failure in verdict.failures]
    headline = _headline(verdict)
    if colour:
        headline = f"\x1b[{_COLOURS[verdict.verdict]}m{headline}\x1b[0m"
    parts += [headline, f"  processes seen: {_evidence(verdict)}{_states(verdict)}"]
    if verdict.run.canary is not None:
        parts.append(f"  {verdict.run.canary.text()}")
    parts += [f"  {reason}" for reason in verdict.reasons]
    parts += [f"  note: {note}" for note in verdict.notes]
    parts += [
        f"  tolerated: {finding.title}, {finding.fingerprint}, {_many(finding.count, 'report')}"
        for finding in verdict.tolerated
    ]
    parts += [
        f"  suppressed: {item.finding.title}, {item.finding.fingerprint} "
        f"({item.by.where}: {item.by.reason})"
        for item in verdict.applied.suppressed
    ]
    parts += [
        f"  expired suppression: {rule.where}: {rule.rule}, would hide {_many(matched, 'report')}"
        for rule, matched in verdict.applied.expired
    ]
    parts += [f"  unused suppression: {rule.where}: {rule.rule}" for rule in verdict.applied.unused]
    return "".join(f"{part}\n" for part in parts)


def finding_text(finding: Finding) -> str:
    """Show the report in full, then the source lines that it is about."""
    lines = [render_report(finding.report)]
    lines += filter(None, map(source_excerpt, accesses(finding.report)))
    lines += _flight(finding)
    times = f", reported {finding.count} times" if finding.count > 1 else ""
    lines.append(f"  fingerprint {finding.fingerprint}{times}")
    return "\n".join(lines) + "\n"


def _flight(finding: Finding) -> list[str]:
    """Say what the threads did last."""
    flight = finding.flight
    if flight is None:
        return []
    lines = [f"  what they did before: {flight.path}"]
    for thread in flight.threads:
        more = f", the last {len(thread.lines)} of {thread.events} events" if thread.lines else ""
        lines.append(f"    {thread.label}{more or ': no event'}")
        lines += [f"      {line}" for line in thread.lines]
    return lines


def source_excerpt(stack: Stack) -> str:
    """Return the source line of a stack's first frame whose file can be read."""
    for frame in stack.frames:
        if frame.file and frame.line:
            line = linecache.getline(frame.file, frame.line).strip()
            if line:
                return f"  {Path(frame.file).name}:{frame.line}:  {line}"
    return ""


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


def _headline(verdict: CommandVerdict) -> str:
    if not verdict.findings:
        return f"raceshim: {verdict.verdict}"
    found = _many(len(verdict.findings), "finding")
    reports = _many(sum(finding.count for finding in verdict.findings), "report")
    end = describe_status(verdict.run.ended.status) if verdict.run.ended else "unknown"
    return f"raceshim: {verdict.verdict}: {found} in {reports}; the command itself ended with {end}"


def _evidence(verdict: CommandVerdict) -> str:
    ran = Counter(process.detector for process in verdict.run.processes)
    if not ran and verdict.run.started:
        return f"some under {', '.join(sorted(verdict.run.started))}, none with a record"
    told = [f"{count} under {name}" for name, count in sorted(ran.items())]
    ended = without_record(verdict.run.processes, verdict.run.starts)
    if ended:
        told.append(f"{ended} without a record of its end")
    return ", ".join(told) or "none"


def _states(verdict: CommandVerdict) -> str:
    """Count the states, where there is one that goes without saying."""
    states = Counter(process.state for process in verdict.processes if process.pid is not None)
    if not set(states) - {"PASS"}:
        return ""
    return f" ({', '.join(f'{count} {state}' for state, count in sorted(states.items()))})"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

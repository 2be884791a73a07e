# SPDX-License-Identifier: BSD-2-Clause
"""GitHub Actions: annotations (workflow commands on stdout) and a step summary in Markdown.

GitHub shows ten errors and ten warnings of a step; the summary has them all. Whatever a report
holds, one annotation is one line, so that no program can smuggle in a workflow command.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from raceshim.finding._rules import rule_for
from raceshim.finding._sides import main_first, sides
from raceshim.formats._matrix import letter, share
from raceshim.formats._plain import one_line, printable
from raceshim.formats._result import GateResult, headline, program_name
from raceshim.formats._uris import relative_path
from raceshim.report._text import render_report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raceshim.finding._merge import Finding
    from raceshim.finding._sides import Side
    from raceshim.runs._matrix import Matrix

#: How many annotations of one level GitHub shows of a step.
SHOWN = 10
#: What GitHub takes of a summary, with room for what a step says besides.
SUMMARY_BYTES = 1_000_000
#: So much is told of a build that failed.
_SHOWN_ERROR = 200
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$&@]|^[-+])")
_FENCE = re.compile(r"`+")


def commands(result: GateResult) -> str:
    """Return the workflow commands for a result, one a line."""
    lines = [_annotation("error", finding, result) for finding in result.findings]
    if len(lines) > SHOWN:
        more = len(lines) - (SHOWN - 1)
        lines[SHOWN - 1 :] = [
            _command("error", f"{more} more findings; the summary of this step has them all", {})
        ]
    notes = [_annotation("notice", finding, result) for finding in result.tolerated]
    lines += notes[:SHOWN]
    if not result.conclusive:
        text = "\n".join([headline(result), *result.reasons])
        lines.append(_command("error", text, {"title": f"raceshim: {result.verdict}"}))
    elif result.exit_code != 0 and not result.findings:
        text = "\n".join([headline(result), *result.reasons])
        lines.append(_command("error", text, {"title": "raceshim: the gate is shut"}))
    elif result.reasons:
        lines.append(
            _command("warning", "\n".join(result.reasons), {"title": "raceshim: in doubt"})
        )
    for item in result.stale:
        level = "warning" if item.state == "expired" else "notice"
        text = f"suppression {item.state}: {item.rule} ({item.where})"
        lines.append(_command(level, text, {"title": f"raceshim: {item.state} suppression"}))
    return "".join(f"{line}\n" for line in lines)


def summary(result: GateResult) -> str:
    """Return the step summary, at most SUMMARY_BYTES long."""
    mark = {0: "✅", 1: "❌"}.get(result.exit_code, "⚠️")
    blocks = [
        f"## {mark} raceshim: {_inline(headline(result))}\n",
        f"{_code(shlex.join(result.command))}\n",
    ]
    if result.reasons:
        blocks.append("".join(f"- {_inline(reason)}\n" for reason in result.reasons))
    if result.processes:
        blocks.append(_processes(result))
    if result.matrix is not None:
        blocks.append(_matrix(result.matrix))
    blocks += [_finding(finding, result, "") for finding in result.findings]
    blocks += [_finding(finding, result, " (tolerated)") for finding in result.tolerated]
    if result.suppressed or result.stale:
        blocks.append(_suppressions(result))
    return _cut(blocks)


def _annotation(level: str, finding: Finding, result: GateResult) -> str:
    both = main_first(sides(finding))
    properties: dict[str, str] = {}
    frame = both[0].frame if both else None
    if frame is not None and frame.file:
        below = relative_path(frame.file, result.root)
        if below is not None:
            properties["file"] = below
            if frame.line > 0:
                properties["line"] = str(frame.line)
            if frame.line > 0 and frame.column > 0:
                properties["col"] = str(frame.column)
    properties["title"] = finding.title
    lines = [_place(side, result) for side in both]
    programs = ", ".join(program_name(p, result.root) for p in finding.programs)
    lines.append(f"{_times(finding.count)} in {programs or 'an unknown program'}")
    rate = result.rate(finding)
    if rate is not None:
        lines.append(f"shown by {rate.text()}")
    lines.append(f"fingerprint {finding.fingerprint}")
    return _command(level, "\n".join(lines), properties)


def _times(count: int) -> str:
    return "reported once" if count == 1 else f"reported {count} times"


def _place(side: Side, result: GateResult) -> str:
    frame = side.frame
    if frame is None:
        return f"{side.what}: the detector has lost this stack"
    place = frame.module or "?"
    if frame.file:
        below = relative_path(frame.file, result.root)
        place = f"{below or frame.file}:{frame.line}"
    return f"{side.what}: {frame.function or '??'} ({place})"


def _command(level: str, message: str, properties: dict[str, str]) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{level}{' ' if told else ''}{told}::{_data(message)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text)).replace(":", "%3A").replace(",", "%2C")


def _processes(result: GateResult) -> str:
    states: dict[tuple[str, str, str], int] = {}
    for process in result.processes:
        name = program_name(process.program, result.root)
        key = name, process.state, process.detector or "none"
        states[key] = states.get(key, 0) + 1
    rows = "".join(
        f"| {_inline(name)} | {count} | {_inline(detector)} | {_inline(state)} |\n"
        for (name, state, detector), count in states.items()
    )
    return f"| program | processes | detector | state |\n|---|--:|---|---|\n{rows}"


def _matrix(matrix: Matrix) -> str:
    letters = [letter(place) for place in range(len(matrix.cells))]
    lines = ["| | setting | verdict | runs |", "|---|---|---|--:|"]
    for name, one in zip(letters, matrix.cells, strict=True):
        why = f": {one.error}" if one.error else ""
        told = _inline(f"{one.verdict}{why}"[:_SHOWN_ERROR])
        lines.append(f"| {name} | {_inline(one.cell.text())} | {told} | {one.runs} |")
    if matrix.rows:
        lines += ["", f"| shown by | {' | '.join(letters)} | |"]
        lines.append(f"|---|{'--:|' * len(letters)}---|")
    for row in matrix.rows:
        shares = " | ".join(share(row, place, matrix) for place in range(len(letters)))
        what = row.name if row.name == row.title else f"{row.name} {row.title}"
        lines.append(f"| {_inline(what)} | {shares} | {'only some' if row.only_some else ''} |")
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: Finding, result: GateResult, note: str) -> str:
    rule = rule_for(finding.kind)
    places = "".join(f"- {_inline(_place(side, result))}\n" for side in sides(finding))
    programs = ", ".join(_inline(program_name(p, result.root)) for p in finding.programs)
    return (
        f"### {_inline(finding.title)}{note}\n"
        f"{places}\n"
        f"{_times(finding.count)} in {programs or 'an unknown program'}, "
        f"fingerprint {_code(finding.fingerprint)}{_rate(finding, result)}\n\n"
        f"{_inline(rule.fix)}\n\n"
        f"<details><summary>The report</summary>\n\n{_block(render_report(finding.report))}\n"
        "</details>\n"
    )


def _rate(finding: Finding, result: GateResult) -> str:
    rate = result.rate(finding)
    return "" if rate is None else f"; shown by {rate.text()}"


def _suppressions(result: GateResult) -> str:
    rows = []
    for item in result.suppressed:
        by = item.by
        until = by.expires.isoformat() if by.expires is not None else ""
        rows.append((item.finding.title, "suppressed", by.reason, until, by.where))
    for stale in result.stale:
        until = stale.expires.isoformat() if stale.expires is not None else ""
        rows.append((stale.rule, stale.state, stale.reason, until, stale.where))
    table = "".join("| " + " | ".join(_inline(cell) for cell in row) + " |\n" for row in rows)
    return f"| suppression | state | reason | until | where |\n|---|---|---|---|---|\n{table}"


def _inline(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def _code(text: str) -> str:
    clean = one_line(text) or "?"
    ticks = _fence(clean, 1)
    return f"{ticks} {clean} {ticks}" if len(ticks) > 1 else f"`{clean}`"


def _block(text: str) -> str:
    clean = printable(text).rstrip("\n")
    ticks = _fence(clean, 3)
    return f"{ticks}text\n{clean}\n{ticks}\n"


def _fence(text: str, least: int) -> str:
    """Return a run of backticks longer than any in the text."""
    return "`" * max([least, *(len(run) + 1 for run in _FENCE.findall(text))])


def _cut(blocks: Iterable[str]) -> str:
    """Join blocks while they fit; say how many did not."""
    blocks = list(blocks)
    kept: list[str] = []
    size = 0
    for number, block in enumerate(blocks):
        size += len(block.encode()) + 1
        if size > SUMMARY_BYTES - 100:
            kept.append(f"… and {len(blocks) - number} more; the artifacts have them all.\n")
            break
        kept.append(block)
    return "\n".join(kept)

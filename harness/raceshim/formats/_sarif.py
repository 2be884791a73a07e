# SPDX-License-Identifier: BSD-2-Clause
"""SARIF 2.1.0: the format of code scanning.

One result a finding. `locations` is the first access, `relatedLocations` the second one and where
threads, memory and mutexes come from. A code flow has a thread flow for each of the threads,
outermost frame first: a viewer steps through both sides of a race. Which access is the first is
decided by the fingerprint's order, not by who lost the race, so a result does not move from run to
run.
"""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from raceshim.finding._frames import Origin, origin
from raceshim.finding._rules import Rule, rule_for
from raceshim.finding._sides import Side, main_first, other_stacks, own_index, sides
from raceshim.formats._plain import one_line, printable
from raceshim.formats._result import GateResult, headline, program_name
from raceshim.formats._uris import folder_uri, relative_uri

if TYPE_CHECKING:
    from datetime import datetime

    from raceshim.finding._flight import Flight
    from raceshim.finding._merge import Finding
    from raceshim.formats._result import StaleSuppression
    from raceshim.report._model import Frame
    from raceshim.runs._tally import Rate
    from raceshim.suppress._apply import Suppressed

Json = dict[str, Any]

_IMPORTANCE = {
    Origin.PROGRAM: "important",
    Origin.LIBRARY: "unimportant",
    Origin.RUNTIME: "unimportant",
}

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
#: The name under which relative paths are relative to the folder of the sources.
BASE = "SRCROOT"
_INCONCLUSIVE, _STALE = "inconclusive", "stale-suppression"
#: Weaknesses that need a second thread, or a signal.
_CONCURRENCY = frozenset((362, 479, 667, 764, 765, 772, 833, 909))
_EXIT_WORDS = {
    0: "clean: the detector ran and reported nothing",
    1: "races: the gate is shut",
    2: "usage: the command could not be understood",
    3: "build failed",
    4: "inconclusive: nothing is known, which is not clean",
    130: "interrupted",
}


def encode(result: GateResult) -> str:
    """Return the SARIF document of a result."""
    return json.dumps(document(result), indent=2, allow_nan=False) + "\n"


def document(result: GateResult) -> Json:
    """Return the SARIF document of a result as a value."""
    rules: dict[str, int] = {}
    described: list[Rule] = []
    results = []
    for finding, suppression, shuts in (
        *((finding, None, True) for finding in result.findings),
        *((finding, None, False) for finding in result.tolerated),
        *((item.finding, item, False) for item in result.suppressed),
    ):
        rule = rule_for(finding.kind)
        if rule.identity not in rules:
            rules[rule.identity] = len(described)
            described.append(rule)
        index = rules[rule.identity]
        rate = result.rate(finding)
        results.append(
            _result(finding, rule, index, result.root, suppression, shuts=shuts, rate=rate)
        )
    run = {
        "tool": {
            "driver": {
                "name": "raceshim",
                "version": one_line(result.version),
                "semanticVersion": one_line(result.version),
                "shortDescription": {"text": "The CI gate for race detectors' reports"},
                "rules": [_rule(rule) for rule in described],
                "notifications": [
                    {"id": _INCONCLUSIVE, "shortDescription": {"text": "The verdict is in doubt"}},
                    {"id": _STALE, "shortDescription": {"text": "A suppression does nothing"}},
                ],
            }
        },
        "invocations": [_invocation(result)],
        "originalUriBaseIds": {
            BASE: {
                "uri": folder_uri(result.root),
                "description": {"text": "The folder of the sources"},
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "verdict": result.verdict,
            "headline": headline(result),
            **({} if result.runs is None else {"sureness": result.runs.sureness}),
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> Json:
    tags = ["correctness"]
    if rule.cwe in _CONCURRENCY:
        tags.append("concurrency")
    if rule.cwe is not None:
        tags.append(f"external/cwe/cwe-{rule.cwe:03}")
    text = f"{rule.meaning}\n\nTo fix it: {rule.fix}"
    return {
        "id": rule.identity,
        "name": rule.name,
        "shortDescription": {"text": _text(rule.short)},
        "fullDescription": {"text": _text(rule.meaning)},
        "help": {
            "text": _text(text),
            "markdown": printable(f"{rule.meaning}\n\n**To fix it:** {rule.fix}"),
        },
        "defaultConfiguration": {"level": rule.level},
        "properties": {
            "tags": tags,
            "precision": "very-high",
            "problem.severity": "error" if rule.level == "error" else "warning",
        },
    }


def _invocation(result: GateResult) -> Json:
    begun = result.started_utc
    ended = begun + timedelta(seconds=result.seconds)
    doubt = "error" if not result.conclusive else "warning"
    return {
        "commandLine": one_line(shlex.join(result.command)),
        "startTimeUtc": _time(begun),
        "endTimeUtc": _time(ended),
        "exitCode": result.exit_code,
        "exitCodeDescription": _EXIT_WORDS.get(result.exit_code, result.verdict),
        "executionSuccessful": result.conclusive,
        "workingDirectory": {"uri": folder_uri(result.root)},
        "toolExecutionNotifications": [
            {
                "descriptor": {"id": _INCONCLUSIVE},
                "level": doubt,
                "message": {"text": _text(reason)},
            }
            for reason in _doubts(result)
        ],
        "toolConfigurationNotifications": [_stale(item) for item in result.stale],
    }


def _doubts(result: GateResult) -> list[str]:
    doubts = list(result.reasons)
    for process in result.processes:
        if not process.sound:
            name = program_name(process.program, result.root)
            pid = f" (process {process.pid})" if process.pid is not None else ""
            why = f": {'; '.join(process.reasons)}" if process.reasons else ""
            doubts.append(f"{process.state}: {name}{pid}{why}")
    if not doubts and not result.conclusive:
        doubts.append(_EXIT_WORDS.get(result.exit_code, result.verdict))
    return doubts


def _stale(item: StaleSuppression) -> Json:
    when = f" since {item.expires.isoformat()}" if item.state == "expired" and item.expires else ""
    return {
        "descriptor": {"id": _STALE},
        "level": "warning" if item.state == "expired" else "note",
        "message": {"text": _text(f"suppression {item.state}{when}: {item.rule} ({item.where})")},
    }


def _result(  # noqa: PLR0913 - one call, in `document`
    finding: Finding,
    rule: Rule,
    index: int,
    root: PurePath,
    suppression: Suppressed | None,
    *,
    shuts: bool,
    rate: Rate | None,
) -> Json:
    both = main_first(sides(finding))
    related = [_place(side.frame, root, side.what) for side in both[1:]]
    related += [
        _place(stack.frames[own_index(stack)], root, stack.label.rstrip(":"))
        for stack in other_stacks(finding, both)
        if stack.frames
    ]
    for number, location in enumerate(related, start=1):
        location["id"] = number
    encoded: Json = {
        "ruleId": rule.identity,
        "ruleIndex": index,
        "kind": "fail",
        "level": "error" if shuts else "note",
        "message": {"text": _message(finding, both)},
        "locations": [_primary(finding, both, root)],
        "relatedLocations": related,
        "partialFingerprints": {
            "raceshim/v1": one_line(finding.fingerprint),
            # The only one that GitHub looks at. Its own would be a hash of the first access's
            # line, the same for that access's races with any other.
            "primaryLocationLineHash": f"{one_line(finding.fingerprint)}:1",
        },
        "occurrenceCount": max(finding.count, 1),
        "suppressions": [] if suppression is None else [_suppression(suppression)],
        "properties": {
            "kind": printable(finding.kind),
            "kindClass": printable(finding.kind_class),
            "detector": printable(finding.report.detector),
            "programs": [printable(program_name(p, root)) for p in finding.programs],
            "pids": list(finding.pids),
            "longKey": printable(finding.long_key),
            "doubts": [printable(doubt) for doubt in finding.doubts],
        },
    }
    if rate is not None:
        low, high = rate.all.bounds
        encoded["properties"]["rate"] = {
            "shown": rate.all.shown,
            "runs": rate.all.runs,
            "low": round(low, 6),
            "high": round(high, 6),
            "runsTo95": rate.all.runs_to_95,
        }
    if finding.flight is not None:
        encoded["attachments"] = [_flight(finding.flight, root)]
    if finding.report.location is not None:
        encoded["properties"]["location"] = printable(finding.report.location)
    flows = [_thread_flow(side, root) for side in both if side.frames]
    if flows:
        encoded["codeFlows"] = [{"threadFlows": flows}]
    return encoded


def _flight(flight: Flight, root: PurePath) -> Json:
    """Return the trace as a file beside the result, and what the threads did last in words."""
    lines = ["What the threads did before."]
    for thread in flight.threads:
        lines += [f"{thread.label}, {thread.events} events:", *thread.lines]
    return {
        "description": {"text": _text("\n".join(lines))},
        "artifactLocation": relative_uri(flight.path, root, BASE),
    }


def _message(finding: Finding, both: list[Side]) -> str:
    """Say what and where; the other side is a link to its related location."""
    text = _bracketed(finding.title)
    if both:
        text += f": {_bracketed(both[0].what)}"
    for number, side in enumerate(both[1:], start=1):
        word = "against" if number == 1 else "and"
        text += f", {word} [{_bracketed(side.what)}]({number})"
    times = f" Reported {finding.count} times." if finding.count > 1 else ""
    return one_line(f"{text}.{times}")


def _bracketed(text: str) -> str:
    """Escape what SARIF takes for an embedded link."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _primary(finding: Finding, both: list[Side], root: PurePath) -> Json:
    if both and both[0].frame is not None:
        return _location(both[0].frame, root, both[0].what)
    for stack in finding.report.stacks:
        if stack.frames:
            return _location(stack.frames[own_index(stack)], root, stack.label.rstrip(":"))
    # No stack at all: the program itself is the place, so that viewers have one to show.
    program = finding.programs[0] if finding.programs else None
    name = relative_uri(program, root, BASE) if program else {"uri": "unknown"}
    return {"physicalLocation": {"artifactLocation": name}}


def _place(frame: Frame | None, root: PurePath, label: str) -> Json:
    return {"message": {"text": _text(label)}} if frame is None else _location(frame, root, label)


def _location(frame: Frame, root: PurePath, label: str | None = None) -> Json:
    location: Json = {}
    if frame.file:
        physical: Json = {"artifactLocation": relative_uri(frame.file, root, BASE)}
        if frame.line > 0:
            physical["region"] = {"startLine": frame.line}
            if frame.column > 0:
                physical["region"]["startColumn"] = frame.column
        location["physicalLocation"] = physical
    elif frame.module:
        location["physicalLocation"] = {"artifactLocation": relative_uri(frame.module, root, BASE)}
    if frame.function:
        name = one_line(frame.function) or "?"
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "function"}]
    if label:
        location["message"] = {"text": _text(label)}
    return location


def _thread_flow(side: Side, root: PurePath) -> Json:
    steps = []
    for depth, (index, frame) in enumerate(reversed(list(enumerate(side.frames)))):
        last = index == side.index
        label = side.what if last else (frame.function or "??")
        step: Json = {
            "location": _location(frame, root, label),
            "nestingLevel": depth,
            "importance": "essential" if last else _IMPORTANCE[origin(frame)],
        }
        if frame.module:
            step["module"] = one_line(PurePath(frame.module).name) or "?"
        steps.append(step)
    flow: Json = {"message": {"text": _text(side.what)}, "locations": steps}
    if side.access.thread:
        flow["id"] = one_line(side.access.thread)
    return flow


def _suppression(item: Suppressed) -> Json:
    encoded: Json = {
        "kind": "external",
        "status": "accepted",
        "justification": _text(item.by.reason),
        "properties": {"rule": printable(item.by.rule), "where": printable(item.by.where)},
    }
    if item.by.expires is not None:
        encoded["properties"]["expires"] = item.by.expires.isoformat()
    return encoded


def _text(text: str) -> str:
    """Return the text, or something for nobody to be left with an empty message."""
    return printable(text).strip() or "?"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z"

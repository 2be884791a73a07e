# SPDX-License-Identifier: BSD-2-Clause
"""JUnit XML, for Jenkins and GitLab.

A suite is a program. Its first case says whether the detector watched the program to its end
(`error` if not); then each finding is a case of its own: `failure`, or `skipped` with the reason
when it is suppressed or tolerated. Names hold the fingerprint and never a line or a pid, so a
server's "new failures" are new races. The first suite is the gate itself.

Only what both dialects allow is used: the schema of Ant's reports and that of Jenkins' xUnit
plugin. No two cases bear the same name, because GitLab shows the first of them only.
"""

from __future__ import annotations

import shlex
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim.finding._rules import rule_for
from raceshim.formats._plain import one_line, printable
from raceshim.formats._result import GateResult, ProcessEvidence, headline, program_name
from raceshim.report._text import render_report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raceshim.finding._merge import Finding

_GATE = "raceshim gate"


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    outcome: str = ""  # "", "failure", "error" or "skipped"
    kind: str = ""
    message: str = ""
    text: str = ""


def encode(result: GateResult) -> str:
    """Return the JUnit document of a result."""
    root = ET.Element("testsuites")
    for number, (name, cases) in enumerate(_suites(result)):
        seconds = result.seconds if number == 0 else 0.0
        root.append(_suite(number, name, cases, result, seconds))
    ET.indent(root, space=" ")
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suites(result: GateResult) -> Iterable[tuple[str, list[_Case]]]:
    programs: dict[str, list[ProcessEvidence]] = {}
    for process in result.processes:
        programs.setdefault(program_name(process.program, result.root), []).append(process)
    findings: dict[str, list[_Case]] = {}
    homeless: list[_Case] = []
    for finding, case in _findings(result):
        names = dict.fromkeys(program_name(p, result.root) for p in finding.programs)
        for name in names:
            findings.setdefault(name, []).append(case)
        if not names:
            homeless.append(case)
    yield _GATE, [_gate_case(result, homeless), *homeless]
    for name in dict.fromkeys((*programs, *findings)):
        yield name, [_evidence_case(programs.get(name, [])), *findings.get(name, [])]


def _findings(result: GateResult) -> Iterable[tuple[Finding, _Case]]:
    for finding in result.findings:
        text = f"{render_report(finding.report)}\nfingerprint: {finding.fingerprint}\n"
        if finding.count > 1:
            text += f"reported {finding.count} times\n"
        rate = result.rate(finding)
        if rate is not None:
            text += f"shown by {rate.text()}\n"
        rule = rule_for(finding.kind)
        yield finding, _Case(_name(finding), "failure", rule.identity, finding.title, text)
    for finding in result.tolerated:
        yield finding, _Case(_name(finding), "skipped", "", "tolerated: only told of")
    for item in result.suppressed:
        by = item.by
        until = f" until {by.expires.isoformat()}" if by.expires is not None else ""
        message = f"suppressed{until}: {by.reason} ({by.where})"
        yield item.finding, _Case(_name(item.finding), "skipped", "", message)


def _rates(result: GateResult) -> Iterable[tuple[str, str]]:
    if result.runs is None:
        return
    yield "runs", str(result.runs.counted)
    yield "runs without a finding", result.runs.sureness
    for name, rate in result.runs.rates.items():
        yield f"rate {name}", rate.text()


def _name(finding: Finding) -> str:
    return f"{finding.title} [{finding.fingerprint}]"


def _gate_case(result: GateResult, homeless: list[_Case]) -> _Case:
    name = "the verdict is conclusive"
    text = "\n".join([headline(result), *result.reasons, *_stale_lines(result)])
    if not result.conclusive:
        return _Case(name, "error", result.verdict, headline(result), text)
    shut = result.exit_code != 0
    if shut and not result.findings and not any(case.outcome == "failure" for case in homeless):
        # Red without a finding: whatever made it so must show.
        return _Case(name, "failure", result.verdict, headline(result), text)
    return _Case(name)


def _evidence_case(processes: list[ProcessEvidence]) -> _Case:
    name = "the detector watched it to its end"
    unsound = [process for process in processes if not process.sound]
    if not unsound:
        return _Case(name)
    if all(process.completed and process.state == "NO-EVIDENCE" for process in unsound):
        # A program without threads beside others; where there are no others, the gate says so.
        return _Case(name, "skipped", "", unsound[0].reasons[0] if unsound[0].reasons else "")
    lines = []
    for process in unsound:
        pid = f"process {process.pid}: " if process.pid is not None else ""
        lines.append(f"{pid}{process.state}" + "".join(f"\n  {why}" for why in process.reasons))
    states = ", ".join(dict.fromkeys(process.state for process in unsound))
    return _Case(name, "error", unsound[0].state, states, "\n".join(lines))


def _stale_lines(result: GateResult) -> list[str]:
    return [f"suppression {item.state}: {item.rule} ({item.where})" for item in result.stale]


def _suite(
    number: int, name: str, cases: list[_Case], result: GateResult, seconds: float
) -> ET.Element:
    taken: set[str] = set()
    outcomes = [case.outcome for case in cases]
    suite = ET.Element(
        "testsuite",
        {
            "name": _token(name),
            "id": str(number),
            "package": "raceshim",
            "hostname": "localhost",
            "timestamp": result.started_utc.isoformat(timespec="seconds"),
            "tests": str(len(cases)),
            "failures": str(outcomes.count("failure")),
            "errors": str(outcomes.count("error")),
            "skipped": str(outcomes.count("skipped")),
            "time": _seconds(seconds),
        },
    )
    properties = ET.SubElement(suite, "properties")
    if number == 0:
        for key, value in (
            ("command", shlex.join(result.command)),
            ("verdict", result.verdict),
            ("exit code", str(result.exit_code)),
            ("raceshim", result.version),
            *_rates(result),
        ):
            ET.SubElement(properties, "property", name=key, value=one_line(value))
    for case in cases:
        suite.append(_case(name, case, taken, seconds if number == 0 and not taken else 0.0))
    ET.SubElement(suite, "system-out").text = (
        printable("\n".join([headline(result), *_stale_lines(result)])) if number == 0 else ""
    )
    ET.SubElement(suite, "system-err").text = (
        printable("\n".join(result.reasons)) if number == 0 else ""
    )
    return suite


def _case(suite: str, case: _Case, taken: set[str], seconds: float) -> ET.Element:
    name = _token(case.name)
    number = 1
    while name in taken:
        number += 1
        name = f"{_token(case.name)} ({number})"
    taken.add(name)
    # Jenkins takes what stands before the last dot for a package.
    element = ET.Element(
        "testcase",
        {
            "name": name,
            "classname": _token(f"raceshim.{suite.replace('.', '_')}"),
            "time": _seconds(seconds),
        },
    )
    if case.outcome:
        told = ET.SubElement(element, case.outcome, {"message": one_line(case.message)})
        if case.outcome != "skipped":
            told.set("type", one_line(case.kind) or case.outcome)
        told.text = printable(case.text or case.message)  # GitLab shows only the text
    return element


def _token(text: str) -> str:
    return one_line(text) or "?"


def _seconds(seconds: float) -> str:
    return f"{seconds if 0 < seconds < 1e9 else 0.0:.3f}"

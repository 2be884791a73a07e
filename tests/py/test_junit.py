# SPDX-License-Identifier: BSD-2-Clause
"""JUnit XML: what Jenkins and GitLab accept, red exactly when the gate is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from format_samples import (
    EXAMPLES,
    HOSTILE,
    STATES,
    finding,
    golden,
    golden_reports,
    race,
    result,
    rich,
)
from hypothesis import given, settings
from lxml import etree
from official_schemas import junit_schema
from raceshim.formats import _junit
from raceshim.formats._plain import printable
from raceshim.formats._result import ProcessEvidence
from raceshim.suppress._apply import Suppressed
from raceshim.suppress._rules import ThreadRule

if TYPE_CHECKING:
    from raceshim.formats._result import GateResult

#: The form of times that Jenkins' xUnit plugin accepts.
JENKINS_TIME = re.compile(r"[0-9]*(\.[0-9]{0,3})?")


def parsed(of: GateResult) -> etree._Element:
    return etree.fromstring(_junit.encode(of).encode())


def checked(of: GateResult) -> etree._Element:
    """Parse, and hold against the schema and against what servers expect beyond it."""
    root = parsed(of)
    junit_schema().assertValid(root)
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "")) == len(cases)
        for outcome in ("failure", "error", "skipped"):
            key = {"failure": "failures", "error": "errors"}.get(outcome, outcome)
            assert int(suite.get(key, "")) == len(suite.findall(f"testcase/{outcome}"))
        for element in (suite, *cases):
            assert JENKINS_TIME.fullmatch(element.get("time", ""))
        # GitLab shows the first of two cases with the same names.
        names = [(case.get("classname"), case.get("name")) for case in cases]
        assert len(set(names)) == len(names)
        for case in cases:
            package, dot, rest = case.get("classname", "").partition(".")
            assert (package, dot) == ("raceshim", ".")
            assert "." not in rest  # Jenkins would take it for a package
    return root


def red(root: etree._Element) -> bool:
    return bool(root.findall(".//failure") or root.findall(".//error"))


def test_every_golden_report_gives_a_valid_document() -> None:
    findings = tuple(finding(report) for report in golden_reports())
    root = checked(result(1, findings=findings))
    assert len(root.findall(".//failure")) == len(findings)


def test_a_result_with_everything_is_valid() -> None:
    checked(rich())


def _break(root: etree._Element, what: str) -> None:
    suite = root[0]
    match what:
        case "no name":
            del suite.find("testcase").attrib["name"]
        case "time":
            suite.set("time", "2.5 s")
        case "timestamp with a zone":
            suite.set("timestamp", "2026-03-01T12:30:15Z")
        case "failure without a type":
            del suite.find(".//failure").attrib["type"]
        case "two outcomes":
            case = suite.find(".//failure").getparent()
            case.append(etree.fromstring('<error type="x"/>'))
        case "unknown element":
            suite.append(etree.fromstring("<colour/>"))
        case "no hostname":
            del suite.attrib["hostname"]
        case "count":
            suite.set("failures", "many")


@pytest.mark.parametrize(
    "what",
    [
        "no name",
        "time",
        "timestamp with a zone",
        "failure without a type",
        "two outcomes",
        "unknown element",
        "no hostname",
        "count",
    ],
)
def test_the_schema_refuses_a_broken_document(what: str) -> None:
    homeless = finding(golden("tsan-clang-19-race_plain"), programs=())
    root = checked(result(1, findings=(homeless,)))
    _break(root, what)
    assert not junit_schema().validate(root)


def process(state: str, program: str = "t/test_it", pid: int = 7) -> ProcessEvidence:
    return ProcessEvidence(program, pid, state, "thread", completed=True, reasons=("because",))


def test_a_program_is_a_suite_and_a_finding_a_failure_in_it() -> None:
    of = race(3)
    root = checked(
        result(1, findings=(of,), processes=(process("RACE"), process("PASS", "t/fine")))
    )
    gate, racy, fine = root
    assert [s.get("name") for s in root] == ["raceshim gate", "t/test_it", "t/fine"]
    assert not red(gate)
    assert not red(fine)
    (failure,) = racy.findall(".//failure")
    assert failure.get("type") == "data-race"
    name = failure.getparent().get("name")
    assert name.startswith("data race in ")
    assert of.fingerprint in name
    assert "reported 3 times" in failure.text
    for access in of.accesses:
        assert f"{access.function}  {access.file}:{access.line}" in failure.text


def test_a_finding_shows_in_every_program_that_has_it() -> None:
    of = finding(golden("tsan-clang-19-race_plain"), programs=("t/a", "t/b"))
    root = checked(result(1, findings=(of,)))
    assert [len(suite.findall(".//failure")) for suite in root] == [0, 1, 1]


def test_names_hold_neither_lines_nor_pids() -> None:
    of = race()
    (failure,) = checked(result(1, findings=(of,))).findall(".//failure")
    name = failure.getparent().get("name").replace(of.fingerprint, "")
    assert not re.search(r"\d{2,}", name)


@pytest.mark.parametrize("state", STATES)
def test_a_process_that_was_not_watched_to_its_end_is_an_error(state: str) -> None:
    root = checked(result(0, processes=(process("PASS"), process(state, pid=8))))
    errors = root.findall(".//error")
    if state in ("PASS", "RACE", "OTHER-KIND"):
        assert errors == []
    elif state == "NO-EVIDENCE":  # a helper without threads
        assert errors == []
        assert len(root.findall(".//skipped")) == 1
    else:
        (error,) = errors
        assert error.get("type") == state
        assert error.text == f"process 8: {state}\n  because"


@pytest.mark.parametrize("code", [1, 2, 3, 4, 130])
def test_no_exit_code_but_zero_is_green(code: int) -> None:
    root = checked(result(code, reasons=("no process ran under the thread detector",)))
    assert red(root)
    (told,) = (*root.findall(".//error"), *root.findall(".//failure"))
    assert "no process ran" in told.text
    assert not red(checked(result(0)))


def test_a_suppressed_finding_is_skipped_with_its_reason() -> None:
    item = Suppressed(race(), ThreadRule("r.supp:3", "race", "inc", "reported upstream"))
    root = checked(result(0, suppressed=(item,)))
    assert not red(root)
    (skipped,) = root.findall(".//skipped")
    assert skipped.get("message") == skipped.text == "suppressed: reported upstream (r.supp:3)"


def test_a_tolerated_finding_is_skipped() -> None:
    root = checked(result(0, tolerated=(race(),)))
    assert not red(root)
    assert len(root.findall(".//skipped")) == 1


def test_equal_names_are_told_apart() -> None:
    one = finding(golden("tsan-clang-19-race_plain"))
    root = checked(result(1, findings=(one, one)))
    names = [f.getparent().get("name") for f in root.findall(".//failure")]
    assert names[1] == f"{names[0]} (2)"


def test_text_survives_as_it_is_but_for_what_no_document_can_hold() -> None:
    reason = "a ]]> b & <c> \x1b[31m \0 \udcff \ufffe \r\n d\te"
    root = checked(result(4, reasons=(reason,)))
    (error,) = root.findall(".//error")
    expected = printable(reason)
    assert error.text.endswith(expected)
    assert "a ]]> b & <c> \N{REPLACEMENT CHARACTER}[31m" in expected
    assert "\udcff" not in expected
    assert "\n d\te" in expected


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=EXAMPLES, deadline=None)
@given(HOSTILE)
def test_no_report_can_spoil_the_document(of: GateResult) -> None:
    root = checked(of)
    if of.exit_code != 0 or of.findings:
        assert red(root)
    suites = root.findall("testsuite")
    assert suites[0].get("name") == "raceshim gate"

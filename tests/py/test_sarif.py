# SPDX-License-Identifier: BSD-2-Clause
"""SARIF: valid by the official schema whatever a report holds, and true to the report."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from format_samples import (
    EXAMPLES,
    HOSTILE,
    ROOT,
    finding,
    golden,
    golden_reports,
    race,
    result,
    rich,
)
from hypothesis import given, settings
from official_schemas import sarif_validator
from raceshim.formats import _sarif
from raceshim.formats._uris import folder_uri, relative_uri

if TYPE_CHECKING:
    from raceshim.formats._result import GateResult


def encoded(of: GateResult) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_sarif.encode(of))
    return document


def run_of(of: GateResult) -> dict[str, Any]:
    run: dict[str, Any] = encoded(of)["runs"][0]
    return run


def only_result(of: GateResult) -> dict[str, Any]:
    (found,) = run_of(of)["results"]
    return dict(found)


def test_every_golden_report_gives_a_valid_document() -> None:
    findings = tuple(finding(report) for report in golden_reports())
    document = encoded(result(1, findings=findings))
    sarif_validator().validate(document)
    assert len(document["runs"][0]["results"]) == len(findings)


def test_a_result_with_everything_is_valid() -> None:
    sarif_validator().validate(encoded(rich()))


@pytest.mark.parametrize("code", [0, 2, 3, 4, 130])
def test_a_result_with_nothing_is_valid(code: int) -> None:
    sarif_validator().validate(encoded(result(code)))


GONE = object()
RESULT = ("runs", 0, "results", 0)
REGION = (*RESULT, "locations", 0, "physicalLocation", "region")
BROKEN: dict[str, tuple[tuple[str | int, ...], object]] = {
    "no version": (("version",), GONE),
    "unknown level": ((*RESULT, "level"), "fatal"),
    "no message": ((*RESULT, "message"), GONE),
    "empty message": ((*RESULT, "message"), {}),
    "unknown field": ((*RESULT, "colour"), "red"),
    "region without a start": (REGION, {"endLine": 3}),
    "line zero": ((*REGION, "startLine"), 0),
    "no URI": ((*REGION[:-1], "artifactLocation", "uri"), "a b c"),
    "suppression of a draft": ((*RESULT, "suppressions"), [{"kind": "external", "state": "new"}]),
    "thread flow field": ((*RESULT, "codeFlows", 0, "threadFlows", 0, "colour"), "red"),
    "no time": (("runs", 0, "invocations", 0, "startTimeUtc"), "noon"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_validator_refuses_a_broken_document(what: str) -> None:
    document = encoded(result(1, findings=(race(),)))
    sarif_validator().validate(document)
    path, value = BROKEN[what]
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    if value is GONE:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    assert not sarif_validator().is_valid(document)


def test_both_accesses_are_located() -> None:
    of = finding(golden("tsan-clang-19-race_mutexes"))
    found = only_result(result(1, findings=(of,)))
    first = found["locations"][0]
    second, *others = found["relatedLocations"]
    assert (function(first), line(first)) == ("holds_other", 30)
    assert (function(second), line(second)) == ("holds_two", 19)
    assert "write of 4 bytes by thread T1, holding" in second["message"]["text"]
    labels = [other["message"]["text"] for other in others]
    assert [label.split()[0] for label in labels] == ["Mutex", "Mutex", "Mutex", "Thread", "Thread"]


def test_each_thread_is_a_flow_from_its_outermost_frame_to_its_access() -> None:
    report = golden("tsan-clang-19-race_deep")
    found = only_result(result(1, findings=(finding(report),)))
    (code_flow,) = found["codeFlows"]
    flows = code_flow["threadFlows"]
    assert sorted(flow["id"] for flow in flows) == ["thread T1", "thread T2"]
    stacks = {s.access.thread: s for s in report.stacks if s.access is not None}
    for flow in flows:
        frames = stacks[flow["id"]].frames
        shown = [function(step["location"]) for step in flow["locations"]]
        assert shown == [frame.function for frame in reversed(frames)]
        assert [step["nestingLevel"] for step in flow["locations"]] == list(range(len(frames)))
        assert flow["locations"][-1]["importance"] == "essential"


def test_a_result_stays_the_same_whoever_lost_the_race() -> None:
    report = golden("tsan-clang-19-race_two")
    a, b, *rest = report.stacks
    swapped = replace(
        report, stacks=(replace(b, role="access"), replace(a, role="previous"), *rest)
    )
    one, two = (only_result(result(1, findings=(finding(r),))) for r in (report, swapped))
    assert swapped.stacks[0].frames != report.stacks[0].frames
    for field in ("locations", "partialFingerprints", "ruleId", "message"):
        assert one[field] == two[field], field
    other = only_result(result(1, findings=(race(),)))
    assert other["partialFingerprints"] != one["partialFingerprints"]


def test_each_side_keeps_its_own_thread_where_both_are_in_one_line() -> None:
    report = golden("tsan-clang-19-race_plain")
    a, b, *rest = report.stacks
    assert a.access is not None
    assert b.access is not None
    # An atomic access sorts before a plain one, whichever was reported first.
    a = replace(a, access=replace(a.access, mutexes=("write M0",)))
    b = replace(b, frames=a.frames, access=replace(b.access, atomic=True))
    for first, second in ((a, b), (b, a)):
        stacks = (replace(first, role="access"), replace(second, role="previous"), *rest)
        found = only_result(result(1, findings=(finding(replace(report, stacks=stacks)),)))
        flows = found["codeFlows"][0]["threadFlows"]
        told = {flow["id"]: flow["message"]["text"] for flow in flows}
        assert told[a.access.thread].endswith(", holding write M0")
        assert told[b.access.thread] == f"atomic write of 4 bytes by {b.access.thread}"


def test_links_of_a_message_lead_to_related_locations() -> None:
    for report in golden_reports():
        found = only_result(result(1, findings=(finding(report),)))
        ids = [place["id"] for place in found["relatedLocations"]]
        links = re.findall(r"(?<!\\)\]\((\d+)\)", found["message"]["text"])
        assert ids == list(range(1, len(ids) + 1))
        assert {int(link) for link in links} <= set(ids)
    assert "](1)" in only_result(result(1, findings=(race(),)))["message"]["text"]


def test_brackets_of_a_function_are_no_link() -> None:
    report = golden("tsan-clang-19-race_plain")
    stack = report.stacks[0]
    frame = replace(stack.frames[0], function="operator[](1)")
    odd = replace(
        report, stacks=(replace(stack, frames=(frame, *stack.frames[1:])), *report.stacks[1:])
    )
    text = only_result(result(1, findings=(finding(odd),)))["message"]["text"]
    assert r"operator\[\] /" in text


def test_rules_tell_what_a_kind_means_and_how_to_fix_it() -> None:
    run = run_of(rich())
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for found in run["results"]:
        assert rules[found["ruleIndex"]]["id"] == found["ruleId"]
    for rule in rules:
        assert "To fix it" in rule["help"]["text"]
    (data_race,) = [rule for rule in rules if rule["id"] == "data-race"]
    assert "external/cwe/cwe-362" in data_race["properties"]["tags"]


def test_a_suppressed_finding_is_a_result_with_its_justification() -> None:
    of = rich()
    results = run_of(of)["results"]
    assert len(results) == len(of.findings) + len(of.tolerated) + len(of.suppressed)
    by_print = {r["partialFingerprints"]["raceshim/v1"]: r["suppressions"] for r in results}
    for item in of.suppressed:
        (suppression,) = by_print[item.finding.fingerprint]
        assert suppression["justification"] == item.by.reason
        assert suppression["kind"] == "external"
    assert all(by_print[f.fingerprint] == [] for f in (*of.findings, *of.tolerated))


def test_only_what_shuts_the_gate_is_an_error() -> None:
    of = finding(golden("tsan-clang-19-race_plain"))
    assert only_result(result(1, findings=(of,)))["level"] == "error"
    assert only_result(result(0, tolerated=(of,)))["level"] == "note"


def test_the_number_of_reports_is_told() -> None:
    found = only_result(result(1, findings=(race(17),)))
    assert found["occurrenceCount"] == 17
    assert "Reported 17 times." in found["message"]["text"]


@pytest.mark.parametrize(("code", "good"), [(0, True), (1, True), (3, False), (4, False)])
def test_an_inconclusive_run_is_no_successful_one(code: int, *, good: bool) -> None:
    (invocation,) = run_of(result(code))["invocations"]
    assert invocation["exitCode"] == code
    assert invocation["executionSuccessful"] is good
    errors = [n for n in invocation["toolExecutionNotifications"] if n["level"] == "error"]
    assert bool(errors) is not good


def test_doubts_and_stale_suppressions_are_notifications() -> None:
    (invocation,) = run_of(rich())["invocations"]
    texts = [n["message"]["text"] for n in invocation["toolExecutionNotifications"]]
    assert texts[0] == "the command failed (exit status 2)"
    assert texts[1].startswith("DIED: t/test_it (process 4003): a child")
    assert len(texts) == 4
    stale = invocation["toolConfigurationNotifications"]
    assert [n["level"] for n in stale] == ["warning", "note"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{ROOT}/src/a b.c", {"uri": "src/a%20b.c", "uriBaseId": "SRCROOT"}),
        (f"{ROOT}/src/../b.c", {"uri": "b.c", "uriBaseId": "SRCROOT"}),
        ("c:d.c", {"uri": "c%3Ad.c", "uriBaseId": "SRCROOT"}),
        ("./e#1?.c", {"uri": "e%231%3F.c", "uriBaseId": "SRCROOT"}),
        ("n\udcffme.c", {"uri": "n%FFme.c", "uriBaseId": "SRCROOT"}),
        (f"{ROOT}elsewhere/a.c", {"uri": f"file://{ROOT}elsewhere/a.c"}),
        ("/usr/include/x.h", {"uri": "file:///usr/include/x.h"}),
        ("//double/x.h", {"uri": "file:///double/x.h"}),
        ("../../../src/libsanitizer/t.cpp", {"uri": "../../../src/libsanitizer/t.cpp"}),
    ],
)
def test_paths_are_relative_to_the_sources(path: str, expected: dict[str, str]) -> None:
    assert relative_uri(path, ROOT, "SRCROOT") == expected


def test_the_base_of_relative_paths_ends_with_a_slash() -> None:
    bases = run_of(result())["originalUriBaseIds"]
    assert bases["SRCROOT"]["uri"] == "file:///home/me/project/"
    assert folder_uri(PurePosixPath("/")) == "file:///"


def test_encoding_changes_nothing_in_the_result() -> None:
    of = rich()
    before = deepcopy(of)
    assert _sarif.encode(of) == _sarif.encode(of)
    assert of == before


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=EXAMPLES, deadline=None)
@given(HOSTILE)
def test_no_report_can_spoil_the_document(of: GateResult) -> None:
    text = _sarif.encode(of)
    assert text.isascii()  # no character of a report reaches the document unescaped
    assert "\\ud8" not in text or json.loads(text)
    document = json.loads(text)
    json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate would not
    sarif_validator().validate(document)


def function(location: dict[str, Any]) -> str:
    name: str = location["logicalLocations"][0]["fullyQualifiedName"]
    return name


def line(location: dict[str, Any]) -> int:
    number: int = location["physicalLocation"]["region"]["startLine"]
    return number

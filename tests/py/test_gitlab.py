# SPDX-License-Identifier: BSD-2-Clause
"""GitLab's code quality report: what GitLab's manual asks for, and nothing lost or forged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from format_samples import (
    EXAMPLES,
    EXIT_CODES,
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
from raceshim.finding._merge import merge
from raceshim.formats import _gitlab
from raceshim.formats._plain import one_line
from raceshim.formats._result import StaleSuppression

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Programs, Raceshim
    from raceshim.formats._result import GateResult
    from raceshim.report._parse import Report

#: GitLab has no schema; this is the table of "Code quality report format" in its manual, and what
#: it says there of paths: relative to the repository, without `./`.
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "pattern": r"^\S(.*\S)?$"},
            "check_name": {"type": "string", "pattern": r"^raceshim\.\S(.*\S)?$"},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!/|\./|$)"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": False,
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def issues(of: GateResult) -> list[dict[str, Any]]:
    """Return the report's issues: valid, and no two with the same fingerprint."""
    found: list[dict[str, Any]] = json.loads(_gitlab.encode(of))
    VALIDATOR.validate(found)
    fingerprints = [issue["fingerprint"] for issue in found]
    assert len(set(fingerprints)) == len(fingerprints)
    return found


def at(*files: str) -> Report:
    """Return a race whose stacks go through these files, the innermost first."""
    report = golden("tsan-clang-19-race_plain")
    stacks = tuple(
        replace(s, frames=tuple(replace(s.frames[0], file=file, line=7) for file in files))
        for s in report.stacks
    )
    return replace(report, stacks=stacks)


def test_a_finding_is_an_issue_at_its_access() -> None:
    (issue,) = issues(result(1, findings=(finding(at(f"{ROOT}/src/inc.c")),)))
    assert issue["location"] == {"path": "src/inc.c", "lines": {"begin": 7}}
    assert issue["check_name"] == "raceshim.data-race"
    assert issue["severity"] == "critical"
    assert issue["description"].startswith("data race in ")
    assert "write of 4 bytes by thread T1" in issue["description"]


def test_the_place_is_the_first_one_in_the_project() -> None:
    files = ("/usr/include/x.h", f"{ROOT}/src/inc.c", f"{ROOT}/src/main.c")
    (issue,) = issues(result(1, findings=(finding(at(*files)),)))
    assert issue["location"]["path"] == "src/inc.c"
    (issue,) = issues(result(1, findings=(finding(at("/usr/include/x.h")),)))
    assert issue["location"]["path"] == "usr/include/x.h"
    (issue,) = issues(result(1, findings=(finding(at()),)))
    assert issue["location"]["path"] == ".gitlab-ci.yml"


def test_what_is_tolerated_is_minor_and_what_is_suppressed_is_left_out() -> None:
    of = rich()
    found = {issue["fingerprint"]: issue["severity"] for issue in issues(of)}
    assert {f.fingerprint for f in of.findings} <= set(found)
    assert [found[f.fingerprint] for f in of.tolerated] == ["minor"]
    assert not {item.finding.fingerprint for item in of.suppressed} & set(found)


def test_findings_of_every_kind_are_valid() -> None:
    every = merge(golden_reports())
    assert len(issues(result(1, findings=every))) == len(every)


@pytest.mark.parametrize("code", [code for code in EXIT_CODES if code not in (0, 1)])
def test_what_is_not_known_is_no_empty_report(code: int) -> None:
    (issue,) = issues(result(code, reasons=("the log of process 3 is cut off",)))
    assert issue["severity"] == "blocker"
    assert "cut off" in issue["description"]
    assert issues(result(0)) == []
    (shut,) = issues(result(1))
    assert shut["severity"] == "blocker"


def test_the_fingerprint_does_not_follow_lines_or_reasons() -> None:
    one, other = (
        issues(result(4, reasons=(reason,)))[0]["fingerprint"] for reason in ("process 3", "x")
    )
    assert one == other
    (issue,) = issues(result(1, findings=(race(),)))
    assert issue["fingerprint"] == race().fingerprint


def test_stale_suppressions_are_told_where_they_stand() -> None:
    stale = tuple(
        StaleSuppression(f"race:{state}", state, "ci/tsan.supp:3", "", None)
        for state in ("expired", "unused")
    )
    found = issues(result(0, stale=stale))
    assert [issue["severity"] for issue in found] == ["major", "info"]
    assert found[0]["location"] == {"path": "ci/tsan.supp", "lines": {"begin": 3}}


@pytest.mark.parametrize(
    "broken",
    [
        {"severity": "high"},
        {"location": {"path": "/etc/x", "lines": {"begin": 1}}},
        {"location": {"path": "x", "lines": {"begin": 0}}},
        {"fingerprint": ""},
        {"description": ""},
    ],
)
def test_the_schema_refuses_what_gitlab_does(broken: dict[str, Any]) -> None:
    found = issues(result(1, findings=(race(),)))
    assert not VALIDATOR.is_valid([found[0] | broken])


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=EXAMPLES, deadline=None)
@given(HOSTILE)
def test_no_report_can_spoil_the_document(of: GateResult) -> None:
    found = issues(of)
    assert {one_line(f.fingerprint) for f in of.findings} <= {i["fingerprint"] for i in found}
    assert found or (of.exit_code == 0 and not of.stale and not of.tolerated)


def test_the_gate_writes_it(raceshim: Raceshim, programs: Programs, tmp_path: Path) -> None:
    racy, file = programs("plain", race=True), tmp_path / "quality.json"
    raceshim("gate", "--gitlab", file, "--", racy, status=1, cwd=racy.parent)
    (issue,) = json.loads(file.read_text())
    VALIDATOR.validate([issue])
    assert issue["location"]["path"] == f"{racy.name}.c"
    raceshim("gate", "--gitlab", file, "--", programs("plain"))
    assert json.loads(file.read_text()) == []

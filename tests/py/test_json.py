# SPDX-License-Identifier: BSD-2-Clause
"""The gate's JSON: what the published schema says, and nothing besides."""

from __future__ import annotations

import json
import shlex
import subprocess
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from format_samples import (
    EXAMPLES,
    EXIT_CODES,
    HOSTILE,
    finding,
    golden_reports,
    race,
    result,
    rich,
)
from hypothesis import given, settings
from lxml import etree
from official_schemas import formats, junit_schema, sarif_validator
from raceshim.finding._merge import merge
from raceshim.formats import _github, _json, _junit, _sarif
from raceshim.formats._result import CommandEnd
from raceshim.report._parse import MACHINE_STACK_FORMAT, Frame, parse_log

if TYPE_CHECKING:
    from harness_programs import Programs, Raceshim
    from raceshim.formats._result import GateResult

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "gate-1.json"


def strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the schema with every object closed: a field that it does not tell of is an error.

    The published one is open, so that a field may be added without a new version.
    """
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if "required" in closed and "allOf" not in closed:
        closed["additionalProperties"] = False
        assert set(closed["required"]) == set(closed["properties"]), closed["required"]
    return closed


@pytest.fixture(scope="session")
def validator() -> jsonschema.protocols.Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(strict(schema), format_checker=formats())


def encoded(of: GateResult) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_json.encode(of))
    return document


def test_every_golden_report_is_valid_by_the_schema(
    validator: jsonschema.protocols.Validator,
) -> None:
    findings = tuple(finding(report) for report in golden_reports())
    validator.validate(encoded(result(1, findings=findings)))


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_verdict_is_valid_by_the_schema(
    validator: jsonschema.protocols.Validator, code: int
) -> None:
    document = encoded(result(code))
    validator.validate(document)
    assert (document["verdict"] == "clean") is (code == 0)


def _broken(document: dict[str, Any], what: str) -> dict[str, Any]:
    document = deepcopy(document)
    match what:
        case "another schema":
            document["schema"] = 2
        case "clean with an open finding":
            document |= {"exit_code": 0, "verdict": "clean"}
        case "inconclusive called clean":
            document |= {"exit_code": 4, "verdict": "clean"}
        case "suppressed without a reason":
            document["findings"][0]["state"] = "suppressed"
        case "address as a number":
            document["findings"][0]["stacks"][0]["access"]["address"] = 1 << 60
        case "no fingerprint":
            del document["findings"][0]["fingerprint"]
        case "unknown state":
            document["processes"][0]["state"] = "OK"
        case "unknown field":
            document["colour"] = "red"
        case "day":
            document["stale_suppressions"][0]["expires"] = "2026-02-31"
    return document


@pytest.mark.parametrize(
    "what",
    [
        "another schema",
        "clean with an open finding",
        "inconclusive called clean",
        "suppressed without a reason",
        "address as a number",
        "no fingerprint",
        "unknown state",
        "unknown field",
        "day",
    ],
)
def test_the_schema_refuses_a_broken_document(
    validator: jsonschema.protocols.Validator, what: str
) -> None:
    document = encoded(rich())
    validator.validate(document)
    assert not validator.is_valid(_broken(document, what))


def test_nothing_of_a_result_is_left_out() -> None:
    of = rich()
    document = encoded(of)
    assert len(document["findings"]) == len(of.findings) + len(of.tolerated) + len(of.suppressed)
    states = [f["state"] for f in document["findings"]]
    assert states == ["open"] * 4 + ["tolerated"] + ["suppressed"] * 2
    for found, shown in zip(of.findings, document["findings"], strict=False):
        assert shown["fingerprint"] == found.fingerprint
        assert shown["count"] == found.count
        assert shown["text"] == found.report.text
        assert [len(s["frames"]) for s in shown["stacks"]] == [
            len(s.frames) for s in found.report.stacks
        ]
    assert set(document["findings"][0]["stacks"][0]["frames"][0]) == {
        field.name for field in fields(Frame)
    }
    assert [p["state"] for p in document["processes"]] == [p.state for p in of.processes]
    assert document["findings"][-2]["suppression"] == {
        "rule": "v1-0123456789abcdef",
        "where": "raceshim-suppressions.toml:3",
        "reason": "third-party code, reported upstream",
        "expires": "2027-01-31",
    }


def test_addresses_keep_all_their_bits() -> None:
    of = race()
    shown = encoded(result(1, findings=(of,)))["findings"][0]
    access = of.report.stacks[0].access
    assert access is not None
    assert int(shown["stacks"][0]["access"]["address"], 16) == access.address


def test_what_a_program_really_reports_is_valid_in_every_format(
    validator: jsonschema.protocols.Validator, programs: Programs, tmp_path: Path
) -> None:
    program = programs("plain", race=True)
    options = f"log_path={tmp_path}/log stack_trace_format={shlex.quote(MACHINE_STACK_FORMAT)}"
    environ = programs.raceshim.environ | {"TSAN_OPTIONS": options}
    done = subprocess.run([program], env=environ, check=False, capture_output=True)
    (log,) = tmp_path.glob("log.*")
    reports = parse_log(log.read_text(encoding="utf-8")).reports
    of = result(
        1,
        command=(str(program),),
        end=CommandEnd(done.returncode, timed_out=False, seconds=0.5),
        findings=merge(reports, program=str(program)),
        root=program.parent,
    )
    document = encoded(of)
    validator.validate(document)
    (found,) = document["findings"]
    assert found["functions"] == ["bump_in_main", "bump_in_thread"]
    assert found["programs"] == [program.name]
    sarif = json.loads(_sarif.encode(of))
    sarif_validator().validate(sarif)
    (location,) = sarif["runs"][0]["results"][0]["locations"]
    artifact = location["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": f"{program.name}.c", "uriBaseId": "SRCROOT"}
    junit_schema().assertValid(etree.fromstring(_junit.encode(of).encode()))
    assert _github.commands(of).startswith(f"::error file={program.name}.c,line=")


def test_real_verdicts_on_programs_are_valid_by_the_schema(
    validator: jsonschema.protocols.Validator, raceshim: Raceshim, tmp_path: Path
) -> None:
    program = SCHEMA.parents[2] / "testdata" / "races" / "norace_create_join.c"
    raceshim("gate", "--json", tmp_path / "r.json", program)
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    validator.validate(document)
    assert document["mode"] == "programs"
    document["programs"][0]["verdict"] = "fine"
    assert not validator.is_valid(document)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=EXAMPLES, deadline=None)
@given(of=HOSTILE)
def test_no_report_can_spoil_the_document(
    validator: jsonschema.protocols.Validator, of: GateResult
) -> None:
    document = encoded(of)
    json.dumps(document, ensure_ascii=False).encode()  # a lone surrogate would not
    if of.exit_code != 0 or not of.findings:  # an open finding with 0 is refused, and never made
        validator.validate(document)

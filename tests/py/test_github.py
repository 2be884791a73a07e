# SPDX-License-Identifier: BSD-2-Clause
"""GitHub Actions: annotations that nobody can forge, a summary that nobody can break out of."""

from __future__ import annotations

import re
from dataclasses import replace
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
from markdown_it import MarkdownIt
from raceshim.formats import _github
from raceshim.formats._plain import printable
from raceshim.formats._result import StaleSuppression
from raceshim.report._parse import render_report

if TYPE_CHECKING:
    from raceshim.formats._result import GateResult
    from raceshim.report._parse import Report

COMMAND = re.compile(r"::(?P<name>error|warning|notice)(?: (?P<properties>[^\n]+?))?::(?P<data>.*)")


def unescaped(text: str, *, value: bool = False) -> str:
    """Undo the escapes as the runner does."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")):
        if value or code in ("%0D", "%0A"):
            text = text.replace(code, character)
    return text.replace("%25", "%")


def commands(of: GateResult) -> list[dict[str, str]]:
    """Read the annotations the way the runner does."""
    found = []
    for line in _github.commands(of).split("\n")[:-1]:
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        properties = dict(
            part.split("=", 1) for part in (match["properties"] or "").split(",") if part
        )
        assert set(properties) <= {"file", "line", "col", "title"}
        found.append(
            {key: unescaped(value, value=True) for key, value in properties.items()}
            | {"level": match["name"], "text": unescaped(match["data"])}
        )
    return found


def at(path: str) -> Report:
    """Return a race whose first access is in that file."""
    report = golden("tsan-clang-19-race_plain")
    stacks = tuple(
        replace(s, frames=tuple(replace(f, file=path) for f in s.frames)) for s in report.stacks
    )
    return replace(report, stacks=stacks)


def test_a_finding_is_an_error_at_its_first_access() -> None:
    (command,) = commands(result(1, findings=(finding(at(f"{ROOT}/src/inc.c")),)))
    first = race().accesses[0]
    assert command["level"] == "error"
    assert command["file"] == "src/inc.c"
    assert command["line"] == str(first.line)
    assert command["title"].startswith("data race in ")
    lines = command["text"].split("\n")
    assert re.fullmatch(r"(write|read) of \d bytes by .*: \w+ \(src/inc.c:\d+\)", lines[0])
    assert re.fullmatch(r"(write|read) of \d bytes by .*: \w+ \(src/inc.c:\d+\)", lines[1])
    assert lines[2] == "reported once in t/test_it"


def test_a_file_that_is_not_of_the_project_is_no_place_for_an_annotation() -> None:
    (command,) = commands(result(1, findings=(finding(at("/usr/include/x.h")),)))
    assert "file" not in command
    assert "/usr/include/x.h" in command["text"]


def test_values_are_escaped_and_read_back() -> None:
    name = "a,b::100%2C%0A:/c.c"
    (command,) = commands(result(1, findings=(finding(at(f"{ROOT}/{name}")),)))
    assert command["file"] == name
    assert f"({name}:" in command["text"]
    template = finding(golden("tsan-clang-19-race_template"))
    assert "::" in template.title
    assert commands(result(1, findings=(template,)))[0]["title"] == template.title


def test_no_text_becomes_a_command_of_its_own() -> None:
    text = "x\n::error::forged\r\n::set-output name=a::b\r::warning::c"
    output = _github.commands(result(4, reasons=(text,)))
    assert output.count("\n") == 1
    (command,) = commands(result(4, reasons=(text,)))
    assert command["text"].endswith(printable(text))


@pytest.mark.parametrize(("code", "level"), [(1, "error"), (3, "error"), (4, "error")])
def test_a_gate_that_is_not_green_says_so(code: int, level: str) -> None:
    (command,) = commands(result(code, reasons=("the log of process 3 is cut off",)))
    assert command["level"] == level
    assert "cut off" in command["text"]
    assert commands(result(0)) == []


def test_only_as_many_as_are_shown_and_the_rest_is_counted() -> None:
    findings = tuple(finding(report) for report in golden_reports()[:30])
    told = commands(result(1, findings=findings))
    assert len(told) == _github.SHOWN
    assert told[-1]["text"].startswith("21 more findings")
    assert len(commands(result(1, findings=findings[:10]))) == 10


def test_stale_suppressions_are_told() -> None:
    stale = tuple(
        StaleSuppression("race:x", state, "s:1", "", None) for state in ("expired", "unused")
    )
    assert [c["level"] for c in commands(result(0, stale=stale))] == ["warning", "notice"]


def rendered(of: GateResult) -> list[Any]:
    return MarkdownIt("commonmark").enable("table").parse(_github.summary(of))


def test_the_summary_shows_both_stacks_of_each_finding() -> None:
    of = rich()
    blocks = [t.content for t in rendered(of) if t.type == "fence"]
    expected = [printable(render_report(f.report)) for f in (*of.findings, *of.tolerated)]
    assert blocks == expected


def test_the_summary_counts_the_processes_by_state() -> None:
    text = _github.summary(rich())
    assert text.startswith("## ❌ raceshim: races, 4 findings")
    assert "| t/test\\_it | 1 | thread | DIED |" in text
    assert "reported upstream" in text
    assert _github.summary(result(0)).startswith("## ✅ raceshim: clean\n")
    assert _github.summary(result(4)).startswith("## ⚠️ raceshim: inconclusive\n")


def test_the_summary_has_the_matrix() -> None:
    of = rich()
    text = _github.summary(of)
    assert "| A | clang-19 O0 thread none | races | 5 |\n" in text
    assert "| C | clang-19 Os thread none | build failed: x.c:1: error: \\<b\\> | 0 |\n" in text
    assert "| shown by | A | B | C | |\n" in text
    name = re.escape(of.findings[0].fingerprint)
    assert re.search(
        rf"^\| {name} data race in .* \| 4/5 \| 0/5 \|  \| only some \|$", text, re.MULTILINE
    )
    cells = [t for t in rendered(of) if t.type == "inline" and t.content == "only some"]
    assert len(cells) == 1
    assert "shown by | A" not in _github.summary(replace(of, matrix=None))


def test_a_summary_is_no_longer_than_github_takes() -> None:
    report = replace(golden("tsan-clang-19-race_plain"), location="x" * 50_000)
    of = result(1, findings=tuple(finding(report) for _ in range(40)))
    text = _github.summary(of)
    assert 500_000 < len(text.encode()) <= _github.SUMMARY_BYTES
    assert re.search(r"… and \d+ more; the artifacts have them all\.\n$", text)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@settings(max_examples=EXAMPLES, deadline=None)
@given(HOSTILE)
def test_no_report_can_forge_a_command_or_break_out_of_the_summary(of: GateResult) -> None:
    assert len(commands(of)) <= 2 * _github.SHOWN + 2
    text = _github.summary(of)
    text.encode()
    html = {t.content.strip() for t in rendered(of) if t.type == "html_block"}
    assert html <= {"<details><summary>The report</summary>", "</details>"}
    inline = [c for t in rendered(of) if t.type == "inline" for c in t.children or ()]
    assert not [c for c in inline if c.type in ("html_inline", "link_open", "image")]
    findings = len(of.findings) + len(of.tolerated)
    assert sum(t.type == "fence" for t in rendered(of)) == findings

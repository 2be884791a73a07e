# SPDX-License-Identifier: BSD-2-Clause
"""GitLab's code quality report: an issue a finding, which a merge request shows at its line.

GitLab compares the reports of two branches by fingerprint and shows what is new and what is gone;
so there are no two issues with the same one, and none has a line in it. A suppressed finding is
left out: GitLab has no word for it. A verdict that is inconclusive is an issue too, of the worst
kind, since an empty report means that there is nothing to find.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from typing import TYPE_CHECKING, Any

from raceshim.finding._rules import rule_for
from raceshim.finding._sides import main_first, sides
from raceshim.formats._plain import one_line
from raceshim.formats._result import GateResult, headline
from raceshim.formats._uris import relative_path

if TYPE_CHECKING:
    from raceshim.finding._merge import Finding
    from raceshim.finding._sides import Side

Json = dict[str, Any]

#: Where what is about no file in particular is shown.
_NOWHERE = ".gitlab-ci.yml"
_SEVERITIES = {"error": "critical", "warning": "major"}


def encode(result: GateResult) -> str:
    """Return the code quality report of a result."""
    return json.dumps(document(result), indent=2) + "\n"


def document(result: GateResult) -> list[Json]:
    """Return the code quality report of a result as a value."""
    issues = [_finding(finding, result, "") for finding in result.findings]
    issues += [_finding(finding, result, "minor") for finding in result.tolerated]
    if not result.conclusive or (result.exit_code != 0 and not result.findings):
        text = "; ".join([headline(result), *result.reasons])
        issues.append(_issue(f"raceshim: {text}", result.verdict, "", "blocker", _NOWHERE, 1))
    for item in result.stale:
        text = f"suppression {item.state}: {item.rule} ({item.where})"
        file, _, line = item.where.rpartition(":")
        place = _place(file, result), int(line) if line.isdigit() else 1
        severity = "major" if item.state == "expired" else "info"
        issues.append(_issue(text, f"{item.state}-suppression", item.rule, severity, *place))
    return list({issue["fingerprint"]: issue for issue in issues}.values())


def _finding(finding: Finding, result: GateResult, severity: str) -> Json:
    both = main_first(sides(finding))
    places = [place for side in both if (place := _of(side, result)) is not None]
    file, line = places[0] if places else (_NOWHERE, 1)
    rule = rule_for(finding.kind)
    told = [finding.title, *(side.what for side in both)]
    rate = result.rate(finding)
    if rate is not None:
        told.append(f"shown by {rate.text()}")
    issue = _issue(
        "; ".join(told),
        rule.identity,
        finding.fingerprint,
        severity or _SEVERITIES.get(rule.level, "major"),
        file,
        line,
    )
    return issue | {"fingerprint": one_line(finding.fingerprint) or issue["fingerprint"]}


def _of(side: Side, result: GateResult) -> tuple[str, int] | None:
    """Return the first place of a stack that is in the project, else the access's own."""
    frames = [frame for frame in side.frames[side.index or 0 :] if frame.file]
    for frame in frames:
        if frame.file and relative_path(frame.file, result.root) is not None:
            return _place(frame.file, result), max(frame.line, 1)
    if frames and frames[0].file:
        return _place(frames[0].file, result), max(frames[0].line, 1)
    return None


def _place(file: str, result: GateResult) -> str:
    below = relative_path(file, result.root) or posixpath.normpath(file).lstrip("/")
    return one_line(below) or _NOWHERE


def _issue(  # noqa: PLR0913, PLR0917 - the fields of the format
    text: str, check: str, name: str, severity: str, file: str, line: int
) -> Json:
    digest = hashlib.sha256(f"{check}\0{name}".encode("utf-8", "replace")).hexdigest()
    return {
        "description": one_line(text) or "?",
        "check_name": f"raceshim.{one_line(check)}",
        "fingerprint": digest,
        "severity": severity,
        "location": {"path": file, "lines": {"begin": line}},
    }

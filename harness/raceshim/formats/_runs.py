# SPDX-License-Identifier: BSD-2-Clause
"""The verdict on many runs as plain text: findings in full, a table of rates, how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raceshim.formats._matrix import matrix_text
from raceshim.formats._text import finding_text

if TYPE_CHECKING:
    from raceshim._campaign import CampaignVerdict
    from raceshim.finding._merge import Finding
    from raceshim.runs._matrix import Matrix
    from raceshim.runs._tally import Rate

_COLOURS = {"clean": "32", "races": "1;31", "inconclusive": "1;33", "interrupted": "1;33"}
_COLOURS["build failed"] = _COLOURS["races"]
_SHOWN = 20


def runs_text(verdict: CampaignVerdict, *, colour: bool, matrix: Matrix | None = None) -> str:
    """Say what many runs are found to be."""
    parts = [finding_text(finding) for finding in verdict.findings[:_SHOWN]]
    hidden = len(verdict.findings) - _SHOWN
    if hidden > 0:
        parts.append(f"and {hidden} more findings; --json writes all of them\n")
    parts += [failure.text for failure in verdict.failures]
    parts += _table(verdict)
    if matrix is not None:
        parts.append(matrix_text(matrix))
    headline = _headline(verdict)
    if colour:
        headline = f"\x1b[{_COLOURS[verdict.verdict]}m{headline}\x1b[0m"
    parts += [headline, f"  {_ends(verdict)}", f"  processes seen: {_processes(verdict)}"]
    if not verdict.rates:
        parts.append(f"  {verdict.tally.sureness()}")
    if len(verdict.tally.policies) > 1:
        policies = (f"{runs} {name}" for name, runs in verdict.tally.policies.items())
        parts.append(f"  policies: {', '.join(policies)}")
    parts += [f"  {reason}" for reason in verdict.reasons]
    parts += [f"  note: {note}" for note in verdict.notes]
    if verdict.findings and matrix is None:  # what is built by now is the last setting
        parts.append(f"  run one again: raceshim repro {verdict.findings[0].fingerprint}")
    parts += [f"  expired suppression: {r.where}: {r.rule}" for r, _ in verdict.applied.expired]
    parts += [f"  unused suppression: {r.where}: {r.rule}" for r in verdict.applied.unused]
    return "".join(f"{part}\n" for part in parts)


def rate_lines(rate: Rate) -> list[str]:
    """Say how often a finding was shown, and what there is to say of policies and inputs."""
    lines = [f"shown by {rate.text()}"]
    if len(rate.by_policy) > 1:
        policies = (f"{name} {s.shown} of {s.runs}" for name, s in rate.by_policy.items())
        lines.append(f"by policy: {', '.join(policies)}")
    if len(rate.by_input) > 1:
        always = [seed for seed, share in rate.by_input.items() if share.shown]
        word = "always and only with" if rate.depends_on_input else "seen with"
        lines.append(f"{word} inputs {_list(always)} of {len(rate.by_input)}")
    if rate.best is not None:
        lines.append(f"best {rate.best.text()}")
    return lines


def _table(verdict: CampaignVerdict) -> list[str]:
    rows = []
    for state, findings in (
        ("", verdict.findings),
        ("tolerated: ", verdict.tolerated),
        ("suppressed: ", [item.finding for item in verdict.applied.suppressed]),
    ):
        for finding in findings:
            rows += _row(state, finding, verdict.rates[finding.fingerprint])
    return ["\n".join(rows) + "\n"] if rows else []


def _row(state: str, finding: Finding, rate: Rate) -> list[str]:
    head = f"{finding.fingerprint}  {state}{finding.title}"
    return [head, *(f"  {line}" for line in rate_lines(rate))]


def _headline(verdict: CampaignVerdict) -> str:
    runs = _many(verdict.tally.runs, "run")
    if not verdict.findings:
        return f"raceshim: {verdict.verdict}: {runs}"
    return f"raceshim: {verdict.verdict}: {_many(len(verdict.findings), 'finding')} in {runs}"


def _ends(verdict: CampaignVerdict) -> str:
    words = (("clean", "clean"), ("races", "with findings"), ("inconclusive", "inconclusive"))
    told = [f"{verdict.ends[key]} {word}" for key, word in words if verdict.ends.get(key)]
    return f"runs: {', '.join(told) or 'none'}; {verdict.seconds:.1f} s"


def _processes(verdict: CampaignVerdict) -> str:
    told = [f"{count} under {name}" for name, count in verdict.detectors.items()]
    text = ", ".join(told) or "none"
    if set(verdict.states) - {"PASS"}:
        text += f" ({', '.join(f'{count} {state}' for state, count in verdict.states.items())})"
    return text


def _list(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"{shown}, ..." if len(numbers) > 10 else shown


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"

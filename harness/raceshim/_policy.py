# SPDX-License-Identifier: BSD-2-Clause
"""Which kinds of report shut the gate: all, but for those that the policy tolerates.

A tolerated finding is told in every format. Who tolerates a kind has said so in an option; nothing
is tolerated by default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.finding._rules import known_rules, rule_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raceshim.finding._merge import Finding

#: The word for every kind that is not a race.
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is tolerated: rules by their identity, or `other`."""

    kinds: frozenset[str] = frozenset()

    def tolerates(self, finding: Finding) -> bool:
        """Whether a finding leaves the gate open."""
        if OTHER in self.kinds and finding.kind_class != "race":
            return True
        return rule_for(finding.kind).identity in self.kinds

    def part(self, findings: Iterable[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        """Return the findings that shut the gate, and those that are tolerated."""
        shut: list[Finding] = []
        tolerated: list[Finding] = []
        for finding in findings:
            (tolerated if self.tolerates(finding) else shut).append(finding)
        return tuple(shut), tuple(tolerated)


def read_policy(text: str | None) -> Policy:
    """Read a list of kinds with commas between."""
    kinds = frozenset(filter(None, (word.strip() for word in (text or "").split(","))))
    known = {rule.identity for rule in known_rules()}
    unknown = sorted(kinds - known - {OTHER})
    if unknown:
        raise UsageError(
            f"--tolerate: no such kind: {', '.join(unknown)}; there are "
            f"{', '.join((*sorted(known), OTHER))}"
        )
    return Policy(kinds)

# SPDX-License-Identifier: BSD-2-Clause
"""Suppressions: apply them to reports, and tell of those that have outlived their bug.

A suppression is applied to reports, not to findings: one that names a function anywhere in a
stack is about the reports that came by there, and about no others of the same bug. An expired one
suppresses nothing. One that matched nothing is unused: the bug is gone, or has moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim.finding._fingerprint import fingerprint, parts
from raceshim.finding._merge import Finding, finding_of, merge_findings
from raceshim.suppress._parse import parse_rules, parse_thread_rules
from raceshim.suppress._rules import Rule, ThreadRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from pathlib import Path

    from raceshim.report._model import Report

#: What the gate looks for in the project's folder.
FILE_NAME = "raceshim-suppressions.toml"

Suppression = Rule | ThreadRule


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding, or the part of one, that somebody has answered for."""

    finding: Finding
    by: Suppression


@dataclass(frozen=True, slots=True)
class Applied:
    """What suppressions made of some reports. `hits` counts for each the reports it matched."""

    kept: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    hits: tuple[tuple[Suppression, int], ...]
    today: date

    @property
    def unused(self) -> tuple[Suppression, ...]:
        """The suppressions that are in force and matched nothing."""
        return tuple(
            rule for rule, count in self.hits if not count and not rule.is_expired(self.today)
        )

    @property
    def expired(self) -> tuple[tuple[Suppression, int], ...]:
        """The suppressions that are out of force, and how many reports each would have hidden."""
        return tuple(pair for pair in self.hits if pair[0].is_expired(self.today))


def load(path: Path) -> tuple[Suppression, ...]:
    """Read a file: ours if its name ends in .toml, else one in ThreadSanitizer's format."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: this is no UTF-8") from None
    if path.suffix == ".toml":
        return parse_rules(text, str(path))
    return parse_thread_rules(text, str(path))


def apply(
    suppressions: Sequence[Suppression],
    reports: Iterable[Report],
    *,
    today: date,
    program: str | None = None,
    roots: Sequence[str] = (),
) -> Applied:
    """Part reports into findings that are kept and findings that are suppressed.

    A report that several suppressions match is put down to the first of them, but counts for all.
    """
    kept: list[Finding] = []
    hidden: list[tuple[int, Finding]] = []
    counts = [0] * len(suppressions)
    for report in reports:
        for part in parts(report):
            identity = fingerprint(part, roots)
            one = finding_of(part, identity, program)
            matching = [at for at, rule in enumerate(suppressions) if rule.matches(part, identity)]
            for at in matching:
                counts[at] += 1
            live = [at for at in matching if not suppressions[at].is_expired(today)]
            if live:
                hidden.append((live[0], one))
            else:
                kept.append(one)
    suppressed = tuple(
        Suppressed(found, rule)
        for at, rule in enumerate(suppressions)
        for found in merge_findings(one for by, one in hidden if by == at)
    )
    hits = tuple(zip(suppressions, counts, strict=True))
    return Applied(merge_findings(kept), suppressed, hits, today)


def merge_applied(first: Applied, *others: Applied) -> Applied:
    """Add up what the same suppressions made of the reports of several processes or machines."""
    kept = first.kept
    hits = list(first.hits)
    hidden = list(first.suppressed)
    for other in others:
        if [rule for rule, _ in other.hits] != [rule for rule, _ in hits]:
            raise ValueError("the same suppressions must have been applied")
        hits = [
            (rule, count + more) for (rule, count), (_, more) in zip(hits, other.hits, strict=True)
        ]
        hidden += other.suppressed
        kept = merge_findings(kept, other.kept)
    suppressed = tuple(
        Suppressed(found, rule)
        for rule, _ in hits
        for found in merge_findings(one.finding for one in hidden if one.by == rule)
    )
    return Applied(kept, suppressed, tuple(hits), first.today)

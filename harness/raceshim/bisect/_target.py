# SPDX-License-Identifier: BSD-2-Clause
"""Know a finding again, at commits where it may look different.

It is asked for by its fingerprint, or by kind and functions. A fingerprint has the files of the
functions in it: where a file was renamed, the same race has another one. So what has the same kind
and the same functions is the same finding too, and that is told. One side of a race alone is not
enough: what shares a function with the finding is told and never counted, for a verdict that is
certain must not rest on a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raceshim._errors import UsageError
from raceshim._outcomes import Outcome, Sign, parse_outcomes
from raceshim.finding._frames import bare_function
from raceshim.finding._merge import merge

if TYPE_CHECKING:
    from raceshim.finding._merge import Finding
    from raceshim.formats._lines import Result

_PREFIX = "v1-"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a run has shown: the finding or not, under which name, and what is only `similar`.

    `moved` is a fingerprint that was taken for the one that was asked for.
    """

    found: bool
    moved: str | None = None
    similar: tuple[str, ...] = ()


@dataclass(slots=True)
class Target:
    """The finding that is looked for. What is learnt of it when it is first seen is kept."""

    text: str
    outcomes: tuple[Outcome, ...] = ()
    title: str = ""
    kind_class: str = ""
    functions: tuple[str, ...] = ()
    others: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people are told of it."""
        return f"{self.text}  {self.title}" if self.title and not self.outcomes else self.text

    def look(self, result: Result) -> Shown:
        """Look for it in what a run has left."""
        if self.outcomes:
            return Shown(any(self._matches(result)))
        findings = [
            one
            for program, report in result.reports
            for one in merge((report,), program=program, roots=(result.setting.root,))
        ]
        for one in findings:
            if one.fingerprint == self.text:
                self._learn(one)
                return Shown(found=True)
        for one in findings:
            self.others.setdefault(one.fingerprint, one.title)
        if not self.functions:
            return Shown(found=False)
        same = [one for one in findings if one.kind_class == self.kind_class]
        moved = next((one for one in same if _functions(one) == self.functions), None)
        if moved is not None:
            return Shown(found=True, moved=moved.fingerprint)
        similar = {one.fingerprint for one in same if set(_functions(one)) & set(self.functions)}
        return Shown(found=False, similar=tuple(sorted(similar)))

    def document(self) -> dict[str, Any]:
        """Return what was learnt."""
        return {
            "title": self.title,
            "kind_class": self.kind_class,
            "functions": list(self.functions),
        }

    def recall(self, learnt: dict[str, Any]) -> None:
        """Take up what was learnt."""
        self.title, self.kind_class = learnt["title"], learnt["kind_class"]
        self.functions = tuple(learnt["functions"])

    def _matches(self, result: Result) -> list[bool]:
        signs = [Sign(report.kind, report) for _, report in result.reports]
        return [outcome.matches(sign) for sign in signs for outcome in self.outcomes]

    def _learn(self, one: Finding) -> None:
        if not self.title:
            self.title, self.kind_class = one.title, one.kind_class
            self.functions = _functions(one)


def target(text: str) -> Target:
    """Return what is looked for: a fingerprint, or `KIND in FUNCTION, FUNCTION`."""
    if text.startswith(_PREFIX):
        return Target(text)
    try:
        outcomes = parse_outcomes(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is neither a fingerprint nor a finding: {error}") from None
    if not all(outcome.functions for outcome in outcomes):
        raise UsageError(
            f"{text!r} names no functions: any race at all would be taken for the one that is "
            "looked for; say a fingerprint, or as in 'data race in post, collect'"
        )
    return Target(text, outcomes)


def _functions(one: Finding) -> tuple[str, ...]:
    """Return the functions of a finding; none if one of them is unknown."""
    names = [bare_function(access.function or "") for access in one.accesses]
    return tuple(sorted(names)) if all(names) else ()

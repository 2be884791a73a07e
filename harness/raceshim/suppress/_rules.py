# SPDX-License-Identifier: BSD-2-Clause
"""What a suppression is, and which reports it matches.

There are two kinds. `ThreadRule` is a line of ThreadSanitizer's own format and means here what it
means to the runtime: a pattern for functions, files and modules of any frame. `Rule` is an entry
of raceshim-suppressions.toml: it looks at nothing but what the fingerprint is made of, so that it
hides no more than was meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING

from raceshim.finding._frames import Origin, bare_function, origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from raceshim.finding._fingerprint import Fingerprint, Site
    from raceshim.report._model import Frame, Report, Stack

#: The types of ThreadSanitizer's format, and the class of the kinds that each is for.
THREAD_TYPES = {
    "race": "race",
    "race_top": "race",
    "mutex": "mutex",
    "thread": "thread-leak",
    "signal": "signal",
    "deadlock": "lock-order",
    "called_from_lib": "race",
}
#: Stacks that the runtime does not match: where memory and mutexes come from, and who slept.
_UNMATCHED = ("allocation", "mutex", "thread")
_SLEEP = "As if synchronized via sleep"
_GLOBAL = re.compile(r"global '(.*)' (?:of size \d+ )?at 0x[0-9a-f]+(?: \((.*)\+0x[0-9a-f]+\))?")


@dataclass(frozen=True, slots=True)
class ThreadRule:
    """A line of ThreadSanitizer's format. `reason` is the comment above it."""

    where: str
    type: str
    pattern: str
    reason: str

    @property
    def rule(self) -> str:
        """The line itself."""
        return f"{self.type}:{self.pattern}"

    @property
    def expires(self) -> date | None:
        """The format has no way to say so."""
        return None

    def is_expired(self, today: date) -> bool:  # noqa: ARG002 - as in Rule
        """Tell that it never is."""
        return False

    def matches(self, report: Report, identity: Fingerprint) -> bool:
        """Tell whether the runtime would have kept silent about a report."""
        if report.detector != "ThreadSanitizer" or identity.kind_class != THREAD_TYPES[self.type]:
            return False
        stacks = list(_suppressible(report, identity.kind_class))
        if self.type == "race_top":
            return any(s.frames and self._matches_frame(s.frames[0]) for s in stacks)
        if self.type == "called_from_lib":
            return any(self._called_from(stack) for stack in stacks)
        if any(self._matches(text) for text in _variable(report)):
            return True
        return any(self._matches_frame(frame) for stack in stacks for frame in stack.frames)

    def _matches_frame(self, frame: Frame) -> bool:
        return any(self._matches(text) for text in (frame.function, frame.file, frame.module))

    def _called_from(self, stack: Stack) -> bool:
        """Tell whether an intercepted function was called by the library itself."""
        for at, frame in enumerate(stack.frames):
            if origin(frame) is not Origin.RUNTIME:
                return at > 0 and self._matches(frame.module)
        return False

    def _matches(self, text: str | None) -> bool:
        return bool(text) and template_matches(self.pattern, text or "")


@dataclass(frozen=True, slots=True)
class Rule:
    """An entry of raceshim-suppressions.toml: a fingerprint, or patterns for the bug's sites.

    With two functions or files, each is for a site of its own.
    """

    where: str
    reason: str
    fingerprint: str | None = None
    kind: str | None = None
    functions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    expires: date | None = None
    permanent: str | None = None
    issue: str | None = None

    @property
    def rule(self) -> str:
        """What it is for, in one line."""
        parts = [self.fingerprint or ""]
        parts += [f"kind {self.kind}"] if self.kind else []
        parts += [f"function {' / '.join(self.functions)}"] if self.functions else []
        parts += [f"file {' / '.join(self.files)}"] if self.files else []
        return ", ".join(part for part in parts if part)

    def is_expired(self, today: date) -> bool:
        """Tell whether its last day is over."""
        return self.expires is not None and self.expires < today

    def matches(self, report: Report, identity: Fingerprint) -> bool:  # noqa: ARG002 - ThreadRule
        """Tell whether it is about a report."""
        if self.kind is not None and self.kind != identity.kind_class:
            return False
        if self.fingerprint is not None:
            return self.fingerprint in (identity.text, identity.long_key)
        wanted = list(self._sides())
        return any(
            all(_site_matches(site, *side) for site, side in zip(sites, wanted, strict=True))
            for sites in permutations(identity.sites, len(wanted))
        )

    def _sides(self) -> Iterator[tuple[str | None, str | None]]:
        """Give function and file of each site; what is there once holds for all of them."""
        count = max(len(self.functions), len(self.files))
        for at in range(count):
            yield _nth(self.functions, at), _nth(self.files, at)


@lru_cache(maxsize=1 << 16)
def template_matches(template: str, text: str) -> bool:
    """Match as the runtimes do: anywhere, but for `^` in front and `$` behind; `*` is anything.

    Like theirs, this takes the first place where a part fits and never looks for a better one:
    `race:b$` does not match `abab`.
    """
    anchored = template.startswith("^")
    rest = template[anchored:]
    at = 0
    star = False
    while rest and text:
        if rest[0] == "*":
            rest, anchored, star = rest[1:], False, True
            continue
        if rest[0] == "$":
            return at == len(text) or star
        piece = re.split(r"[*$]", rest, maxsplit=1)[0]
        found = text.find(piece, at)
        if at == len(text) or found < 0 or (anchored and found != at):
            return False
        at, rest, anchored, star = found + len(piece), rest[len(piece) :], False, False
    return bool(text)


def _variable(report: Report) -> tuple[str, ...]:
    """Return name and module of the variable that a race is on; the module as in the frames."""
    found = _GLOBAL.match(report.location or "")
    if found is None:
        return ()
    name, module = found.groups()
    paths = (frame.module or "" for stack in report.stacks for frame in stack.frames)
    return name, next((path for path in paths if path.endswith(f"/{module}")), module or "")


def _suppressible(report: Report, kind_class: str) -> Iterator[Stack]:
    for stack in report.stacks:
        if stack.role in _UNMATCHED and (kind_class, stack.role) != ("thread-leak", "thread"):
            continue
        if not stack.label.startswith(_SLEEP):
            yield stack


def _nth(patterns: tuple[str, ...], at: int) -> str | None:
    if not patterns:
        return None
    return patterns[at] if len(patterns) > 1 else patterns[0]


def _site_matches(site: Site, function: str | None, file: str | None) -> bool:
    """Match one frame of a site with both patterns."""
    told = [(site.frame.file or "", site.frame.function or "")] if site.frame else []
    return any(
        (function is None or _glob(function).fullmatch(bare_function(name)) is not None)
        and (file is None or _glob(file).fullmatch(path) is not None or _ends(file, path))
        for path, name in (*site.names, *told)
    )


def _ends(pattern: str, path: str) -> bool:
    return _glob(f"*/{pattern}").fullmatch(path) is not None


@lru_cache(maxsize=1 << 10)
def _glob(pattern: str) -> re.Pattern[str]:
    """Compile a pattern in which `*` is any text and `?` any character, and nothing else is."""
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)

# SPDX-License-Identifier: BSD-2-Clause
"""Read suppressions: ThreadSanitizer's format, and raceshim-suppressions.toml.

Whatever is wrong is a `UsageError` that begins with FILE:LINE. Nothing is passed over: a
suppression that silently is none costs a red build, one that silently is another hides a bug.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from typing import NoReturn

from raceshim._errors import UsageError
from raceshim.finding._fingerprint import KIND_CLASSES, VERSION
from raceshim.suppress._rules import THREAD_TYPES, Rule, ThreadRule

_TABLE = "suppression"
_KEYS = ("fingerprint", "kind", "function", "file", "reason", "expires", "permanent", "issue")
_HEADER = re.compile(rf"\s*\[\[\s*{_TABLE}\s*\]\]")
_FINGERPRINT = re.compile(r"v(\d{1,4})L?-[0-9a-f]{16}")
_TOML_LINE = re.compile(r" ?\(at (?:line (\d+), column \d+|end of document)\)")
_EVERYTHING = re.compile(r"[*?]*")
_WORDS = re.compile(r"\w{2}")


def parse_thread_rules(text: str, name: str) -> tuple[ThreadRule, ...]:
    """Read ThreadSanitizer's format. A comment is the reason of the lines right below it."""
    rules = []
    comment: list[str] = []
    fresh = False  # a rule has been read since the comment began
    for number, line in enumerate(text.split("\n"), 1):
        rule = line.lstrip(" \t").rstrip(" \t\r")
        if rule.startswith("#"):
            comment = [] if fresh else comment
            comment.append(rule.lstrip("# "))
            fresh = False
        elif not rule:
            comment = []
        else:
            rules.append(_thread_rule(rule, f"{name}:{number}", " ".join(comment).strip()))
            fresh = True
    return tuple(rules)


def _thread_rule(line: str, where: str, reason: str) -> ThreadRule:
    kind, colon, pattern = line.partition(":")
    if not colon or kind not in THREAD_TYPES:
        known = ", ".join(f"{each}:" for each in THREAD_TYPES)
        raise UsageError(f"{where}: {line!r} begins with none of {known}")
    if not pattern.removeprefix("^"):
        raise UsageError(f"{where}: {line!r} has no pattern: it would suppress everything")
    return ThreadRule(where, kind, pattern, reason)


def parse_rules(text: str, name: str) -> tuple[Rule, ...]:
    """Read raceshim-suppressions.toml."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _syntax_error(error, text, name) from None
    for key in document:
        if key != _TABLE:
            line = _line_of(text, key) or 1
            raise UsageError(f"{name}:{line}: {key!r} is unknown; a file holds [[{_TABLE}]] tables")
    tables = document.get(_TABLE, [])
    starts = _starts(text)
    if not isinstance(tables, list) or len(starts) != len(tables):
        raise UsageError(f"{name}:{_line_of(text, _TABLE) or 1}: write each as [[{_TABLE}]]")
    lines = text.split("\n")
    ends = [*starts, len(lines)][1:]
    return tuple(
        _Table(values, name, start + 1, lines[start:end]).rule()
        for values, start, end in zip(tables, starts, ends, strict=True)
    )


def _syntax_error(error: Exception, text: str, name: str) -> UsageError:
    """Make tomllib's message one of ours; it tells the line, or that it is the last one."""
    message = (
        "the tables are nested too deeply" if isinstance(error, RecursionError) else str(error)
    )
    found = _TOML_LINE.search(message)
    line = 1 if found is None else int(found[1] or text.rstrip("\n").count("\n") + 1)
    return UsageError(f"{name}:{line}: {_TOML_LINE.sub('', message)}")


def _starts(text: str) -> list[int]:
    """Return the lines on which tables begin: the headers that stand in no multi-line string.

    What is between two headers is TOML of its own. If it is not, the second one is in a string.
    """
    lines = text.split("\n")
    found: list[int] = []
    start = 0
    for at, line in enumerate(lines):
        if _HEADER.match(line) and _is_toml("\n".join(lines[start:at])):
            found.append(at)
            start = at
    return found


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _line_of(text: str, key: str) -> int | None:
    form = re.compile(rf"""\s*\[{{0,2}}\s*["']?{re.escape(key)}["']?\s*[\]=.]""")
    numbers = (at for at, line in enumerate(text.split("\n"), 1) if form.match(line))
    return next(numbers, None)


@dataclass(frozen=True, slots=True)
class _Table:
    """A [[suppression]] being read: its values, and the lines that they stand in."""

    values: dict[str, object]
    name: str
    start: int
    lines: list[str]

    def rule(self) -> Rule:
        """Check everything and make the rule."""
        for key in self.values:
            if key not in _KEYS:
                near = difflib.get_close_matches(key, _KEYS, 1)
                hint = f"; is {near[0]!r} meant?" if near else ""
                self.fail(key, f"{key!r} is unknown{hint}")
        rule = Rule(
            where=f"{self.name}:{self.start}",
            reason=self.words("reason") or self.fail(None, "a reason is missing"),
            fingerprint=self.fingerprint(),
            kind=self.kind(),
            functions=self.patterns("function"),
            files=self.patterns("file"),
            expires=self.expires(),
            permanent=self.words("permanent"),
            issue=self.words("issue"),
        )
        self.check(rule)
        return rule

    def check(self, rule: Rule) -> None:
        """Check what depends on more than one key."""
        patterns = rule.functions + rule.files
        if rule.fingerprint and patterns:
            self.fail(None, "give a fingerprint or patterns, not both")
        if not rule.fingerprint and not patterns:
            self.fail(None, "neither a fingerprint nor a function nor a file is given")
        if patterns and rule.kind is None:
            self.fail(None, f"patterns need a kind, one of {', '.join(KIND_CLASSES)}")
        if patterns and all(_EVERYTHING.fullmatch(pattern) for pattern in patterns):
            self.fail(None, "the patterns match everything")
        if rule.expires is None and rule.permanent is None:
            self.fail(None, 'give a date in "expires", or say in "permanent" why there is none')
        if rule.expires is not None and rule.permanent is not None:
            self.fail("permanent", 'give either "expires" or "permanent"')

    def words(self, key: str) -> str | None:
        """Return a text for people, which must say something."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fail(key, f"{key} must be a text in quotes")
        if not _WORDS.search(value):
            self.fail(key, f"{key} says nothing")
        return value.strip()

    def fingerprint(self) -> str | None:
        """Return the fingerprint or long key."""
        value = self.words("fingerprint")
        if value is None:
            return None
        found = _FINGERPRINT.fullmatch(value)
        if found is None:
            self.fail("fingerprint", f"{value!r} is no fingerprint (v{VERSION}-0123456789abcdef)")
        if int(found[1]) != VERSION:
            self.fail(
                "fingerprint",
                f"{value!r} is of another version of raceshim; this one's begin with v{VERSION}",
            )
        return value

    def kind(self) -> str | None:
        """Return the class of kinds."""
        value = self.words("kind")
        if value is not None and value not in KIND_CLASSES:
            self.fail("kind", f"{value!r} is none of {', '.join(KIND_CLASSES)}")
        return value

    def patterns(self, key: str) -> tuple[str, ...]:
        """Return one pattern or two."""
        if key not in self.values:
            return ()
        value = self.values[key]
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            self.fail(key, f"{key} must be a text in quotes, or a list of two")
        if len(found) not in (1, 2) or not all(each.strip() for each in found):
            self.fail(key, f"{key} must be one pattern, or two: one for each side")
        return tuple(found)

    def expires(self) -> date | None:
        """Return the last day."""
        value = self.values.get("expires")
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                self.fail("expires", f"{value!r} is no date; write 2030-12-31")
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            self.fail("expires", "expires must be a day, such as 2030-12-31")
        return value

    def fail(self, key: str | None, message: str) -> NoReturn:
        """Refuse, naming the line of a key, or else of the table."""
        line = _line_of("\n".join(self.lines), key) if key else None
        raise UsageError(f"{self.name}:{self.start + (line or 1) - 1}: {message}")

# SPDX-License-Identifier: BSD-2-Clause
"""The baseline: findings that were there before, a line each, in a file under version control.

    {"schema": 1, "findings": [
    {"fingerprint": "v1-...", "kind": "data race", "title": "...", "since": "2026-11-21"},
    {"fingerprint": "v1-...", ..., "expires": "2027-01-31"}
    ]}

Compared with runs of today a finding is *new* (not in the file), *unchanged*, *expired* (in it, but
its last day has passed) or *fixed* (in it, and none of the runs has shown it).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raceshim._errors import CLEAN, INCONCLUSIVE, RACES, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.history._results import Found, Result

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding that is known; `expires` is the last day on which that is an answer."""

    fingerprint: str
    kind: str
    title: str
    since: date
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What has become of findings. `reasons` are why nothing is known of those not seen."""

    new: tuple[Found, ...]
    expired: tuple[Entry, ...]
    unchanged: tuple[Entry, ...]
    fixed: tuple[Entry, ...]
    unseen: tuple[Entry, ...]
    reasons: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """The verdict: only what is new or expired shuts the gate."""
        if self.new or self.expired:
            return RACES
        return INCONCLUSIVE if self.reasons else CLEAN


def read(path: str) -> dict[str, Entry]:
    """Read a baseline, by fingerprint; what is not understood in it is an error."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: no baseline: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise UsageError(f"{path}: no baseline of schema {SCHEMA}")
    try:
        entries = [_entry(one) for one in content["findings"]]
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path}: damaged: {error}") from None
    return {entry.fingerprint: entry for entry in entries}


def encode(entries: Sequence[Entry]) -> str:
    """Return a baseline's text: sorted, so that only a changed finding changes a line."""
    lines = (
        json.dumps(
            {
                "fingerprint": entry.fingerprint,
                "kind": entry.kind,
                "title": entry.title,
                "since": entry.since.isoformat(),
                **({"expires": entry.expires.isoformat()} if entry.expires else {}),
            }
        )
        for entry in sorted(entries, key=lambda one: one.fingerprint)
    )
    inside = ",\n".join(lines)
    return f'{{"schema": {SCHEMA}, "findings": [\n{inside}\n]}}\n'


def renew(
    old: dict[str, Entry],
    results: Sequence[Result],
    today: date,
    *,
    expires: date | None,
    keep: bool,
) -> list[Entry]:
    """Return the baseline of what runs have shown open.

    What was in the old one keeps its dates, unless there is a new last day; what no run has shown
    goes, unless it is to `keep`.
    """
    seen = {one.fingerprint: one for result in results for one in result.findings}
    entries = [
        Entry(
            one.fingerprint,
            one.kind,
            one.title,
            old[one.fingerprint].since if one.fingerprint in old else today,
            expires or (old[one.fingerprint].expires if one.fingerprint in old else None),
        )
        for one in seen.values()
        if one.state == "open" or one.fingerprint in old
    ]
    if keep:
        entries += [entry for name, entry in old.items() if name not in seen]
    return entries


def compare(known: dict[str, Entry], results: Sequence[Result], today: date) -> Comparison:
    """Compare runs with a baseline."""
    seen = {one.fingerprint for result in results for one in result.findings}
    new: dict[str, Found] = {}
    for result in results:
        for one in result.findings:
            if one.state == "open" and one.fingerprint not in known:
                new.setdefault(one.fingerprint, one)
    there = [entry for name, entry in known.items() if name in seen]
    unseen = tuple(entry for name, entry in known.items() if name not in seen)
    reasons = tuple(
        f"{one.where}: the gate's verdict was {one.verdict}"
        for one in results
        if not one.is_conclusive
    )
    return Comparison(
        tuple(new.values()),
        tuple(one for one in there if one.expires and one.expires < today),
        tuple(one for one in there if not one.expires or one.expires >= today),
        () if reasons else unseen,
        unseen if reasons else (),
        reasons,
    )


def document(found: Comparison) -> dict[str, Any]:
    """Return a comparison for JSON."""
    return {
        "schema": SCHEMA,
        "exit_code": found.exit_code,
        "reasons": list(found.reasons),
        "new": [
            {"fingerprint": one.fingerprint, "kind": one.kind, "title": one.title}
            for one in found.new
        ],
        **{
            name: [
                {
                    "fingerprint": one.fingerprint,
                    "kind": one.kind,
                    "title": one.title,
                    "since": one.since.isoformat(),
                    "expires": one.expires.isoformat() if one.expires else None,
                }
                for one in entries
            ]
            for name, entries in (
                ("expired", found.expired),
                ("unchanged", found.unchanged),
                ("fixed", found.fixed),
                ("unseen", found.unseen),
            )
        },
    }


def _entry(one: dict[str, Any]) -> Entry:
    expires = one.get("expires")
    return Entry(
        str(one["fingerprint"]),
        str(one["kind"]),
        str(one["title"]),
        date.fromisoformat(one["since"]),
        None if expires is None else date.fromisoformat(expires),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""What an audit has found, for people and as JSON.

JSON: `schema` (1; it counts up when a key goes away or changes its meaning), `version`, `verdict`,
`exit_code`, `reasons`, `files`, and

    roots:      [{function, where, why}]
    violations: [{function, kinds, root, path: [{function, where, offset}]}]
    indirect:   [{kind: call | jump, offset, root, path}]
    not_found:  [{function, where, offset, installer}]      calls whose handler is not known
    functions, allowed: counts;  unused_allow: [{where, function, reason}]
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from raceshim import __version__
from raceshim._errors import CLEAN, INCONCLUSIVE, RACES
from raceshim.audit._names import INSTRUMENTED, INTERCEPTABLE, TLS, UNSAFE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.audit._walk import Audit, Hop, Violation

SCHEMA = 1
_VERDICTS = {CLEAN: "clean", RACES: "violations", INCONCLUSIVE: "inconclusive"}
_MEANING = {
    INSTRUMENTED: "a detector's or coverage's own, whose locks may be held",
    INTERCEPTABLE: "a detector puts a function of its own there",
    UNSAFE: "not async-signal-safe",
    TLS: "allocates thread-local memory at the first use",
}
#: Indirect calls that the text tells; JSON has all.
_TOLD = 20


def exit_code(audit: Audit, reasons: Sequence[str]) -> int:
    """Return the verdict: violations, or nothing is known, or clean."""
    return RACES if audit.violations else INCONCLUSIVE if reasons else CLEAN


def text(audit: Audit, reasons: Sequence[str]) -> Iterator[str]:
    """Say it to people, line by line."""
    for violation in audit.violations:
        yield from _violation(violation)
    if audit.indirect:
        yield "indirect calls, which lead nobody knows where (--root FUNCTION goes on from there):"
        for one in audit.indirect[:_TOLD]:
            way = " -> ".join(hop.name for hop in one.path)
            yield f"  {way} -> {'a jump' if one.is_jump else 'a call'} at +{one.offset:#x}"
        if len(audit.indirect) > _TOLD:
            yield f"  and {len(audit.indirect) - _TOLD} more; --json has all of them"
        yield ""
    if audit.sites:
        yield "calls that may install handlers which were not found:"
        for site in audit.sites:
            offset = site.call.address - site.place.function.address
            yield f"  {site.installer} in {site.place.function.name}+{offset:#x}"
        yield ""
    for entry in audit.unused:
        yield f"note: {entry.where}: nothing calls {entry.function} any more"
    for reason in reasons:
        yield f"raceshim: {reason}"
    code = exit_code(audit, reasons)
    counts = [
        _count(len(audit.roots), "root"),
        _count(audit.walked, "function"),
        _count(len(audit.violations), "violation"),
        _count(len(audit.indirect), "indirect call"),
    ]
    if audit.allowed:
        counts.append(f"{_count(audit.allowed, 'call')} allowed")
    yield f"raceshim: {_VERDICTS[code]}: {', '.join(counts)}"


def document(audit: Audit, reasons: Sequence[str], files: Sequence[str]) -> str:
    """Return it as JSON."""
    code = exit_code(audit, reasons)
    content = {
        "schema": SCHEMA,
        "version": __version__,
        "verdict": _VERDICTS[code],
        "exit_code": code,
        "reasons": list(reasons),
        "files": list(files),
        "functions": audit.walked,
        "roots": [
            {"function": one.place.function.name, "where": one.place.function.where, "why": one.why}
            for one in audit.roots
        ],
        "violations": [
            {
                "function": one.path[-1].name,
                "kinds": list(one.kinds),
                "root": one.root.why,
                "path": _path(one.path),
            }
            for one in audit.violations
        ],
        "indirect": [
            {
                "kind": "jump" if one.is_jump else "call",
                "offset": one.offset,
                "root": one.root.why,
                "path": _path(one.path),
            }
            for one in audit.indirect
        ],
        "not_found": [
            {
                "function": one.place.function.name,
                "where": one.place.function.where,
                "offset": one.call.address - one.place.function.address,
                "installer": one.installer,
            }
            for one in audit.sites
        ],
        "allowed": audit.allowed,
        "unused_allow": [
            {"where": one.where, "function": one.function, "reason": one.reason}
            for one in audit.unused
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def _violation(violation: Violation) -> Iterator[str]:
    yield f"{violation.path[-1].name}: {', '.join(violation.kinds)}"
    for kind in violation.kinds:
        yield f"  {kind}: {_MEANING[kind]}"
    for place, hop in enumerate(violation.path):
        if hop.offset is None:
            yield f"    {hop.name}  {_where(hop)}, a root: {violation.root.why}"
            continue
        caller = violation.path[place - 1].name
        where = f"  {_where(hop)}" if hop.where else ""
        yield f"    -> {hop.name}  called at {caller}+{hop.offset:#x}{where}"
    yield ""


def _where(hop: Hop) -> str:
    return f"in {hop.where}"


def _path(path: Sequence[Hop]) -> list[dict[str, Any]]:
    return [{"function": one.name, "where": one.where, "offset": one.offset} for one in path]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"

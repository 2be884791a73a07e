# SPDX-License-Identifier: BSD-2-Clause
"""A finding as HTML: what it is, how often it was shown, its stacks, what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raceshim.finding._rules import rule_for
from raceshim.page._shell import block, inline
from raceshim.runs._rates import percent
from raceshim.view._merge import stacks
from raceshim.view._stacks import stacks_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.view._merge import Item
    from raceshim.view._source import Sources

Json = dict[str, Any]

#: What a finding has on the page, from all of it to what must be there: the report's own words,
#: source, and how many frames of each stack. Of these the first is taken that there is room for.
_LEVELS = ((True, True, 1000), (False, True, 64), (False, True, 16), (False, False, 6))
_PROGRAMS = 20
_TEXT = 300


def finding_html(
    item: Item, names: Sequence[str], sources: Sources | None, timeline: str, room: int
) -> tuple[str, bool]:
    """Return a finding in no more than so many bytes if that can be, and whether all is there."""
    for level, (text, source, frames) in enumerate(_LEVELS):
        html = _finding(item, names, sources if source else None, timeline, text, frames)
        if len(html.encode()) <= room:
            return html, level == 0
    return _finding(item, names, None, timeline, text=False, frames=1), False


def _finding(  # noqa: PLR0913, PLR0917 - how much of it there is to be
    item: Item,
    names: Sequence[str],
    sources: Sources | None,
    timeline: str,
    text: bool,
    frames: int,
) -> str:
    told, name = item.told, inline(item.fingerprint)
    rule = rule_for(item.kind)
    programs = list(item.programs)
    shown = ", ".join(map(inline, programs[:_PROGRAMS])) or "an unknown program"
    if len(programs) > _PROGRAMS:
        shown += f" and {len(programs) - _PROGRAMS} more"
    times = "once" if item.count == 1 else f"{item.count} times"
    head = (
        f'<details class="finding {item.state}" id="{name}" data-state="{item.state}" '
        f'data-kind="{inline(item.kind)}" data-results="{" ".join(map(str, item.seen))}">'
        f'<summary><span class="state">{item.state}</span> {_short(told["title"])} '
        f"<code>{name}</code> <small>{_often(item)}</small></summary>"
        f"<p>reported {times} in {shown}. "
        f'<a href="#rule-{inline(rule.identity)}">{inline(rule.short)}: what to do</a></p>'
    )
    parts = [
        head,
        _suppression(told["suppression"]),
        _rates(item, names),
        stacks_html(stacks(told), item.root, sources, frames),
    ]
    if told["location"]:
        parts.append(f"<p>location: {_short(told['location'])}</p>")
    parts += [f"<p>{_short(doubt)}</p>" for doubt in told["doubts"]]
    if not told["complete"]:
        parts.append("<p>This report is incomplete: part of it is missing or mixed up.</p>")
    parts.append(timeline)
    if text:
        parts.append(
            "<details><summary>as the detector printed it</summary>"
            f"<pre>{block(str(told['text']))}</pre></details>"
        )
    return "".join(parts) + "</details>\n"


def rules_html(kinds: Iterable[str]) -> str:
    """Return what the kinds of findings mean, each once."""
    rules = {rule.identity: rule for rule in map(rule_for, kinds)}
    items = "".join(
        f'<dt id="rule-{inline(name)}">{inline(rule.short)}</dt>'
        f"<dd>{inline(rule.meaning)} {inline(rule.fix)}</dd>"
        for name, rule in sorted(rules.items())
    )
    return f"<h2>What they mean, and what to do</h2><dl>{items}</dl>" if items else ""


def bar(share: Json) -> str:
    """Draw a rate with its interval."""
    low, high = 100 * share["low"], 100 * share["high"]
    rate = 100 * share["shown"] / share["runs"] if share["runs"] else 0
    return (
        '<svg class="rate" viewBox="0 0 100 10" width="100" height="10" aria-hidden="true">'
        f'<rect x="{low:.4g}" y="2" width="{max(high - low, 0.5):.4g}" height="6"/>'
        f'<path d="M{rate:.4g} 0v10"/></svg>'
    )


def share_text(share: Json) -> str:
    """Say a rate as the other formats do."""
    bounds = f"{percent(share['low'])} to {percent(share['high'])}"
    return f"{int(share['shown'])} of {int(share['runs'])} runs ({bounds})"


def _often(item: Item) -> str:
    """Say how often it was shown, in the result where that was most often."""
    rates = [rate for rate in item.seen.values() if rate is not None]
    if not rates:
        return ""
    return share_text(max(rates, key=lambda rate: rate["shown"] / max(rate["runs"], 1)))


def _rates(item: Item, names: Sequence[str]) -> str:
    rows = []
    for place, rate in item.seen.items():
        if rate is None:
            continue
        more = None if rate["runs_to_95"] is None else int(rate["runs_to_95"])
        to = "" if more is None else f"{more} run{'' if more == 1 else 's'}"
        where = inline(names[place]) if len(names) > 1 else "all runs"
        rows.append(_row(where, rate, to))
        if len(rate["by_policy"]) > 1:
            rows += [_row(inline(policy), by, "") for policy, by in rate["by_policy"].items()]
        if rate["depends_on_input"]:
            rows.append('<tr><td colspan="4">depends on the input, and on nothing else</td></tr>')
    if not rows:
        return ""
    head = "<tr><th>runs<th>shown by<th>95 %<th>95 % sure to show in</tr>"
    return f'<table class="rates"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def _row(name: str, share: Json, to: str) -> str:
    return f"<tr><td>{name}<td>{share_text(share)}<td>{bar(share)}<td>{to}</tr>"


def _suppression(by: Json | None) -> str:
    if by is None:
        return ""
    until = f" until {inline(by['expires'])}" if by["expires"] else ""
    return f"<p>suppressed{until}: {_short(by['reason'])} ({_short(by['where'])})</p>"


def _short(value: object) -> str:
    """Return a text that is there for orientation; the whole of it is in the report."""
    text = str(value)
    return inline(text if len(text) <= _TEXT else text[:_TEXT] + "\N{HORIZONTAL ELLIPSIS}")

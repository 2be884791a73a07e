# SPDX-License-Identifier: BSD-2-Clause
"""The page: results of the gate, for people, in one file.

All of it can be read without a script. The script searches and filters; it makes no markup.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import RaceshimError, ToolError
from raceshim.formats._plain import one_line
from raceshim.page._shell import document, inline, part
from raceshim.trace._read import read_file
from raceshim.view import _tables
from raceshim.view._finding import finding_html, rules_html
from raceshim.view._merge import merge
from raceshim.view._timeline import timeline_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from raceshim.cover._model import Row
    from raceshim.formats._documents import Document
    from raceshim.trace._model import Trace
    from raceshim.view._merge import Item
    from raceshim.view._source import Sources

#: So large a page opens at once, and can be sent by mail; what is more is cut, and counted.
_BYTES = 4_300_000
#: Of these so many are timelines' marks, of some 150 bytes each.
_MARKS, _MARKS_EACH = 5000, 800


@dataclass(frozen=True, slots=True)
class Extras:
    """What a page may have besides results.

    `timelines` are traces by the fingerprint of the finding that they show; those of "" stand by
    themselves. `coverage` is by directory, the total last.
    """

    title: str | None = None
    sources: Sources | None = None
    timelines: Mapping[str, Sequence[Trace]] = field(default_factory=dict)
    coverage: Sequence[Row] = ()


def page(documents: Sequence[Document], extras: Extras | None = None) -> str:
    """Return the page of some results."""
    extras = extras or Extras()
    items = merge(documents)
    try:
        return _page(documents, items, extras)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        where = ", ".join(one.where for one in documents)
        raise ToolError(f"{where}: damaged: {error!r}") from None


def _page(documents: Sequence[Document], items: Sequence[Item], extras: Extras) -> str:
    names = _tables.result_names(documents)
    timelines = _timelines({**_flights(items), **extras.timelines})
    known = [item.fingerprint for item in items]
    after = [
        *(_tables.matrix_html(one.content.get("matrix"), known) for one in documents),
        _tables.seen_table(items, names),
        *(_tables.programs_table(one.content["programs"]) for one in documents if one.of_programs),
        _tables.coverage_table(extras.coverage),
        *(html for name, html in timelines.items() if name not in set(known)),
        rules_html(item.kind for item in items),
        _tables.processes_table(documents),
    ]
    rest = "".join(after)
    room = _BYTES - len(rest.encode())
    findings, note = _findings(items, names, timelines, extras.sources, room)
    body = (
        f"{_tables.results_table(documents, names)}{_bar(items, names)}{note}"
        f'<main id="findings">\n{findings}</main>\n{rest}'
    )
    lines = [extras.title or "raceshim: what the race gate found", *_headlines(documents, items)]
    style, script = (part("view", f"view.{kind}") for kind in ("css", "js"))
    return document(lines, body, style=style, script=script)


def _headlines(documents: Sequence[Document], items: Sequence[Item]) -> list[str]:
    counts = {state: sum(i.state == state for i in items) for state in ("open", "tolerated")}
    told = [f"{count} {state}" for state, count in counts.items() if count]
    suppressed = len(items) - sum(counts.values())
    told += [f"{suppressed} suppressed"] if suppressed else []
    findings = f"{len(items)} finding{'' if len(items) == 1 else 's'}"
    which = f": {', '.join(told)}" if told else ""
    results = f"{len(documents)} result{'' if len(documents) == 1 else 's'}"
    by = ", ".join(dict.fromkeys(f"raceshim {one.content.get('version', '')}" for one in documents))
    return [f"{findings}{which}, in {results} of {one_line(by)}"]


def _flights(items: Sequence[Item]) -> dict[str, list[Trace]]:
    """Return the traces that results name for their findings, as far as they are still there."""
    found: dict[str, list[Trace]] = {}
    for item in items:
        flight = item.told.get("flight")
        path = Path(str(flight["path"])) if flight else None
        with contextlib.suppress(RaceshimError, OSError, ValueError):
            if path is not None and path.is_file():
                found[item.fingerprint] = [read_file(path)]
    return found


def _timelines(traces: Mapping[str, Sequence[Trace]]) -> dict[str, str]:
    each = min(_MARKS // max(sum(map(len, traces.values())), 1), _MARKS_EACH)
    return {
        name: "".join(timeline_html(trace, max(each, 20)) for trace in some)
        for name, some in traces.items()
    }


def _findings(
    items: Sequence[Item],
    names: Sequence[str],
    timelines: Mapping[str, str],
    sources: Sources | None,
    room: int,
) -> tuple[str, str]:
    """Return the findings, and a note of what there was no room for."""
    room -= sum(len(html.encode()) for html in timelines.values())
    parts: list[str] = []
    short = 0
    for place, item in enumerate(items):
        timeline = timelines.get(item.fingerprint, "")
        fair = max(room // (len(items) - place), 0)
        html, whole = finding_html(item, names, sources, timeline, fair + len(timeline.encode()))
        size = len(html.encode()) - len(timeline.encode())
        if size > room:
            break
        room -= size
        short += not whole
        parts.append(html)
    told = []
    if len(parts) < len(items):
        told.append(f"{len(items) - len(parts)} findings are not on this page")
    if short:
        told.append(f"{short} are shorter than in the results")
    note = f'<p class="cut">{inline("; ".join(told))}: it would be too large.</p>' if told else ""
    return "".join(parts), note


def _bar(items: Sequence[Item], names: Sequence[str]) -> str:
    """Return what the script works with; without one it is not shown."""
    if not items:
        return ""
    results = [(str(place), f"{place + 1}: {name}") for place, name in enumerate(names)]
    states = [(state, state) for state in dict.fromkeys(item.state for item in items)]
    kinds = [(kind, kind) for kind in sorted({item.kind for item in items})]
    return (
        '<div id="bar" hidden>\n<input id="search" type="search" '
        'placeholder="search: a regular expression ( / )" aria-label="search">\n'
        f"{_select('state', 'all states', states)}{_select('kind', 'all kinds', kinds)}"
        f"{_select('result', 'all results', results)}"
        '<button id="open" type="button">open all</button>\n'
        '<button id="close" type="button">close all (Esc)</button>\n'
        '<span id="found" aria-live="polite"></span>\n</div>\n'
    )


def _select(name: str, every: str, values: Sequence[tuple[str, str]]) -> str:
    if len(values) < 2:
        return ""
    options = "".join(
        f'<option value="{inline(value)}">{inline(text)}</option>' for value, text in values
    )
    return (
        f'<select id="{name}" aria-label="{name}"><option value="">{every}</option>'
        f"{options}</select>\n"
    )

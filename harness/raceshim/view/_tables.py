# SPDX-License-Identifier: BSD-2-Clause
"""The tables of the page: results, processes, a matrix, programs with a verdict, coverage."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from raceshim.page._shell import inline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.cover._model import Row
    from raceshim.formats._documents import Document
    from raceshim.view._merge import Item

Json = dict[str, Any]

#: Rows of a table that are shown; the JSON has all.
_ROWS = 2000


def result_names(documents: Sequence[Document]) -> list[str]:
    """Return a name for each result: its command, or its file where that says no more."""
    commands = [
        f"programs, {document.where}"
        if document.of_programs
        else shlex.join(map(str, document.content["command"]))[:80]
        for document in documents
    ]
    twice = {name for name, count in Counter(commands).items() if count > 1}
    return [
        f"{name} ({document.where})" if name in twice else name
        for name, document in zip(commands, documents, strict=True)
    ]


def results_table(documents: Sequence[Document], names: Sequence[str]) -> str:
    """Return a row for each result."""
    rows = []
    for document, name in zip(documents, names, strict=True):
        content = document.content
        runs = content.get("runs")
        told = [*content.get("reasons", ()), *(f"note: {n}" for n in content.get("notes", ()))]
        if runs:
            told.insert(0, runs["sureness"] if not content["findings"] else "")
        why = "<br>".join(inline(line) for line in told if line)
        rows.append(
            (
                f'<b class="v{int(content["exit_code"])}">{inline(content["verdict"])}</b>',
                inline(name),
                inline(content.get("detector") or ""),
                inline(content.get("started", "")),
                str(int(runs["counted"])) if runs else "",
                why,
            )
        )
    return _table(("verdict", "command", "detector", "begun (UTC)", "runs", ""), rows)


def processes_table(documents: Iterable[Document]) -> str:
    """Count the processes by program and state; say why, where a state is no plain one."""
    counts: Counter[tuple[str, str]] = Counter()
    why: dict[tuple[str, str], str] = {}
    for document in documents:
        for process in document.content.get("processes", ()):
            key = (str(process["program"] or "unknown program"), str(process["state"]))
            counts[key] += 1
            if process["reasons"]:
                why.setdefault(key, str(process["reasons"][0]))
    if not counts:
        return ""
    rows = [
        (inline(program), inline(state), str(count), inline(why.get((program, state), "")))
        for (program, state), count in sorted(counts.items())
    ]
    table = _table(("program", "state", "processes", ""), rows)
    return f"<details><summary>{sum(counts.values())} processes</summary>{table}</details>"


def seen_table(items: Sequence[Item], names: Sequence[str]) -> str:
    """Return which result shows which finding, where there are several results."""
    if len(names) < 2 or not items:
        return ""
    rows = []
    for item in items:
        cells = tuple(_seen(item.seen, place) for place in range(len(names)))
        name = inline(item.fingerprint)
        some = "" if len(item.seen) == len(names) else "only some"
        title = inline(str(item.told["title"])[:120])
        rows.append((f'<a href="#{name}">{title}</a>', some, *cells))
    head = ("finding", "", *(f"{n + 1}: {inline(name)}" for n, name in enumerate(names)))
    return f"<h2>Which result shows what</h2>{_table(head, rows, 'matrix')}"


def matrix_html(matrix: Json | None, findings: Iterable[str]) -> str:
    """Return a matrix: a column for each cell of it, a row for each finding or program."""
    if not matrix:
        return ""
    known = set(findings)
    cells = matrix["cells"]
    axes = [name for name in matrix["axes"] if len({str(cell[name]) for cell in cells}) > 1]
    head = ["", ""]
    for cell in cells:
        told = "<br>".join(inline(cell[axis]) for axis in axes or list(matrix["axes"])[:1])
        bad = f'<br><b class="v4">{inline(cell["verdict"])}</b>' if cell["error"] else ""
        head.append(told + bad)
    rows = []
    for row in matrix["rows"]:
        title = inline(str(row["title"])[:160])
        name = inline(row["name"])
        link = f'<a href="#{name}">{title}</a>' if row["name"] in known else title
        rows.append(
            (
                link,
                "only some" if row["only_some"] else "",
                *(
                    _cell(shown, cell["runs"])
                    for shown, cell in zip(row["shown"], cells, strict=True)
                ),
            )
        )
    errors = [
        f"<p>{inline(' '.join(str(cell[axis]) for axis in matrix['axes']))}: "
        f"{inline(str(cell['error'])[:500])}</p>"
        for cell in cells
        if cell["error"]
    ]
    some = sum(bool(row["only_some"]) for row in matrix["rows"])
    told = f"{some} of {len(rows)} are shown by some and not by others, in {len(cells)} settings."
    return f"<h2>Matrix</h2><p>{told}</p>{_table(head, rows, 'matrix')}{''.join(errors)}"


def programs_table(programs: Sequence[Json]) -> str:
    """Return programs whose names are their verdicts."""
    rows = [
        (
            f'<b class="v{0 if one["verdict"] == "right" else 1}">{inline(one["verdict"])}</b>',
            inline(one["program"]),
            inline(one["variant"]),
            inline(one["compiler"]),
            inline(one["detector"]),
            inline(one["expected"]),
            "<br>".join(f"{inline(what)} ({int(count)})" for what, count in one["got"].items())
            or inline((one["error"] or "")[:300]),
            f"{int(one['right'])}/{int(one['runs'])}",
        )
        for one in sorted(programs, key=lambda one: one["verdict"] == "right")
    ]
    head = ("verdict", "program", "variant", "compiler", "detector", "expected", "got", "right")
    return f"<h2>Programs</h2>{_table(head, rows, 'programs')}"


def coverage_table(rows: Sequence[Row]) -> str:
    """Return coverage by directory; the last row is the total."""
    if not rows:
        return ""
    told = [
        (
            inline(row.name),
            *(
                f"{share} ({share.covered}/{share.total})"
                for share in (row.lines, row.functions, row.branches)
            ),
        )
        for row in rows
    ]
    return f"<h2>Coverage</h2>{_table(('', 'lines', 'functions', 'branches'), told)}"


def _seen(seen: dict[int, Json | None], place: int) -> str:
    if place not in seen:
        return "-"
    rate = seen[place]
    return "yes" if rate is None else f"{int(rate['shown'])}/{int(rate['runs'])}"


def _cell(shown: int | None, runs: int) -> str:
    if shown is None:
        return ""
    told = f"{int(shown)}/{int(runs)}"
    return f'<b class="hit">{told}</b>' if shown else told


def _table(head: Iterable[str], rows: Sequence[Iterable[str]], kind: str = "") -> str:
    """Return a table; what goes in is HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows[:_ROWS]
    )
    more = f"<p>and {len(rows) - _ROWS} more rows</p>" if len(rows) > _ROWS else ""
    label = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide"><table{label}><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}"
    )

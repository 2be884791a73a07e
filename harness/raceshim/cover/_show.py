# SPDX-License-Identifier: BSD-2-Clause
"""Source with counts beside it, as text and as HTML, for engines that llvm-cov cannot show."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.cover._model import Row, summary, total

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.cover._model import File

_STYLE = """\
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
table { border-collapse: collapse } td, th { padding: .15em .8em; text-align: left }
td.n { text-align: right; color: #666; font-variant-numeric: tabular-nums }
tr.yes td.s { background: #e6f4e6 } tr.no td.s { background: #fbe3e3 }
td.s { white-space: pre; font-family: ui-monospace, monospace; tab-size: 8 }
tbody.source td { padding-top: 0; padding-bottom: 0 }
"""


def text(files: Sequence[File]) -> str:
    """Return every file's source, with line numbers and counts in llvm-cov's columns."""
    out: list[str] = []
    for file in files:
        out.append(f"{file.path}:")
        for number, count, line in _source(file):
            shown = "" if count is None else str(count)
            out.append(f"{number:5}|{shown:>7}|{line}")
        out.append("")
    return "\n".join(out)


def write_html(files: Sequence[File], folder: Path) -> None:
    """Write an index and a page for each file; nothing is loaded from elsewhere."""
    pages = folder / "files"
    pages.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, file in enumerate(files):
        name = f"{number}.html"
        (pages / name).write_text(_file_page(file), encoding="utf-8")
        link = f'<a href="files/{name}">{html.escape(file.path)}</a>'
        rows.append(_row(link, summary(file)))
    rows.append(_row("<b>total</b>", total(files)))
    head = "<tr><th>file</th><th>lines</th><th>functions</th><th>branches</th></tr>"
    body = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    (folder / "index.html").write_text(_page("Coverage", body), encoding="utf-8")


def _row(link: str, row: Row) -> str:
    cells = "".join(
        f'<td class="n">{share} ({share.covered}/{share.total})</td>'
        for share in (row.lines, row.functions, row.branches)
    )
    return f"<tr><td>{link}</td>{cells}</tr>"


def _file_page(file: File) -> str:
    rows = []
    for number, count, line in _source(file):
        kind = "" if count is None else "yes" if count else "no"
        shown = "" if count is None else count
        rows.append(
            f'<tr class="{kind}" id="L{number}"><td class="n">{number}</td>'
            f'<td class="n">{shown}</td><td class="s">{html.escape(line)}</td></tr>'
        )
    row = summary(file)
    head = f"<p>lines {row.lines}, functions {row.functions}</p>"
    body = f'{head}<table><tbody class="source">{chr(10).join(rows)}</tbody></table>'
    return _page(file.path, body)


def _page(title: str, body: str) -> str:
    shown = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{shown}</h1>{body}</body></html>\n"
    )


def _source(file: File) -> Iterator[tuple[int, int | None, str]]:
    """Return numbers, counts and lines; of a source that is gone, the lines that have counts."""
    try:
        lines = Path(file.path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        for number, count in sorted(file.lines.items()):
            yield number, count, ""
        return
    for number, line in enumerate(lines, 1):
        yield number, file.lines.get(number), line

# SPDX-License-Identifier: BSD-2-Clause
"""Source with counts beside it, as text and as HTML, for engines that llvm-cov cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raceshim.cover._model import Row, summary, total
from raceshim.page._shell import block, document, inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.cover._model import File

_STYLE = """\
table { border-collapse: collapse } td, th { padding: .15em .8em; text-align: left }
td.n { text-align: right; color: var(--faint); font-variant-numeric: tabular-nums }
tr.yes td.s { background: var(--ran) } tr.no td.s { background: var(--hit) }
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
        link = f'<a href="files/{name}">{inline(file.path)}</a>'
        rows.append(_row(link, summary(file)))
    rows.append(_row("<b>total</b>", total(files)))
    head = "<tr><th>file</th><th>lines</th><th>functions</th><th>branches</th></tr>"
    body = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    (folder / "index.html").write_text(document(["Coverage"], body, style=_STYLE), encoding="utf-8")


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
            f'<td class="n">{shown}</td><td class="s">{block(line)}</td></tr>'
        )
    row = summary(file)
    body = f'<table><tbody class="source">{chr(10).join(rows)}</tbody></table>'
    told = f"lines {row.lines}, functions {row.functions}"
    return document([file.path, told], body, style=_STYLE)


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

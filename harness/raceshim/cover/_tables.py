# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim cover percent` and `func`: the tables, for people and as JSON."""

from __future__ import annotations

import json as json_module
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim import __version__
from raceshim._files import write_text
from raceshim._mangled import readable
from raceshim.cover import _model, _report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums
    from raceshim.cover._model import File, Row, Share


def show(command: str, inputs: Inputs, sums: Sums, *, by: str, json: str | None) -> list[str]:
    """Print the table, or write it as JSON; return what was left out."""
    report = _report.units(inputs, sums)
    files = _report.files(report, ranges=by == "function")
    if command == "func" or by == "function":
        _make_readable(files)
    if command == "func":
        text, rows = _functions(files), _function_objects(files)
    else:
        table = _model.rows(files, by)
        text, rows = percent(table, _model.total(files), by), [_object(row) for row in table]
    if json is None:
        print(text, end="")
        return report.skipped
    value = {
        "schema": 1,
        "version": __version__,
        "mode": "cover",
        "by": by,
        "rows": rows,
        "total": _object(_model.total(files)),
        "skipped": report.skipped,
    }
    write_text(json, json_module.dumps(value, indent=2, ensure_ascii=False) + "\n")
    if json != "-":
        print(text, end="")
    return report.skipped


def _make_readable(files: Sequence[File]) -> None:
    """Give C++ functions the names that people write, as gcov does by itself."""
    names = readable((f.name for file in files for f in file.functions), parameters=True)
    for file in files:
        file.functions = [replace(f, name=names.get(f.name, f.name)) for f in file.functions]


def percent(rows: Sequence[Row], total: Row, by: str) -> str:
    """Return the table of percentages, with the sum in its last line."""
    head = ("lines", "functions", "branches", by)
    cells = [
        (_cell(row.lines), _cell(row.functions), _cell(row.branches), row.name)
        for row in (*rows, total)
    ]
    return _columns([head, *cells])


def _functions(files: Sequence[File]) -> str:
    cells = [("lines", "calls", "function", "place")]
    cells += [
        (_cell(file.lines_of(f)), str(f.count), f.name, f"{file.path}:{f.line}")
        for file in files
        for f in file.functions
    ]
    total = _model.total(files)
    cells.append((_cell(total.lines), "", "total", ""))
    return _columns(cells, right=2)


def _columns(cells: Sequence[tuple[str, ...]], right: int = 3) -> str:
    """Align; the last column is never padded, so that paths can be copied."""
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]) - 1)]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if place < right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join([*padded, row[-1]]).rstrip())
    return "\n".join(lines) + "\n"


def _cell(share: Share) -> str:
    return f"{share} {share.covered}/{share.total}" if share.total else "-"


def _object(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "lines": _share(row.lines),
        "functions": _share(row.functions),
        "branches": _share(row.branches),
    }


def _function_objects(files: Sequence[File]) -> list[dict[str, object]]:
    return [
        {
            "name": f.name,
            "file": file.path,
            "line": f.line,
            "end": f.end,
            "count": f.count,
            "lines": _share(file.lines_of(f)),
        }
        for file in files
        for f in file.functions
    ]


def _share(share: Share) -> dict[str, object]:
    percent = None if share.percent is None else round(share.percent, 4)
    return {"covered": share.covered, "total": share.total, "percent": percent}

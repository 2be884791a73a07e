# SPDX-License-Identifier: BSD-2-Clause
"""A matrix as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raceshim.formats._plain import one_line, printable

if TYPE_CHECKING:
    from raceshim.runs._matrix import CellResult, Matrix, MatrixRow

Json = dict[str, Any]

_TITLE = 60


def document(matrix: Matrix | None) -> Json | None:
    """Return a matrix as a value of JSON."""
    if matrix is None:
        return None
    return {
        "axes": {name: list(values) for name, values in matrix.axes.items()},
        "cells": [_cell(one) for one in matrix.cells],
        "rows": [
            {
                "name": printable(row.name),
                "title": printable(row.title),
                "shown": list(row.shown),
                "only_some": row.only_some,
            }
            for row in matrix.rows
        ],
    }


def matrix_text(matrix: Matrix) -> str:
    """Return a matrix as a table: settings by letters, then a line for each row of it."""
    names = [letter(place) for place in range(len(matrix.cells))]
    width = max((len(one.cell.text()) for one in matrix.cells), default=0)
    lines = [f"matrix: {len(matrix.cells)} settings"]
    for name, one in zip(names, matrix.cells, strict=True):
        why = f": {one_line(one.error)[:200]}" if one.error else ""
        runs = f"{one.runs} run{'' if one.runs == 1 else 's'}"
        lines.append(f"  {name:>3}  {one.cell.text():{width}}  {one.verdict}{why}, {runs}")
    if matrix.rows:
        widths = [
            max(len(name), *(len(share(row, place, matrix)) for row in matrix.rows))
            for place, name in enumerate(names)
        ]
        left = min(max(len(_label(row)) for row in matrix.rows), _TITLE + 20)
        head = "  ".join(f"{name:>{w}}" for name, w in zip(names, widths, strict=True))
        lines.append(f"  {'':{left}}  {head}")
        for row in matrix.rows:
            shares = "  ".join(
                f"{share(row, place, matrix):>{w}}" for place, w in enumerate(widths)
            )
            some = "  only some" if row.only_some else ""
            lines.append(f"  {_label(row)[:left]:{left}}  {shares}{some}")
    count = sum(row.only_some for row in matrix.rows)
    lines.append(f"  {count} of {len(matrix.rows)} are shown by some settings and not by others")
    return "".join(f"{line}\n" for line in lines)


def share(row: MatrixRow, place: int, matrix: Matrix) -> str:
    """Say how many of a setting's runs have shown a row; nothing where none ran."""
    shown = row.shown[place]
    return "" if shown is None else f"{shown}/{matrix.cells[place].runs}"


def _label(row: MatrixRow) -> str:
    title = one_line(row.title)
    return f"{one_line(row.name)}  {title[:_TITLE]}" if row.name != row.title else title


def letter(place: int) -> str:
    """Name a setting: A, ..., Z, AA, ..."""
    text, left = "", place + 1
    while left:
        left, last = divmod(left - 1, 26)
        text = chr(ord("A") + last) + text
    return text


def _cell(one: CellResult) -> Json:
    return {
        "compiler": one.cell.compiler,
        "opt": one.cell.opt,
        "detector": one.cell.detector,
        "mode": one.cell.mode,
        "verdict": one.verdict,
        "exit_code": one.exit_code,
        "runs": one.runs,
        "seconds": round(one.seconds, 3),
        "error": None if one.error is None else printable(one.error),
    }

# SPDX-License-Identifier: BSD-2-Clause
"""Cobertura's XML (coverage-04.dtd), which GitLab, Jenkins and Azure read."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from raceshim import __version__
from raceshim.cover._model import Share, summary, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.cover._model import File, Row

_DOCTYPE = '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'
#: What XML 1.0 cannot hold, in whatever form.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(files: Sequence[File], root: str, seconds: int) -> str:
    """Return the report; paths below `root` are written relative to it, as GitLab wants them."""
    row = total(files)
    packages: dict[str, list[File]] = {}
    for file in files:
        packages.setdefault(str(PurePosixPath(_name(file.path, root)).parent), []).append(file)
    opening = (
        f'<coverage {_rates(row)} lines-covered="{row.lines.covered}" '
        f'lines-valid="{row.lines.total}" branches-covered="{row.branches.covered}" '
        f'branches-valid="{row.branches.total}" complexity="0" version={_quoted(__version__)} '
        f'timestamp="{seconds}">'
    )
    out = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        _DOCTYPE,
        opening,
        f"<sources><source>{_quoted(root)[1:-1]}</source></sources>",
        "<packages>",
    ]
    for name, members in sorted(packages.items()):
        out.append(f'<package name={_quoted(name)} {_rates(total(members))} complexity="0">')
        out.append("<classes>")
        for file in members:
            out += _class(file, _name(file.path, root))
        out += ["</classes>", "</package>"]
    out += ["</packages>", "</coverage>"]
    return "\n".join(out) + "\n"


def _class(file: File, name: str) -> Iterable[str]:
    row = summary(file)
    branches: dict[int, list[int | None]] = {}
    for (line, _, _), taken in file.branches.items():
        branches.setdefault(line, []).append(taken)
    yield (
        f"<class name={_quoted(PurePosixPath(name).name)} filename={_quoted(name)} "
        f'{_rates(row)} complexity="0">'
    )
    yield "<methods>"
    for f in file.functions:
        share = file.lines_of(f)
        yield (
            f'<method name={_quoted(f.name)} signature="()" line-rate="{_rate(share)}" '
            f'branch-rate="1" complexity="0"><lines><line number="{f.line}" hits="{f.count}"/>'
            "</lines></method>"
        )
    yield "</methods>"
    yield "<lines>"
    for line, count in sorted(file.lines.items()):
        if line not in branches:
            yield f'<line number="{line}" hits="{count}" branch="false"/>'
            continue
        share = Share(sum(1 for taken in branches[line] if taken), len(branches[line]))
        percent = 100 * share.covered // share.total
        yield (
            f'<line number="{line}" hits="{count}" branch="true" '
            f'condition-coverage="{percent}% ({share.covered}/{share.total})"/>'
        )
    yield "</lines>"
    yield "</class>"


def _rates(row: Row) -> str:
    return f'line-rate="{_rate(row.lines)}" branch-rate="{_rate(row.branches)}"'


def _rate(share: Share) -> str:
    """Return a share as a fraction; of nothing, nothing is missing."""
    return f"{share.covered / share.total:.4f}" if share.total else "1"


def _name(path: str, root: str) -> str:
    return os.path.relpath(path, root) if path.startswith(root.rstrip("/") + "/") else path


def _quoted(text: str) -> str:
    """Return text between double quotes, as attributes have it."""
    return quoteattr(_NO_XML.sub("?", text), {'"': "&quot;"})

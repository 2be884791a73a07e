# SPDX-License-Identifier: BSD-2-Clause
"""Write results for machines (JSON) and for the docs (Markdown).

JSON of programs: `schema` (1), `version`, `mode` ("programs"), `verdict`, `exit_code`, and what
follows. Keys are only ever added. That of a command begins in the same way; see `formats/_json`.

mode "programs":
    programs: [{program, compiler, detector, opt, mode, variant, expected, verdict,
                got: {TEXT: COUNT}, runs, right, reports, seconds, error}]
    matrix: null, or what only some settings show; see `formats/_matrix`
    totals: {VERDICT: COUNT}
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim import __version__
from raceshim._errors import ToolError
from raceshim.cc._compilers import SUPPORTED
from raceshim.formats._matrix import document as matrix_document
from raceshim.formats._text import got_text, relative, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim._verdicts import CaseVerdict
    from raceshim.runs._matrix import Matrix

_SCHEMA = 1
_WORDS = {0: "clean", 1: "races", 3: "build failed", 4: "inconclusive"}


def write_text(target: str, text: str) -> None:
    """Write a file so that it is there whole or not at all; `-` is stdout."""
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is complete when it has its name."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Write what a command has to say, to its end.

    A reader that wants no more (`| head`) is none of its errors; any other file's is told.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise ToolError(f"{error.filename or 'output'}: {error.strerror}") from None


def programs_json(document: dict[str, object]) -> str:
    """Return the verdicts on programs as JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def programs_document(
    verdicts: Sequence[CaseVerdict], root: Path, code: int, matrix: Matrix | None = None
) -> dict[str, object]:
    """Return the verdicts on programs as a value."""
    return {
        **_head("programs", code),
        "programs": [
            {
                "program": str(relative(v.case.program.path, root)),
                "compiler": v.case.compiler.name,
                "detector": v.case.program.detector,
                "opt": v.case.opt if matrix else None,
                "mode": v.case.mode if matrix else None,
                "variant": v.case.variant,
                "expected": " or ".join(map(str, v.expected)),
                "verdict": v.verdict,
                "got": dict(sorted(v.got.items())),
                "runs": len(v.runs),
                "right": v.right,
                "reports": v.reports,
                "seconds": round(v.seconds, 3),
                "error": v.error,
            }
            for v in verdicts
        ],
        "matrix": matrix_document(matrix),
        "totals": dict(sorted(Counter(v.verdict for v in verdicts).items())),
    }


def programs_markdown(verdicts: Sequence[CaseVerdict], page: Path) -> str:
    """Return the page of verdicts; it holds no times, so that only a changed verdict changes it."""
    order = {name: place for place, name in enumerate(SUPPORTED)}
    rows = sorted(
        verdicts,
        key=lambda v: (
            str(v.case.program.path.parent),
            v.case.program.path.name,
            v.case.variant != "main",
            order.get(v.case.compiler.name, len(order)),
        ),
    )
    lines = [
        "# Verdicts",
        "",
        "What every program of `testdata/` shows, as it stands (main) and with its protection",
        "removed (control). Generated: `raceshim gate testdata --compiler all --runs 20 --table`.",
        "",
        f"{summary(verdicts)}.",
        "",
        "| program | variant | compiler | detector | expected | got | rate | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for v in rows:
        path = v.case.program.path
        link = os.path.relpath(path, page.parent)
        cells = (
            f"[{path.stem}]({link})",
            v.case.variant,
            v.case.compiler.name,
            v.case.program.detector,
            " or ".join(map(str, v.expected)),
            got_text(v),
            f"{v.right}/{len(v.runs)}",
            v.verdict,
        )
        lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


def _head(mode: str, code: int) -> dict[str, object]:
    return {
        "schema": _SCHEMA,
        "version": __version__,
        "mode": mode,
        "verdict": _WORDS[code],
        "exit_code": code,
    }

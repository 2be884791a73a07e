# SPDX-License-Identifier: BSD-2-Clause
"""One HTML file with everything in it.

Nothing is loaded from anywhere, and the policy of the page holds a browser to that. It also names
the one script of the page by its digest: if a text ever came into a page as markup, it could still
not run.
"""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from raceshim.formats._plain import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def inline(value: object) -> str:
    """Return any text as HTML, on one line."""
    return escape(one_line(str(value)))


def block(value: str) -> str:
    """Return any text as HTML, with its line ends."""
    return escape(printable(value))


def document(lines: Sequence[str], body: str, *, style: str = "", script: str = "") -> str:
    """Return a page; `lines` are plain text, the heading and what stands below it.

    `style` is added to the style that all pages have.
    """
    title, *below = [inline(line) for line in lines]
    scripts = f"<script>{script}</script>\n" if script else ""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if script else "'none'"
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{title}</title>\n<style>\n{part('page', 'base.css')}{style}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n<p>{'<br>'.join(below)}</p>\n{body}{scripts}</body>\n</html>\n"
    )


def data(name: str, value: object) -> str:
    """Return a value for the page's script, which finds it by its name."""
    # In a script element only `<` could end it.
    told = json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{told}</script>\n'


def part(folder: str, name: str) -> str:
    """Return a file of the package without the line that names its licence."""
    file = resources.files(f"raceshim.{folder}") / name
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if "SPDX-License-Identifier" not in line)

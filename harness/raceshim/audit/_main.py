# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim audit`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from raceshim._files import write_text
from raceshim._options_rooms import AUDIT_OPTIONS
from raceshim.audit import _allow, _read, _report
from raceshim.audit._program import Program
from raceshim.audit._roots import Roots
from raceshim.audit._walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raceshim.audit._image import Image
    from raceshim.audit._walk import Audit

_EPILOG = """\
examples:
  raceshim audit ./server
  raceshim audit --root on_tick --allow audit.toml libmine.a
  raceshim audit --json - ./server | jq .violations

exit status: 0 clean; 1 a handler reaches what it must not call; 2 usage; 4 nothing is known: no
symbols, no handler found, a file that cannot be read
"""


def main(words: Sequence[str]) -> int:
    """Audit files; return the exit status."""
    parsed = build_parser().parse_args(list(words))
    allowed = _allow.read(parsed.allow)
    images = _read.read(parsed.files)
    program = Program(images)
    roots = Roots(program, allowed.names, parsed.root or ())
    audit = Walk(program, allowed).run(roots.found, roots.sites)
    reasons = list(_doubts(images, audit))
    if parsed.json is not None:
        write_text(parsed.json, _report.document(audit, reasons, parsed.files))
    if parsed.json != "-":
        sys.stdout.write("".join(f"{line}\n" for line in _report.text(audit, reasons)))
    return _report.exit_code(audit, reasons)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim audit",
        description="Check that no signal handler reaches what a handler must not call. Handlers "
        "are found where they are installed (sigaction, signal), by name (*_sig), by section "
        "(rsh_sig), and with --root.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for option in AUDIT_OPTIONS.values():
        parser.add_argument(
            option.flag,
            dest=option.name,
            help=option.help,
            metavar=option.metavar,
            action="append" if option.name == "root" else "store",
        )
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="an executable, a library, an archive, an object"
    )
    return parser


def _doubts(images: Sequence[Image], audit: Audit) -> Iterator[str]:
    for image in images:
        if image.is_stripped:
            yield f"{image.where} has no symbols (it is stripped): its functions are not known"
    if not audit.roots:
        yield "no handler was found: name the functions that handlers begin with (--root FUNCTION)"

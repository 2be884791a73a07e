# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim report`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim._files import write_text, writing
from raceshim._options import resolve
from raceshim._report_options import REPORT_COMMANDS, REPORT_OPTIONS
from raceshim.cover._gate import by_directory
from raceshim.formats._documents import load
from raceshim.trace._read import read_file
from raceshim.view._page import Extras, page
from raceshim.view._source import Sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.cover._model import Row
    from raceshim.trace._model import Trace

_REPEATED = ("sources", "trace")


def main(words: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    parser = build_parser()
    parsed = parser.parse_args(words)
    if parsed.command is None:
        parser.print_usage(sys.stderr)
        return UsageError.exit_code
    with writing():
        write_text(parsed.output or "-", _html(parsed))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim report",
        description="Make reports of what raceshim gate --json has written, here or elsewhere.",
        epilog="exit status: 0; 2 usage; 4 a file cannot be read, or is damaged",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (text, places, options) in REPORT_COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        command.add_argument(
            "places", nargs="+", metavar=places, help="a file of raceshim gate --json"
        )
        for option_name in options:
            option = REPORT_OPTIONS[option_name]
            command.add_argument(
                *(["-o"] if option_name == "output" else []),
                option.flag,
                dest=option_name,
                help=option.help,
                metavar=option.metavar,
                action="append" if option_name in _REPEATED else "store",
            )
    return parser


def _html(parsed: argparse.Namespace) -> str:
    from raceshim._command import project_root  # noqa: PLC0415 - brings all of the runner

    folders = [Path(folder) for folder in parsed.sources or [str(project_root())]]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"--sources {folder}: no such folder")
    rows: list[Row] = []
    notes: tuple[str, ...] = ()
    if parsed.cover is not None:
        rows, notes = by_directory(Path(parsed.cover), resolve({}).jobs)
    for note in notes:
        sys.stderr.write(f"raceshim: coverage: {note}\n")
    extras = Extras(parsed.title, Sources(folders), timelines(parsed.trace or ()), rows)
    return page([load(path) for path in parsed.places], extras)


def timelines(told: Sequence[str]) -> dict[str, list[Trace]]:
    """Read traces, each by the fingerprint before it, or by nothing."""
    found: dict[str, list[Trace]] = {}
    for text in told:
        name, equals, path = text.partition("=")
        is_named = bool(equals) and name.startswith("v1-")
        found.setdefault(name if is_named else "", []).append(read_file(path if is_named else text))
    return found

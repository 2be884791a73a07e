# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim history`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from raceshim._errors import UsageError
from raceshim._files import write_text
from raceshim._options import resolve
from raceshim._options_rooms import HISTORY_COMMANDS, HISTORY_OPTIONS
from raceshim.history import _record, _results, _text, _views
from raceshim.history._arguments import add_commands, read_options
from raceshim.history._database import Database

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_EPILOG = """\
examples:
  raceshim gate --json race.json -- make check
  raceshim history record race.json
  raceshim history list
  raceshim history show v1-0123bd2342333b4f

exit status: 0; 2 usage; 4 the database or a file cannot be read
"""


def main(words: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    parsed = build_parser().parse_args(list(words))
    if parsed.command is None:
        build_parser().print_usage(sys.stderr)
        return UsageError.exit_code
    given = parsed.db
    read_options(parsed, HISTORY_COMMANDS, HISTORY_OPTIONS)
    url = str(resolve({"db": given}).db)
    if parsed.command == "record":
        return _record_command(url, parsed)
    database = Database(url, make=False)
    content: dict[str, Any] = {"schema": 1}
    if parsed.command == "list":
        lines = database.within(_views.findings)
        content["findings"] = [_views.document(one) for one in lines]
        text = _text.findings(lines)
    elif parsed.command == "commits":
        summaries = database.within(_views.summaries)
        content["commits"] = [_views.document(one) for one in summaries]
        text = _text.commits(summaries)
    else:
        if len(parsed.places) != 1:
            raise UsageError("show needs the fingerprint of one finding")
        name = parsed.places[0]
        line, at = database.within(lambda connection: _views.finding(connection, name))
        content |= _views.document(line)
        content["at"] = [_views.document(one) for one in at]
        text = _text.finding(line, at)
    _write(parsed.json, content, text)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim history",
        description="Remember every run of the gate: when a finding was first and last seen, and "
        "how often it shows at each commit.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_commands(parser, HISTORY_COMMANDS, HISTORY_OPTIONS)
    return parser


def _record_command(url: str, parsed: argparse.Namespace) -> int:
    if not parsed.places:
        raise UsageError("nothing to record: name files that raceshim gate --json has written")
    results = _results.read(parsed.places)
    at = _record.commit(parsed.commit)
    done = _record.record(Database(url, make=True), at, parsed.lane, results)
    known = f", {done.known} known already" if done.known else ""
    told = f"{done.files} results of {done.runs} runs recorded at {at.name[:12]}{known}"
    sys.stdout.write(f"raceshim: {told}\n")
    for one in done.new_findings:
        sys.stdout.write(f"  never seen before: {one.fingerprint}  {one.title}\n")
    return 0


def _write(target: str | None, content: dict[str, Any], text: Iterable[str]) -> None:
    if target is not None:
        write_text(target, json.dumps(content, indent=2) + "\n")
    if target != "-":
        sys.stdout.write("".join(f"{line}\n" for line in text))

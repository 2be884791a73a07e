# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim baseline`."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import CLEAN, INCONCLUSIVE, RACES, ToolError, UsageError
from raceshim._files import write_text
from raceshim._options_rooms import BASELINE_COMMANDS, BASELINE_OPTIONS
from raceshim.history import _baseline, _results
from raceshim.history._arguments import add_commands, read_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_EPILOG = """\
examples:
  raceshim gate --json race.json -- make check
  raceshim baseline write baseline.json race.json
  raceshim baseline check baseline.json race.json

exit status: 0; 1 a finding is new, or its last day has passed; 2 usage; 4 a run was inconclusive
"""
_WORDS = {CLEAN: "clean", RACES: "the gate is shut", INCONCLUSIVE: "inconclusive"}


def main(words: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    parsed = build_parser().parse_args(list(words))
    if parsed.command is None:
        build_parser().print_usage(sys.stderr)
        return UsageError.exit_code
    read_options(parsed, BASELINE_COMMANDS, BASELINE_OPTIONS)
    if len(parsed.places) < 2:
        raise UsageError(f"baseline {parsed.command} needs the baseline and a result of the gate")
    file, *paths = parsed.places
    results = _results.read(paths)
    today = date.today()  # noqa: DTZ011 - expiry dates are the user's
    if parsed.command == "write":
        return _write(file, results, today, parsed)
    found = _baseline.compare(_baseline.read(file), results, today)
    if parsed.json is not None:
        write_text(parsed.json, json.dumps(_baseline.document(found), indent=2) + "\n")
    if parsed.json != "-":
        sys.stdout.write("".join(f"{line}\n" for line in _text(found)))
    return found.exit_code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim baseline",
        description="Remember the findings that are there, and shut the gate for new ones only.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_commands(parser, BASELINE_COMMANDS, BASELINE_OPTIONS)
    return parser


def _write(
    file: str, results: Sequence[_results.Result], today: date, parsed: argparse.Namespace
) -> int:
    doubtful = [one for one in results if not one.is_conclusive]
    if doubtful:
        raise ToolError(
            f"{doubtful[0].where}: the gate's verdict was {doubtful[0].verdict}; "
            "a baseline of it would not know what was not looked at"
        )
    old = _baseline.read(file) if Path(file).exists() else {}
    expires = date.fromisoformat(parsed.expires) if parsed.expires else None
    entries = _baseline.renew(old, results, today, expires=expires, keep=parsed.keep)
    write_text(file, _baseline.encode(entries))
    added = sum(entry.fingerprint not in old for entry in entries)
    gone = len(old.keys() - {entry.fingerprint for entry in entries})
    sys.stdout.write(f"raceshim: {file}: {len(entries)} findings, {added} added, {gone} removed\n")
    return CLEAN


def _text(found: _baseline.Comparison) -> Iterator[str]:
    for one in found.new:
        yield f"new        {one.fingerprint}  {one.title}"
    for entry in found.expired:
        yield f"expired    {entry.fingerprint}  {entry.title} (last day {entry.expires})"
    for entry in found.fixed:
        yield f"fixed      {entry.fingerprint}  {entry.title} (since {entry.since})"
    for reason in found.reasons:
        yield f"raceshim: {reason}"
    if found.unseen:
        yield f"raceshim: {len(found.unseen)} not seen, which proves nothing here"
    yield (
        f"raceshim: {_WORDS[found.exit_code]}: {len(found.new)} new, {len(found.expired)} expired, "
        f"{len(found.unchanged)} unchanged, {len(found.fixed)} fixed"
    )

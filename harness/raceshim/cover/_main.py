# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim cover`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._cover_options import COVER_COMMANDS, COVER_OPTIONS
from raceshim._errors import UsageError
from raceshim._files import writing
from raceshim._options import OPTIONS, resolve
from raceshim.cover import _inputs, _merge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.cover._inputs import Inputs
    from raceshim.cover._merge import Sums

#: What formats that cannot go to stdout are written to.
_PLACES = {"profraw": "FILE", "profdata": "FILE", "gcda": "DIR", "html": "DIR"}
#: Left-out files are named up to this many.
_NAMED = 20


def main(words: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    parser = build_parser()
    parsed = parser.parse_args(words)
    if parsed.command is None:
        parser.print_usage(sys.stderr)
        return UsageError.exit_code
    for name in COVER_COMMANDS[parsed.command][1]:
        value = getattr(parsed, name)
        if isinstance(value, str):
            COVER_OPTIONS[name].parse(value, COVER_OPTIONS[name].flag)
    parsed.jobs = resolve(
        {"jobs": None if parsed.jobs is None else OPTIONS["jobs"].parse(parsed.jobs, "--jobs")}
    ).jobs
    with writing():
        _run(parsed)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim cover",
        description="Read, combine and report what programs built with --cover have counted.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (text, options) in COVER_COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        command.add_argument(
            "places", nargs="*", metavar="PLACE", help="a directory of coverage files, or a file"
        )
        for option_name in options:
            option = COVER_OPTIONS[option_name]
            flags = [option.flag] if option_name != "output" else ["-o", option.flag]
            if option_name == "input":
                flags = ["-i", option.flag]
            if option.is_switch:
                command.add_argument(
                    *flags, dest=option_name, help=option.help, action="store_true"
                )
                continue
            command.add_argument(
                *flags,
                dest=option_name,
                help=option.help,
                metavar=option.metavar or "|".join(option.choices),
                action="append" if option_name in ("input", "binary") else "store",
            )
    return parser


def _run(parsed: argparse.Namespace) -> None:
    places = [place for text in parsed.input or () for place in text.split(",") if place]
    places += parsed.places
    _check(parsed)
    inputs = _inputs.find(places, parsed.binary or (), skip_damaged=parsed.skip_damaged)
    if parsed.command in ("subtract", "intersect"):
        _compare(parsed, inputs, places)
        return
    sums = _merge_files(parsed, inputs)
    if parsed.command == "merge":
        _write(parsed, inputs, sums)
    elif parsed.command == "debugdump":
        from raceshim.cover._dump import dump  # noqa: PLC0415

        _warn(sums.skipped)
        for line in dump(inputs, sums, live=parsed.live, pattern=parsed.func):
            print(line)
    elif parsed.command == "export":
        from raceshim.cover._export import export  # noqa: PLC0415 - most of it is for this

        _warn(export(parsed.format, inputs, sums, parsed.output))
    else:
        from raceshim.cover._tables import show  # noqa: PLC0415

        by = "function" if parsed.command == "func" else parsed.by or "file"
        _warn(show(parsed.command, inputs, sums, by=by, json=parsed.json))


def _check(parsed: argparse.Namespace) -> None:
    """Refuse what would be refused only after reading ten thousand files."""
    if parsed.command in ("merge", "subtract", "intersect") and parsed.output is None:
        raise UsageError(f"{parsed.command} needs a directory to write to: -o DIR")
    if parsed.command == "export":
        if parsed.format is None:
            raise UsageError("export needs --format FORMAT")
        place = _PLACES.get(parsed.format)
        if place is not None and parsed.output in (None, "-"):
            raise UsageError(f"--format {parsed.format} needs a place to write to: -o {place}")


def _merge_files(parsed: argparse.Namespace, inputs: Inputs) -> Sums:
    total = len(inputs.counters)
    with _merge.progress(total, forced=parsed.progress) as advance:
        return _merge.merge(
            inputs, jobs=parsed.jobs, skip_damaged=parsed.skip_damaged, advance=advance
        )


def _compare(parsed: argparse.Namespace, inputs: Inputs, places: Sequence[str]) -> None:
    """Subtract the second input from the first, or intersect all."""
    from raceshim.cover import _algebra  # noqa: PLC0415

    if len(places) < 2 or (parsed.command == "subtract" and len(places) != 2):
        number = "two inputs: from the first" if parsed.command == "subtract" else "two inputs or"
        raise UsageError(
            f"{parsed.command} needs {number} "
            + ("the second is taken away" if parsed.command == "subtract" else "more")
        )
    operation = _algebra.subtract if parsed.command == "subtract" else _algebra.intersect
    result: Sums | None = None
    described = inputs
    for place in places:
        # The meta-data may lie with any of the inputs.
        of_place = _inputs.counter_files([place])
        sums = _merge_files(parsed, replace(inputs, counters=of_place))
        described, sums = _algebra.whole(inputs, sums)
        result = sums if result is None else operation(result, sums)
    if result is not None:
        _write(parsed, described, result)


def _write(parsed: argparse.Namespace, inputs: Inputs, sums: Sums) -> None:
    """Write a coverage directory: the meta-data, and one file of counters for each program."""
    from raceshim.cover._output import write_directory  # noqa: PLC0415

    write_directory(Path(parsed.output), inputs, sums)
    _warn(sums.skipped)
    print(f"{sums.files} files of counters of {len(sums.programs)} programs in {parsed.output}")


def _warn(messages: Sequence[str]) -> None:
    for message in messages[:_NAMED]:
        sys.stderr.write(f"raceshim: {message}\n")
    if len(messages) > _NAMED:
        sys.stderr.write(f"raceshim: and {len(messages) - _NAMED} more\n")

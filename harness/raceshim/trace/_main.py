# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim trace`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from raceshim import __version__
from raceshim._errors import INCONCLUSIVE, RACES, UsageError
from raceshim._files import write_text, writing
from raceshim._trace_options import TRACE_COMMANDS, TRACE_OPTIONS
from raceshim.formats._plain import printable
from raceshim.trace import _read
from raceshim.trace._check import check
from raceshim.trace._text import Selection, lines, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raceshim.trace._model import Trace

_SHORT = {"output": "-o", "count": "-n"}
_EXAMPLES = {
    "": "raceshim trace record -o run.pftrace -- ./program\nraceshim trace summary run.pftrace\n"
    "raceshim trace html -o run.html run.pftrace",
    "record": "raceshim trace record -o run.pftrace -- ./program --its-option",
    "summary": "raceshim trace summary -n 5 run.pftrace",
    "events": "raceshim trace events --thread worker --name '^queue' run.pftrace\n"
    "raceshim trace events --json - run.pftrace | jq .name",
    "check": "raceshim trace check run.pftrace && echo in order",
    "html": "raceshim trace html -o run.html run.pftrace",
    "to-json": "raceshim trace to-json -o run.json run.pftrace",
    "to-ctf": "raceshim trace to-ctf -o run.ctf run.pftrace && babeltrace2 run.ctf",
    "to-perfetto": "raceshim trace to-perfetto -o run.pftrace run.trace",
}
_STATUS = "exit status: 0; 2 usage; 4 a trace is damaged or cut off (what is whole is shown)"
_CHECK_STATUS = (
    "exit status: 0 in order; 1 something is not; 2 usage; 4 the trace is damaged or cut off"
)

_RECORD_STATUS = (
    "exit status: the command's; 128 and the signal if one ended it; 2 usage; 4 if a command\n"
    "that succeeded has left no trace"
)
_STATUSES = {"check": _CHECK_STATUS, "record": _RECORD_STATUS}


def main(words: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    words, command = list(words), None
    if words[:1] == ["record"] and "--" in words:
        place = words.index("--")
        words, command = words[:place], words[place + 1 :]
    parser = build_parser()
    parsed = parser.parse_args(words)
    if parsed.command is None:
        parser.print_usage(sys.stderr)
        return UsageError.exit_code
    for name in TRACE_COMMANDS[parsed.command][2]:
        option, value = TRACE_OPTIONS[name], getattr(parsed, name)
        if isinstance(value, str):
            setattr(parsed, name, option.parse(value, option.flag))
        elif value is None:
            setattr(parsed, name, option.default)
    if parsed.command == "record":
        from raceshim.trace._record import record  # noqa: PLC0415 - nothing else is like it

        return record([*parsed.places, *(command or ())], parsed)
    status = 0
    with writing():
        trace = _read.read_file(parsed.file)
        status = _COMMANDS[parsed.command](parsed, trace)
        sys.stdout.flush()
        if trace.cut:
            sys.stderr.write(printable(f"raceshim: {trace.where}: {trace.cut}\n"))
            status = INCONCLUSIVE
    return status


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim trace",
        description="Look at execution traces: those of raceshim, and those of others that have "
        "track events in the format of Perfetto.",
        epilog=_epilog("", _STATUS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (text, place, options) in TRACE_COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_epilog(name, _STATUSES.get(name, _STATUS)),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == "record":
            command.usage = "raceshim trace record [options] -- COMMAND [ARGUMENT ...]"
            command.add_argument("places", nargs="*", metavar="COMMAND", help=argparse.SUPPRESS)
        else:
            command.add_argument("file", metavar=place, help="a trace, with gzip or without")
        for option_name in options:
            option = TRACE_OPTIONS[option_name]
            flags = [*([_SHORT[option_name]] if option_name in _SHORT else []), option.flag]
            if option.is_switch:
                command.add_argument(
                    *flags, dest=option_name, help=option.help, action="store_true"
                )
                continue
            command.add_argument(*flags, dest=option_name, help=option.help, metavar=option.metavar)
    return parser


def _epilog(name: str, status: str) -> str:
    text = "\n".join(f"  {line}" for line in _EXAMPLES[name].splitlines())
    return f"examples:\n{text}\n\n{status}"


def _document(command: str, content: dict[str, object]) -> str:
    """Return a result as JSON. Keys are only ever added."""
    head = {"schema": 1, "version": __version__, "mode": "trace", "command": command}
    return json.dumps({**head, **content}, indent=2, ensure_ascii=False) + "\n"


def _print(parsed: argparse.Namespace, text: Iterable[str]) -> None:
    """Print, unless JSON has stdout."""
    if parsed.json != "-":
        sys.stdout.writelines(f"{line}\n" for line in text)


def _summary(parsed: argparse.Namespace, trace: Trace) -> int:
    from raceshim.trace import _summary  # noqa: PLC0415

    summary = _summary.summarize(trace, check(trace))
    _print(parsed, _summary.text(summary, parsed.count))
    if parsed.json is not None:
        write_text(parsed.json, _document("summary", _summary.document(summary)))
    return 0


def _events(parsed: argparse.Namespace, trace: Trace) -> int:
    selection = Selection(parsed.thread, parsed.name)
    _print(parsed, lines(trace, selection))
    if parsed.json is not None:
        found = (json.dumps(o, ensure_ascii=False) + "\n" for o in objects(trace, selection))
        write_text(parsed.json, "".join(found))
    return 0


def _check(parsed: argparse.Namespace, trace: Trace) -> int:
    findings = check(trace)
    words = [f"{len(trace.events)} events", f"{len(trace.generations)} generations"]
    verdict = "not in order" if findings.wrong else "in order"
    text = [f"{trace.where}: {verdict}: {', '.join(words)}, {trace.lost} lost"]
    text += [f"wrong: {line}" for line in findings.wrong]
    text += [f"note: {line}" for line in findings.notes]
    _print(parsed, (printable(line).replace("\n", " ") for line in text))
    if parsed.json is not None:
        content: dict[str, object] = {
            "file": trace.where,
            "events": len(trace.events),
            "generations": len(trace.generations),
            "lost": trace.lost,
            "wrong": list(findings.wrong),
            "notes": list(findings.notes),
            "cut": trace.cut,
        }
        write_text(parsed.json, _document("check", content))
    return RACES if findings.wrong else 0


def _html(parsed: argparse.Namespace, trace: Trace) -> int:
    from raceshim.trace._page import page  # noqa: PLC0415

    write_text(parsed.output or "-", page(trace, parsed.title))
    return 0


def _to_json(parsed: argparse.Namespace, trace: Trace) -> int:
    from raceshim.trace._chrome import document  # noqa: PLC0415

    write_text(parsed.output or "-", "".join(document(trace)))
    return 0


def _to_ctf(parsed: argparse.Namespace, trace: Trace) -> int:
    from raceshim.trace._ctf import write  # noqa: PLC0415

    if parsed.output is None:
        raise UsageError("to-ctf writes a directory: name one with -o")
    write(trace, parsed.output)
    return 0


def _to_perfetto(parsed: argparse.Namespace, trace: Trace) -> int:
    from raceshim.trace._perfetto import write  # noqa: PLC0415

    write(trace, parsed.output or "-")
    return 0


_COMMANDS = {
    "summary": _summary,
    "events": _events,
    "check": _check,
    "html": _html,
    "to-json": _to_json,
    "to-ctf": _to_ctf,
    "to-perfetto": _to_perfetto,
}

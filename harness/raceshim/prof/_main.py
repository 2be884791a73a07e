# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim prof`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from raceshim._errors import UsageError
from raceshim._files import write_text, writing
from raceshim._prof_options import PROF_COMMANDS, PROF_OPTIONS
from raceshim.prof import _json, _raw, _read, _top
from raceshim.prof._demangle import demangled
from raceshim.prof._names import Namer
from raceshim.prof._select import Selection
from raceshim.prof._tables import table
from raceshim.prof._tree import tree, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raceshim.prof._model import Profile

_SHORT = {"frequency": "-F", "output": "-o", "count": "-n", "sample_index": "--type"}
_EXAMPLES = {
    "": "raceshim prof record -o run.pb.gz -- ./program\nraceshim prof top run.pb.gz",
    "record": "raceshim prof record -F 1000 -o run.pb.gz -- ./program --its-option\n"
    "raceshim prof record --heap -o heap.pb.gz -- ./program\n"
    "raceshim prof record --heap=1 --locks -- ./program",
    "top": "raceshim prof top --focus parse run.pb.gz\nraceshim prof top --by line -n 10 run.pb.gz",
    "leaks": "raceshim prof record --heap=1 -- ./program\nraceshim prof leaks raceshim.pb.gz",
    "tree": "raceshim prof tree --min 2 run.pb.gz\nraceshim prof tree --callers run.pb.gz",
    "diff": "raceshim prof diff before.pb.gz after.pb.gz",
    "flamegraph": "raceshim prof flamegraph -o run.html run.pb.gz",
    "raw": "raceshim prof raw run.pb.gz | less\nraceshim prof raw --json - run.pb.gz | jq .types",
}
_STATUS = "exit status: 0; 2 usage; 4 a profile is damaged or something is missing"
_RECORD_STATUS = (
    "exit status: the command's; 128 and the signal if one ended it; 2 usage; 4 if a command\n"
    "that succeeded has left no profile"
)


def main(words: Sequence[str]) -> int:
    """Run one of the commands; return the exit status."""
    words, command = list(words), None
    if words[:1] == ["record"] and "--" in words:
        place = words.index("--")
        words, command = words[:place], words[place + 1 :]
    if words[:1] == ["record"]:  # what may follow is the command's
        bare = [o.flag for o in PROF_OPTIONS.values() if o.bare is not None]
        words = [f"{word}=" if word in bare else word for word in words]
    parser = build_parser()
    parsed = parser.parse_args(words)
    if parsed.command is None:
        parser.print_usage(sys.stderr)
        return UsageError.exit_code
    _read_options(parsed)
    if parsed.command == "record":
        from raceshim.prof._record import record  # noqa: PLC0415 - nothing else is like it

        return record([*parsed.places, *(command or ())], parsed)
    with writing():
        _run(parsed)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim prof",
        description="Record where a program's time, memory and waiting go, under race detectors "
        "too, and read profiles: all that has the format of pprof, of raceshim, Go and others. "
        "Several files are added up.",
        epilog=_epilog("", _STATUS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (text, places, options) in PROF_COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=_epilog(name, _RECORD_STATUS if name == "record" else _STATUS),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name == "record":
            command.usage = "raceshim prof record [options] -- COMMAND [ARGUMENT ...]"
            command.add_argument("places", nargs="*", metavar="COMMAND", help=argparse.SUPPRESS)
        else:
            command.add_argument(
                "places",
                nargs="*",
                metavar=places.split()[0],
                help="a file, or a directory of them",
            )
        for option_name in options:
            option = PROF_OPTIONS[option_name]
            flags = [*([_SHORT[option_name]] if option_name in _SHORT else []), option.flag]
            if option.is_switch:
                command.add_argument(
                    *flags, dest=option_name, help=option.help, action="store_true"
                )
                continue
            command.add_argument(
                *flags,
                dest=option_name,
                help=option.help,
                nargs="?" if option.bare is not None else None,
                metavar=option.metavar or "|".join(option.choices),
                action="append" if option_name == "label" else "store",
            )
    return parser


def _epilog(name: str, status: str) -> str:
    lines = "\n".join(f"  {line}" for line in _EXAMPLES[name].splitlines())
    return f"examples:\n{lines}\n\n{status}"


def _read_options(parsed: argparse.Namespace) -> None:
    for name in PROF_COMMANDS[parsed.command][2]:
        option, value = PROF_OPTIONS[name], getattr(parsed, name)
        if value == "" and option.bare is not None:
            setattr(parsed, name, option.bare)
        elif isinstance(value, str):
            setattr(parsed, name, option.parse(value, option.flag))
        elif value is None:
            setattr(parsed, name, option.default)


def _run(parsed: argparse.Namespace) -> None:
    if parsed.command == "diff":
        _diff(parsed)
        return
    whole = _load(parsed.places, parsed)
    profile = _selection(parsed).of(whole)
    if parsed.command == "leaks":
        _leaks_command(parsed, whole, profile)
        return
    index = profile.index(parsed.sample_index)
    if parsed.command == "top":
        _top_command(parsed, whole, profile, index)
    elif parsed.command == "tree":
        _tree_command(parsed, whole, profile, index)
    elif parsed.command == "raw":
        _raw_command(parsed, whole, profile, index)
    else:
        _flamegraph(parsed, whole, profile, index)


def _load(places: Sequence[str], parsed: argparse.Namespace) -> Profile:
    profile = _read.read(places)
    if parsed.lines or getattr(parsed, "by", None) in ("line", "file"):
        from raceshim.prof._lines import with_lines  # noqa: PLC0415 - starts a symbolizer

        profile, warnings = with_lines(profile)
        for warning in warnings:
            sys.stderr.write(f"raceshim: {warning}\n")
    return demangled(profile)


def _selection(parsed: argparse.Namespace) -> Selection:
    return Selection(parsed.focus, parsed.ignore, tuple(parsed.label or ()))


def _total(profile: Profile, index: int) -> int:
    return sum(value for _, value in profile.values(index))


def _top_command(parsed: argparse.Namespace, whole: Profile, part: Profile, index: int) -> None:
    namer = Namer(parsed.by or "function", part)
    rows = table(part, index, namer)
    rows = rows.by_cum() if parsed.cum else rows
    text = [
        *_top.head(whole, index, rows.total),
        *_top.top(rows, part.types[index].unit, namer, parsed.count),
    ]
    content = {**_json.head(whole, index, rows.total), "by": namer.by, "rows": _json.top_rows(rows)}
    _write(parsed, text, content)


def _tree_command(parsed: argparse.Namespace, whole: Profile, part: Profile, index: int) -> None:
    namer = Namer(parsed.by or "function", part)
    root = tree(part, index, namer, callers=parsed.callers)
    nodes = list(walk(root, max(1, abs(root.cum) * parsed.min / 100), parsed.depth))
    text = [
        *_top.head(whole, index, root.cum),
        *_top.tree_text(nodes, part.types[index].unit, namer, root.cum),
    ]
    head = _json.head(whole, index, root.cum)
    _write(parsed, text, {**head, "by": namer.by, "nodes": _json.tree_nodes(nodes)})


def _leaks_command(parsed: argparse.Namespace, whole: Profile, part: Profile) -> None:
    from raceshim.prof import _leaks  # noqa: PLC0415

    found = _leaks.leaks(part)
    namer = Namer("line" if parsed.lines else "function", part)
    text = list(_leaks.text(whole, found, namer, parsed.count))
    head = _json.head(whole, part.index("inuse_space"), sum(leak.space for leak in found))
    _write(parsed, text, {**head, "leaks": _leaks.rows(found, namer)})


def _diff(parsed: argparse.Namespace) -> None:
    from raceshim.prof._diff import changes  # noqa: PLC0415

    if len(parsed.places) != 2:
        raise UsageError("diff needs two profiles: the one before and the one after")
    wholes = [_load([place], parsed) for place in parsed.places]
    one, two = (_selection(parsed).of(whole) for whole in wholes)
    index = two.index(parsed.sample_index)
    kind = two.types[index]
    if kind not in one.types:
        raise UsageError(f"{one.where} has no {kind.type}/{kind.unit}, which {two.where} has")
    before = one.types.index(kind)
    namer = Namer(parsed.by or "function", one, two)
    tables = table(one, before, namer), table(two, index, namer)
    found = changes(*tables, cum=parsed.cum, normalize=parsed.normalize)
    text = [
        *_top.head(wholes[0], before, tables[0].total),
        *_top.head(wholes[1], index, tables[1].total),
        *_top.diff_text(found, kind.unit, namer, parsed.count),
    ]
    content: dict[str, object] = {
        "before": _json.head(wholes[0], before, tables[0].total),
        "after": _json.head(wholes[1], index, tables[1].total),
        "by": namer.by,
        "rows": _json.diff_rows(found),
    }
    _write(parsed, text, content)


def _raw_command(parsed: argparse.Namespace, whole: Profile, part: Profile, index: int) -> None:
    if parsed.folded:
        text = list(_raw.folded(part, index, Namer(parsed.by or "function", part)))
    else:
        text = list(_raw.raw_text(part))
    head = _json.head(whole, index, _total(part, index))
    _write(parsed, text, {**head, **_raw.raw_json(part)})


def _flamegraph(parsed: argparse.Namespace, whole: Profile, part: Profile, index: int) -> None:
    from raceshim.prof._page import page  # noqa: PLC0415
    from raceshim.prof._svg import svg  # noqa: PLC0415

    output = parsed.output or "-"
    draw = {".svg": svg, ".html": page, ".htm": page}.get(os.path.splitext(output)[1].lower())  # noqa: PTH122
    if output == "-":
        draw = svg
    if draw is None:
        raise UsageError(f"-o {output}: name it .svg (a picture) or .html (to zoom and search in)")
    namer = Namer(parsed.by or "function", part)
    root = tree(part, index, namer, callers=parsed.callers)
    title = _top.head(whole, index, root.cum)
    if parsed.title:
        title.insert(0, parsed.title)
    write_text(output, draw(root, part, part.types[index].unit, namer, title))


def _write(parsed: argparse.Namespace, text: Sequence[str], content: dict[str, object]) -> None:
    """Print the text, and write the JSON if it is asked for."""
    if parsed.json is not None:
        write_text(parsed.json, _json.document(parsed.command, content))
    if parsed.json != "-":
        sys.stdout.write("".join(f"{line}\n" for line in text))

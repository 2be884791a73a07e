# SPDX-License-Identifier: BSD-2-Clause
"""The command line of `raceshim bisect`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from raceshim._errors import UsageError
from raceshim._files import write_text
from raceshim._options import OPTIONS, Settings, resolve
from raceshim._options_rooms import BISECT_OPTIONS
from raceshim._repeat import plan_of
from raceshim._runs import name_late
from raceshim.bisect import _rate
from raceshim.bisect._bisection import Bisection
from raceshim.bisect._lab import Lab
from raceshim.bisect._repository import Repository
from raceshim.bisect._state import forget, kept
from raceshim.bisect._target import target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_EPILOG = """\
FINDING is a fingerprint, or what it is and in which functions: 'data race in post, collect'

example:
  raceshim bisect v1-0123bd2342333b4f --good v1.2 \\
      --build 'make CC="raceshim cc" queue_test' -- ./queue_test

exit status: 0 the commit was found; 2 usage; 3 the bad commit does not build; 4 inconclusive: it
does not show at the bad commit, or shows at the good one, or commits could not be tested; 130
interrupted: the same command goes on where it was
"""
_EVERY = 30.0


def main(words: Sequence[str]) -> int:
    """Bisect; return the exit status."""
    words, command = _split(list(words))
    parsed = build_parser().parse_args(words)
    settings, own = _settings(parsed)
    if own["good"] is None:
        raise UsageError("bisect needs --good, a commit without the finding")
    if not command:
        raise UsageError("bisect needs a command that shows the finding, behind --")
    wanted = target(parsed.finding)
    name_late(settings)
    repository = Repository(Path.cwd(), first_parent=bool(own["first_parent"]))
    bad = repository.commit(str(own["bad"]))
    goods = [repository.commit(one) for one in str(own["good"]).split(",")]
    told = None
    if own["rate"] is not None:
        told = _rate.read(str(own["rate"]), wanted.text, bad, str(settings.db))
    asked = {
        "top": str(repository.top),
        "prefix": repository.prefix,
        "goods": sorted(goods),
        "bad": bad,
        "finding": wanted.text,
        "command": command,
        **{name: own[name] for name in ("build", "error", "rate", "first_parent", "incremental")},
        **{
            name: getattr(settings, name)
            for name in ("detector", "inputs", "policy", "seed", "timeout", "evidence")
        },
    }
    stream = sys.stderr if own["json"] == "-" else sys.stdout
    with kept(asked, fresh=bool(own["fresh"])) as state, _status() as status:
        if state.finding is not None:
            wanted.recall(state.finding)
        if state.bad is not None:
            stream.write("raceshim: going on where this was interrupted (--fresh begins anew)\n")
        lab = Lab(
            repository,
            state,
            wanted,
            plan=plan_of(settings),
            command=command,
            settings=settings,
            build=None if own["build"] is None else str(own["build"]),
            incremental=bool(own["incremental"]),
            told=status,
        )
        try:
            bisection = Bisection(repository, state, wanted, lab, stream, float(own["error"]))
            code = bisection.run(goods, bad, told)
        finally:
            repository.remove(state.tree)
        if own["json"] is not None:
            write_text(str(own["json"]), json.dumps(bisection.document(code), indent=2) + "\n")
        forget(state)
        return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="raceshim bisect",
        usage="raceshim bisect FINDING --good REVISION [options] -- COMMAND",
        description="Find the commit that a race came with, though it shows in some runs only: "
        "each commit runs as often as its rate makes necessary.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("finding", metavar="FINDING")
    for name, option in BISECT_OPTIONS.items():
        if option.is_switch:
            parser.add_argument(option.flag, dest=name, help=option.help, action="store_true")
        else:
            parser.add_argument(
                option.flag,
                dest=name,
                help=option.help,
                metavar=option.metavar or "|".join(option.choices),
            )
    return parser


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    place = words.index("--")
    return words[:place], words[place + 1 :]


def _settings(parsed: argparse.Namespace) -> tuple[Settings, dict[str, Any]]:
    """Return the settings that all commands have, and the values of our own options."""
    given, own = {}, {}
    for name, option in BISECT_OPTIONS.items():
        value = getattr(parsed, name)
        if isinstance(value, str):
            value = option.parse(value, option.flag)
        if OPTIONS.get(name) is option:  # --build of the gate is another one
            given[name] = value
        else:
            own[name] = option.default if value is None else value
    settings = resolve(given)
    own["json"] = given["json"]
    return settings, own


@contextlib.contextmanager
def _status() -> Iterator[Callable[[str], None]]:
    """Show what is going on, on stderr; yields what to call with it."""
    console = Console(file=sys.stderr)
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(text.replace("[", "\\["))
        return
    last = time.monotonic()

    def told(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            sys.stderr.write(f"raceshim: {text}\n")

    yield told

# SPDX-License-Identifier: BSD-2-Clause
"""Commands of commands, from how they are declared in `_options`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from raceshim._options import Option

#: By name: what a command does, what it takes, and which options.
Commands = dict[str, tuple[str, str, tuple[str, ...]]]


def add_commands(
    parser: argparse.ArgumentParser, commands: Commands, options: Mapping[str, Option]
) -> None:
    """Declare commands to argparse."""
    group = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (text, places, used) in commands.items():
        command = group.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        if places:
            command.add_argument("places", nargs="*", metavar=places)
        for option_name in used:
            option = options[option_name]
            if option.is_switch:
                command.add_argument(
                    option.flag, dest=option.name, help=option.help, action="store_true"
                )
            else:
                command.add_argument(
                    option.flag,
                    dest=option.name,
                    help=option.help,
                    metavar=option.metavar or "|".join(option.choices),
                )


def read_options(
    parsed: argparse.Namespace, commands: Commands, options: Mapping[str, Option]
) -> None:
    """Read the texts of the options, and put in defaults."""
    for name in commands[parsed.command][2]:
        option, value = options[name], getattr(parsed, name)
        if isinstance(value, str):
            setattr(parsed, name, option.parse(value, option.flag))
        elif value is None:
            setattr(parsed, name, option.default)

# SPDX-License-Identifier: BSD-2-Clause
"""List the public API, one line a symbol: what a release promises to keep.

C functions, inline functions, variables, structs with the offsets of their fields, enumerators and
macros of the public headers; commands and options of `raceshim`; fixtures of the pytest plugin.
The list is docs/api/next.txt; a test fails when it differs from what the sources say.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs/api/next.txt"
INCLUDE_DIRS = (ROOT / "annotations/include", ROOT / "shim/include")
CLANG = "clang-19"
# `#define` in a header, with its parameters; guards end in _H and are no API.
MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(RSH_\w+)(\([^)]*\))?", re.MULTILINE)
FIELD = re.compile(r"^\s*(\d+)(?::\d+-\d+)? \|   (\S.*) (\w+)$", re.MULTILINE)


def public_headers() -> list[Path]:
    """Return the headers that users may include."""
    return sorted(h for folder in INCLUDE_DIRS for h in folder.glob("raceshim/*.h"))


def clang(source: str, *options: str) -> str:
    """Run clang on a source text and return what it prints."""
    command = [CLANG, "-std=c11", "-fsyntax-only", "-x", "c", *options]
    command += [f"-I{folder}" for folder in INCLUDE_DIRS]
    done = subprocess.run([*command, "-"], input=source, capture_output=True, text=True, check=True)
    return done.stdout


def nodes_of(header: Path) -> Iterator[dict[str, Any]]:
    """Yield the top-level declarations that stand in this header itself."""
    tree = json.loads(clang(f'#include "{header}"', "-Xclang", "-ast-dump=json"))
    file = ""
    for node in tree["inner"]:
        # clang names the file only where it changes.
        for spot in (node.get("loc", {}), node.get("loc", {}).get("expansionLoc", {})):
            file = spot.get("file", file)
        if Path(file) == header:
            yield node


def struct_lines(header: Path, name: str) -> Iterator[str]:
    """Yield a struct's size and each of its fields with the offset."""
    # clang lays out what is used, and prints the layout then.
    source = f'#include "{header}"\n_Static_assert(sizeof(struct {name}), "");\n'
    layouts = clang(source, "-Xclang", "-fdump-record-layouts").split("*** Dumping")
    # Structs that stand in the header are laid out too if they are used there.
    layout = next((text for text in layouts if f" 0 | struct {name}\n" in text), "")
    size = re.search(r"sizeof=(\d+)", layout)
    if size is None:
        raise SystemExit(f"list_api: clang printed no layout of struct {name}")
    yield f"struct {name}, {size[1]} bytes"
    for offset, kind, field in FIELD.findall(layout):
        yield f"struct {name}, {field} at {offset}: {kind}"


def declaration_lines(header: Path, node: dict[str, Any]) -> Iterator[str]:
    """Yield what a declaration of a header promises."""
    name = node.get("name", "")
    if node["kind"] == "FunctionDecl" and name.startswith("rsh_"):
        inline = "inline " if node.get("inline") else ""
        signature = node["type"]["qualType"].replace("(", f"{name}(", 1)
        yield f"{inline}function {signature}"
    elif node["kind"] == "VarDecl" and name.startswith("rsh_"):
        yield f"variable {node['type']['qualType']} {name}"
    elif node["kind"] == "RecordDecl" and name.startswith("rsh_") and node.get("inner"):
        yield from struct_lines(header, name)
    elif node["kind"] == "EnumDecl":
        for constant in node.get("inner", []):
            if constant.get("name", "").startswith("RSH_"):
                yield f"enumerator {constant['name']}"


def c_lines() -> Iterator[str]:
    """Yield the C side of the API."""
    for header in public_headers():
        where = f"<raceshim/{header.name}>"
        for name, parameters in MACRO.findall(header.read_text()):
            if not name.endswith("_H"):
                yield f"{where} macro {name}{parameters}"
        for node in nodes_of(header):
            yield from (f"{where} {line}" for line in declaration_lines(header, node))


def command_lines(parser: argparse.ArgumentParser, path: str) -> Iterator[str]:
    """Yield every option of a command and of the commands below it."""
    for action in parser._actions:  # noqa: SLF001 - argparse offers no public way to list them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, below in action.choices.items():
                yield f"command {path} {name}"
                yield from command_lines(below, f"{path} {name}")
        elif action.option_strings:
            yield f"command {path} option {', '.join(action.option_strings)}"
        else:
            yield f"command {path} argument {action.metavar or action.dest}"


def api() -> str:
    """Return the whole list."""
    from raceshim._cli import build_parser  # noqa: PLC0415 - the installed package
    from raceshim.audit import _main as audit  # noqa: PLC0415
    from raceshim.bisect import _main as bisect  # noqa: PLC0415
    from raceshim.cover import _main as cover  # noqa: PLC0415
    from raceshim.history import _baseline_main as baseline  # noqa: PLC0415
    from raceshim.history import _main as history  # noqa: PLC0415
    from raceshim.prof import _main as prof  # noqa: PLC0415
    from raceshim.trace import _main as trace  # noqa: PLC0415

    lines = set(c_lines()) | set(command_lines(build_parser(), "raceshim"))
    lines |= set(command_lines(audit.build_parser(), "raceshim audit"))
    lines |= set(command_lines(baseline.build_parser(), "raceshim baseline"))
    lines |= set(command_lines(bisect.build_parser(), "raceshim bisect"))
    lines |= set(command_lines(history.build_parser(), "raceshim history"))
    lines |= set(command_lines(cover.build_parser(), "raceshim cover"))
    lines |= set(command_lines(prof.build_parser(), "raceshim prof"))
    lines |= set(command_lines(trace.build_parser(), "raceshim trace"))
    lines.add("pytest fixture race")
    return "".join(f"{line}\n" for line in sorted(lines))


def main() -> int:
    """Print the list, write it, or compare it with the stored one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {LIST.relative_to(ROOT)}")
    arguments = parser.parse_args()
    text = api()
    if arguments.write:
        LIST.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

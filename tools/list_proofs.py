# SPDX-License-Identifier: BSD-2-Clause
"""List which program proves which annotation: docs/annotation-proofs.md.

A proof pair is one program built twice: as it stands, and with -DRSH_CONTROL, which leaves the
annotation out. Its directives name both verdicts, and the gate checks both.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from raceshim._programs import Program, load_programs

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/annotation-proofs.md"
HEADER = ROOT / "annotations/include/raceshim/annotate.h"
# Constants are facts about the build, not annotations: there is nothing to leave out.
CONSTANTS = {"RSH_RACE_ENABLED", "RSH_MEM_ENABLED"}


def public_annotations() -> list[str]:
    """Return the public annotations in the order of the header."""
    names = re.findall(r"^#[ \t]*define[ \t]+(RSH_[A-Z]\w+)", HEADER.read_text(), re.MULTILINE)
    return [n for n in dict.fromkeys(names) if n not in CONSTANTS and not n.endswith("_H")]


def proofs() -> dict[str, list[Program]]:
    """Return the programs that prove each annotation."""
    found: dict[str, list[Program]] = {name: [] for name in public_annotations()}
    for program in load_programs(ROOT / "testdata"):
        for name in program.annotations:
            found.setdefault(name, []).append(program)
    return found


def page() -> str:
    """Return the page."""
    found = proofs()
    programs = {p.path for each in found.values() for p in each}
    lines = [
        "# Which program proves which annotation",
        "",
        f"{len(found)} annotations, {len(programs)} programs. Generated: `tools/list_proofs.py`.",
        "Each program is built twice, as it stands and with `-DRSH_CONTROL`, which leaves the",
        "annotation out. Both [verdicts](verdicts.md) are checked on every compiler it names.",
        "",
        "| annotation | program | detector | with it | without it |",
        "|---|---|---|---|---|",
    ]
    for name, each in found.items():
        for program in each:
            path = program.path.relative_to(ROOT)
            lines.append(
                f"| `{name}` | [{path.stem}](../{path}) | {program.detector} "
                f"| {program.expected('main')} | {program.expected('control')} |"
            )
        if not each:
            lines.append(f"| `{name}` | **none** | | | |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Print the page or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    arguments = parser.parse_args()
    text = page()
    if arguments.write:
        PAGE.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

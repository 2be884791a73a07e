# SPDX-License-Identifier: BSD-2-Clause
"""Count what README.md and docs/verdicts.md say of testdata/: programs, cases, runs.

What the README shows is a run of `raceshim gate testdata`, which takes the best compiler that each
program is for; the page of verdicts is one of `--compiler all --runs 20`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from raceshim._options import resolve
from raceshim._programs import load_programs
from raceshim._tasks import compilers_of
from raceshim.cc._compilers import SUPPORTED, Compiler

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
VERDICTS = ROOT / "docs/verdicts.md"
LINE = re.compile(
    r"^\d+ programs, \d+ cases, \d+ runs \(.*\): \d+ right, 0 false positives, "
    r"0 false negatives(?=\.?$)",
    re.MULTILINE,
)
#: Every supported compiler, installed here or not.
COMPILERS = [
    Compiler(name, family, name, name) for name in SUPPORTED for family in [name.partition("-")[0]]
]


def line(names: str, runs: int) -> str:
    """Return the last line of what the gate prints when all is right."""
    settings = resolve({"compiler": names})
    programs = load_programs(ROOT / "testdata")
    cases = [
        (compiler.name, variant)
        for program in programs
        for compiler in compilers_of(program, COMPILERS, settings)
        for variant in program.variants(compiler)
    ]
    used = ", ".join(sorted({name for name, _ in cases}))
    total = len(cases) * runs
    return (
        f"{len(programs)} programs, {len(cases)} cases, {total} runs ({used}): "
        f"{len(cases)} right, 0 false positives, 0 false negatives"
    )


def pages() -> dict[Path, str]:
    """Return the pages as they should be."""
    return {
        README: LINE.sub(line("auto", 1), README.read_text()),
        VERDICTS: LINE.sub(line("all", 20), VERDICTS.read_text()),
    }


def main() -> int:
    """Show both lines, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="correct both pages")
    if parser.parse_args().write:
        for path, text in pages().items():
            path.write_text(text)
    else:
        print(line("auto", 1), line("all", 20), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

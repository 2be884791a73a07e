# SPDX-License-Identifier: BSD-2-Clause
"""The public API is docs/api/next.txt: headers, archive and command agree with it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import raceshim

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs/api/next.txt"
SDK = Path(raceshim.__file__).parent / "_sdk"


#: Functions of libc's that the library stands before.
INTERPOSED = {"pthread_create"}


def exported(library: Path, *options: str) -> set[str]:
    """Return the defined global symbols of a library that are visible to its user."""
    printed = subprocess.run(
        ["nm", *options, "--defined-only", library], capture_output=True, text=True, check=True
    ).stdout
    return set(re.findall(r"^[0-9a-f]+ [A-TV-Z] (\S+)$", printed, re.MULTILINE))


def functions() -> set[str]:
    """Return the functions of the list that live in the library, not in the user's program."""
    shims = r"^<raceshim/(?!annotate\.h)\S+> function .*?(rsh_\w+)\("
    return set(re.findall(shims, LIST.read_text(), re.MULTILINE))


def test_list_is_what_the_sources_say() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "tools/list_api.py"], capture_output=True, text=True, check=True
    ).stdout
    assert LIST.read_text() == printed, "the API changed; if that is meant, run: make api"


def test_shared_library_exports_the_list_and_nothing_else() -> None:
    assert functions()
    assert exported(SDK / "lib/libraceshim.so", "-D") == functions() | INTERPOSED


def test_archive_defines_the_list_and_hidden_helpers() -> None:
    defined = exported(SDK / "lib/libraceshim.a", "-g")
    assert functions() <= defined
    assert {s for s in defined - functions() if not s.startswith("rshi_")} == INTERPOSED

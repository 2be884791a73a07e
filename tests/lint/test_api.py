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
INTERPOSED = {"pthread_create", "_ZN6__tsan8OnReportEPKNS_10ReportDescEb"}
#: And those that it can stand before: where the linker is told to, or in a library of its own.
LOCKS = set(re.findall(r"--wrap=(\w+)", (ROOT / "shim/share/lockprof.wrap").read_text()))
#: Likewise, but in that library only.
CALLS = {
    f"__{name}_chk" if checked else name
    for checked, name in re.findall(
        r"RSHI_C(?:ALL|(HECKED))\((?!type)[a-z_ ]+, (\w+),",
        (ROOT / "shim/src/trace/call_functions.h").read_text(),
    )
}


def exported(library: Path, *options: str) -> set[str]:
    """Return the defined global symbols of a library that are visible to its user."""
    printed = subprocess.run(
        ["nm", *options, "--defined-only", library], capture_output=True, text=True, check=True
    ).stdout
    return set(re.findall(r"^[0-9a-f]+ [A-TV-Z] (\S+)$", printed, re.MULTILINE))


def functions() -> set[str]:
    """Return what of the list lives in the library, not in the user's program."""
    shims = r"^<raceshim/(?!annotate\.h)\S+> (?:function .*?(rsh_\w+)\(|variable .*?(rsh_\w+)$)"
    return {a or b for a, b in re.findall(shims, LIST.read_text(), re.MULTILINE)}


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
    others = {s for s in defined - functions() if not s.startswith("rshi_")}
    assert others == INTERPOSED | {f"__wrap_{name}" for name in LOCKS}


def test_library_of_the_locks_exports_their_functions_too() -> None:
    defined = {s.split("@")[0] for s in exported(SDK / "lib/libraceshim-locks.so", "-D")}
    assert LOCKS
    assert CALLS
    assert defined - {"GLIBC_2.3.2", "GLIBC_2.17"} == functions() | INTERPOSED | LOCKS | CALLS

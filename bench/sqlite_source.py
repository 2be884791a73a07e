# SPDX-License-Identifier: BSD-2-Clause
"""SQLite in one file of 240,000 lines, made from Debian's source package, for the benchmarks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command that has to succeed, and return what it says."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def fetch(folder: Path) -> Path:
    """Return a folder with sqlite3.c and sqlite3.h."""
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(run(sys.executable, ROOT / "tools/debian_source.py", "sqlite3", folder).strip())
    if not (source / "sqlite3.c").exists():
        run("./configure", "--disable-tcl", "--disable-readline", cwd=source)
        run("make", "sqlite3.c", cwd=source)
    return source

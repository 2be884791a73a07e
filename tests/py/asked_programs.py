# SPDX-License-Identifier: BSD-2-Clause
"""Programs of tests/c/ that leave profiles because their environment asks for them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = ("-std=gnu11", "-O1", "-g", "-pthread")


@dataclass(frozen=True, slots=True)
class Program:
    """The variable that asks a program, what is preloaded, and where it leaves its profiles."""

    variable: str
    executable: Path
    preload: tuple[Path, ...]
    folder: Path

    def run(
        self, wish: str, *arguments: str | Path, status: int = 5
    ) -> subprocess.CompletedProcess[str]:
        """Run it with `wish` in its environment; its exit status is what it always is."""
        environment = os.environ | {
            self.variable: wish,
            "LD_PRELOAD": " ".join(map(str, self.preload)),
            "TSAN_OPTIONS": "atexit_sleep_ms=0",
            "ASAN_OPTIONS": "detect_leaks=0",
        }
        done = subprocess.run(
            [self.executable, *arguments], env=environment, cwd=self.folder,
            capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done

    def left(self) -> set[str]:
        """Return what files there are, with `PID` in place of numbers."""
        return {re.sub(r"\d{2,}", "PID", p.name) for p in self.folder.iterdir()}


def compiled(folder: Path, compiler: str, name: str, *flags: str | Path) -> Path:
    """Compile a program."""
    folder.mkdir(exist_ok=True)
    run(compiler, *FLAGS, ROOT / f"tests/c/{name}.c", *flags, "-o", folder / name)
    return folder / name

# SPDX-License-Identifier: BSD-2-Clause
"""A folder of CTest with one test in it, run by CTest alone and under the gate."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

_CONFIGURATION = """\
SourceDirectory: {folder}
BuildDirectory: {folder}
Site: here
BuildName: lane
MemoryCheckType: ThreadSanitizer
DefectMapping:
TimeOut: 60
"""


@dataclass(frozen=True)
class Lane:
    """What `cmake` leaves in a build folder for a project with one test, or with none."""

    folder: Path
    raceshim: Raceshim

    def __call__(self, *command: str | Path, properties: str = "") -> Lane:
        """Make the command the lane's test; without one the lane is empty."""
        line = " ".join(f"[==[{word}]==]" for word in command)
        text = f"add_test(the_test {line})\n" if command else ""
        if properties:
            text += f"set_tests_properties(the_test PROPERTIES {properties})\n"
        (self.folder / "CTestTestfile.cmake").write_text(text)
        (self.folder / "DartConfiguration.tcl").write_text(
            _CONFIGURATION.format(folder=self.folder)
        )
        return self

    def line(self, *options: str) -> list[str]:
        """Return the command that runs the lane."""
        return ["ctest", "--test-dir", str(self.folder), *options]

    def ctest(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it by CTest alone."""
        return subprocess.run(
            self.line(*options),
            env=self.raceshim.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def memcheck(self) -> subprocess.CompletedProcess[str]:
        """Run it by CTest's own mode for ThreadSanitizer."""
        return self.ctest("-T", "memcheck")

    def gate(self, *options: str, status: int | None) -> dict[str, Any]:
        """Run it by CTest under the gate; return what is written as JSON."""
        path = self.folder / "result.json"
        done = self.raceshim("gate", "--json", path, "--", *self.line(*options), status=status)
        result: dict[str, Any] = json.loads(path.read_text())
        assert result["exit_code"] == done.returncode
        return result

# SPDX-License-Identifier: BSD-2-Clause
"""A project of 127,000 lines that knows nothing of raceshim, gated by docs/gate.md's own steps.

It is zstd, as Debian ships its source; `make check` runs its command line some 700 times.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness_programs import Raceshim

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
FETCH = ROOT / "tools" / "debian_source.py"
PAGE = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
(STEPS,) = re.findall(r"^### make\n```sh\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
CLEAN, BUILD, GATE = STEPS.split("\n")
JOB = "            job.function(job.opaque);\n"
COUNT = "            jobsDone++;\n"
COUNTER = "static unsigned long jobsDone;\n"
THREAD = "static void* POOL_thread(void* opaque) {\n"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fetch Debian's source package of zstd."""
    command = [sys.executable, str(FETCH), "libzstd", str(tmp_path_factory.mktemp("zstd"))]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


@dataclass(frozen=True)
class Project:
    """The project's tree, and the shell in which its owner works."""

    tree: Path
    environ: dict[str, str]

    def build(self, flags: str = "") -> None:
        """Build it by the page's steps."""
        for step in (CLEAN, f"{BUILD} {flags} --jobs=2"):
            self._shell(step, check=True)

    def gate(self, flags: str = "") -> tuple[int, dict[str, Any]]:
        """Gate it by the page's step; return the exit code and what the gate says."""
        result = self.tree / "race.json"
        step = GATE.replace("gate --", f"gate --json {result} --", 1)
        status = self._shell(f"{step} {flags}", check=False)
        return status, json.loads(result.read_text())

    def change(self, *edits: tuple[str, str]) -> None:
        """Edit the thread pool."""
        file = self.tree / "lib" / "common" / "pool.c"
        text = file.read_text()
        for old, new in edits:
            assert text.count(old) == 1
            text = text.replace(old, new)
        file.write_text(text)

    def suppress(self, fingerprint: str, expires: str) -> None:
        """Answer for a finding."""
        (self.tree / "raceshim-suppressions.toml").write_text(
            f'[[suppression]]\nfingerprint = "{fingerprint}"\nreason = "counts jobs, roughly"\n'
            f"expires = {expires}\n"
        )

    def _shell(self, step: str, *, check: bool) -> int:
        return subprocess.run(  # noqa: S602 - the page's steps are a shell's
            step, shell=True, cwd=self.tree, env=self.environ, check=check, capture_output=True
        ).returncode


@pytest.fixture
def project(sources: Path, raceshim: Raceshim, tmp_path: Path) -> Project:
    """Return the project, with the command on its owner's PATH."""
    script = tmp_path / "bin" / "raceshim"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m raceshim "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}:{raceshim.environ['PATH']}"
    return Project(sources, raceshim.environ | {"PATH": path})


def open_fingerprints(result: dict[str, Any]) -> list[str]:
    return [f["fingerprint"] for f in result["findings"] if f["state"] == "open"]


def test_a_real_project_is_gated_as_the_page_says(project: Project) -> None:
    assert "make check" in GATE
    project.build()
    status, result = project.gate()
    assert (status, result["findings"]) == (0, [])
    assert len(result["processes"]) > 100

    project.change((THREAD, COUNTER + THREAD), (JOB, JOB + COUNT))
    project.build()
    status, result = project.gate()
    assert status == 1
    (planted,) = result["findings"]
    assert planted["kind"] == "data race"
    assert {access["function"] for access in planted["accesses"]} == {"POOL_thread"}

    # Other lines, other addresses, another optimisation level: the same bug.
    flags = "MOREFLAGS=-O1"
    project.change((COUNTER, "\n\n/* Counts. */\n" + COUNTER))
    project.build(flags)
    status, result = project.gate(flags)
    assert status == 1
    assert open_fingerprints(result) == [planted["fingerprint"]]

    project.suppress(planted["fingerprint"], "2999-12-31")
    status, result = project.gate(flags)
    assert status == 0
    assert [f["state"] for f in result["findings"]] == ["suppressed"]

    project.suppress(planted["fingerprint"], "2020-01-31")
    status, result = project.gate(flags)
    assert status == 1
    assert open_fingerprints(result) == [planted["fingerprint"]]
    assert [stale["state"] for stale in result["stale_suppressions"]] == ["expired"]

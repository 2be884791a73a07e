# SPDX-License-Identifier: BSD-2-Clause
"""The examples do what they say, and the README quotes them as they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(*command: str | Path, cwd: Path, compiler: str = "cc") -> subprocess.CompletedProcess[str]:
    """Run a command with the raceshim of these tests on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "CC": compiler, "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_make_check_passes_and_the_gate_does_not(tmp_path: Path) -> None:
    work = Path(shutil.copytree(EXAMPLES / "make", tmp_path / "make"))
    built = run("make", "-e", "counter", cwd=work, compiler="raceshim cc")
    assert built.returncode == 0, built.stderr
    # The race stands in every run; what make makes of it is another matter.
    gated = run("raceshim", "gate", "--", "sh", "-c", "make check || true", cwd=work)
    assert gated.returncode == 1, gated.stdout
    assert re.search(r"\bcount\b", gated.stdout)
    shutil.rmtree(work)
    work = Path(shutil.copytree(EXAMPLES / "make", tmp_path / "make"))
    assert run("make", "check", cwd=work).returncode == 0
    # Built without a detector, it proves nothing.
    assert run("raceshim", "gate", "--", "make", "check", cwd=work).returncode == 4


def test_pytest_example_passes(tmp_path: Path) -> None:
    work = Path(shutil.copytree(EXAMPLES / "pytest", tmp_path / "pytest"))
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=work)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_readme_quotes_the_pytest_example() -> None:
    tests = (EXAMPLES / "pytest/test_mailbox.py").read_text()
    (quoted,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [line for line in quoted.splitlines() if line]
    assert [line for line in lines if line not in tests.splitlines()] == []

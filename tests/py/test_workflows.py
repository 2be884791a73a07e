# SPDX-License-Identifier: BSD-2-Clause
"""The CI files of examples/: every line of their scripts, run as it stands, in a fresh project.

What only a hosted machine has stands in by name: `sudo`, `apt-get`, `sysctl`, and an index of
packages with one package in it, whose command is the raceshim of these tests. Until the workflow
has installed that, there is no `raceshim` on PATH.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML
from test_gate_docs import project

if TYPE_CHECKING:
    from harness_programs import Raceshim

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
#: One of them is slow enough: the clean project is for the longer run.
BOTH = pytest.mark.parametrize(
    "race",
    [pytest.param(True, id="race"), pytest.param(False, id="norace", marks=pytest.mark.long)],
)
COMMAND = """\
import os, sys

def main():
    os.execv({python!r}, [{python!r}, "-m", "raceshim", *sys.argv[1:]])
"""


def package(folder: Path) -> Path:
    """Make a package `raceshim` that pip can install, and that runs the one under test."""
    files = {
        "raceshim_stand_in.py": COMMAND.format(python=sys.executable),
        "raceshim-0.1.0.dist-info/METADATA": (
            "Metadata-Version: 2.1\nName: raceshim\nVersion: 0.1.0\n"
        ),
        "raceshim-0.1.0.dist-info/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        "raceshim-0.1.0.dist-info/entry_points.txt": (
            "[console_scripts]\nraceshim = raceshim_stand_in:main\n"
        ),
    }
    record = "raceshim-0.1.0.dist-info/RECORD"
    lines = [f"{record},,\n"]
    with zipfile.ZipFile(folder / "raceshim-0.1.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
            lines.append(f"{name},sha256={digest.decode()},{len(text.encode())}\n")
        wheel.writestr(record, "".join(lines))
    return folder


@pytest.fixture
def runner(raceshim: Raceshim, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a hosted machine; what is installed is written to a file."""
    tools = tmp_path / "tools"
    tools.mkdir()
    scripts = {
        "sudo": 'exec "$@"',
        "apt-get": f'echo "$@" >>{tmp_path}/apt-get',
        "sysctl": f'echo "$@" >>{tmp_path}/sysctl',
    }
    for name, line in scripts.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o755)
    mine = Path(sys.executable).parent
    path = [folder for folder in os.environ["PATH"].split(":") if Path(folder) != mine]
    environ = {k: v for k, v in raceshim.environ.items() if not k.startswith(("PIP_", "GITHUB_"))}
    assert shutil.which("raceshim", path=":".join(path)) is None
    return environ | {
        "PATH": ":".join([str(tools), *path]),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(package(tmp_path)),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        # The examples leave the choice to raceshim; tests run on what they were written for.
        "RACESHIM_COMPILER": "clang-19",
    }


def run(script: str, shell: str, folder: Path, environ: dict[str, str]) -> int:
    """Run a script as CI does; return its exit status."""
    line = {"bash": ["bash", "-e"], "sh": ["sh", "-e"]}[shell]
    done = subprocess.run(
        [*line, "-c", script], cwd=folder, env=environ, check=False, capture_output=True, text=True
    )
    sys.stdout.write(f"{script}\n{done.stdout}{done.stderr}")
    return done.returncode


def example(name: str) -> dict[str, Any]:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    return dict(YAML(typ="safe", pure=True).load(text))


def installed(folder: Path) -> set[str]:
    """Return the Debian packages that a workflow has asked for."""
    words = (folder / "apt-get").read_text(encoding="utf-8").split()
    return {word for word in words if not word.startswith("-")} - {"install", "update"}


def check_reports(folder: Path, *, race: bool) -> None:
    """Check what the gate has left: all formats say the same."""
    document = json.loads((folder / "race.json").read_text(encoding="utf-8"))
    assert document["verdict"] == ("races" if race else "clean")
    assert document["canary"]["caught"] == len(document["canary"]["programs"]) >= 1
    sarif = json.loads((folder / "race.sarif").read_text(encoding="utf-8"))
    assert len(sarif["runs"][0]["results"]) == race
    suites = ET.parse(folder / "race.xml").getroot()  # noqa: S314 - our own output
    assert len(list(suites.iter("failure"))) == race
    page = (folder / "race.html").read_text(encoding="utf-8")
    assert page.count('<details class="finding ') == race


@BOTH
def test_every_step_of_the_github_workflow_runs(
    runner: dict[str, str], tmp_path: Path, *, race: bool
) -> None:
    folder = project(tmp_path / "project", race=race)
    (job,) = example("github.yml")["jobs"].values()
    # What the action `setup-python` gives.
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "python"], check=True)
    environ = runner | {"PATH": f"{tmp_path}/python/bin:{runner['PATH']}", "GITHUB_ACTIONS": "true"}
    status = 0
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        if "run" in step and status == 0:
            status = run(step["run"], "bash", folder, environ)
            assert status == 0 or "raceshim gate" in step["run"], step
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step["uses"])
    assert status == int(race)
    check_reports(folder, race=race)
    for step in job["steps"]:
        files = str(step.get("with", {}).get("path", step.get("with", {}).get("sarif_file", "")))
        assert [name for name in files.split() if not (folder / name).is_file()] == []
    assert {"clang", "llvm", "make"} <= installed(tmp_path)
    assert (tmp_path / "sysctl").read_text() == "vm.mmap_rnd_bits=28\n"
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert ("data race in count" in summary) == race


@BOTH
def test_every_line_of_the_gitlab_pipeline_runs(
    runner: dict[str, str], tmp_path: Path, *, race: bool
) -> None:
    folder = project(tmp_path / "project", race=race)
    (job,) = example("gitlab.yml").values()
    # One shell runs them all, and stops at the first that fails.
    lines = "\n".join([*job["before_script"], *job["script"]])
    environ = runner | {name: str(value) for name, value in job["variables"].items()}
    assert run(lines, "bash", folder, environ) == int(race)
    check_reports(folder, race=race)
    kept = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert [name for name in kept if not (folder / name).is_file()] == []
    quality = json.loads((folder / job["artifacts"]["reports"]["codequality"]).read_text())
    assert [issue["location"]["path"] for issue in quality] == ["counter.c"] * race
    assert {"clang-19", "libclang-rt-19-dev", "llvm-19", "make"} <= installed(tmp_path)


def test_a_line_that_fails_ends_the_job(runner: dict[str, str], tmp_path: Path) -> None:
    folder = project(tmp_path / "project", race=False)
    assert run("make CC='raceshim cc'\ntouch after", "bash", folder, runner) != 0
    assert not (folder / "after").exists()

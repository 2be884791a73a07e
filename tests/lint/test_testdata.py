# SPDX-License-Identifier: BSD-2-Clause
"""The house rules of testdata/: every silence has a control, every annotation a proof."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from raceshim._programs import Program, load_programs

ROOT = Path(__file__).parents[2]
PROGRAMS = load_programs(ROOT / "testdata")


def named(prefix: str) -> list[Program]:
    return [p for p in PROGRAMS if p.path.name.startswith(prefix)]


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 40
    assert len(named("race_")) >= 15


def test_every_silent_program_has_a_control_that_is_reported() -> None:
    silent = [
        p for p in named("norace_") + named("miss_") if p.expected("control") in {"", "clean"}
    ]
    assert [p.path.name for p in silent] == []


def test_names_are_unique() -> None:
    names = [p.path.name for p in PROGRAMS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("tool", ["list_proofs.py"])
def test_generated_page_is_up_to_date(tool: str) -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "tools" / tool], capture_output=True, text=True, check=True
    ).stdout
    page = ROOT / "docs/annotation-proofs.md"
    assert page.read_text() == printed, f"run: .venv/bin/python tools/{tool} --write"
    assert "**none**" not in printed


def test_pages_count_the_programs() -> None:
    tool = ROOT / "tools/count_programs.py"
    printed = subprocess.run(
        [sys.executable, tool], capture_output=True, text=True, check=True
    ).stdout
    for line, page in zip(printed.splitlines(), ("README.md", "docs/verdicts.md"), strict=True):
        text = (ROOT / page).read_text()
        assert line in text, f"run: .venv/bin/python tools/{tool.name} --write"


def test_verdicts_page_names_every_program_and_no_wrong_verdict() -> None:
    page = (ROOT / "docs/verdicts.md").read_text()
    listed = set(re.findall(r"\b((?:race|norace|miss)_\w+)", page))
    assert {p.path.stem for p in PROGRAMS} <= listed
    assert "wrong" not in {cell.strip() for cell in page.split("|")}

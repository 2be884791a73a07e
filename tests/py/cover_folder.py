# SPDX-License-Identifier: BSD-2-Clause
"""What processes left in a coverage folder, decoded, for tests."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from raceshim.cover import _units

if TYPE_CHECKING:
    from pathlib import Path


def run_covered(
    binary: Path, folder: Path, *words: str, status: int = 0, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program that writes its coverage to a folder."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [binary, *words],
        cwd=binary.parent,
        env=os.environ | {"RACESHIM_COVERDIR": str(folder)} | (env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == status, f"{done.stdout}{done.stderr}"
    return done


def counts(folder: Path) -> list[_units.Counters]:
    """Return what each counters unit in the folder says; nothing else may be there."""
    files = sorted(folder.iterdir())
    assert {file.name.partition(".")[0] for file in files} <= {"covmeta", "covcounters"}
    metas = {
        meta.hash: meta
        for file in files
        if file.name.startswith("covmeta.")
        for meta in _units.read_metas(file.read_bytes(), str(file))
    }
    return [
        _units.read_counters(raw, metas[raw.hash])
        for file in files
        if file.name.startswith("covcounters.")
        for raw in _units.split(file.read_bytes(), str(file))
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""ThreadSanitizer says the same of a program that is traced, and as often."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from shim_builds import COMPILERS, ROOT, one_clang

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

SCRIPT = ROOT / "bench/trace_verdicts.py"
#: What begins threads, and waits for locks, for each other and for bytes.
SOME = ("norace_pipe", "race_cond_unlocked", "race_plain")


def measure(raceshim: Raceshim, results: Path, compiler: str, runs: int, *programs: Path) -> str:
    """Run programs with and without traces; the script says whether something differs."""
    line = ("--compilers", compiler, "--runs", str(runs), "--results", results)
    done = subprocess.run(
        [sys.executable, SCRIPT, *line, *programs],
        env=raceshim.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("compiler", one_clang(COMPILERS))
def test_a_trace_changes_no_verdict(raceshim: Raceshim, compiler: str, tmp_path: Path) -> None:
    results = tmp_path / "results"
    programs = [ROOT / f"testdata/races/{name}.c" for name in SOME]
    measure(raceshim, results, compiler, 1, *programs)
    trials = [json.loads(line) for line in results.read_text().splitlines()]
    assert all(one["right"] for one in trials)
    events = Counter[str]()
    for one in trials:
        events[one["arm"]] += one["events"]
    # Who traces nothing changes nothing.
    assert events["auto"] > events["trace"] > events["without"] == 0
    # The control: what would differ is told.
    spoilt = [one | {"right": one["arm"] == "without"} for one in trials for _ in range(20)]
    results.write_text("".join(json.dumps(one) + "\n" for one in spoilt))
    done = subprocess.run(
        [sys.executable, SCRIPT, "--tell", "--results", results],
        env=raceshim.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "differs" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_trace_changes_no_verdict_of_testdata(
    raceshim: Raceshim, compiler: str, tmp_path: Path
) -> None:
    print(measure(raceshim, tmp_path / "results", compiler, 5))

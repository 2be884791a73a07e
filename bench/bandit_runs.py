# SPDX-License-Identifier: BSD-2-Clause
"""What `--policy auto` makes of a number of runs, and what taking turns makes of as many.

Programs of your own, or those that bench/hard_races has built (with the hooks linked): each is
gated with either policy in turn, and a line tells how the runs were spent and how many of them
have shown a finding. bench/bandit_runs.py [--runs N] PROGRAM...
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from raceshim.runs._policies import AUTO, MIXED, TURNS


def gated(program: Path, policy: str, runs: int) -> dict[str, Any]:
    """Gate a program so often; return how its runs were spent, as the gate tells it."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        words = ["gate", "--runs", str(runs), "--policy", policy, "--json", result]
        line = [sys.executable, "-m", "raceshim", *words, "--", program.absolute()]
        subprocess.run(line, stdout=subprocess.DEVNULL, check=False)
        told: dict[str, Any] = json.loads(result.read_text())["runs"]
        return told


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=48, help="of each program under each policy")
    parser.add_argument("programs", type=Path, nargs="+")
    options = parser.parse_args()
    policies = tuple(dict.fromkeys(TURNS))
    print("| program | policy | runs: " + " | ".join(policies) + " | shown |")
    print("|---|---|" + "--:|" * (len(policies) + 1))
    total = dict.fromkeys((MIXED, AUTO), 0)
    for program in options.programs:
        for policy in total:
            told = gated(program, policy, options.runs)
            total[policy] += told["races"]
            spent = " | ".join(str(told["policies"].get(name, 0)) for name in policies)
            print(f"| {program.name} | {policy} | {spent} | {told['races']} |", flush=True)
    for policy, shown in total.items():
        print(f"{policy}: {shown} runs with a finding of {options.runs * len(options.programs)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""What `raceshim gate -- COMMAND` adds to COMMAND's wall time.

The same instrumented program runs in the same shell loop, bare and under the gate, in turns, so
that a busy machine hits both alike. Printed is the ratio of the medians and of the minima.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BAR = 1.05


def seconds(command: list[str]) -> float:
    """Run a command once and return its wall time."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    """Measure and print; the exit status is 1 when the ratio is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each side runs")
    parser.add_argument("--processes", type=int, default=5, help="programs in one command")
    options = parser.parse_args()
    raceshim = str(Path(sys.executable).with_name("raceshim"))
    if shutil.which(raceshim) is None:
        parser.error("no raceshim beside this Python; run: make bench")
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "workload")
        source = str(HERE / "gate_workload.c")
        subprocess.run([raceshim, "cc", "-O2", source, "-o", program, "-pthread"], check=True)
        loop = f"for i in $(seq {options.processes}); do {program}; done"
        bare = ["sh", "-c", loop]
        gated = [raceshim, "gate", "--", *bare]
        seconds(bare)
        times: dict[str, list[float]] = {"bare": [], "gated": []}
        for _ in range(options.rounds):
            times["bare"].append(seconds(bare))
            times["gated"].append(seconds(gated))
    median = statistics.median(times["gated"]) / statistics.median(times["bare"])
    best = min(times["gated"]) / min(times["bare"])
    print(
        f"gate: {options.processes} processes, bare {statistics.median(times['bare']):.2f} s, "
        f"ratio {median:.3f} (medians of {options.rounds}), {best:.3f} (minima); bar {BAR}"
    )
    return 0 if min(median, best) <= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())

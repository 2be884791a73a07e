# SPDX-License-Identifier: BSD-2-Clause
"""How long 10,000 reports in one log take to become findings, and how much memory.

The log is made of the golden reports of testdata/. The peer is the least that any reader must do,
in the same run: finding the reports' first lines with a regular expression, which is all that
CTest does.
"""

from __future__ import annotations

import argparse
import re
import resource
import sys
import time
from pathlib import Path

from raceshim.finding._merge import merge
from raceshim.report._parse import parse_log

REPORTS = Path(__file__).parents[1] / "testdata" / "reports"
SECONDS_BAR, MEGABYTES_BAR = 10, 300
_HEADER = re.compile(r"^WARNING: ThreadSanitizer: (.*) \(pid=\d+\)$", re.MULTILINE)


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def main() -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=10_000)
    options = parser.parse_args()
    texts = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(REPORTS.glob("tsan-*.txt"))
    ]
    single = [text for text in texts if len(_HEADER.findall(text)) == 1]
    if not single:
        parser.error(f"no golden reports in {REPORTS}")
    log = "".join(single[at % len(single)] for at in range(options.reports))
    before = peak()
    start = time.process_time()
    headers = _HEADER.findall(log)
    searched = time.process_time()
    reports = parse_log(log).reports
    parsed = time.process_time()
    findings = merge(reports)
    merged = time.process_time()
    effort = (merged - searched) / (searched - start)
    print(
        f"reports: {len(headers)} first lines in {len(log) / 1e6:.1f} MB; {len(reports)} reports "
        f"parsed in {parsed - searched:.2f} s and merged into {len(findings)} findings in "
        f"{merged - parsed:.2f} s (bar {SECONDS_BAR} s), {effort:.0f} times the search for first "
        f"lines; peak {peak():.0f} MB (bar {MEGABYTES_BAR} MB), {before:.0f} before"
    )
    lost = len(reports) < len(headers)
    over = merged - searched > SECONDS_BAR or peak() > MEGABYTES_BAR
    return 1 if lost or over else 0


if __name__ == "__main__":
    sys.exit(main())

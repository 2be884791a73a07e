# SPDX-License-Identifier: BSD-2-Clause
"""How large the page of 500 findings is, and how soon a browser has drawn it.

The peer is an empty page in the same browser. Each finding has both accesses, with eight frames
and their source, and two stacks more.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests" / "py"))

from browser import Browser
from format_samples import ROOT, finding, golden, result, runs
from raceshim.formats import _json
from raceshim.formats._documents import Document
from raceshim.report._parse import Frame
from raceshim.view._page import Extras, page
from raceshim.view._source import Sources

COUNT, FRAMES, LINES = 500, 8, 200
SECONDS_BAR, BYTES_BAR = 2.0, 5_000_000


def document(folder: Path) -> Document:
    """Return a result with so many findings, and write their sources."""
    base = golden("tsan-clang-19-race_heap")
    found = []
    for number in range(COUNT):
        file = f"{ROOT}/src/module_{number % 50}.c"
        stacks = tuple(
            replace(
                stack,
                frames=tuple(
                    Frame(f"function_{number}_{at}_{n}", file, 10 + n + at, 7, "server", 4096 + n)
                    for n in range(FRAMES)
                ),
            )
            for at, stack in enumerate(base.stacks)
        )
        one = finding(replace(base, stacks=stacks))
        found.append(replace(one, fingerprint=f"v1-{number:016x}"))
    source = "".join(f"\tcounter[{line}] += update(&state, {line});\n" for line in range(LINES))
    (folder / "src").mkdir()
    for number in range(50):
        (folder / f"src/module_{number}.c").write_text(source)
    of = result(1, findings=tuple(found), runs=runs(*(one.fingerprint for one in found)))
    return Document("race.json", "", _json.document(of))


def main() -> int:
    """Measure and print; the exit status is 1 where a bar is not met."""
    with tempfile.TemporaryDirectory() as name, Browser() as browser:
        folder = Path(name)
        of = document(folder)
        start = time.perf_counter()
        html = page([of], Extras(sources=Sources([folder])))
        made = time.perf_counter() - start
        file, empty = folder / "race.html", folder / "empty.html"
        file.write_text(html, encoding="utf-8")
        empty.write_text("<!doctype html><title>empty</title>")
        peer = min(browser.open(empty) for _ in range(5))
        times = sorted(browser.open(file) for _ in range(5))
        shown = browser.evaluate("document.querySelectorAll('details.finding').length")
        start = time.perf_counter()
        browser.evaluate(
            "(() => { const s = document.getElementById('search'); s.value = 'function_49\\\\d_1';"
            "s.dispatchEvent(new Event('input')); })()"
        )
        search = time.perf_counter() - start
    size = len(html.encode())
    short = "shorter" in html
    print(
        f"{shown} findings: {size / 1e6:.2f} MB (bar 5 MB), made in {made:.2f} s; drawn in "
        f"{times[0]:.2f} to {times[-1]:.2f} s (bar {SECONDS_BAR} s), {times[2] / peer:.1f} times "
        f"an empty page; first search {search:.2f} s{'; CUT SHORT' if short else ''}"
    )
    return int(times[-1] > SECONDS_BAR or size > BYTES_BAR or short or shown != COUNT)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""How far many runs are: a bar on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import os
import re
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from raceshim import _progress

if TYPE_CHECKING:
    import pytest
    from harness_programs import Programs, Raceshim
    from raceshim._campaign import Campaign


def test_without_a_terminal_a_line_is_written_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr(_progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    found: list[str] = []
    tally = SimpleNamespace(runs=0)
    campaign = cast("Campaign", SimpleNamespace(open=found, tally=tally))
    with _progress.Progress(9, "runs") as progress:
        for second in (10, 29, 31, 59, 62):
            now[0] = 100.0 + second
            tally.runs += 1
            progress(campaign)
            if second == 31:
                found.append("a race")
                progress.place("3 workers, 4 runs ahead")
    assert capsys.readouterr().err.splitlines() == [
        "raceshim: 3 of 9 runs, 0 findings",
        "raceshim: 5 of 9 runs, 1 finding; 3 workers, 4 runs ahead",
    ]


def test_on_a_terminal_there_is_a_bar(raceshim: Raceshim, programs: Programs) -> None:
    ours, theirs = os.openpty()
    line = raceshim.line("gate", "--runs", "4", "--", programs("plain", race=True))
    with subprocess.Popen(
        line, env={**raceshim.environ, "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=theirs
    ) as gate:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 1 << 16):
                shown += piece
        except OSError:  # nobody has the other end any more
            pass
        os.close(ours)
        report, _ = gate.communicate()
    assert gate.returncode == 1
    assert re.search(rb"4/4\x1b.*1 finding", shown)
    assert b"4/4" not in report

# SPDX-License-Identifier: BSD-2-Clause
"""The test points of testdata/cover/harness.c with every engine and compiler, in every mode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cover_programs import CLANGS, HARNESS, said, start

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

#: clang's atomic mode has a module of its own, which looks into the files as well.
LANES = [
    (compiler, mode, detector)
    for compilers, modes in (
        (CLANGS, ("set", "count", "edges", "edge-counts")),
        (("gcc-12",), ("count", "atomic")),
    )
    for compiler in compilers
    for mode in modes
    for detector in ("none", "thread")
]
POINTS = (
    "emitToWriter", "emitToNonexistentDir", "emitToNilWriter", "emitToFailingWriter",
    "emitToFullDir", "stats",
)  # fmt: skip


def live(raceshim: Raceshim, folder: Path, report: Path) -> set[str]:
    """Return the functions of which something was executed."""
    raceshim("cover", "func", "--json", report, folder)
    rows = json.loads(report.read_text())["rows"]
    return {row["name"] for row in rows if row["lines"]["covered"]}


@pytest.mark.parametrize("lane", LANES, ids="-".join)
def test_points(raceshim: Raceshim, tmp_path: Path, lane: tuple[str, str, str]) -> None:
    compiler, mode, detector = lane
    program = tmp_path / "harness"
    options = ("--compiler", compiler, "--detector", detector, f"--cover={mode}")
    raceshim("cc", *options, "-g", "-O0", "-pthread", HARNESS, "-o", program, cwd=tmp_path)
    exchange = "emitInTheWrongMode" if mode == "count" else "emitWithReadAndClear"
    for at_exit in (True, False):
        where = tmp_path / str(at_exit)
        for point in ("emitToDir", "emitWithCounterClear", exchange, *POINTS):
            out = where / point
            out.mkdir(parents=True)
            end = where / f"{point}-end"
            end.mkdir()
            done = start(program, point, out, folder=end if at_exit else None, cwd=tmp_path)
            assert done.returncode == 0, said(done)
            assert done.stderr.count("\n") == (0 if at_exit else 1), said(done)
            assert len(list(end.glob("covcounters.*"))) == (1 if at_exit else 0), point

    out = tmp_path / "True/emitToDir"
    assert sorted(p.name.split(".")[0] for p in out.iterdir()) == ["covcounters", "covmeta"]
    names = {"main", "emit_to_dir", "final"}
    assert live(raceshim, out, tmp_path / "report") & names == {"main", "emit_to_dir"}
    ended = live(raceshim, tmp_path / "True/emitToDir-end", tmp_path / "report")
    assert ended & names == names

    names = {"emit_with_counter_clear", "post_clear", "pre_clear", "final"}
    cleared = live(raceshim, tmp_path / "True/emitWithCounterClear", tmp_path / "report")
    assert cleared & names == {"emit_with_counter_clear", "post_clear"}

# SPDX-License-Identifier: BSD-2-Clause
"""Cobertura's XML is valid by Cobertura's own DTD, which Debian's source package has."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import cover_stock
import pytest
from cover_folder import run_covered
from lxml import etree
from shim_builds import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

pytestmark = pytest.mark.long

FETCH = ROOT / "tools/debian_source.py"
LANES = [("clang-19", "atomic"), ("clang-14", "edges"), ("gcc-12", "count")]


@pytest.fixture(scope="session")
def dtd() -> etree.DTD:
    done = subprocess.run(
        [sys.executable, FETCH, "cobertura", ROOT / "build/sources"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return etree.DTD(f"{done.stdout.strip()}/cobertura/src/test/resources/dtds/coverage-04.dtd")


@pytest.mark.parametrize("lane", LANES, ids="-".join)
def test_export_is_valid(
    raceshim: Raceshim, dtd: etree.DTD, tmp_path: Path, lane: tuple[str, str]
) -> None:
    compiler, mode = lane
    # A name that XML has to write in another way, and a second file in another folder.
    folder = tmp_path / 'R&D "<src>"'
    (folder / "part").mkdir(parents=True)
    (folder / "prog.c").write_text(cover_stock.PROGRAM)
    (folder / "part/other.c").write_text("int other(int x) { return x ? x : 7; }\n")
    raceshim(
        "cc", "--compiler", compiler, "--detector=none", f"--cover={mode}", "-g", "-O0",
        folder / "prog.c", folder / "part/other.c", "-o", folder / "prog", cwd=folder,
    )  # fmt: skip
    run_covered(folder / "prog", folder / "out", "5", "-3", "102")
    raceshim("cover", "export", "--format=cobertura", folder / "out", "-o", tmp_path / "x.xml")
    document = etree.parse(tmp_path / "x.xml")
    assert dtd.validate(document), dtd.error_log
    names = {c.get("filename").rpartition("/")[2] for c in document.iterfind(".//class")}
    assert names == {"prog.c", "other.c"}

    # The control: the DTD misses what is taken away.
    for path, attribute in (("", "timestamp"), (".//class", "complexity"), (".//line", "hits")):
        damaged = etree.parse(io.BytesIO(etree.tostring(document)))
        element = damaged.find(path) if path else damaged.getroot()
        del element.attrib[attribute]
        assert not dtd.validate(damaged)

# SPDX-License-Identifier: BSD-2-Clause
"""Coverage of a command under the gate, and of the programs that pytest builds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cover_stock
import pytest
from harness_programs import source

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

pytest_plugins = ["pytester"]


def compiled(raceshim: Raceshim, folder: Path, *, race: bool) -> Path:
    """Build a program of two threads with coverage."""
    (folder / "prog.c").write_text(source("plain", race=race))
    words = ("--compiler", "clang-19", "--cover=atomic", "-g", folder / "prog.c")
    raceshim("cc", *words, "-o", folder / "prog")
    return folder / "prog"


@pytest.mark.parametrize(("race", "status"), [(False, 0), (True, 1)])
def test_gate_prints_percentages_after_the_verdict(
    raceshim: Raceshim, tmp_path: Path, race: bool, status: int
) -> None:
    program = compiled(raceshim, tmp_path, race=race)
    out = tmp_path / "new" / "cov"
    done = raceshim("gate", "--cover", out, "--", program, status=status)
    verdict, table = done.stdout.split("coverage of\n")
    assert ("clean" in verdict) is not race
    assert re.search(rf"^ *\d+\.\d% \d+/\d+ .* {tmp_path}$", table, re.MULTILINE), table
    assert table.splitlines()[-1].endswith("total")
    assert sorted(path.name.split(".")[0] for path in out.iterdir()) == ["covcounters", "covmeta"]


def test_gate_says_when_nothing_was_counted(raceshim: Raceshim, tmp_path: Path) -> None:
    done = raceshim(
        "gate", "--cover", tmp_path / "cov", "--detector", "none", "--", "true", status=None
    )
    assert "coverage: no program left any" in done.stdout
    (tmp_path / "file").touch()
    done = raceshim("gate", "--cover", tmp_path / "file" / "x", "--", "true", status=2)
    assert "Not a directory" in done.stderr


def test_mode_before_a_command_is_refused(raceshim: Raceshim) -> None:
    done = raceshim("gate", "--cover=count", "--", "true", status=2)
    assert "RACESHIM_COVER=count" in done.stderr


def test_what_is_wrong_with_coverage_changes_no_verdict(raceshim: Raceshim, tmp_path: Path) -> None:
    program = compiled(raceshim, tmp_path, race=False)
    line = f"{program} && rm {program}"
    done = raceshim("gate", "--cover", tmp_path / "cov", "--", "sh", "-c", line)
    assert f"the program {program} is gone" in done.stdout


def test_plugin_collects_and_prints_percentages(
    pytester: pytest.Pytester, sdk_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "RACESHIM_SDK" in sdk_environment:
        monkeypatch.setenv("RACESHIM_SDK", sdk_environment["RACESHIM_SDK"])
    pytester.path.joinpath("prog.c").write_text(cover_stock.PROGRAM)
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("mode", ["atomic", "edges"])
        def test_it(race, mode):
            race.build("prog.c", cover=mode, compiler="clang-19", cflags=["-O0"]).run("5")

        def test_wrong_mode(race):
            with pytest.raises(Exception, match="is none of none, set, count"):
                race.build("prog.c", cover="all")
    """)
    arguments = ("-p", "no:cacheprovider", "--raceshim-cover=cov")
    result = pytester.runpytest_subprocess(*arguments)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*coverage of C programs*", "*coverage of", "*2/3*total"])
    files = [path.name.split(".")[0] for path in (pytester.path / "cov").iterdir()]
    assert sorted(files) == ["covcounters"] * 2 + ["covmeta"] * 2

# SPDX-License-Identifier: BSD-2-Clause
"""From source to report: what `raceshim cc --cover` builds, run, read by `raceshim cover`."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import cover_stock
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

CLANGS = ("clang-14", "clang-19")
ARGUMENTS = ("5", "-3", "102", "0", "12")


def covered(
    raceshim: Raceshim, folder: Path, compiler: str, mode: str, *flags: str, detector: str = "none"
) -> Path:
    """Build the sample program, run it; return the directory of its coverage."""
    out = folder / f"{compiler}-{mode}-{detector}-{len(flags)}"
    (out / "cov").mkdir(parents=True)
    (folder / "prog.c").write_text(cover_stock.PROGRAM)
    words = ["--compiler", compiler, f"--cover={mode}", "--detector", detector, "-g", *flags]
    raceshim("cc", *words, folder / "prog.c", "-o", out / "prog")
    environ = raceshim.environ | {"RACESHIM_COVERDIR": str(out / "cov")}
    done = subprocess.run(
        [out / "prog", *ARGUMENTS], env=environ, check=True, capture_output=True, text=True
    )
    assert not done.stderr
    return out / "cov"


def lines(raceshim: Raceshim, place: Path) -> dict[int, int]:
    """Return how often each line was executed."""
    text = raceshim("cover", "export", "--format", "lcov", place).stdout
    (text,) = (part for part in text.split("end_of_record\n") if "/prog.c\n" in part)
    return {int(n): int(count) for n, count in re.findall(r"^DA:(\d+),(\d+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("detector", ["none", "thread"])
@pytest.mark.parametrize("compiler", CLANGS)
def test_every_mode_agrees_on_what_was_executed(
    raceshim: Raceshim, tmp_path: Path, compiler: str, detector: str
) -> None:
    def of(mode: str) -> dict[int, int]:
        return lines(raceshim, covered(raceshim, tmp_path, compiler, mode, detector=detector))

    exact = of("atomic")
    assert (exact[6], exact[8], exact[10], exact[16], exact[22]) == (5, 1, 1, 3, 0)
    assert of("count") == exact
    executed = {line: bool(count) for line, count in exact.items()}
    # regions are differences of counters: of flags they would be wrong
    assert {line: bool(count) for line, count in of("set").items()} == executed
    for mode in ("edges", "edge-counts"):
        found = of(mode)
        assert len(found) > 10
        assert {line: bool(count) for line, count in found.items()} == {
            line: executed[line] for line in found if line in executed
        } | {line: bool(found[line]) for line in found if line not in executed}


@pytest.mark.parametrize("compiler", CLANGS)
def test_report_is_that_of_the_stock_runtime(
    raceshim: Raceshim, tmp_path: Path, compiler: str
) -> None:
    cov = covered(raceshim, tmp_path, compiler, "atomic", "-O1")
    stock = cover_stock.build(tmp_path / "stock", compiler, "-O1")
    raw, *_ = stock.run(*ARGUMENTS)
    ours = cov.parent / "ours.profraw"
    raceshim("cover", "export", "--format", "profraw", cov, "-o", ours)
    # the same source elsewhere: only its path differs
    here = cover_stock.Built(cov.parent / "prog", compiler)
    table = [line.split()[1:] for line in here.report(ours).splitlines() if "prog.c " in line]
    wanted = [line.split()[1:] for line in stock.report(raw).splitlines() if "prog.c " in line]
    assert table
    assert table == wanted


def test_gcc_is_read_by_gcov(raceshim: Raceshim, tmp_path: Path) -> None:
    place = covered(raceshim, tmp_path, "gcc-12", "atomic")
    covered_again = raceshim("cover", "func", place).stdout
    assert re.search(r" 5  classify +.*/prog\.c:5$", covered_again, re.MULTILINE), covered_again
    found = lines(raceshim, place)
    assert (found[5], found[10], found[16], found[22]) == (5, 1, 3, 0)


@pytest.mark.parametrize("compiler", CLANGS)
def test_edges_find_lines_in_every_dwarf(raceshim: Raceshim, tmp_path: Path, compiler: str) -> None:
    (tmp_path / "build").mkdir()
    found = []
    for flag in ("-gdwarf-5", "-gdwarf-4"):
        folder = tmp_path / flag
        folder.mkdir()
        place = covered(raceshim, folder, compiler, "edge-counts", flag)
        found.append(lines(raceshim, place))
        assert f"{folder}/prog.c" in raceshim("cover", "percent", place).stdout
    assert found[0] == found[1]
    assert (found[0][6], found[0][22]) == (5, 0)
    (binary,) = tmp_path.glob("-gdwarf-5/*/prog")
    subprocess.run([f"llvm-strip-{compiler[-2:]}", "--strip-debug", binary], check=True)
    done = raceshim("cover", "percent", binary.parent / "cov", status=4)
    assert "no line table" in done.stderr


@pytest.mark.parametrize("level", ["-O1", "-O2"])
@pytest.mark.parametrize("compiler", CLANGS)
def test_edges_of_optimised_code_agree_with_regions(
    raceshim: Raceshim, tmp_path: Path, compiler: str, level: str
) -> None:
    exact = lines(raceshim, covered(raceshim, tmp_path, compiler, "atomic", level))
    for mode in ("edges", "edge-counts"):
        found = lines(raceshim, covered(raceshim, tmp_path, compiler, mode, level))
        common = found.keys() & exact.keys()
        assert len(common) > 8
        wrong = {n for n in common if bool(found[n]) != bool(exact[n])}
        assert wrong == set(), (mode, sorted(wrong))


@pytest.mark.parametrize("mode", ["atomic", "edges", "edge-counts"])
def test_functions_of_cxx_have_names_that_people_write(
    raceshim: Raceshim, tmp_path: Path, mode: str
) -> None:
    (tmp_path / "p.cpp").write_text(
        "namespace shop {\n"
        "template <typename T> struct box {\n\tT value;\n\tT twice(int n);\n};\n"
        "template <typename T> T box<T>::twice(int n) { return value * n; }\n"
        "int price(int n) { return box<int>{n}.twice(2); }\n"
        "double price(double n) { return box<double>{n}.twice(2); }\n"
        "}\n"
        "int main() { return shop::price(1) + shop::price(2.0) > 90; }\n"
    )
    (tmp_path / "cov").mkdir()
    words = ["--compiler", "clang-19", f"--cover={mode}", "--detector", "none", "-g"]
    raceshim("c++", *words, tmp_path / "p.cpp", "-o", tmp_path / "prog")
    environ = raceshim.environ | {"RACESHIM_COVERDIR": str(tmp_path / "cov")}
    subprocess.run([tmp_path / "prog"], env=environ, check=True)
    told = json.loads(raceshim("cover", "func", "--json", "-", tmp_path / "cov").stdout)
    assert {row["name"]: row["count"] for row in told["rows"]} == {
        "shop::price(int)": 1,
        "shop::price(double)": 1,
        "shop::box<int>::twice(int)": 1,
        "shop::box<double>::twice(int)": 1,
        "main": 1,
    }
    table = raceshim("cover", "percent", "--by", "function", tmp_path / "cov").stdout
    assert "p.cpp:7 shop::price(int)" in table
    # tools that read lcov's files know functions by the names of the object files
    text = raceshim("cover", "export", "--format", "lcov", tmp_path / "cov").stdout
    assert "_ZN4shop5priceEi" in text


def test_edges_are_shown_as_text_and_html(raceshim: Raceshim, tmp_path: Path) -> None:
    place = covered(raceshim, tmp_path, "clang-19", "edge-counts")
    text = raceshim("cover", "export", "--format", "text", place).stdout
    assert "   22|      0|\treturn value * 2;\n" in text
    assert "    1|       |#include <stdio.h>\n" in text
    raceshim("cover", "export", "--format", "html", place, "-o", tmp_path / "html")
    assert "prog.c" in (tmp_path / "html" / "index.html").read_text()
    page = (tmp_path / "html" / "files" / "0.html").read_text()
    assert '<tr class="no" id="L22">' in page
    assert "#include &lt;stdio.h&gt;" in page
    cobertura = raceshim("cover", "export", "--format", "cobertura", place).stdout
    assert '<line number="22" hits="0" branch="false"/>' in cobertura

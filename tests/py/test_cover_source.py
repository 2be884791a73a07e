# SPDX-License-Identifier: BSD-2-Clause
"""The source engine: our reports are those of clang's own runtime for the same run."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import cover_stock
import pytest
from cover_samples import write_run
from lxml import etree
from raceshim.cover._units import Mode

if TYPE_CHECKING:
    from pathlib import Path

    from cover_stock import Built
    from harness_programs import Raceshim

CLANGS = ("clang-14", "clang-19")
ARGUMENTS = ("5", "-3", "102", "0", "12")


@pytest.fixture(params=CLANGS)
def built(request: pytest.FixtureRequest, tmp_path: Path) -> Built:
    return cover_stock.build(tmp_path / "build", request.param)


def exported(raceshim: Raceshim, kind: str, where: Path, *words: str | Path) -> Path:
    out = where.parent / f"out.{kind}"
    done = raceshim("cover", "export", "--format", kind, where, "-o", out, *words)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("flags", [("-O0",), ("-O2",), ("-fsanitize=thread", "-O1")])
@pytest.mark.parametrize("compiler", CLANGS)
def test_report_of_exported_profile_is_that_of_the_stock_runtime(
    raceshim: Raceshim, tmp_path: Path, compiler: str, flags: tuple[str, ...]
) -> None:
    built = cover_stock.build(tmp_path / "build", compiler, *flags)
    raw, meta, records = built.run(*ARGUMENTS)
    write_run(tmp_path / "cov", [(meta, records)])
    ours = exported(raceshim, "profraw", tmp_path / "cov")
    stock = built.report(raw)
    assert "classify" in stock
    assert built.report(ours) == stock
    # binary ids and value profiles are not of coverage; all else is byte for byte the same
    indexed = exported(raceshim, "profdata", tmp_path / "cov")
    assert built.report(indexed) == stock


def test_bitmaps_of_mcdc_survive(raceshim: Raceshim, tmp_path: Path) -> None:
    built = cover_stock.build(tmp_path / "build", "clang-19", "-fcoverage-mcdc")
    raw, meta, records = built.run(*ARGUMENTS)
    assert any(
        bits for record in records.values() if isinstance(record, tuple) for bits in record[1:]
    )
    write_run(tmp_path / "cov", [(meta, records)])
    ours = exported(raceshim, "profraw", tmp_path / "cov")
    for profile in (raw, ours):
        merged = profile.with_suffix(".m")
        built.tool("llvm-profdata", "merge", "-o", merged, profile)
    arguments = ("show", built.binary, "--show-mcdc")
    mcdc = [
        built.tool("llvm-cov", *arguments, f"-instr-profile={p.with_suffix('.m')}")
        for p in (raw, ours)
    ]
    assert "MC/DC Coverage for Decision: " in mcdc[0]
    assert "MC/DC Coverage for Decision: 0.00%" not in mcdc[0]
    assert mcdc[0] == mcdc[1]


def test_counters_of_one_byte_say_executed_or_not(raceshim: Raceshim, tmp_path: Path) -> None:
    built = cover_stock.build(
        tmp_path / "build", "clang-19", "-mllvm", "-enable-single-byte-coverage"
    )
    raw, meta, records = built.run(*ARGUMENTS, mode=Mode.SET)
    write_run(tmp_path / "cov", [(meta, records)])
    ours = exported(raceshim, "profraw", tmp_path / "cov")
    assert built.report(ours) == built.report(raw)


def test_libraries_are_reported_with_their_program(raceshim: Raceshim, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "lib.c").write_text("int lib(int x)\n{\n\tif (x)\n\t\treturn 1;\n\treturn 2;\n}\n")
    (folder / "main.c").write_text("int lib(int);\nint main(void)\n{\n\treturn lib(1) - 1;\n}\n")
    flags = ["-fprofile-instr-generate", "-fcoverage-mapping", "-Wl,--build-id"]
    subprocess.run(
        ["clang-19", *flags, "-shared", "-fPIC", folder / "lib.c", "-o", folder / "liblib.so"],
        check=True,
    )
    subprocess.run(
        ["clang-19", *flags, folder / "main.c", "-o", folder / "main", "-L", folder, "-llib",
         f"-Wl,-rpath,{folder}"],
        check=True,
    )  # fmt: skip
    raws = folder / "%m.profraw"
    subprocess.run([folder / "main"], check=True, env={"LLVM_PROFILE_FILE": str(raws)})
    compiler = cover_stock.version("clang-19")
    units = []
    for raw in folder.glob("*.profraw"):
        data = raw.read_bytes()
        shown = subprocess.run(
            ["llvm-profdata-19", "show", "--all-functions", raw], check=True, capture_output=True
        )
        binary = folder / ("main" if b"  main:" in shown.stdout else "liblib.so")
        units.append(cover_stock.from_profraw(data, binary, Mode.COUNT, compiler))
    assert len(units) == 2
    units.sort(key=lambda unit: not unit[0].path.endswith("main"))
    write_run(tmp_path / "cov", units)
    done = raceshim("cover", "percent", tmp_path / "cov")
    assert re.search(rf"^ *80\.0% 4/5 .* {folder}/lib\.c$", done.stdout, re.MULTILINE), done.stdout
    assert re.search(rf"^ *100\.0% 3/3 .* {folder}/main\.c$", done.stdout, re.MULTILINE)
    only = raceshim("cover", "percent", tmp_path / "cov", "--binary", "liblib.so").stdout
    assert "lib.c" in only
    assert "main.c" not in only
    program = raceshim("cover", "percent", tmp_path / "cov", "--binary", folder / "main").stdout
    assert "lib.c" in program


def test_percent_by_file_directory_and_function(
    raceshim: Raceshim, built: Built, tmp_path: Path
) -> None:
    folder = cover_stock.coverage(tmp_path / "cov", built, *ARGUMENTS)
    source = str(built.binary.with_suffix(".c"))
    by_file = raceshim("cover", "percent", folder)
    assert by_file.returncode == 0, by_file.stderr
    lcov = exported(raceshim, "lcov", folder).read_text()
    lines = dict(re.findall(r"^DA:(\d+),(\d+)$", lcov, re.MULTILINE))
    covered = sum(count != "0" for count in lines.values())
    head, row, total = by_file.stdout.splitlines()
    assert head.split() == ["lines", "functions", "branches", "file"]
    assert row.split()[1] == f"{covered}/{len(lines)}"
    assert row.split()[3] == "2/3"
    assert row.split()[-1] == source
    assert total.split()[1] == row.split()[1]
    stock = built.report(exported(raceshim, "profdata", folder))
    assert f" {len(lines)} " in re.search(r"^TOTAL.*$", stock, re.MULTILINE)[0]  # type: ignore[index]
    assert (
        f" {built.binary.parent}"
        in raceshim("cover", "percent", "--by", "directory", folder).stdout
    )
    by_function = raceshim("cover", "percent", "--by", "function", folder, "--json", "-")
    rows = {row["name"]: row for row in json.loads(by_function.stdout)["rows"]}
    assert rows[f"{source}:21 never"]["lines"] == {"covered": 0, "total": 3, "percent": 0.0}
    assert rows[f"{source}:6 classify"]["functions"]["covered"] == 1
    assert rows[f"{source}:27 main"]["lines"]["percent"] == 100


def test_func_shows_calls_and_places(raceshim: Raceshim, built: Built, tmp_path: Path) -> None:
    folder = cover_stock.coverage(tmp_path / "cov", built, *ARGUMENTS)
    shown = raceshim("cover", "func", folder).stdout
    assert re.search(r"0\.0% 0/3 +0  never +.*/prog\.c:21$", shown, re.MULTILINE), shown
    assert re.search(r"% \d+/\d+ +5  classify +.*/prog\.c:6$", shown, re.MULTILINE), shown


def test_lcov_is_that_of_llvm_cov(raceshim: Raceshim, built: Built, tmp_path: Path) -> None:
    raw, meta, records = built.run(*ARGUMENTS)
    write_run(tmp_path / "cov", [(meta, records)])
    ours = exported(raceshim, "lcov", tmp_path / "cov").read_text()
    merged = raw.with_suffix(".profdata")
    built.tool("llvm-profdata", "merge", "-o", merged, raw)
    stock = built.tool(
        "llvm-cov", "export", "-format=lcov", built.binary, f"-instr-profile={merged}"
    )
    static = re.compile(r"prog\.c[:;](?=classify)")
    assert sorted(ours.splitlines()) == sorted(static.sub("", stock).splitlines())


def test_json_text_and_html_are_llvm_cov_s(
    raceshim: Raceshim, built: Built, tmp_path: Path
) -> None:
    folder = cover_stock.coverage(tmp_path / "cov", built, *ARGUMENTS)
    value = json.loads(exported(raceshim, "json", folder).read_text())
    assert value["type"] == "llvm.coverage.json.export"
    text = exported(raceshim, "text", folder).read_text()
    assert re.search(r"\|      0\|\treturn value \* 2;", text)
    page = exported(raceshim, "html", folder) / "index.html"
    assert "prog.c" in page.read_text()


def test_cobertura_says_what_lcov_says(raceshim: Raceshim, built: Built, tmp_path: Path) -> None:
    folder = cover_stock.coverage(tmp_path / "cov", built, *ARGUMENTS)
    root = etree.fromstring(exported(raceshim, "cobertura", folder).read_bytes())
    lcov = exported(raceshim, "lcov", folder).read_text()
    lines = dict(re.findall(r"^DA:(\d+),(\d+)$", lcov, re.MULTILINE))
    shown = {line.get("number"): line.get("hits") for line in root.iterfind(".//class/lines/line")}
    assert shown == lines
    assert root.get("lines-valid") == str(len(lines))
    (first,) = root.xpath(".//class/lines/line[@number='9']")
    assert first.get("condition-coverage") == "75% (3/4)"
    assert root.find(".//class").get("filename").endswith("build/prog.c")
    assert [m.get("name") for m in root.iterfind(".//method")] == ["classify", "never", "main"]


def test_program_that_is_gone_or_new_is_an_error(
    raceshim: Raceshim, built: Built, tmp_path: Path
) -> None:
    folder = cover_stock.coverage(tmp_path / "cov", built, *ARGUMENTS)
    moved = tmp_path / "moved"
    built.binary.rename(moved)
    done = raceshim("cover", "percent", folder, status=4)
    assert f"the program {built.binary} is gone" in done.stderr
    assert "covmeta." in done.stderr
    again = raceshim("cover", "percent", folder, "--binary", moved)
    assert (again.returncode, "prog.c" in again.stdout) == (0, True), again.stderr
    # another program at its place
    source = cover_stock.PROGRAM.replace("value * 2", "value * 3")
    cover_stock.build(built.binary.parent, built.compiler, source=source)
    done = raceshim("cover", "percent", folder, status=4)
    assert "has been built anew since it was run (build id " in done.stderr
    # once the new one has run too, the earlier one's files are left out, and named
    cover_stock.coverage(folder, built, "1")
    done = raceshim("cover", "percent", folder)
    assert done.returncode == 0, done.stderr
    assert "skipped: " in done.stderr
    assert "of an earlier build of" in done.stderr


def test_tools_that_are_missing_are_named(raceshim: Raceshim, built: Built, tmp_path: Path) -> None:
    _, meta, records = built.run("1")
    old = cover_stock.version(built.compiler).replace(f" {built.llvm}.", " 77.")
    moved = cover_stock.from_profraw(
        next(built.binary.parent.glob("*.profraw")).read_bytes(), built.binary, Mode.COUNT, old
    )
    assert moved[1] == records
    assert meta.compiler != old
    write_run(tmp_path / "cov", [moved])
    done = raceshim("cover", "percent", tmp_path / "cov", status=4)
    assert "needs llvm-profdata of LLVM 77" in done.stderr
    assert "install the package llvm-77" in done.stderr

# SPDX-License-Identifier: BSD-2-Clause
"""`edge-counts` of clang 16 and newer: blocks that others imply have counts in every report.

A program of all kinds of control flow is built three times: with counters in some blocks, with
counters in all, and with clang's own regions.
"""

from __future__ import annotations

import re
import struct
import subprocess
from random import Random
from typing import TYPE_CHECKING

import pytest
from raceshim._errors import ToolError
from raceshim.cover import _blocks, _units
from raceshim.cover._elf import Elf
from shim_builds import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from harness_programs import Raceshim

SOURCE = ROOT / "tests/cover/edges_flow.c"
EVERY = ("-mllvm", "-sanitizer-coverage-prune-blocks=false")
TABLE = "__sancov_cfs"
CRASHING = """\
#include <stdio.h>
#include <stdlib.h>
#define NOINLINE __attribute__((noinline))
static volatile int sink;
NOINLINE static int setup(int n) { return n < 0; }
NOINLINE static void crash(int n)
{
	sink += n;
	if (n > 5)
		abort();
	sink -= n;
}
NOINLINE static void handle(int n)
{
	if (setup(n))
		return;
	for (int i = 0; i < 3; i++)
		sink += i;
	if (n % 2) {
		sink++;
		crash(n);
		if (sink > 100)
			sink = 0;
		else
			sink++;
	}
	sink++;
}
NOINLINE static void serve(int n)
{
	if (setup(n))
		exit(3);
	if (setup(n + 1)) {
		sink++;
		exit(4);
	}
	for (int i = 0;; i++) {
		if (setup(i))
			break;
		handle(i);
		if (sink > 1000)
			return;
	}
	sink = 7;
}
int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	serve(n);
	if (sink)
		puts("sink");
	else
		puts("no sink");
	return 0;
}
"""


def line(text: str) -> int:
    """Return the number of the line in the program that is this."""
    (found,) = (
        n for n, now in enumerate(SOURCE.read_text().splitlines(), 1) if now.strip() == text
    )
    return found


def run(raceshim: Raceshim, folder: Path, *flags: str | Path, mode: str = "edge-counts") -> Path:
    """Build the program, run it; return the directory of its coverage."""
    folder.mkdir()
    (folder / "cov").mkdir()
    words = ["--detector", "none", "--compiler", "clang-19", f"--cover={mode}"]
    raceshim("cc", *words, "-g", "-pthread", SOURCE, *flags, "-o", folder / "prog")
    environ = raceshim.environ | {"RACESHIM_COVERDIR": str(folder / "cov")}
    subprocess.run([folder / "prog", "200"], env=environ, check=True, capture_output=True)
    return folder / "cov"


def lines(raceshim: Raceshim, place: Path) -> dict[int, int]:
    """Return how often each line was executed."""
    text = raceshim("cover", "export", "--format", "lcov", place).stdout
    return {int(n): int(count) for n, count in re.findall(r"^DA:(\d+),(\d+)$", text, re.MULTILINE)}


def unit_of(place: Path) -> _units.Counters:
    """Return what a program with one link unit has counted."""
    (meta_file,), (counters,) = place.glob("covmeta.*"), place.glob("covcounters.*")
    (meta,) = _units.read_metas(meta_file.read_bytes(), str(meta_file))
    (raw,) = _units.split(counters.read_bytes(), str(counters))
    return _units.read_counters(raw, meta)


def test_every_line_has_the_count_of_its_own_counter(raceshim: Raceshim, tmp_path: Path) -> None:
    found = run(raceshim, tmp_path / "some", "-O0")
    every = run(raceshim, tmp_path / "every", "-O0", *EVERY)
    counters = len(unit_of(found).meta.identity.edges)  # type: ignore[union-attr]
    assert counters < 0.65 * len(unit_of(every).meta.identity.edges)  # type: ignore[union-attr]
    some, exact = lines(raceshim, found), lines(raceshim, every)
    assert len(some) > 80
    # A call left the function, as nobody but a counter behind it can know: it is taken to be back.
    behind = line("return 2;") + 1
    assert some.pop(behind) == exact.pop(behind) + 100
    assert some == exact


@pytest.mark.parametrize("level", ["-O1", "-O2"])
def test_optimised_code_has_the_same_counts(raceshim: Raceshim, tmp_path: Path, level: str) -> None:
    some = lines(raceshim, run(raceshim, tmp_path / "some", level))
    every = lines(raceshim, run(raceshim, tmp_path / "every", level, *EVERY))
    common = some.keys() & every.keys()
    assert len(common) > 50
    assert {n: some[n] for n in common} == {n: every[n] for n in common}


def test_counts_are_those_of_regions(raceshim: Raceshim, tmp_path: Path) -> None:
    some = lines(raceshim, run(raceshim, tmp_path / "some", "-O0"))
    exact = lines(raceshim, run(raceshim, tmp_path / "exact", "-O0", mode="atomic"))
    # Closing braces and `do` are other things to regions; what calls setjmp() goes on twice.
    other = {line("do {"), line("jumps(n);"), line("return 2;"), line("return 2;") + 1}
    text = SOURCE.read_text().splitlines()
    common = {n for n in some.keys() & exact.keys() - other if text[n - 1].strip() != "}"}
    assert len(common) > 75
    assert {n: some[n] for n in common} == {n: exact[n] for n in common}
    assert some[line("return 10;")] == 2 * 46
    assert some[line("give_up(3);")] == some[line("abort();")] == some[line("sink += i;")] == 0


@pytest.mark.parametrize(
    "flags",
    [
        ("-fPIE", "-pie"),
        ("-fno-pie", "-no-pie"),
        ("-fno-pie", "-static"),
        ("-Wl,-z,pack-relative-relocs",),
        ("-Wl,--gc-sections", "-ffunction-sections"),
    ],
    ids=" ".join,
)
def test_table_is_found_however_it_is_linked(
    raceshim: Raceshim, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    usual = lines(raceshim, run(raceshim, tmp_path / "usual", "-O0"))
    assert lines(raceshim, run(raceshim, tmp_path / "other", "-O0", *flags)) == usual


@pytest.mark.parametrize("mode", ["atomic", "edge-counts"])
def test_packed_relocations_keep_the_build_id(
    raceshim: Raceshim, tmp_path: Path, mode: str
) -> None:
    place = run(raceshim, tmp_path / "packed", "-Wl,-z,pack-relative-relocs", mode=mode)
    (file,) = place.glob("covmeta.*")
    (meta,) = _units.read_metas(file.read_bytes(), str(file))
    assert len(meta.build_id) == 40


def test_library_refers_to_its_functions_by_name(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "l.c").write_text(
        "int sign(int n) { if (n < 0) return -1; if (n == 0) return 0; return 1; }\n"
        "int signs(int n)\n{\n\tint sum = 0;\n\tfor (int i = -n; i <= n; i++)\n"
        "\t\tsum += sign(i) ? 1 : 2;\n\treturn sum;\n}\n"
    )
    (tmp_path / "m.c").write_text("int signs(int n);\nint main(void) { return signs(5) != 12; }\n")
    (tmp_path / "cov").mkdir()
    words = ["cc", "--detector", "none", "--compiler", "clang-19", "--cover=edge-counts", "-g"]
    raceshim(*words, "-fPIC", "-shared", tmp_path / "l.c", "-o", tmp_path / "l.so")
    raceshim(*words, tmp_path / "m.c", tmp_path / "l.so", "-o", tmp_path / "prog")
    environ = raceshim.environ | {"RACESHIM_COVERDIR": str(tmp_path / "cov")}
    subprocess.run([tmp_path / "prog"], env=environ, check=True)
    text = raceshim("cover", "export", "--format", "lcov", tmp_path / "cov").stdout
    (text,) = (part for part in text.split("end_of_record\n") if "/l.c\n" in part)
    found = dict(re.findall(r"^DA:(\d+),(\d+)$", text, re.MULTILINE))
    assert found == {"1": "11", "3": "1", "4": "1", "5": "12", "6": "11", "7": "1"}


def test_objects_of_other_compilers_have_counters_in_all_blocks(
    raceshim: Raceshim, tmp_path: Path
) -> None:
    """What clang 14 compiled is not in the table, and needs nothing of it."""
    old = ["cc", "--detector", "none", "--compiler", "clang-14", "--cover=edge-counts", "-g"]
    (tmp_path / "old.c").write_text(
        "int old(int n)\n{\n\tif (n > 3)\n\t\treturn 1;\n\treturn 0;\n}\n"
    )
    raceshim(*old, "-c", tmp_path / "old.c", "-o", tmp_path / "old.o")
    place = run(raceshim, tmp_path / "mixed", "-O0", tmp_path / "old.o")
    usual = lines(raceshim, run(raceshim, tmp_path / "usual", "-O0"))
    text = raceshim("cover", "export", "--format", "lcov", place).stdout
    (flow,) = (part for part in text.split("end_of_record\n") if "/edges_flow.c\n" in part)
    found = {int(n): int(c) for n, c in re.findall(r"^DA:(\d+),(\d+)$", flow, re.MULTILINE)}
    assert found == usual
    (never,) = (part for part in text.split("end_of_record\n") if "/old.c\n" in part)
    assert len(re.findall(r"^DA:\d+,0$", never, re.MULTILINE)) == 5


@pytest.mark.parametrize("level", ["-O0", "-O1"])
def test_crash_shows_how_far_it_came(raceshim: Raceshim, tmp_path: Path, level: str) -> None:
    """Calls that have not come back: of main, of the loop, and the one that crashes."""
    (tmp_path / "p.c").write_text(CRASHING)
    found = []
    for name, flags in (("some", ()), ("every", EVERY)):
        folder = tmp_path / name
        (folder / "cov").mkdir(parents=True)
        words = ["cc", "--detector", "none", "--compiler", "clang-19", "--cover=edge-counts", "-g"]
        raceshim(*words, level, tmp_path / "p.c", *flags, "-o", folder / "prog")
        environ = raceshim.environ | {"RACESHIM_COVERDIR": str(folder / "cov")}
        done = subprocess.run([folder / "prog", "7"], env=environ, check=False)
        assert done.returncode == -6
        counts = lines(raceshim, folder / "cov")
        found.append({number: bool(count) for number, count in counts.items()})
    common = found[0].keys() & found[1].keys()
    assert {n: found[0][n] for n in common} == {n: found[1][n] for n in common}
    assert {True, False} == set(found[0].values())


def test_difference_is_of_blocks(raceshim: Raceshim, tmp_path: Path) -> None:
    """Blocks that both runs executed are not in it, whichever counters they are implied by."""
    binary = tmp_path / "prog"
    (tmp_path / "p.c").write_text(
        "#include <stdlib.h>\n"
        "static volatile int sink;\n"
        "static void work(int n)\n{\n"
        "\tsink++;\n"
        "\tsink += 2;\n"
        "\tif (n)\n"
        "\t\tsink += 3;\n"
        "\telse\n"
        "\t\tsink += 4;\n"
        "\tsink += 5;\n"
        "}\n"
        "int main(int argc, char **argv)\n{\n"
        "\tif (argc > 1)\n"
        "\t\twork(atoi(argv[1]));\n"
        "\treturn 0;\n}\n"
    )
    words = ["cc", "--detector", "none", "--compiler", "clang-19", "--cover=edge-counts", "-g"]
    raceshim(*words, tmp_path / "p.c", "-o", binary)
    for name, argument in (("one", "1"), ("nil", "0")):
        (tmp_path / name).mkdir()
        environ = raceshim.environ | {"RACESHIM_COVERDIR": str(tmp_path / name)}
        subprocess.run([binary, argument], env=environ, check=True)
    raceshim("cover", "subtract", "-o", tmp_path / "less", tmp_path / "one", tmp_path / "nil")
    found = lines(raceshim, tmp_path / "less")
    assert {n for n, count in found.items() if count} == {8}
    raceshim("cover", "intersect", "-o", tmp_path / "both", tmp_path / "one", tmp_path / "nil")
    found = lines(raceshim, tmp_path / "both")
    assert {n for n, count in found.items() if not count} == {8, 10}
    # what was compared has all blocks, and can be compared and merged again
    raceshim("cover", "subtract", "-o", tmp_path / "none", tmp_path / "less", tmp_path / "one")
    assert not any(lines(raceshim, tmp_path / "none").values())
    raceshim("cover", "merge", "-o", tmp_path / "sum", tmp_path / "less", tmp_path / "both")
    merged = lines(raceshim, tmp_path / "sum")
    assert {n for n, count in merged.items() if not count} == {10}


def section(binary: Path, name: str) -> tuple[int, int, int]:
    """Return where a section's header, and where the section lies, and its size."""
    data = binary.read_bytes()
    (headers,) = struct.unpack_from("<Q", data, 40)
    size, number, names = struct.unpack_from("<HHH", data, 58)
    (texts,) = struct.unpack_from("<Q", data, headers + names * size + 24)
    for at in range(headers, headers + number * size, size):
        (text,) = struct.unpack_from("<I", data, at)
        if data[texts + text :].startswith(name.encode() + b"\0"):
            return at, *struct.unpack_from("<QQ", data, at + 24)
    raise AssertionError(name)


def test_damaged_binary_is_refused(raceshim: Raceshim, tmp_path: Path) -> None:
    """Cut, grown, or with any byte changed: a message, or lines, and never a traceback."""
    place = run(raceshim, tmp_path / "whole", "-O0")
    unit = unit_of(place)
    binary = tmp_path / "whole/prog"
    data = binary.read_bytes()
    broken = tmp_path / "broken"
    header, offset, size = section(binary, TABLE)
    relocations, _, length = section(binary, ".rela.dyn")

    def refused(data: bytes) -> str:
        broken.write_bytes(data)
        try:
            _blocks.complete(unit, broken)
        except ToolError as error:
            return str(error)
        return ""

    def patched(at: int, *values: int) -> bytes:
        return data[:at] + struct.pack(f"<{len(values)}Q", *values) + data[at + 8 * len(values) :]

    assert not refused(data)
    assert f"the section {TABLE} is damaged" in refused(patched(header + 32, size + 1))
    assert f"the section {TABLE} is damaged" in refused(patched(header + 32, 2**40))
    assert "the table of control flow" in refused(patched(header + 32, size - 8))
    assert "the relocations of" in refused(patched(relocations + 32, length - 1))
    pcs, _, _ = section(binary, "__sancov_pcs")
    assert "is it the file that was run" in refused(patched(pcs + 32, 0))
    random = Random(5)  # noqa: S311
    begin, _, _ = section(binary, ".rela.dyn")
    (at,) = struct.unpack_from("<Q", data, begin + 24)
    told = 0
    for _ in range(300):
        where = random.choice((header, offset, at, pcs))
        where += random.randrange(64 if where in (header, pcs) else min(size, length))
        told += bool(refused(data[:where] + bytes([random.randrange(256)]) + data[where + 1 :]))
    assert told > 50
    assert Elf(binary).addresses(".nowhere") == []

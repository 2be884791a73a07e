# SPDX-License-Identifier: BSD-2-Clause
"""gcc's coverage: the .gcda of libgcov, without libgcov's writer, while threads run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cover_folder import counts, run_covered

if TYPE_CHECKING:
    from harness_programs import Raceshim

ROOT = Path(__file__).parents[2]
MERGES = ROOT / "tests/cover/merges.c"
GCC = ("--compiler", "gcc-12")
#: Writes, last of all, what libgcov itself makes of the counters.
LIBGCOV = """\
#include <gcov.h>
#include <stdio.h>
extern const struct gcov_info *const begin[] __asm__("__start_rsh_gcov_info");
extern const struct gcov_info *const end[] __asm__("__stop_rsh_gcov_info");
static void put_name(const char *name, void *out) { (void)name; (void)out; }
static void put(const void *bytes, unsigned n, void *out) { fwrite(bytes, n, 1, out); }
__attribute__((destructor(102))) static void write_all(void)
{
    FILE *out = fopen("libgcov.gcda", "wb");
    for (const struct gcov_info *const *i = begin; i < end; i++)
        __gcov_info_to_gcda(*i, put_name, put, NULL, out);
    fclose(out);
}
"""
#: infloop() for ever, exactly so often as `turns` says, while main leaves.
RUNNING = """\
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
volatile int started;
__attribute__((noinline)) int blah(int x)
{
    __asm__ volatile(""); /* not to be left out */
    return x != 0 ? x + 42 : x - 42;
}
static void *infloop(void *arg)
{
    for (;;) {
        blah(1);
        blah(0);
        __atomic_store_n(&started, 1, __ATOMIC_RELAXED);
        usleep(50);
    }
    return arg;
}
int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argv;
    pthread_create(&thread, NULL, infloop, NULL);
    while (!__atomic_load_n(&started, __ATOMIC_RELAXED))
        usleep(50);
    for (int i = 0; i < 20; i++) {
        blah(i);
        usleep(50);
    }
    if (argc > 1)
        _exit(0);
    return 0;
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(MERGES, tmp_path)
    (tmp_path / "libgcov.c").write_text(LIBGCOV)
    (tmp_path / "running.c").write_text(RUNNING)
    return tmp_path


def gcda(folder: Path) -> dict[str, bytes]:
    """Return the .gcda files of the only process in a coverage folder, by their names."""
    (unit,) = counts(folder)
    files = unit.meta.identity.files
    found = {}
    for i, content in unit.records.items():
        assert isinstance(content, bytes)
        assert int.from_bytes(content[8:12], "little") == files[i].stamp
        found[files[i].file] = content
    return found


def report(folder: Path, data: bytes) -> str:
    """Return gcov's text for merges.c, without the lines about files and runs."""
    (folder / "merges.gcda").write_bytes(data)
    done = subprocess.run(
        ["gcov-12", "-t", "-b", "-c", "merges.gcda"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return "\n".join(line for line in done.stdout.splitlines() if ":    0:" not in line)


@pytest.mark.parametrize("detector", ["none", "thread"])
@pytest.mark.parametrize("mode", ["count", "atomic"])
def test_bytes_are_libgcovs(raceshim: Raceshim, folder: Path, mode: str, detector: str) -> None:
    cc = ("cc", *GCC, "--detector", detector, f"--cover={mode}", "-O1", "-pthread", "-c")
    raceshim(*cc, "merges.c", cwd=folder)
    raceshim(*cc, "-fno-profile-arcs", "-fno-test-coverage", "libgcov.c", cwd=folder)
    raceshim(*cc[:-1], "merges.o", "libgcov.o", "-o", "merges", cwd=folder)
    assert run_covered(folder / "merges", folder / "out").stderr == ""
    written = gcda(folder / "out")
    assert written == {str(folder / "merges.gcda"): (folder / "libgcov.gcda").read_bytes()}
    assert not (folder / "merges.gcda").exists()  # libgcov has written nothing by itself


def test_gcov_reads_the_numbers_of_the_stock_writer(raceshim: Raceshim, folder: Path) -> None:
    stock = folder / "stock"
    stock.mkdir()
    shutil.copy(MERGES, stock)
    line = ["gcc-12", "--coverage", "-fprofile-update=atomic", "-pthread", "-O1", "-g"]
    for words in ([*line, "-c", "merges.c"], [*line, "merges.o", "-o", "merges"], ["./merges"]):
        subprocess.run(words, cwd=stock, check=True)
    cc = ("cc", *GCC, "--detector", "none", "--cover=atomic", "-O1", "-pthread")
    raceshim(*cc, "-c", "merges.c", cwd=folder)
    raceshim(*cc, "merges.o", "-o", "merges", cwd=folder)
    run_covered(folder / "merges", folder / "out")
    (ours,) = gcda(folder / "out").values()
    expected = report(stock, (stock / "merges.gcda").read_bytes())
    assert "1200:" in expected
    assert report(folder, ours) == expected


def lines_of(folder: Path) -> list[tuple[int, int, list[int]]]:
    """Return what gcovr says of each line: its number, its count, its branches' counts."""
    options = ("--gcov-executable", "gcov-12", "--root", ".", "--json", "all.json")
    subprocess.run([sys.executable, "-m", "gcovr", *options], cwd=folder, check=True)
    (file,) = json.loads((folder / "all.json").read_text())["files"]
    return [
        (line["line_number"], line["count"], [branch["count"] for branch in line["branches"]])
        for line in file["lines"]
    ]


def test_gcovr_reads_them_too(raceshim: Raceshim, tmp_path: Path) -> None:
    ours, stock = tmp_path / "ours", tmp_path / "stock"
    for folder in (ours, stock):
        folder.mkdir()
        shutil.copy(MERGES, folder)
    cc = ("cc", *GCC, "--detector", "none", "--cover=atomic", "-pthread")
    raceshim(*cc, "-c", "merges.c", cwd=ours)
    raceshim(*cc, "merges.o", "-o", "merges", cwd=ours)
    run_covered(ours / "merges", tmp_path / "out")
    for name, content in gcda(tmp_path / "out").items():
        Path(name).write_bytes(content)
    line = ["gcc-12", "--coverage", "-fprofile-update=atomic", "-pthread", "-g"]
    for words in ([*line, "-c", "merges.c"], [*line, "merges.o", "-o", "merges"], ["./merges"]):
        subprocess.run(words, cwd=stock, check=True)
    found = lines_of(ours)
    assert len(found) > 100
    assert any(branches for _, _, branches in found)
    assert found == lines_of(stock)


@pytest.mark.parametrize("words", [(), ("_exit",)])
@pytest.mark.parametrize("mode", ["count", "atomic"])
def test_running_thread_is_silent_and_counted(
    raceshim: Raceshim, folder: Path, mode: str, words: tuple[str, ...]
) -> None:
    cc = ("cc", *GCC, f"--cover={mode}", "-O1")
    raceshim(*cc, "running.c", "-o", "running", cwd=folder)
    run_covered(folder / "running", folder / "out", *words)
    (content,) = gcda(folder / "out").values()
    notes = next(folder.glob("*running.gcno"))
    (folder / f"{notes.stem}.gcda").write_bytes(content)
    done = subprocess.run(
        ["gcov-12", "-t", "-f", f"{notes.stem}.gcda"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = (line for line in done.stdout.splitlines() if "int blah" in line)
    assert 22 <= int(line.split(":")[0].strip(" *")) < 1_000_000


def test_stock_flags_beside_it_are_reported(folder: Path) -> None:
    # The control of the one above: --coverage as it comes, without -pthread.
    line = ["gcc-12", "-fsanitize=thread", "--coverage", "-O1", "-g", "running.c", "-o", "running"]
    subprocess.run(line, cwd=folder, check=True)
    done = subprocess.run(
        [folder / "running"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 66
    assert "__gcov0" in done.stderr


LIBRARY = "__attribute__((noinline)) int f(int x) { return x > 2 ? x : -x; }\n"
LOADER = """\
#include <dlfcn.h>
int main(void)
{
    for (int turn = 0; turn < 3; turn++) {
        void *library = dlopen("./libf.so", RTLD_NOW);
        int (*f)(int) = (int (*)(int))dlsym(library, "f");
        for (int i = 0; i < 5; i++)
            f(i);
        dlclose(library);
    }
    return 0;
}
"""


def test_unloaded_library_keeps_its_counts(raceshim: Raceshim, tmp_path: Path) -> None:
    (tmp_path / "lib.c").write_text(LIBRARY)
    (tmp_path / "main.c").write_text(LOADER)
    cc = ("cc", *GCC, "--cover=atomic", "-O1")
    raceshim(*cc, "-fPIC", "-shared", "lib.c", "-o", "libf.so", cwd=tmp_path)
    raceshim(*cc, "main.c", "-o", "main", cwd=tmp_path)
    run_covered(tmp_path / "main", tmp_path / "out")
    contents = {
        unit.meta.path.rpartition("/")[2]: unit.records for unit in counts(tmp_path / "out")
    }
    assert contents.keys() == {"main", "libf.so"}
    (data,) = contents["libf.so"].values()
    notes = next(tmp_path.glob("*lib.gcno"))
    (tmp_path / f"{notes.stem}.gcda").write_bytes(data)
    done = subprocess.run(
        ["gcov-12", "-t", f"{notes.stem}.gcda"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "15:    1:" in done.stdout


CLEARS = """\
#include <raceshim/cover.h>
#include <pthread.h>
#include <stdio.h>
enum { THREADS = 4, TURNS = 20000 };
static int running = THREADS;
__attribute__((noinline)) int counted(int x) { return x + 1; }
static void *work(void *arg)
{
    volatile int last;
    for (int i = 0; i < TURNS; i++)
        last = counted(i);
    (void)last;
    __atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
    return arg;
}
static int put(void *file, const void *bytes, size_t n) { return fwrite(bytes, n, 1, file) != 1; }
int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    char name[64];
    int clears = argc > 1 && argv[1][0] == 'c', more = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int turn = 0; more; turn++) {
        struct rsh_writer writer = {.write = put};
        more = __atomic_load_n(&running, __ATOMIC_RELAXED) != 0;
        if (!more)
            for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        if (clears && !more && rsh_cover_clear())
            return 2;
        snprintf(name, sizeof(name), "deltas/covcounters.%d", turn);
        writer.arg = fopen(name, "wb");
        if ((clears ? rsh_cover_write_counters : rsh_cover_read_and_clear)(&writer))
            return 1;
        fclose(writer.arg);
    }
    return rsh_cover_write_meta_dir("deltas");
}
"""


def build_clears(raceshim: Raceshim, folder: Path) -> None:
    (folder / "clears.c").write_text(CLEARS)
    (folder / "deltas").mkdir()
    raceshim("cc", *GCC, "--cover=atomic", "-O1", "-c", "clears.c", cwd=folder)
    raceshim("cc", *GCC, "--cover=atomic", "clears.o", "-o", "clears", cwd=folder)


def calls(folder: Path, data: bytes) -> int:
    """Return how often the function counted() ran."""
    (folder / "clears.gcda").write_bytes(data)
    done = subprocess.run(
        ["gcov-12", "-t", "clears.gcda"], cwd=folder, capture_output=True, text=True, check=True
    )
    (line,) = (line for line in done.stdout.splitlines() if "int counted" in line)
    count = line.split(":")[0].strip(" *")
    return int(count) if count.isdigit() else 0


def test_deltas_add_up_to_all_increments(raceshim: Raceshim, tmp_path: Path) -> None:
    build_clears(raceshim, tmp_path)
    run_covered(tmp_path / "clears", tmp_path / "out")
    deltas = [unit.records for unit in counts(tmp_path / "deltas")]
    total = sum(calls(tmp_path, data) for records in deltas for data in records.values())
    assert total == 4 * 20000


def test_cleared_counters_are_zero(raceshim: Raceshim, tmp_path: Path) -> None:
    build_clears(raceshim, tmp_path)
    run_covered(tmp_path / "clears", tmp_path / "out", "clear")
    (last,) = gcda(tmp_path / "out").values()
    assert calls(tmp_path, last) == 0
    sums = [
        calls(tmp_path, data) for u in counts(tmp_path / "deltas") for data in u.records.values()
    ]
    assert all(0 <= number <= 4 * 20000 for number in sums)


def test_records_of_another_gcc_are_refused_at_compile_time(tmp_path: Path) -> None:
    from raceshim.cc import _prefix  # noqa: PLC0415 - the fixture says where

    source = tmp_path / "old.c"
    registrar = _prefix.share("cover_registrar_gcc.c")
    source.write_text(f'#undef __GNUC__\n#define __GNUC__ 15\n#include "{registrar}"\n')
    line = ["gcc-12", "-fsyntax-only", f"-I{_prefix.includes()}", "-DRSH_COVER_ENGINE=5"]
    done = subprocess.run(
        [*line, "-DRSH_COVER_MODE=3", source], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "raceshim does not know how this gcc keeps its counters" in done.stderr

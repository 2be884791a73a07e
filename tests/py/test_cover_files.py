# SPDX-License-Identifier: BSD-2-Clause
"""The files of many processes: complete when they have their names, one meta file for all."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import TYPE_CHECKING

import cover_decoder
import pytest
from cover_programs import CLANGS, HARNESS, Covered, Way, environment, said, start
from shim_builds import ROOT, run

if TYPE_CHECKING:
    from pathlib import Path

PROCESSES = 64


@pytest.fixture(scope="module")
def harness(covered: Covered) -> Path:
    return covered.program("harness", HARNESS, Way())


def leave(harness: Path, folder: Path) -> Path:
    """Run once and return the one meta file."""
    done = start(harness, "emitToNilWriter", folder, folder=folder)
    assert (done.returncode, done.stderr) == (0, ""), said(done)
    (meta,) = folder.glob("covmeta.*")
    return meta


@pytest.mark.parametrize("detector", ["none", "thread"])
def test_processes_that_start_at_once(covered: Covered, detector: str, tmp_path: Path) -> None:
    source = "#include <unistd.h>\nint main(void) { char c; return (int)read(0, &c, 1); }\n"
    program = covered.program("gated", source, Way(detector=detector))
    script = f"for i in $(seq {PROCESSES}); do {program} <&3 & done; wait"
    # All of them wait for the end of one pipe.
    done = subprocess.run(
        ["sh", "-c", f"sleep 0 | (exec 3<&0; {script})"], env=environment(tmp_path),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    seen = cover_decoder.read(tmp_path)
    assert (len(seen.metas), len(seen.files)) == (1, PROCESSES)
    assert len({units[0].pid for units in seen.files.values()}) == PROCESSES


def test_intact_meta_is_left_alone(harness: Path, tmp_path: Path) -> None:
    meta = leave(harness, tmp_path)
    before = meta.stat()
    leave(harness, tmp_path)
    after = meta.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(cover_decoder.read(tmp_path).files) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: data[:-6] + bytes([data[-6] ^ 1]) + data[-5:],
        lambda data: data[:-1] + b"?",
        lambda data: b"X" + data[1:],
    ],
    ids=["empty", "short", "long", "flipped", "checksum", "mark", "magic"],
)
def test_damaged_meta_is_replaced(harness: Path, damage: object, tmp_path: Path) -> None:
    meta = leave(harness, tmp_path)
    good = meta.read_bytes()
    assert callable(damage)
    meta.write_bytes(damage(good))
    assert leave(harness, tmp_path).read_bytes() == good


def test_meta_that_is_removed_meanwhile(covered: Covered, tmp_path: Path) -> None:
    source = (
        "#include <stdlib.h>\nint main(int argc, char **argv)\n"
        "{ (void)argc; return system(argv[1]) == 0 ? 7 : 1; }\n"
    )
    program = covered.program("remover", source, Way())
    done = start(program, f"rm {tmp_path}/covmeta.*", folder=tmp_path)
    assert (done.returncode, done.stderr) == (7, ""), said(done)
    assert len(cover_decoder.read(tmp_path).metas) == 1

    # With the directory itself gone there is one error, and the exit code stays.
    gone = tmp_path / "gone"
    gone.mkdir()
    done = start(program, f"rm -r {gone}", folder=gone)
    assert done.returncode == 7, said(done)
    assert done.stderr.count("raceshim: error: ") == 1, said(done)
    assert "No such file or directory" in done.stderr


def test_umask_and_mode(harness: Path, tmp_path: Path) -> None:
    done = start("sh", "-c", f"umask 027; {harness} emitToNilWriter x", folder=tmp_path)
    assert done.returncode == 0, said(done)
    assert {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {0o640}


def test_full_file_system_leaves_nothing(harness: Path, tmp_path: Path) -> None:
    """A limit of the size of files stands for it, as it needs no rights."""
    done = start(
        "bash", "-c", f"trap '' XFSZ; ulimit -f 0; exec {harness} emitToNilWriter x",
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, said(done)
    assert done.stderr == (
        "raceshim: error: no coverage files will be written: "
        f"RACESHIM_COVERDIR={tmp_path}: File too large\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_names_are_complete_files_at_any_time(covered: Covered, tmp_path: Path) -> None:
    """While a process writes as fast as it can, whatever has a name can be read."""
    source = (
        "#include <raceshim/cover.h>\n"
        "int main(int argc, char **argv)\n"
        "{ int err = argc - 2; for (int i = 0; i < 300 && !err; i++)\n"
        "  err = rsh_cover_write_meta_dir(argv[1]) | rsh_cover_write_counters_dir(argv[1]);\n"
        "  return err; }\n"
    )
    program = covered.program("writer", source, Way())
    known: dict[str, cover_decoder.Meta] = {}
    read: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        # The meta file is there first, so what counts with it is listed first.
        named = sorted(tmp_path.glob("covcounters.*"))
        for path in sorted(tmp_path.glob("covmeta.*")):
            (meta,) = cover_decoder.metas(path.read_bytes())
            known[meta.hash] = meta
        for path in named:
            if path.name not in read:
                cover_decoder.counters(path.read_bytes(), known)
                read.add(path.name)

    def write() -> None:
        start(program, tmp_path)
        stop.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not stop.is_set():
        look()
    thread.join()
    look()
    assert len(read) == 300
    assert len(cover_decoder.read(tmp_path).files) == 300


@pytest.mark.parametrize("compiler", CLANGS)
def test_unknown_layout_is_a_compile_time_error(compiler: str, sdk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "profile"
    folder.mkdir()
    real = run(compiler, "-print-resource-dir").strip() + "/include/profile/InstrProfData.inc"
    (folder / "InstrProfData.inc").write_text(
        f'#include "{real}"\n#undef INSTR_PROF_RAW_VERSION\n#define INSTR_PROF_RAW_VERSION 99\n'
    )
    command = [
        compiler, "-fsyntax-only", f"-I{tmp_path}", f"-I{sdk}/include", "-DRSH_COVER_ENGINE=1",
        "-DRSH_COVER_MODE=3", f"{sdk}/share/raceshim/cover_registrar.c",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "raceshim does not know the profile layout" in done.stderr
    command.remove(f"-I{tmp_path}")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_registration_is_never_instrumented(sdk: Path, tmp_path: Path) -> None:
    """Whatever flags the user's project has, also those that the wrapper takes out."""
    hostile = [
        "-fsanitize=thread", "-fsanitize=address", "-fsanitize=memory", "-fsanitize=undefined",
        "-fsanitize-coverage=trace-pc-guard,trace-cmp", "-finstrument-functions", "-pg",
        "-fvisibility=hidden", "-std=c99", "-Weverything", "-fprofile-update=atomic",
    ]  # fmt: skip
    for compiler in CLANGS:
        for flag in hostile:
            target = tmp_path / "registrar.o"
            run(
                compiler, "-c", "-O0", "-fPIC", flag, "-fprofile-instr-generate",
                "-fcoverage-mapping", f"-I{sdk}/include", "-DRSH_COVER_ENGINE=1",
                "-DRSH_COVER_MODE=2", "-w", ROOT / "shim/share/cover_registrar.c", "-o", target,
            )  # fmt: skip
            listing = run("objdump", "-dr", "--section=.text", target)
            calls = set(re.findall(r"R_X86_64_(?:PLT32|GOTPCREL\S*)\s+(\w+)", listing))
            verbs = ("register", "unregister", "finish", "exec")
            own = {f"rsh_cover_unit_{verb}" for verb in verbs}
            # What is left is a detector's own start of a module.
            assert all(
                c in own
                or c.startswith(("__real_", "__wrap_", "__asan_", "__msan_init", "__tsan_init"))
                or c == "__sanitizer_cov_trace_pc_guard_init"
                for c in calls
            ), (compiler, flag, calls)
            assert own <= calls
            assert "__llvm_prf_cnts" not in run("objdump", "-h", target), flag

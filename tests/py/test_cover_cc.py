# SPDX-License-Identifier: BSD-2-Clause
"""What `raceshim cc --cover` builds: whose runtime is in it, where the registrar comes from."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest
from cover_folder import counts, run_covered
from harness_programs import COMPILERS, Raceshim
from raceshim._errors import BuildError, ToolError
from raceshim.cc import _cover_registrar
from raceshim.cc._compilers import COVER_MODES, find
from raceshim.cc._cover_flags import Wish
from shim_builds import ROOT, symbols

CLANGS = ("clang-19", "clang-14")
MERGES = ROOT / "tests/cover/merges.c"
#: LLVM's writer and what starts it.
STOCK = re.compile(r"__llvm_profile_(write|initialize|dump)|InstrProfilingFile|lprof")
LIBRARY = "__attribute__((noinline)) int f(int x) { if (x > 2) return x; return -x; }\n"
PROGRAM = "int f(int x);\nint main(void)\n{\n    return f(1) + f(3) + f(4) - 6;\n}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib.c").write_text(LIBRARY)
    (tmp_path / "main.c").write_text(PROGRAM)
    return tmp_path


def build(raceshim: Raceshim, folder: Path, compiler: str, mode: str, *words: str) -> None:
    raceshim("cc", "--compiler", compiler, f"--cover={mode}", "-O1", *words, cwd=folder)


@pytest.mark.parametrize("compiler", CLANGS)
@pytest.mark.parametrize("mode", ["set", "count", "atomic"])
def test_one_step_build_counts_with_our_runtime(
    raceshim: Raceshim, folder: Path, compiler: str, mode: str
) -> None:
    build(raceshim, folder, compiler, mode, "-o", "main", "main.c", "lib.c")
    names = [symbol.name for symbol in symbols(folder / "main")]
    assert "__llvm_profile_runtime" in names
    assert [name for name in names if STOCK.search(name)] == []
    run_covered(folder / "main", folder / "out")
    (unit,) = counts(folder / "out")
    assert str(unit.meta.mode) == mode
    assert sorted(values for values, _ in unit.records.values()) == [(1,), (3, 2)]
    assert not (folder / "default.profraw").exists()


@pytest.mark.parametrize("detector", ["none", "thread"])
@pytest.mark.parametrize("compiler", CLANGS)
@pytest.mark.parametrize("mode", ["edges", "edge-counts"])
def test_edges_come_without_a_sanitizers_runtime(
    raceshim: Raceshim, folder: Path, mode: str, compiler: str, detector: str
) -> None:
    words = ("--detector", detector, "-O0", "main.c", "lib.c", "-o", "main")
    raceshim("cc", "--compiler", compiler, f"--cover={mode}", *words, cwd=folder)
    names = [symbol.name for symbol in symbols(folder / "main")]
    assert any("ubsan" in name for name in names) == (detector == "thread")
    run_covered(folder / "main", folder / "out")
    (unit,) = counts(folder / "out")
    assert {2: "edges", 3: "edge-counts"}[unit.meta.engine] == mode
    assert len(unit.records) >= 4
    if mode == "edge-counts":  # f is called three times, twice of them above 2
        assert {1, 2, 3} <= set(unit.records.values())


@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3"])
@pytest.mark.parametrize(
    ("compiler", "mode"),
    [*product(CLANGS, COVER_MODES[1:]), ("gcc-12", "count"), ("gcc-12", "atomic")],
)
def test_mergeable_increments_of_four_threads_are_silent(
    raceshim: Raceshim, tmp_path: Path, compiler: str, mode: str, level: str
) -> None:
    words = (f"--cover={mode}", level, "-pthread", MERGES, "-o", "merges")
    raceshim("cc", "--compiler", compiler, *words, cwd=tmp_path)
    assert run_covered(tmp_path / "merges", tmp_path / "out").stderr == ""
    assert len(counts(tmp_path / "out")) == 1


@pytest.mark.parametrize("compiler", CLANGS)
def test_mergeable_increments_of_stock_flags_are_reported(tmp_path: Path, compiler: str) -> None:
    stock = ["-fprofile-instr-generate", "-fcoverage-mapping", "-fprofile-update=single"]
    line = [compiler, "-fsanitize=thread", "-O2", *stock, MERGES, "-o", "merges"]
    subprocess.run(line, cwd=tmp_path, check=True)
    done = subprocess.run(
        [tmp_path / "merges"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 66
    assert "__llvm_prf_cnts" in done.stderr or "__profc" in done.stderr


def test_stock_flags_beside_it_bring_llvms_writer(folder: Path) -> None:
    line = ["clang-19", "-fprofile-instr-generate", "-fcoverage-mapping", "main.c", "lib.c"]
    subprocess.run([*line, "-o", "main"], cwd=folder, check=True)
    assert any(STOCK.search(symbol.name) for symbol in symbols(folder / "main"))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_each_link_unit_has_its_registrar(raceshim: Raceshim, folder: Path, compiler: str) -> None:
    shared = ("-fPIC", "-shared", "lib.c", "-o", "libf.so", "-Wl,--no-undefined")
    build(raceshim, folder, compiler, "count", *shared)
    link = ("main.c", "-L.", "-lf", "-Wl,-rpath,$ORIGIN", "-o", "main")
    build(raceshim, folder, compiler, "count", *link)
    run_covered(folder / "main", folder / "out")
    files = [path for path in (folder / "out").iterdir() if path.name.startswith("covcounters")]
    assert len(files) == 1  # both are in the file of the one process
    units = {Path(unit.meta.path).name: unit for unit in counts(folder / "out")}
    assert units.keys() == {"main", "libf.so"}
    assert all(unit.records for unit in units.values())


@pytest.mark.parametrize("compiler", COMPILERS)
def test_relocatable_objects_have_no_runtime(
    raceshim: Raceshim, folder: Path, compiler: str
) -> None:
    for name in ("main", "lib"):
        build(raceshim, folder, compiler, "count", "-c", f"{name}.c")
        build(raceshim, folder, compiler, "count", "-r", f"{name}.o", "-o", f"{name}.r.o")
        runtime = re.compile(r"^(__llvm_profile_runtime|__gcov_(init|exit)|rsh_)")
        found = [s.name for s in symbols(folder / f"{name}.r.o") if runtime.search(s.name)]
        assert found == []
    build(raceshim, folder, compiler, "count", "main.r.o", "lib.r.o", "-o", "main")
    run_covered(folder / "main", folder / "out")
    assert len(counts(folder / "out")) == 1


@pytest.mark.parametrize("words", ["-fcoverage-mcdc", "-mllvm -enable-single-byte-coverage"])
def test_what_races_under_the_detector_counts_without(
    raceshim: Raceshim, folder: Path, words: str
) -> None:
    more = ("--detector=none", *words.split(), "main.c", "lib.c", "-o", "main")
    raceshim("cc", "--compiler", "clang-19", "--cover=set", *more, cwd=folder)
    run_covered(folder / "main", folder / "out")
    (unit,) = counts(folder / "out")
    assert len(unit.records) == 2
    done = raceshim("cc", "--compiler", "clang-19", "--cover=set", *more[1:], cwd=folder, status=2)
    assert "ThreadSanitizer" in done.stderr


@pytest.mark.parametrize("link_time", ["-flto", "-flto=thin"])
def test_optimisation_at_link_time_changes_nothing(
    raceshim: Raceshim, folder: Path, link_time: str
) -> None:
    build(raceshim, folder, "clang-19", "count", link_time, "main.c", "lib.c", "-o", "main")
    run_covered(folder / "main", folder / "out")
    (unit,) = counts(folder / "out")
    assert len(unit.records) == 2


@pytest.mark.parametrize("words", ["-static", "-static-pie", "-fuse-ld=gold", "-Wl,--gc-sections"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_other_linkers_and_static_programs(
    raceshim: Raceshim, folder: Path, compiler: str, words: str
) -> None:
    line = ("--detector=none", "--cover=count", words, "main.c", "lib.c", "-o", "main")
    raceshim("cc", "--compiler", compiler, *line, cwd=folder)
    run_covered(folder / "main", folder / "out")
    (unit,) = counts(folder / "out")
    assert unit.records


@pytest.mark.parametrize("mode", ["count", "atomic"])
def test_cxx_and_exceptions(raceshim: Raceshim, tmp_path: Path, mode: str) -> None:
    (tmp_path / "main.cc").write_text(
        "#include <string>\n#include <stdexcept>\n"
        "struct Thing { std::string s; ~Thing() { if (s.empty()) throw_count++; }\n"
        "static int throw_count; }; int Thing::throw_count;\n"
        "static int f(int x) { Thing t; if (x > 2) throw std::runtime_error(t.s); return x; }\n"
        "int main() { int n = 0; for (int i = 0; i < 5; i++) try { n += f(i); }\n"
        "catch (const std::exception &) { n++; } return n == 5 ? 0 : 1; }\n"
    )
    options = ("--compiler", "clang-19", f"--cover={mode}", "-O2")
    raceshim("c++", *options, "main.cc", "-o", "main", cwd=tmp_path)
    run_covered(tmp_path / "main", tmp_path / "out")
    (unit,) = counts(tmp_path / "out")
    assert len(unit.records) >= 2


def test_gcc_without_edges_and_mode_from_the_environment(raceshim: Raceshim, folder: Path) -> None:
    environ = {"RACESHIM_COVER": "edges", "RACESHIM_COMPILER": "gcc-12"}
    done = raceshim("cc", "-c", "lib.c", cwd=folder, env=environ, status=2)
    assert "gcc has no engine for --cover=edges" in done.stderr
    raceshim("cc", "--cover=none", "-c", "lib.c", cwd=folder, env=environ)
    raceshim("cc", "--version", env=environ)  # a question is no build


def wish(compiler: str = "clang-19", *words: str) -> Wish:
    return Wish(find(compiler), "count", "thread", list(words))


@pytest.fixture
def cache(sdk_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty cache, with the SDK set up."""
    assert sdk_environment
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/raceshim"


def test_registrar_is_compiled_once_for_each_compiler_target_and_mode(cache: Path) -> None:
    first = _cover_registrar.registrar_object(wish(), [], shared=False)
    made = Path(first).stat().st_mtime_ns
    assert _cover_registrar.registrar_object(wish(), [], shared=False) == first
    assert Path(first).stat().st_mtime_ns == made
    others = {
        _cover_registrar.registrar_object(wish("clang-14"), [], shared=False),
        _cover_registrar.registrar_object(wish(), ["-fcf-protection=full"], shared=False),
        _cover_registrar.registrar_object(wish(), [], shared=True),
        _cover_registrar.registrar_object(
            Wish(find("clang-19"), "atomic", "thread", []), [], shared=False
        ),
    }
    assert len(others | {first}) == 5
    assert {path.suffix for path in cache.iterdir()} == {".o"}
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_sixteen_links_at_once_share_a_cache(raceshim: Raceshim, folder: Path) -> None:
    build(raceshim, folder, "clang-19", "count", "-c", "main.c", "lib.c")
    environ = {"XDG_CACHE_HOME": str(folder / "cache")}
    link = ("cc", "--compiler", "clang-19", "--cover=count", "main.o", "lib.o", "-o")
    with ThreadPoolExecutor(16) as pool:
        done = [
            pool.submit(raceshim, *link, f"main{i}", cwd=folder, env=environ) for i in range(16)
        ]
        for link_done in done:
            assert link_done.result().stderr == ""
    (kept,) = (folder / "cache/raceshim").iterdir()
    assert kept.suffix == ".o"
    run_covered(folder / "main15", folder / "out")


def test_threads_of_one_process_share_a_cache(cache: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        asked = [
            pool.submit(_cover_registrar.registrar_object, wish(), [], shared=False)
            for _ in range(8)
        ]
        assert len({path.result() for path in asked}) == 1
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("kind", ["file", "others"])
def test_cache_that_is_not_ours_is_not_used(cache: Path, kind: str) -> None:
    cache.parent.mkdir()
    if kind == "file":
        cache.touch()
    else:
        cache.mkdir()
        cache.chmod(0o777)  # whoever writes here decides what is linked
    made = _cover_registrar.registrar_object(wish(), [], shared=False)
    assert Path(made).parent.name == f"raceshim-{os.geteuid()}"


def test_nothing_half_done_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cover_registrar, "_FLAGS", ("-x", "c", "--no-such-flag"))
    with pytest.raises(BuildError, match="cannot compile"):
        _cover_registrar.registrar_object(wish(), [], shared=False)
    assert list(cache.iterdir()) == []


def test_missing_registrar_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache
    monkeypatch.setattr("raceshim.cc._prefix.share", lambda name: f"/nowhere/{name}")
    with pytest.raises(ToolError, match=r"/nowhere/cover_registrar\.c"):
        _cover_registrar.registrar_object(wish(), [], shared=False)

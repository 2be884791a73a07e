# SPDX-License-Identifier: BSD-2-Clause
"""The ways in which a C project takes the library in: CMake packages, sources, pkg-config."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from raceshim.prof._read import read_file
from shim_builds import COMPILERS, ROOT, run, symbols

if TYPE_CHECKING:
    from pathlib import Path

PROJECTS = ROOT / "tests/consume"
PROGRAMS = ("with_archive", "with_shared_library")


@pytest.fixture
def moved(sdk: Path, tmp_path: Path) -> Path:
    """Return an installed tree that was moved after its installation."""
    return shutil.copytree(sdk, tmp_path / "another place" / "sdk", symlinks=True)


def cmake(project: str, folder: Path, *options: str) -> str:
    """Configure and build one of the projects; return what CMake says."""
    said = run("cmake", "-S", PROJECTS / project, "-B", folder, "-G", "Ninja", *options)
    return said + run("cmake", "--build", folder, "-j", "2")


def check(folder: Path, *, detector: bool = False) -> None:
    for program in PROGRAMS:
        assert re.fullmatch(
            rf"raceshim [0-9.]+, race detector {int(detector)}\n", run(folder / program)
        )


@pytest.mark.parametrize("compiler", COMPILERS)
def test_find_package(sdk: Path, tmp_path: Path, compiler: str) -> None:
    cmake("find_package", tmp_path, f"-DCMAKE_PREFIX_PATH={sdk}", f"-DCMAKE_C_COMPILER={compiler}")
    check(tmp_path)


def test_find_package_under_a_detector(sdk: Path, tmp_path: Path) -> None:
    cmake(
        "find_package", tmp_path, f"-DCMAKE_PREFIX_PATH={sdk}", "-DCMAKE_C_FLAGS=-fsanitize=thread"
    )
    check(tmp_path, detector=True)


def test_find_package_in_a_tree_that_was_moved(moved: Path, sdk: Path, tmp_path: Path) -> None:
    folder = tmp_path / "build"
    cmake("find_package", folder, f"-DCMAKE_PREFIX_PATH={moved}")
    check(folder)
    assert str(sdk) not in (folder / "build.ninja").read_text()
    for file in moved.rglob("*"):
        if file.suffix in {".cmake", ".pc"}:
            assert str(sdk) not in file.read_text()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("-DCOMPONENTS=nosuch", "nosuch"),
        ("-DVERSION=0.2", "0.2"),
        ("-DVERSION=1.0", "1.0"),
    ],
)
def test_what_is_not_there_is_not_found(
    sdk: Path, tmp_path: Path, option: str, complaint: str
) -> None:
    command: list[str | Path] = [
        "cmake",
        "-S",
        PROJECTS / "find_package",
        "-B",
        tmp_path,
        "-G",
        "Ninja",
    ]
    done = subprocess.run(
        [*command, f"-DCMAKE_PREFIX_PATH={sdk}", option],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "raceshim" in done.stderr
    assert complaint in done.stderr


def test_annotations_can_be_installed_alone(tmp_path: Path) -> None:
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", "-DRSH_BUILD_TESTS=OFF")
    run("cmake", "--install", build, "--prefix", prefix, "--component", "annotations")
    headers = {p.name for p in ROOT.glob("annotations/include/raceshim/*.h")}
    assert {p.name for p in prefix.glob("include/raceshim/*")} == headers
    assert {p.name for p in prefix.rglob("*.a")} == set()
    assert {p.name for p in prefix.rglob("*.pc")} == {"raceshim-annotations.pc"}

    project = tmp_path / "project"
    project.mkdir()
    (project / "main.c").write_text(
        "#include <raceshim/annotate.h>\nint main(void) { return RSH_RACE_ENABLED; }\n"
    )
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(consumer LANGUAGES C)\n"
        "find_package(raceshim REQUIRED COMPONENTS annotations)\n"
        "find_package(raceshim QUIET COMPONENTS shim)\n"
        "if(raceshim_FOUND)\n  message(FATAL_ERROR there is no shim)\nendif()\n"
        "add_executable(main main.c)\n"
        "target_link_libraries(main PRIVATE raceshim::annotations)\n"
    )
    consumer = tmp_path / "consumer"
    run("cmake", "-S", project, "-B", consumer, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", consumer)
    run(consumer / "main")


@pytest.mark.parametrize("sources", ["checkout", "installed"])
def test_add_subdirectory_of_an_instrumented_project(
    sdk: Path, tmp_path: Path, sources: str
) -> None:
    source = ROOT if sources == "checkout" else sdk / "share/raceshim/src"
    cmake("add_subdirectory", tmp_path, f"-DRACESHIM_SOURCES={source}")
    check(tmp_path, detector=True)
    archive = tmp_path / "raceshim/shim/libraceshim.a"
    assert not [s for s in symbols("-u", archive) if s.kind == "U" and "tsan" in s.name]
    # Only the project itself may say what is installed and tested.
    assert not (tmp_path / "raceshim/tests").exists()
    run("cmake", "--install", tmp_path, "--prefix", tmp_path / "prefix")
    assert not (tmp_path / "prefix").exists()


def pkg_config(prefix: Path) -> dict[str, str]:
    return os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("detector", [False, True])
def test_pkg_config(sdk: Path, tmp_path: Path, compiler: str, *, detector: bool) -> None:
    cc = f"{compiler} -fsanitize=thread" if detector else compiler
    run(
        "make", "-f", PROJECTS / "pkgconfig/Makefile", f"CC={cc}", cwd=tmp_path, env=pkg_config(sdk)
    )
    assert f"race detector {int(detector)}" in run(tmp_path / "with_archive")


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("build", ["cmake", "pkg-config"])
def test_static_program_has_threads_and_a_profile(
    sdk: Path, tmp_path: Path, compiler: str, build: str
) -> None:
    """No flag but -static: the library's pthread_create() goes on to libc's."""
    if build == "cmake":
        options = (f"-DCMAKE_PREFIX_PATH={sdk}", f"-DCMAKE_C_COMPILER={compiler}", "-DSTATIC=ON")
        cmake("find_package", tmp_path, *options)
    else:
        makefile = PROJECTS / "pkgconfig/Makefile"
        line = ("make", "-f", makefile, f"CC={compiler}", "static_program")
        run(*line, cwd=tmp_path, env=pkg_config(sdk))
    program, profile = tmp_path / "static_program", tmp_path / "cpu.pb"
    assert not re.search("NEEDED", run("readelf", "-d", program))
    run(program, env=os.environ | {"RACESHIM_CPUPROFILE": f"{profile}:1000"})
    stacks = [
        {frame.function for frame in sample.stack} for sample, _ in read_file(profile).values(1)
    ]
    assert sum("turn" in stack for stack in stacks) > 0


def test_pkg_config_in_a_tree_that_was_moved(moved: Path, sdk: Path) -> None:
    environment = pkg_config(moved)
    flags = run("pkg-config", "--cflags", "--libs", "raceshim", env=environment)
    assert str(sdk) not in flags
    assert "another" in flags
    version = run("pkg-config", "--modversion", "raceshim-annotations", env=environment)
    assert (
        f'#define RSH_VERSION "{version.strip()}"'
        in (ROOT / "shim/include/raceshim/raceshim.h").read_text()
    )

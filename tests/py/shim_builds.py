# SPDX-License-Identifier: BSD-2-Clause
"""Builds of the library for the tests: any compiler, any flags, in a folder of the test's own."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from _pytest.mark.structures import ParameterSet

ROOT = Path(__file__).parents[2]
COMPILERS = ("clang-14", "clang-19", "gcc-12")
#: How the tests in C are built.
WAYS = {
    "plain": (),
    "tsan": ("-DRSH_SANITIZE=thread",),
    "visible": ("-DRSH_SANITIZE=thread", "-DRSH_VISIBLE=ON"),
}
SAID = 10_000
#: For builds that have objects in common: each detector's preset has the same library. These do not
#: say in which folder they were compiled.
CACHED = os.environ | {"CMAKE_C_COMPILER_LAUNCHER": "ccache", "CCACHE_NOHASHDIR": "1"}


def one_clang(ways: Iterable[str]) -> list[str | ParameterSet]:
    """Return the parameters of a test in which the older clang does what the newer one does."""
    older = pytest.param("clang-14", marks=pytest.mark.long)
    return [older if way == "clang-14" else way for way in ways]


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command that has to succeed and return what it prints."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr)[-SAID:]  # the end of a build says what failed
    assert done.returncode == 0, f"{command}: {done.returncode}\n{said}"
    return done.stdout


def configure(
    folder: Path, compiler: str, flags: str = "", *options: str, env: dict[str, str] | None = None
) -> Path:
    """Configure a release build of the library, with `flags` as the user's C flags."""
    run(
        "cmake", "-S", ROOT, "-B", folder, "-G", "Ninja",
        f"-DCMAKE_C_COMPILER={compiler}", f"-DCMAKE_C_FLAGS={flags}",
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
        "-DRSH_BUILD_TESTS=OFF", "-DCMAKE_INSTALL_LIBDIR=lib", *options, env=env,
    )  # fmt: skip
    return folder


def build(
    folder: Path,
    compiler: str,
    flags: str = "",
    *options: str,
    targets: Sequence[str] = ("all",),
    env: dict[str, str] | None = None,
) -> Path:
    """Build the library likewise, or a part of it, and return the build folder."""
    configure(folder, compiler, flags, *options, env=env)
    run("cmake", "--build", folder, "-j", "2", "--target", *targets, env=env)
    return folder


@dataclass(frozen=True, slots=True)
class Builds:
    """Builds that no test changes: made once, by the first of all workers that needs one."""

    folder: Path

    @contextmanager
    def alone(self, name: str) -> Iterator[Path]:
        """Give a folder to one worker at a time."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder

    def of(self, compiler: str, *options: str, targets: Sequence[str] = ("all",)) -> Path:
        """Return the build folder of a compiler and options, with these targets in it."""
        options_name = hashlib.sha256("\0".join(options).encode()).hexdigest()[:8]
        with self.alone(f"{compiler}-{options_name}") as folder:
            # As the presets have it, which compile the same.
            strict = "-DRSH_WERROR=ON"
            return build(folder, compiler, "", strict, *options, targets=targets, env=CACHED)

    def tests(self, compiler: str, way: str, *names: str) -> list[Path]:
        """Return tests in C, built in one of the WAYS."""
        options = ("-DRSH_BUILD_TESTS=ON", "-DRSH_INSTALL=OFF", *WAYS[way])
        folder = self.of(compiler, *options, targets=names)
        return [folder / "tests/c" / name for name in names]

    def installed(self, compiler: str) -> Path:
        """Return the prefix into which the library of a compiler is installed."""
        built = self.of(compiler)
        with self.alone(f"{compiler}-prefix") as prefix:
            if not any(prefix.iterdir()):
                run("cmake", "--install", built, "--prefix", prefix)
            return prefix


@dataclass(frozen=True, slots=True)
class Symbol:
    """One line of `nm`: in which object, which name, and nm's letter for what it is."""

    object: str
    name: str
    kind: str


def symbols(*arguments: str | Path) -> list[Symbol]:
    """Return the symbols of an object, an archive's objects, or (with `-D`) a shared library."""
    found = []
    current = ""
    for line in run("nm", "--format=posix", *arguments).splitlines():
        if line.endswith(":"):
            current = line[:-1].split("[")[-1].rstrip("]")
        elif fields := line.split():
            found.append(Symbol(current, fields[0].split("@")[0], fields[1]))
    return found

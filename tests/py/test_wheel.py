# SPDX-License-Identifier: BSD-2-Clause
"""The wheel: what is in it, and that it works in a folder that knows nothing of the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from shim_builds import ROOT, Builds

VERSION = re.search(
    r'#define\s+RSH_VERSION\s+"([^"]+)"', (ROOT / "shim/include/raceshim/raceshim.h").read_text()
)
RACY = """\
#include <pthread.h>
#include <raceshim/annotate.h>
#include <raceshim/raceshim.h>

int shared;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((noinline)) static void *writer(void *arg)
{
	for (int i = 0; i < 1000; i++)
		GUARD(shared++);
	return arg;
}

int main(void)
{
	pthread_t thread;
	pthread_create(&thread, 0, writer, 0);
	writer(0);
	pthread_join(thread, 0);
	return rsh_version()[0] == '0' ? 0 : 9;
}
"""
GUARDED = "#define GUARD(x) (pthread_mutex_lock(&lock), x, pthread_mutex_unlock(&lock))\n"


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """Run a command outside the checkout's environment and return what it prints."""
    kept = ("PATH", "HOME", "LANG")
    environment = {k: v for k, v in os.environ.items() if k in kept or k.startswith("PIP_")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(builds: Builds) -> Path:
    with builds.alone("wheel") as folder:
        if not list(folder.glob("*.whl")):
            # A folder of its own: what else is made of the sources must not share its cache.
            environment = os.environ | {
                "CC": "clang-19",
                "SKBUILD_BUILD_DIR": str(folder / "build"),
            }
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-q"]
            options = ["--no-deps", "--no-build-isolation", "-w", str(folder)]
            subprocess.run([*pip, *options, str(ROOT)], env=environment, check=True)
        (made,) = folder.glob("*.whl")
        return made


def test_wheel_carries_exactly_what_users_need(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    harness = ROOT / "harness"
    package = {
        str(p.relative_to(harness))
        for suffix in ("py", "css", "html", "js")
        for p in harness.glob(f"raceshim/**/*.{suffix}")
    }
    headers = {
        f"raceshim/_sdk/include/raceshim/{p.name}"
        for folder in ("annotations", "shim")
        for p in ROOT.glob(f"{folder}/include/raceshim/*.h")
    }
    sdk = {n for n in names if n.startswith("raceshim/_sdk/")}
    assert package <= names
    assert headers <= sdk
    assert "raceshim/_sdk/lib/libraceshim.a" in sdk
    assert "raceshim/_sdk/lib/libraceshim-canary.so" in sdk
    assert "raceshim/_sdk/lib/libraceshim-heap-wrapped.a" in sdk
    assert "raceshim/_sdk/lib/libraceshim-locks.so" in sdk
    assert "raceshim/_sdk/lib/libraceshim-perturb.so" in sdk
    assert "raceshim/_sdk/lib/libraceshim-schedules.a" in sdk
    assert "raceshim/_sdk/share/raceshim/heapprof.wrap" in sdk
    assert "raceshim/_sdk/share/raceshim/schedules.wrap" in sdk
    assert any(re.fullmatch(r"raceshim/_sdk/lib/libraceshim\.so[.\d]*", n) for n in sdk)
    for wanted in (
        "lib/cmake/raceshim/raceshim-config.cmake",
        "lib/pkgconfig/raceshim.pc",
        "lib/pkgconfig/raceshim-annotations.pc",
    ):
        assert f"raceshim/_sdk/{wanted}" in sdk
    sources = {n.rsplit("/", 1)[1] for n in sdk if n.endswith(".c")}
    assert sources == {
        p.name for kind in ("src", "share") for p in ROOT.glob(f"shim/{kind}/**/*.c")
    }
    rest = {
        n for n in names - package - sdk if ".dist-info/" not in n and not n.endswith("py.typed")
    }
    assert rest == set()


def test_wheel_has_the_version_of_the_header(wheel: Path) -> None:
    assert VERSION is not None
    assert wheel.name.startswith(f"raceshim-{VERSION[1]}-py3-none-")


def test_wheel_builds_and_gates_a_program_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", venv, cwd=tmp_path)
    run(
        venv / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel,
        cwd=tmp_path,
    )  # fmt: skip
    raceshim = venv / "bin/raceshim"
    work = tmp_path / "work"
    work.mkdir()
    (work / "guarded.c").write_text(GUARDED + RACY)
    (work / "racy.c").write_text("#define GUARD(x) (x)\n" + RACY)
    for name in ("guarded", "racy"):
        run(raceshim, "cc", "-O1", f"{name}.c", "-o", name, "-pthread", cwd=work)
    run(raceshim, "gate", "--", "./guarded", cwd=work)
    assert "writer" in run(raceshim, "gate", "--", "./racy", cwd=work, status=1)


def test_installed_command_tells_where_the_sdk_is(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    run(
        sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, wheel,
        "--disable-pip-version-check", cwd=tmp_path,
    )  # fmt: skip
    ask = (sys.executable, "-c")
    code = f"import sys; sys.path.insert(0, {str(target)!r}); from raceshim._cli import main; "
    sdk = target / "raceshim/_sdk"
    for option, expected in (
        ("--cmakedir", sdk / "lib/cmake/raceshim"),
        ("--includes", sdk / "include"),
        ("--pkgconfigdir", sdk / "lib/pkgconfig"),
    ):
        printed = run(*ask, f"{code} sys.exit(main([{option!r}]))", cwd=tmp_path).strip()
        assert Path(printed.removeprefix("-I")) == expected
        assert expected.is_dir()
    for option, part in (("--cflags", f"-I{sdk}/include"), ("--libs", "raceshim")):
        assert part in run(*ask, f"{code} sys.exit(main([{option!r}]))", cwd=tmp_path)

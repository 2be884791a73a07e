# SPDX-License-Identifier: BSD-2-Clause
"""What several test modules build once: the library, installed the way users get it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import raceshim
from cover_programs import Covered
from harness_programs import Programs, Raceshim, clean_environment
from shim_builds import Builds


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """Undo what a shell does to background jobs: programs that ignore Ctrl-C prove nothing."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Builds:
    """Return the builds that all workers share."""
    mine = tmp_path_factory.getbasetemp()
    folder = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "builds"
    folder.mkdir(exist_ok=True)
    return Builds(folder)


@pytest.fixture(scope="session")
def sdk(builds: Builds) -> Path:
    """Return the prefix that `cmake --install` filled with a release build, or RACESHIM_SDK."""
    if "RACESHIM_SDK" in os.environ:
        return Path(os.environ["RACESHIM_SDK"])
    return builds.installed("clang-19")


@pytest.fixture(scope="session")
def covered(sdk: Path, tmp_path_factory: pytest.TempPathFactory) -> Covered:
    """Return a builder of programs with coverage."""
    return Covered(sdk, tmp_path_factory.mktemp("covered"))


@pytest.fixture(scope="session")
def sdk_environment(request: pytest.FixtureRequest) -> dict[str, str]:
    """Return the environment in which the harness finds an SDK: its own, or one built here."""
    installed = Path(raceshim.__file__).with_name("_sdk").is_dir()
    if not installed and "RACESHIM_SDK" not in os.environ:
        os.environ["RACESHIM_SDK"] = str(request.getfixturevalue("sdk"))
    return clean_environment()


@pytest.fixture(name="raceshim", scope="session")
def _raceshim(sdk_environment: dict[str, str]) -> Raceshim:
    """Return the command."""
    return Raceshim(sdk_environment)


@pytest.fixture(scope="session")
def programs(raceshim: Raceshim, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Return a builder of small programs, with and without a race."""
    return Programs(raceshim, tmp_path_factory.mktemp("programs"))

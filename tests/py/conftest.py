# SPDX-License-Identifier: BSD-2-Clause
"""What several test modules build once: the library, installed the way users get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import shim_builds

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the prefix that `cmake --install` filled with a release build."""
    folder = tmp_path_factory.mktemp("sdk")
    build = shim_builds.build(folder / "build", "clang-19")
    shim_builds.run("cmake", "--install", build, "--prefix", folder / "prefix")
    return folder / "prefix"

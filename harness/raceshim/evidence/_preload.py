# SPDX-License-Identifier: BSD-2-Clause
"""Preload a library of the gate's into every process of a command."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from raceshim._errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping


def preloaded(environ: Mapping[str, str], library: str, folder: Path) -> dict[str, str]:
    """Return an environment in which a library is loaded, behind what the user preloads himself.

    It is copied into the folder, where every user of the machine can load it, and the loader can
    name it: the installed one may be in a home that is closed to others, or have a blank in its
    path.
    """
    place = Path(library)
    if not os.statvfs(folder).f_flag & os.ST_NOEXEC:
        place = folder / place.name
        shutil.copyfile(library, place)
        place.chmod(0o755)
    if re.search(r"[\s:]", str(place)):
        raise ToolError(f"{place} cannot be preloaded: set TMPDIR to a folder without : and blanks")
    libraries = (environ.get("LD_PRELOAD", ""), str(place))
    # A runtime of gcc's AddressSanitizer wants to be the first library; these replace none of it.
    options = (environ.get("ASAN_OPTIONS", ""), "verify_asan_link_order=0")
    return {
        **environ,
        "LD_PRELOAD": " ".join(part for part in libraries if part),
        "ASAN_OPTIONS": ":".join(part for part in options if part),
    }

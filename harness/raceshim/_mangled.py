# SPDX-License-Identifier: BSD-2-Clause
"""C++ names as people write them."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from raceshim.cc._compilers import which

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Only binutils' leaves parameters out in all versions; LLVM's knows more of what clang writes.
_SHORT = (("c++filt", "-p"), ("llvm-cxxfilt",), ("llvm-cxxfilt-19",))
_LONG = (("llvm-cxxfilt",), ("llvm-cxxfilt-19",), ("c++filt",))
_MANGLED = re.compile(r"_Z\w[\w.$]*", re.ASCII)


def readable(names: Iterable[str], *, parameters: bool) -> dict[str, str]:
    """Return what mangled names mean; nothing of others, and nothing if there is no tool."""
    mangled = sorted({name for name in names if _MANGLED.fullmatch(name)})
    if not mangled:
        return {}
    for tool, *options in _LONG if parameters else _SHORT:
        path = which(tool)
        if path is None:
            continue
        done = subprocess.run(
            [path, *options],
            input="\n".join(mangled) + "\n",
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        answers = done.stdout.splitlines()
        if done.returncode == 0 and len(answers) == len(mangled):
            return dict(zip(mangled, answers, strict=True))
    return {}

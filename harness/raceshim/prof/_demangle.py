# SPDX-License-Identifier: BSD-2-Clause
"""C++ names as people write them; a detector's runtime has many."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim.cc._compilers import which
from raceshim.prof._model import Sample

if TYPE_CHECKING:
    from raceshim.prof._model import Frame, Profile

#: Without parameters; only binutils' takes that from all versions.
_TOOLS = (("c++filt", "-p"), ("llvm-cxxfilt",), ("llvm-cxxfilt-19",))
_MANGLED = re.compile(r"_Z\w[\w.$]*", re.ASCII)


def demangled(profile: Profile) -> Profile:
    """Return the profile with readable names; as it is if there are none, or no tool."""
    frames = {frame for sample in profile.samples for frame in sample.stack}
    mangled = sorted({f.function for f in frames if _MANGLED.fullmatch(f.function)})
    names = _ask(mangled) if mangled else {}
    if not names:
        return profile
    known: dict[Frame, Frame] = {
        frame: frame._replace(function=names.get(frame.function, frame.function))
        for frame in frames
    }
    return replace(
        profile,
        samples=tuple(
            Sample(tuple(known[frame] for frame in stack), values, labels)
            for stack, values, labels in profile.samples
        ),
    )


def _ask(mangled: list[str]) -> dict[str, str]:
    for tool, *options in _TOOLS:
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

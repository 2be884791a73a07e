# SPDX-License-Identifier: BSD-2-Clause
"""C++ names as people write them; a detector's runtime has many."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raceshim._mangled import readable
from raceshim.prof._model import Sample

if TYPE_CHECKING:
    from raceshim.prof._model import Frame, Profile


def demangled(profile: Profile) -> Profile:
    """Return the profile with readable names; as it is if there are none, or no tool."""
    frames = {frame for sample in profile.samples for frame in sample.stack}
    names = readable((frame.function for frame in frames), parameters=False)
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
